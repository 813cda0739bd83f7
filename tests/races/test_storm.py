"""Eight threads carry out plans that hypothesis draws; a plain model judges what they leave."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bench.booking.storm import HOURS, KINDS, Piece, Storm, blow, judge
from testbed.booking.models import Allocation
from testbed.people.models import User
from tests.booking.conftest import setting
from tests.conftest import make_tool

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]
THREADS = 8

pieces = st.builds(
    Piece, st.sampled_from(KINDS), st.integers(0, 2), st.integers(0, HOURS), st.integers(0, 999)
)
plans = st.lists(st.lists(pieces, min_size=6, max_size=10), min_size=THREADS, max_size=THREADS)


def test_a_storm_leaves_nothing_overlapping_lost_or_overwritten(alice: User, charlie: User) -> None:
    setting("needs_approval", required=False)
    tools = [make_tool(f"storm-{number}") for number in range(3)]
    done: list[int] = []

    @settings(
        max_examples=3,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    @given(plans)
    def storm(plan: list[list[Piece]]) -> None:
        Allocation.objects.filter(live=True).update(live=False)
        _rate, after = blow([alice, alice, charlie], tools, plan)
        assert after.errors == []
        assert judge(after) == []
        done.append(len(after.placed))

    storm()
    assert sum(done) > 0


def test_the_model_sees_a_lost_update_an_overlap_and_a_ghost(alice: User) -> None:
    """The judge itself: each kind of damage is found when it is there."""
    setting("needs_approval", required=False)
    tools = [make_tool("storm-0")]
    _rate, after = blow([alice], tools, [[Piece("book", 0, 3, 0), Piece("move", 0, 9, 0)]])
    assert (after.errors, judge(after)) == ([], [])
    [(pk, first)] = after.placed
    twice = Storm(tools, placed=after.placed, changes=[*after.changes, after.changes[0]])
    assert any("unseen" in one for one in judge(twice))
    forgotten = Storm(tools, placed=after.placed)
    assert judge(forgotten) == [f"booking {pk} does not stand as its last change left it"]
    assert judge(Storm(tools, placed=[(pk + 1, first)])) == [
        f"booking {pk + 1} was confirmed and is gone"
    ]
    Allocation.objects.filter(booking=pk).update(live=False)
    assert any("claims []" in one for one in judge(after))
