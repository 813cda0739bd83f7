"""Who hears of what: the booker, who shares, the desk; with a calendar entry that grows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation
from icalendar import Calendar

from testbed.booking import notify
from testbed.booking.approve import approve, refuse
from testbed.booking.cancel import cancel
from testbed.booking.change import change
from testbed.booking.hand_over import hand_over
from testbed.booking.hold import hold
from testbed.booking.models import Booking, BookingState, RuleSetting, Sharer
from testbed.booking.questions import answer, ask
from testbed.booking.remind import remind
from testbed.booking.target import Target
from testbed.notices.models import Notice
from testbed.notices.send import send_due
from testbed.notices.sort import sort_new
from testbed.people.models import Role, User
from tests.booking.conftest import setting, tomorrow
from tests.conftest import make_user

Booked = Callable[..., Booking]
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def korean() -> Iterator[None]:
    with translation.override("ko"):
        yield


@pytest.fixture
def carol(alice: User) -> User:
    return make_user("carol@gaon.example", Role.ENGINEER, alice.company)


def kinds(user: User) -> list[str]:
    return list(user.notices.order_by("pk").values_list("kind", flat=True))


def post_all() -> list[Any]:
    sort_new(timezone.now())
    send_due()
    return list(mail.outbox)


def events(user: User) -> list[Any]:
    """The calendar entries that reached the person, in order."""
    found = []
    for message in post_all():
        if message.to != [user.email]:
            continue
        for part in message.message().walk():
            if part.get_content_type() == "text/calendar":
                calendar = Calendar.from_ical(part.get_payload(decode=True))
                [event] = calendar.walk("VEVENT")
                assert str(event["ATTENDEE"]) == f"mailto:{user.email}"
                found.append((str(calendar["METHOD"]), str(event["UID"]), int(event["SEQUENCE"])))
    return found


def test_telling_of_a_placed_booking_costs_no_statement_of_its_own(
    alice: User, booked: Booked, monkeypatch: pytest.MonkeyPatch
) -> None:
    with CaptureQueriesContext(connection) as queries:
        booked(alice, 10)
    told = len([one for one in queries if "notices_" in one["sql"]])
    monkeypatch.setattr(notify, "placed", lambda *args, **more: None)
    with CaptureQueriesContext(connection) as silent:
        booked(alice, 14)
    assert told == 1
    assert len(queries) == len(silent)


def test_the_booker_hears_at_once_and_the_desk_of_what_it_must_answer(
    alice: User, charlie: User, administrator: User, booked: Booked
) -> None:
    approval = setting("needs_approval", required=False)
    confirmed = booked(alice)
    assert kinds(alice) == ["booking_placed"]
    RuleSetting.objects.filter(pk=approval.pk).delete()
    booked(charlie, 14)
    sort_new(timezone.now())
    [desk] = administrator.notices.all()
    assert desk.kind == "desk_pending"
    assert "누리부품" in desk.subject
    assert post_all()[0].to == [alice.email]
    assert str(confirmed) in mail.outbox[0].subject


def test_nothing_of_others_is_in_a_company_s_notices(
    alice: User, charlie: User, booked: Booked
) -> None:
    booked(alice)
    booked(charlie, 14)
    [notice] = charlie.notices.all()
    said = str(notice.texts) + str(notice.attachments)
    assert "Gaon" not in said
    assert "가온" not in said
    assert "alice" not in said


def test_one_calendar_entry_lives_through_move_and_cancel(
    alice: User, booked: Booked, sem_target: Target
) -> None:
    booking = booked(alice)
    change(
        actor=alice, booking=booking, target=sem_target,
        starts_at=tomorrow(13), ends_at=tomorrow(15),
    )  # fmt: skip
    cancel(actor=alice, booking=booking)
    found = events(alice)
    assert [method for method, _uid, _sequence in found] == ["REQUEST", "REQUEST", "CANCEL"]
    assert {uid for _method, uid, _sequence in found} == {f"booking-{booking.pk}@testbed"}
    sequences = [sequence for _method, _uid, sequence in found]
    assert sequences == sorted(set(sequences))


def test_the_answer_reaches_booker_and_sharers_each_in_their_language(
    alice: User, carol: User, administrator: User, booked: Booked
) -> None:
    User.objects.filter(pk=carol.pk).update(language="en")
    first, second = booked(alice), booked(alice, 14)
    for booking in (first, second):
        Sharer.objects.create(booking=booking, user=carol, added_by=alice)
    approve(actor=administrator, booking=first)
    refuse(actor=administrator, booking=second, reason="The chuck is away.")
    assert kinds(alice)[2:] == kinds(carol) == ["booking_decided"] * 2
    english = [one for one in post_all() if one.to == [carol.email]]
    assert english[0].subject == f"{first} is confirmed: CD-SEM"
    assert "The chuck is away." in english[1].body


def test_a_hold_given_up_is_no_news(alice: User, sem_target: Target) -> None:
    held = hold(actor=alice, target=sem_target, starts_at=tomorrow(9), ends_at=tomorrow(10))
    cancel(actor=alice, booking=held)
    assert not Notice.objects.exists()


def test_handing_over_moves_the_calendar_entry(alice: User, carol: User, booked: Booked) -> None:
    booking = booked(alice)
    hand_over(actor=alice, booking=booking, colleague=carol)
    assert events(alice)[-1][0] == "CANCEL"
    assert events(carol)[-1][0] == "REQUEST"


def test_moving_to_a_tool_that_needs_approval_tells_the_desk(
    alice: User, administrator: User, booked: Booked, sem_target: Target
) -> None:
    approval = setting("needs_approval", required=False)
    booking = booked(alice)
    RuleSetting.objects.filter(pk=approval.pk).delete()
    moved = change(
        actor=alice, booking=booking, target=sem_target,
        starts_at=tomorrow(13), ends_at=tomorrow(15),
    )  # fmt: skip
    assert moved.state == BookingState.PENDING
    sort_new(timezone.now())
    assert kinds(administrator) == ["desk_pending"]


def test_question_and_answer_reach_the_other_side(
    alice: User, administrator: User, booked: Booked
) -> None:
    booking = booked(alice)
    question = ask(actor=administrator, booking=booking, text="Which resist is it?")
    assert kinds(alice)[-1] == "booking_question"
    assert "Which resist is it?" in str(alice.notices.order_by("-pk")[0].sentences)
    answer(actor=alice, question=question, text="An ordinary one.")
    sort_new(timezone.now())
    assert "답변" in administrator.notices.order_by("-pk")[0].subject


def remind_at(moment: datetime) -> int:
    with time_machine.travel(moment, tick=False):
        return remind()


class TestReminders:
    """Once a day before the start, and anew for a booking that was moved."""

    def test_once_and_only_for_what_was_booked_earlier(self, alice: User, booked: Booked) -> None:
        setting("needs_approval", required=False)
        start = booked(alice).starts_at
        Booking.objects.update(created_at=start - timedelta(hours=20))
        assert remind_at(start - timedelta(hours=3)) == 0
        Booking.objects.update(created_at=start - timedelta(days=3))
        assert remind_at(start - timedelta(hours=25)) == 0
        assert remind_at(start - timedelta(hours=3)) == 1
        assert remind_at(start - timedelta(hours=2)) == 0
        assert kinds(alice) == ["booking_placed", "booking_reminder"]
        # As it stands for a booking that was moved by days after its reminder.
        Notice.objects.update(created_at=start - timedelta(days=9))
        assert remind_at(start - timedelta(hours=2)) == 1
        assert remind_at(start) == 0

    def test_the_window_for_confirming_again_is_told_of_once(
        self, alice: User, booked: Booked
    ) -> None:
        setting("needs_approval", required=False)
        start = booked(alice).starts_at
        by = start - timedelta(hours=1)
        Booking.objects.update(reconfirm_by=by, created_at=start - timedelta(hours=20))
        assert remind_at(by - timedelta(minutes=5)) == 1
        assert remind_at(by - timedelta(minutes=4)) == 0
        assert kinds(alice)[-1] == "booking_reconfirm"
        assert remind_at(by) == 0
