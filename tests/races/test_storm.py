"""Eight threads carry out plans that hypothesis draws; a plain model judges what they leave."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bench.booking.storm import HOURS, KINDS, Piece, Storm, blow, judge
from testbed.booking.models import Allocation, Booking
from testbed.booking.version import LENGTH
from testbed.people.models import Company, Role, User
from tests.booking.conftest import setting
from tests.conftest import make_tool, make_user

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]
THREADS = 8

pieces = st.builds(
    Piece, st.sampled_from(KINDS), st.integers(0, 2), st.integers(0, HOURS), st.integers(0, 999)
)
plans = st.lists(st.lists(pieces, min_size=6, max_size=10), min_size=THREADS, max_size=THREADS)


def test_a_storm_leaves_nothing_overlapping_lost_or_overwritten(
    alice: User, charlie: User, administrator: User, company_a: Company
) -> None:
    setting("needs_approval", required=False)
    dora = make_user("dora@gaon.example", Role.ENGINEER, company_a)
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
        _rate, after = blow([alice, dora, charlie], tools, plan, staff=administrator)
        assert after.errors == []
        assert judge(after) == []
        done.append(len(after.placed))

    storm()
    assert sum(done) > 0


def test_the_model_sees_a_lost_update_an_overlap_and_a_ghost(
    alice: User, administrator: User
) -> None:
    """The judge itself: each kind of damage is found when it is there."""
    setting("needs_approval", required=False)
    tools = [make_tool("storm-0")]
    plan = [[Piece("book", 0, 3, 0), Piece("move", 0, 9, 0)]]
    _rate, after = blow([alice], tools, plan, staff=administrator)
    assert (after.errors, judge(after)) == ([], [])
    [(pk, first)] = after.placed
    twice = Storm(
        tools, administrator, placed=after.placed, changes=[*after.changes, after.changes[0]]
    )
    assert any("unseen" in one for one in judge(twice))
    forgotten = Storm(tools, administrator, placed=after.placed)
    assert judge(forgotten) == [f"booking {pk} does not stand as its last change left it"]
    assert judge(Storm(tools, administrator, placed=[(pk + 1, first)])) == [
        f"booking {pk + 1} was confirmed and is gone"
    ]
    Allocation.objects.filter(booking=pk).update(live=False)
    assert any("claims []" in one for one in judge(after))


def test_a_storm_extends_hands_over_and_sets_rules_aside(
    alice: User, administrator: User, company_a: Company
) -> None:
    """In order, by one thread: each of these acts is really done, and judged."""
    setting("needs_approval", required=False)
    make_user("dora@gaon.example", Role.ENGINEER, company_a)
    kinds = ("hold", "extend", "extend", "confirm", "hand_over", "override", "move")
    plan = [Piece(kind, 0, 2 + 3 * hour, 0) for hour, kind in enumerate(kinds)]
    _rate, after = blow([alice], [make_tool("storm-0")], [plan], staff=administrator)
    assert (after.errors, judge(after)) == ([], [])
    assert dict(after.told) == {"hold_time": 1}
    assert (len(after.placed), len(after.changes)) == (2, 2)
    assert {len(one.seen) for one in after.changes} == {LENGTH}
    [first, _second] = [Booking.objects.get(pk=pk) for pk, _version in after.placed]
    assert first.booked_by.name == "dora"
    assert [one.overridden for one in Booking.objects.filter(placed_by=administrator)] == [
        ["minimum_length"]
    ]
