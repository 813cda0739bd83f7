"""Bookings that move while others are placed: one has the slot, nobody waits in a circle."""

from __future__ import annotations

from typing import Any

import pytest

from testbed.booking import explain
from testbed.booking.cancel import cancel
from testbed.booking.change import change
from testbed.booking.models import Allocation, Booking
from testbed.booking.place import Answers, place
from testbed.booking.target import Target
from testbed.people.models import User
from testbed.refusals import Refusal
from testbed.tools.models import Tool
from tests.booking.conftest import tomorrow
from tests.races.conftest import Race

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]
THREADS = 16


def wish(actor: User, target: Target, hour: int) -> dict[str, Any]:
    return {
        "actor": actor,
        "target": target,
        "starts_at": tomorrow(hour),
        "ends_at": tomorrow(hour + 1),
    }


def test_changing_and_placing_on_one_slot(
    race: Race, alice: User, charlie: User, cd_sem: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Target(tool=cd_sem)
    own = [
        place(**wish(alice, target, hour), answers=Answers()) for hour in range(1, 1 + THREADS // 2)
    ]
    caught: list[Target] = []
    net = explain.caught_by_the_net

    def noted(where: Target) -> Any:
        caught.append(where)
        return net(where)

    monkeypatch.setattr(explain, "caught_by_the_net", noted)

    def work(number: int) -> Booking:
        if number % 2:
            return place(**wish(charlie, target, 20), answers=Answers())
        return change(booking=own[number // 2], **wish(alice, target, 20))

    outcomes = race(work, THREADS)
    won = [one for one in outcomes if isinstance(one, Booking)]
    refused = [one.code for one in outcomes if isinstance(one, Refusal)]
    assert len(won) == 1
    assert refused == ["tool_taken"] * (THREADS - 1)
    assert caught == []
    assert Allocation.objects.filter(live=True, starts_at=tomorrow(20)).count() == 1
    for booking in Booking.objects.all():
        claim = booking.allocations.get(live=True)
        assert (claim.starts_at, claim.ends_at) == (booking.starts_at, booking.ends_at)


def test_two_bookings_swap_tools_back_and_forth(
    race: Race, alice: User, track: Tool, scanner: Tool
) -> None:
    """Each wants the other's tool at another hour: old and new are locked together, by pk."""
    one = place(**wish(alice, Target(tool=track), 5), answers=Answers())
    two = place(**wish(alice, Target(tool=scanner), 5), answers=Answers())

    def work(number: int) -> Booking:
        booking, tool = ((one, scanner), (two, track))[number % 2]
        return change(booking=booking, **wish(alice, Target(tool=tool), 6 + number))

    outcomes = race(work, THREADS)
    assert [outcome for outcome in outcomes if not isinstance(outcome, Booking)] == []
    assert Allocation.objects.filter(live=True).count() == 2


def test_a_change_and_a_cancellation_leave_no_claim_behind(
    race: Race, alice: User, track: Tool, scanner: Tool
) -> None:
    booking = place(**wish(alice, Target(tool=track), 5), answers=Answers())

    def work(number: int) -> Booking:
        if number == THREADS // 2:
            return cancel(actor=alice, booking=booking)
        tool = (scanner, track)[number % 2]
        return change(booking=booking, **wish(alice, Target(tool=tool), 6 + number % 8))

    outcomes = race(work, THREADS)
    codes = {outcome.code for outcome in outcomes if isinstance(outcome, Refusal)}
    assert codes <= {"over", "nothing_changes"}
    assert not [one for one in outcomes if not isinstance(one, (Booking, Refusal))]
    assert not Allocation.objects.filter(live=True).exists()
