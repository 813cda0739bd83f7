"""The sweep finds what trying everything finds, in the same order, and leaves nothing out."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from testbed.booking.route_sweep import NEVER, Chain, Choice, Pick, Stage, chains, windowed_least

SIZE = 14
STARTS = st.lists(st.booleans(), min_size=SIZE, max_size=SIZE).map(np.array)
CHOICES = st.lists(st.builds(Choice, STARTS, st.integers(0, 3)), min_size=1, max_size=2)


@st.composite
def stages(draw: st.DrawFn) -> list[Stage]:
    made = []
    for _number in range(draw(st.integers(1, 3))):
        after = draw(st.integers(0, 2))
        within = draw(st.none() | st.integers(after, after + 5))
        made.append(Stage(draw(CHOICES), draw(st.integers(1, 3)), after, within))
    return made


def fits(made: list[Stage], chain: Chain) -> bool:
    for before, stage, one, other in zip(made, made[1:], chain, chain[1:], strict=False):
        gap = other.start - one.start - before.length
        if gap < stage.after or (stage.within is not None and gap > stage.within):
            return False
    return True


def starts(stage: Stage) -> list[tuple[int, int]]:
    choices = enumerate(stage.choices)
    return [(number, int(at)) for number, one in choices for at in np.flatnonzero(one.starts)]


def by_trying(made: list[Stage], first: int = 0) -> list[Chain]:
    """Every chain, in the promised order."""
    options = [[Pick(*pick) for pick in starts(stage)] for stage in made]
    found = [chain for chain in product(*options) if chain[0].start >= first and fits(made, chain)]
    return sorted(found, key=lambda chain: rank(made, chain))


def rank(made: list[Stage], chain: Chain) -> tuple[int, int]:
    cost = sum(stage.choices[pick.choice].cost for stage, pick in zip(made, chain, strict=True))
    return chain[-1].start, cost


def everything(_tail: Chain) -> bool:
    return True


@given(stages(), st.integers(0, SIZE))
def test_the_same_chains_in_the_same_order_as_by_trying(made: list[Stage], first: int) -> None:
    found, tried = list(chains(made, everything, first)), by_trying(made, first)
    assert [rank(made, one) for one in found] == [rank(made, one) for one in tried]
    assert sorted(found) == sorted(tried)


@given(stages(), st.sets(st.integers(0, SIZE), max_size=6))
def test_a_refused_tail_is_followed_by_the_next_best(made: list[Stage], banned: set[int]) -> None:
    """A rule that couples steps: no two starts whose difference is banned."""

    def accept(tail: Chain) -> bool:
        return all(one.start - tail[0].start not in banned for one in tail[1:])

    def keeps(chain: Chain) -> bool:
        return all(accept(chain[number:]) for number in range(len(chain)))

    tried = [chain for chain in by_trying(made) if keeps(chain)]
    found = list(chains(made, accept))
    assert [rank(made, one) for one in found] == [rank(made, one) for one in tried]
    assert sorted(found) == sorted(tried)


def test_of_equal_chains_the_tightest_comes_first() -> None:
    free = Choice(np.ones(10, dtype=bool), 1)
    last = Choice(np.arange(10) == 8, 1)
    first = next(chains([Stage([free], 2), Stage([last], 1, within=4)], everything))
    assert [pick.start for pick in first] == [6, 8]


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=20), st.integers(0, 6),
    st.none() | st.integers(0, 12),
)  # fmt: skip
def test_windowed_least(values: list[int], nearest: int, width: int | None) -> None:
    farthest = None if width is None else nearest + width
    least = windowed_least(np.array(values, dtype=np.int64), nearest, farthest)
    for at, value in enumerate(least):
        low = 0 if farthest is None else max(0, at - farthest)
        assert value == min(values[low : max(0, at - nearest + 1)], default=NEVER)
