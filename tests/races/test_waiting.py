"""Many sweeps at once: one offer of one time, to whose turn it is."""

from __future__ import annotations

import pytest
from django.utils import timezone

from testbed.booking.hold import hold
from testbed.booking.models import Allocation, AllocationKind, Booking, BookingState
from testbed.booking.target import Target
from testbed.notices.models import Mail, MailState
from testbed.notices.send import take
from testbed.notices.sort import sort_new
from testbed.notices.tell import tell
from testbed.people.models import User
from testbed.refusals import Refusal
from testbed.tools.models import Tool
from testbed.waiting.models import Offer, Wish, WishState
from testbed.waiting.offer import sweep
from tests.booking.conftest import tomorrow
from tests.races.conftest import Race
from tests.waiting.conftest import free

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def target(cd_sem: Tool) -> Target:
    return Target(tool=cd_sem)


@pytest.fixture
def queue(target: Target, alice: User, charlie: User) -> list[Wish]:
    """Alice's company waits longer than charlie's; two hours have come free."""
    full = Allocation.objects.create(
        tool=target.tool, kind=AllocationKind.MAINTENANCE,
        starts_at=tomorrow(8), ends_at=tomorrow(20),
    )  # fmt: skip
    free(full, 10, 12)
    return [
        Wish.objects.create(
            company=one.company, user=one, tool=target.tool, minutes=120,
            earliest=tomorrow(8), latest=tomorrow(20),
        )
        for one in (alice, charlie)
    ]  # fmt: skip


def test_two_sweeps_at_once_offer_once_and_in_order(race: Race, queue: list[Wish]) -> None:
    outcomes = race(lambda number: sweep(), 6)
    assert sorted(outcomes) == [0, 0, 0, 0, 0, 1]
    assert [one.wish for one in Offer.objects.all()] == [queue[0]]
    assert Booking.objects.filter(state=BookingState.HELD).count() == 1


def test_a_sweep_against_somebody_who_books(
    race: Race, queue: list[Wish], target: Target, alice: User
) -> None:
    """Either the list or the person gets the time; the other is told so, and nothing breaks."""

    def work(number: int) -> int:
        if number % 2:
            return sweep()
        booked = hold(actor=alice, target=target, starts_at=tomorrow(10), ends_at=tomorrow(12))
        return -booked.pk

    outcomes = race(work, 4)
    refused = [one for one in outcomes if isinstance(one, Refusal)]
    assert all(isinstance(one, int | Refusal) for one in outcomes)
    assert Booking.objects.filter(state=BookingState.HELD).count() == 1
    assert len(refused) == (1 if any(one < 0 for one in outcomes if isinstance(one, int)) else 2)
    offered = Wish.objects.filter(state=WishState.OFFERED).count()
    assert offered == Offer.objects.count() <= 1


def test_one_message_is_taken_by_one_process(race: Race, alice: User) -> None:
    for number in range(4):
        tell(to=[alice], kind="pool", subject=f"{number}", sentences=["x"])
    sort_new(timezone.now())
    taken = race(lambda number: take(timezone.now()), 8)
    found = [one.pk for one in taken if one is not None]
    assert len(found) == len(set(found)) == 4
    assert Mail.objects.filter(state=MailState.SENDING, tries=1).count() == 4


def test_new_notices_are_sorted_once(race: Race, alice: User) -> None:
    for number in range(20):
        tell(to=[alice], kind="pool", subject=f"{number}", sentences=["x"])
    race(lambda number: sort_new(timezone.now()), 6)
    assert Mail.objects.count() == 20
