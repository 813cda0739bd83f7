"""Calendar feeds: a secret address, stable entries, and silence about other companies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from icalendar import Calendar
from rest_framework.test import APIClient

from testbed.booking.approve import approve
from testbed.booking.calendars import find, issue, revoke
from testbed.booking.cancel import cancel
from testbed.booking.change import change
from testbed.booking.hold import hold
from testbed.booking.ics import calendar_of
from testbed.booking.models import Booking, BookingState, CalendarFeed, FeedKind, UseMode
from testbed.booking.target import Target
from testbed.material.models import Lot
from testbed.people import journal
from testbed.people.models import Company, JournalEntry, Role, User
from testbed.refusals import Refusal
from testbed.tools.models import Tool
from tests.booking.conftest import tomorrow
from tests.conftest import make_user

pytestmark = pytest.mark.django_db
Book = Callable[..., Booking]
SignIn = Callable[[User], Client]


def events(body: bytes) -> list[Any]:
    return list(Calendar.from_ical(body).walk("VEVENT"))


def read(actor: User, kind: str = FeedKind.MINE, tool: Tool | None = None) -> list[Any]:
    """The events behind a new address, as anybody who has it gets them."""
    _feed, token = issue(actor=actor, kind=kind, tool=tool)
    return read_again(token)


def read_again(token: str) -> list[Any]:
    """The events behind a known address."""
    answer = Client().get(f"/calendar/{token}.ics", {"lang": "en"})
    assert answer.status_code == 200
    return events(answer.content)


class TestEntries:
    def test_a_booking_in_korean_time(self, alice: User, booked: Book) -> None:
        booking = booked(alice)
        (event,) = read(alice)
        assert event["uid"] == f"booking-{booking.pk}@testbed"
        assert event["dtstart"].dt == tomorrow(10)
        assert event["dtstart"].params["TZID"] == "Asia/Seoul"
        assert event["dtend"].dt == tomorrow(12)
        assert event["status"] == "TENTATIVE"
        assert event["summary"] == "CD-SEM · Waiting for approval"

    def test_sequence_grows_and_the_identifier_stays(
        self, alice: User, administrator: User, booked: Book, sem_target: Target
    ) -> None:
        booking = booked(alice)
        _feed, token = issue(actor=alice, kind=FeedKind.MINE)
        seen = read_again(token)
        approve(actor=administrator, booking=booking)
        seen += read_again(token)
        change(
            actor=alice, booking=booking, target=sem_target,
            starts_at=tomorrow(15), ends_at=tomorrow(16),
        )  # fmt: skip
        seen += read_again(token)
        cancel(actor=alice, booking=booking)
        seen += read_again(token)
        assert len({event["uid"] for event in seen}) == 1
        sequences = [event["sequence"] for event in seen]
        assert sequences == sorted(set(sequences))
        statuses = [event["status"] for event in seen]
        assert statuses == ["TENTATIVE", "CONFIRMED", "TENTATIVE", "CANCELLED"]
        assert seen[-1]["dtstart"].dt == tomorrow(15)

    def test_what_moved_to_another_tool_is_cancelled_in_the_old_ones_calendar(
        self, alice: User, charlie: User, booked: Book, cd_sem: Tool, scanner: Tool
    ) -> None:
        booking = booked(alice)
        _feed, old = issue(actor=alice, kind=FeedKind.TOOL, tool=cd_sem)
        _feed, new = issue(actor=alice, kind=FeedKind.TOOL, tool=scanner)
        _feed, strange = issue(actor=charlie, kind=FeedKind.TOOL, tool=cd_sem)
        (before,) = read_again(old)
        change(
            actor=alice, booking=booking, target=Target(tool=scanner),
            starts_at=tomorrow(15), ends_at=tomorrow(16),
        )  # fmt: skip
        (gone,), (here,) = read_again(old), read_again(new)
        assert gone["uid"] == here["uid"] == before["uid"]
        assert (gone["status"], here["status"]) == ("CANCELLED", "TENTATIVE")
        assert gone["sequence"] > before["sequence"]
        assert read_again(strange) == []
        # An address that is new has never shown it on the old tool.
        assert read(alice, FeedKind.TOOL, cd_sem) == []

    @pytest.mark.parametrize("state", [BookingState.RELEASED, BookingState.NO_SHOW])
    def test_what_was_given_to_others_is_cancelled(
        self, alice: User, booked: Book, state: BookingState
    ) -> None:
        booking = booked(alice)
        _feed, token = issue(actor=alice, kind=FeedKind.MINE)
        Booking.objects.update(state=BookingState.CONFIRMED)
        Booking.objects.update(state=state)
        journal.record(
            actor=None, action=f"booking.{state}", subject=booking, company=booking.company
        )
        (event,) = read_again(token)
        assert event["status"] == "CANCELLED"

    def test_a_hold_that_was_given_up_was_never_there(
        self, alice: User, sem_target: Target
    ) -> None:
        _feed, token = issue(actor=alice, kind=FeedKind.MINE)
        held = hold(actor=alice, target=sem_target, starts_at=tomorrow(6), ends_at=tomorrow(8))
        cancel(actor=alice, booking=held)
        assert read_again(token) == []

    def test_the_same_facts_give_the_same_bytes(self, alice: User, booked: Book) -> None:
        booked(alice)
        feed, _token = issue(actor=alice, kind=FeedKind.MINE)
        now = timezone.now()
        assert calendar_of(feed, now=now, site="https://a") == calendar_of(
            feed, now=now, site="https://a"
        )

    def test_mine_is_mine_and_the_companys_is_ours(
        self, alice: User, bob: User, charlie: User, company_a: Company, booked: Book
    ) -> None:
        dana = make_user("dana@gaon.example", Role.ENGINEER, company_a)
        booked(alice, 8), booked(dana, 10), booked(charlie, 12)
        assert len(read(alice)) == 1
        assert len(read(alice, FeedKind.COMPANY)) == 2
        assert len(read(bob, FeedKind.COMPANY)) == 2
        assert read(bob) == []

    def test_a_tools_calendar_shows_others_as_busy(
        self, alice: User, charlie: User, booked: Book, cd_sem: Tool
    ) -> None:
        booked(alice, 8), booked(charlie, 12)
        summaries = [str(event["summary"]) for event in read(alice, FeedKind.TOOL, cd_sem)]
        assert summaries == ["CD-SEM · Waiting for approval", "CD-SEM · Busy"]

    def test_staff_see_whose_it_is(
        self, technician: User, alice: User, booked: Book, cd_sem: Tool
    ) -> None:
        booked(alice)
        (event,) = read(technician, FeedKind.TOOL, cd_sem)
        assert "Gaon Materials" in event["summary"]

    def test_held_slots_and_other_tools_are_left_out(
        self, alice: User, sem_target: Target, booked: Book, scanner: Tool
    ) -> None:
        hold(actor=alice, target=sem_target, starts_at=tomorrow(6), ends_at=tomorrow(8))
        assert read(alice) == []
        booked(alice)
        assert read(alice, FeedKind.TOOL, scanner) == []

    @pytest.mark.parametrize(
        ("lang", "word"), [("ko", "승인 대기"), ("en", "Waiting"), ("xx", "승인 대기")]
    )
    def test_in_the_readers_language(self, alice: User, booked: Book, lang: str, word: str) -> None:
        booked(alice)
        _feed, token = issue(actor=alice, kind=FeedKind.MINE)
        (event,) = events(Client().get(f"/calendar/{token}.ics", {"lang": lang}).content)
        assert word in event["summary"]


class TestTheAddress:
    def test_nothing_keeps_it_or_sends_it_on(self, alice: User) -> None:
        _feed, token = issue(actor=alice, kind=FeedKind.MINE)
        answer = Client().get(f"/calendar/{token}.ics")
        assert answer["Content-Type"] == "text/calendar; charset=utf-8"
        assert "no-store" in answer["Cache-Control"]
        assert answer["Referrer-Policy"] == "no-referrer"
        assert not answer.cookies

    def test_the_secret_is_not_stored(self, alice: User) -> None:
        feed, token = issue(actor=alice, kind=FeedKind.MINE)
        assert token not in str(CalendarFeed.objects.filter(pk=feed.pk).values())
        assert token not in str(list(JournalEntry.objects.values()))
        assert find(token) == feed

    @pytest.mark.parametrize("token", ["x", "%00", "%F0%9F%98%80", "a" * 500, "' OR 1=1 --"])
    def test_a_wrong_one_leads_nowhere(self, alice: User, token: str) -> None:
        issue(actor=alice, kind=FeedKind.MINE)
        assert Client().get(f"/calendar/{token}.ics").status_code == 404

    def test_revoked_replaced_and_closed_ones_lead_nowhere(self, alice: User) -> None:
        first, old = issue(actor=alice, kind=FeedKind.MINE)
        second, new = issue(actor=alice, kind=FeedKind.MINE)
        assert (find(old), find(new)) == (None, second)
        revoke(actor=alice, feed=first)
        User.objects.filter(pk=alice.pk).update(is_active=False)
        assert find(new) is None
        User.objects.filter(pk=alice.pk).update(is_active=True)
        revoke(actor=alice, feed=second)
        assert Client().get(f"/calendar/{new}.ics").status_code == 404

    def test_nobody_revokes_anothers(self, alice: User, administrator: User) -> None:
        feed, token = issue(actor=alice, kind=FeedKind.MINE)
        revoke(actor=administrator, feed=feed)
        assert find(token) == feed

    def test_what_does_not_fit_is_refused(
        self, alice: User, technician: User, cd_sem: Tool
    ) -> None:
        wrong: list[tuple[User, str, Tool | None]] = [
            (alice, "tool", None), (alice, "mine", cd_sem), (alice, "all", None),
            (technician, "company", None),
        ]  # fmt: skip
        for actor, kind, tool in wrong:
            with pytest.raises(Refusal, match="calendar_not_valid"):
                issue(actor=actor, kind=kind, tool=tool)


class TestPageAndEndpoint:
    def test_make_use_and_revoke(
        self, sign_in: SignIn, alice: User, booked: Book, cd_sem: Tool
    ) -> None:
        booked(alice)
        client = sign_in(alice)
        page = client.post("/me/calendars/", {"what": "tool:cd_sem"})
        address = page.context["address"]
        assert address in page.content.decode()
        assert "no-store" in page["Cache-Control"]
        assert len(events(Client().get(address).content)) == 1
        again = client.get("/me/calendars/")
        assert address not in again.content.decode()
        (feed,) = again.context["feeds"]
        client.post("/me/calendars/", {"revoke": str(feed.pk)})
        assert Client().get(address).status_code == 404

    def test_anothers_is_not_found_and_nonsense_is_told(
        self, sign_in: SignIn, alice: User, charlie: User
    ) -> None:
        feed, token = issue(actor=alice, kind=FeedKind.MINE)
        client = sign_in(charlie)
        for number in (str(feed.pk), "x", "9" * 40, "\x00"):
            assert client.post("/me/calendars/", {"revoke": number}).status_code == 404
        assert find(token) == feed
        assert client.post("/me/calendars/", {"what": "tool:none"}).context["form"].errors

    def test_the_endpoint(
        self, api: Callable[[User], APIClient], alice: User, charlie: User, cd_sem: Tool
    ) -> None:
        client = api(alice)
        asked = {"kind": "tool", "tool": "cd_sem"}
        made = client.post("/api/v1/calendars/", asked, format="json")
        assert made.status_code == 201
        assert Client().get(made.json()["address"]).status_code == 200
        (listed,) = client.get("/api/v1/calendars/").json()["results"]
        assert "address" not in listed
        one = f"/api/v1/calendars/{listed['id']}/"
        assert api(charlie).delete(one).status_code == 404
        assert client.delete(one).status_code == 204
        assert Client().get(made.json()["address"]).status_code == 404
        wrong = client.post("/api/v1/calendars/", {"kind": "tool"}, format="json")
        assert wrong.json()["code"] == "calendar_not_valid"


# Letters that XML, SQL and iCalendar itself give a meaning to, among all others.
WORDS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    purpose=WORDS, name=WORDS, lot=st.text("ABC-019", min_size=1, max_size=8),
    state=st.sampled_from([BookingState.PENDING, BookingState.CONFIRMED]),
    mode=st.sampled_from(UseMode.values), wafers=st.integers(0, 25),
)  # fmt: skip
def test_no_secret_of_another_company_changes_a_byte(
    alice: User, charlie: User, company_b: Company, cd_sem: Tool, booked: Book,
    lot_of: Callable[..., Lot], purpose: str, name: str, lot: str, state: str, mode: str,
    wafers: int,
) -> None:  # fmt: skip
    """Whatever company B writes, is called, or is answered: company A's feeds stay the same."""
    theirs = Booking.objects.filter(company=company_b).first() or booked(charlie, 12)
    if not Booking.objects.filter(booked_by=alice).exists():
        booked(alice, 8)
    feeds = [
        issue(actor=alice, kind=kind, tool=tool)[0]
        for kind, tool in ((FeedKind.MINE, None), (FeedKind.COMPANY, None), (FeedKind.TOOL, cd_sem))
    ]
    now = timezone.now()

    def told() -> list[bytes]:
        return [calendar_of(feed, now=now, site="https://testbed.example") for feed in feeds]

    before = told()
    their_lot = Lot.objects.filter(company=company_b).first() or lot_of(company_b, charlie)
    Lot.objects.filter(pk=their_lot.pk).update(code=lot)
    Company.objects.filter(pk=company_b.pk).update(name_ko=name, name_en=name)
    User.objects.filter(pk=charlie.pk).update(name=name)
    # A confirmed booking may wait again, and a pending one be confirmed.
    Booking.objects.filter(pk=theirs.pk).update(
        state=state, purpose=purpose, use_mode=mode, wafer_count=wafers, lot=their_lot
    )
    assert told() == before
    assert before[2].count(b"BEGIN:VEVENT") == 2
