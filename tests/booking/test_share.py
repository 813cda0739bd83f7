"""Colleagues share a booking: it is among theirs, and nobody else's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction
from icalendar import Calendar
from rest_framework.test import APIClient

from testbed.booking.calendars import issue
from testbed.booking.cancel import cancel
from testbed.booking.hold import hold
from testbed.booking.ics import calendar_of
from testbed.booking.models import Booking, FeedKind, Sharer
from testbed.booking.share import MOST, colleagues, share, unshare
from testbed.booking.target import Target
from testbed.people.models import Company, JournalEntry, Role, User
from testbed.refusals import Refusal
from tests.booking.conftest import tomorrow
from tests.conftest import make_user

pytestmark = pytest.mark.django_db
Book = Callable[..., Booking]


@pytest.fixture
def dana(company_a: Company) -> User:
    return make_user("dana@gaon.example", Role.ENGINEER, company_a)


def test_it_is_among_the_colleagues_own(alice: User, bob: User, booked: Book) -> None:
    booking = booked(alice)
    assert not Booking.objects.mine(bob).exists()
    share(actor=alice, booking=booking, colleague=bob)
    assert list(Booking.objects.mine(bob)) == [booking]
    assert list(Booking.objects.mine(alice)) == [booking]
    entry = JournalEntry.objects.get(action="booking.shared")
    assert (entry.actor, entry.details) == (alice, {"colleague": bob.pk})


def test_it_is_in_their_calendar(alice: User, bob: User, booked: Book) -> None:
    booking = booked(alice)
    feed, _token = issue(actor=bob, kind=FeedKind.MINE)
    share(actor=alice, booking=booking, colleague=bob)
    body = calendar_of(feed, now=tomorrow(0), site="https://a")
    (event,) = Calendar.from_ical(body).walk("VEVENT")
    assert event["uid"] == f"booking-{booking.pk}@testbed"


def test_it_gives_no_right_that_the_role_has_not(
    alice: User, bob: User, dana: User, booked: Book
) -> None:
    booking = booked(alice)
    share(actor=alice, booking=booking, colleague=bob)
    share(actor=alice, booking=booking, colleague=dana)
    with pytest.raises(Refusal, match="not_allowed"):
        cancel(actor=bob, booking=booking)
    assert not cancel(actor=dana, booking=booking).is_live


def test_twice_is_once_and_ending_it_is_kept_in_the_journal(
    alice: User, bob: User, booked: Book
) -> None:
    booking = booked(alice)
    first = share(actor=alice, booking=booking, colleague=bob)
    assert share(actor=alice, booking=booking, colleague=bob) == first
    assert JournalEntry.objects.filter(action="booking.shared").count() == 1
    unshare(actor=bob, booking=booking, colleague=bob)
    unshare(actor=alice, booking=booking, colleague=bob)
    assert JournalEntry.objects.filter(action="booking.unshared").count() == 1
    assert not booking.sharers.exists()


@pytest.mark.parametrize("verb", ["share", "unshare", "hand-over"])
def test_a_number_is_no_colleague(
    verb: str, alice: User, booked: Book, api: Callable[[User], APIClient]
) -> None:
    """Ending the share of nobody is no error; what is no mail address at all is one."""
    address = {"share": "sharers"}.get(verb, verb)
    answer = api(alice).post(
        f"/api/v1/bookings/{booked(alice).pk}/{address}/", {"colleague": -6.07e16}, format="json"
    )
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["colleague"])


def test_with_active_colleagues_only(
    alice: User, bob: User, charlie: User, dana: User, administrator: User, booked: Book
) -> None:
    booking = booked(alice)
    User.objects.filter(pk=dana.pk).update(is_active=False)
    assert list(colleagues(booking)) == [bob]
    for nobody in (alice, charlie, dana, administrator):
        with pytest.raises(Refusal, match="not_a_colleague"):
            share(actor=alice, booking=booking, colleague=nobody)


def test_by_the_companys_engineers_only(
    alice: User, bob: User, charlie: User, dana: User, administrator: User, booked: Book
) -> None:
    booking = booked(alice)
    for nobody in (bob, administrator):
        with pytest.raises(Refusal, match="not_allowed"):
            share(actor=nobody, booking=booking, colleague=dana)
        share(actor=alice, booking=booking, colleague=dana)
        with pytest.raises(Refusal, match="not_allowed"):
            unshare(actor=nobody, booking=booking, colleague=dana)
    with pytest.raises(Refusal, match="not_found"):
        share(actor=charlie, booking=booking, colleague=dana)


def test_holds_and_closed_ones_are_not_shared(
    alice: User, bob: User, booked: Book, sem_target: Target
) -> None:
    held = hold(actor=alice, target=sem_target, starts_at=tomorrow(6), ends_at=tomorrow(8))
    with pytest.raises(Refusal, match="hold_not_submitted"):
        share(actor=alice, booking=held, colleague=bob)
    gone = cancel(actor=alice, booking=booked(alice))
    with pytest.raises(Refusal, match="over"):
        share(actor=alice, booking=gone, colleague=bob)


def test_there_is_a_most(
    alice: User, bob: User, company_a: Company, booked: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST == 20
    monkeypatch.setattr("testbed.booking.share.MOST", 1)
    other = make_user("erin@gaon.example", Role.READER, company_a)
    booking = booked(alice)
    share(actor=alice, booking=booking, colleague=bob)
    with pytest.raises(Refusal, match="too_many"):
        share(actor=alice, booking=booking, colleague=other)


def test_the_database_lets_no_stranger_in(
    alice: User, bob: User, charlie: User, booked: Book
) -> None:
    booking = booked(alice)
    for stranger in (charlie, make_user("staff@testbed.example", Role.TECHNICIAN)):
        with pytest.raises(IntegrityError, match="shared within its company"), transaction.atomic():
            Sharer.objects.create(booking=booking, user=stranger, added_by=alice)
    row = share(actor=alice, booking=booking, colleague=bob)
    with pytest.raises(IntegrityError), transaction.atomic():
        Sharer.objects.filter(pk=row.pk).update(user=charlie)
