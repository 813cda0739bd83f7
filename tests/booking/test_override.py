"""Rules that staff set aside: only some, only with a reason, and for everybody to see."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import translation

from testbed.booking.cancel import cancel
from testbed.booking.change import change
from testbed.booking.hand_over import hand_over
from testbed.booking.hold import hold
from testbed.booking.models import Booking, BookingState, UseMode
from testbed.booking.override import Override, overridable, told
from testbed.booking.place import Answers, place, submit
from testbed.booking.rules import RULES
from testbed.booking.target import Target
from testbed.people.models import Company, JournalEntry, Role, User
from testbed.refusals import Refusal
from testbed.tools import states
from testbed.tools.models import E10State
from tests.booking.conftest import setting, tomorrow
from tests.conftest import make_user

WHY = "A demonstration for the ministry"
Wish = dict[str, Any]


def of(*codes: str, reason: str = WHY) -> Override:
    return Override(frozenset(codes), reason)


@pytest.fixture
def closed(sem_target: Target) -> Target:
    """The CD-SEM opens from 9 to 18 only."""
    assert sem_target.tool is not None
    tool = sem_target.tool
    tool.opens_at, tool.closes_at = tool.opens_at.replace(hour=9), tool.closes_at.replace(hour=18)
    tool.save()
    return sem_target


@pytest.fixture
def wish(closed: Target, alice: User) -> Wish:
    """Two hours in the night, for alice."""
    return {
        "target": closed,
        "starts_at": tomorrow(20),
        "ends_at": tomorrow(22),
        "on_behalf_of": alice,
    }


def refused(work: Any) -> Refusal:
    with pytest.raises(Refusal) as stopped:
        work()
    return stopped.value


def test_the_codes_that_never_yield() -> None:
    codes = {rule.code for rule in overridable()}
    assert codes
    assert not codes & {
        "tool_taken", "tool_bookable", "member_active", "company_active", "company_suspended",
        "ends_after_start", "not_past", "grid",
    }  # fmt: skip
    assert codes <= {rule.code for rule in RULES}


def test_without_an_override_the_rule_holds_and_says_that_staff_may(
    process_engineer: User, wish: Wish
) -> None:
    told_no = refused(lambda: hold(actor=process_engineer, **wish))
    assert told_no.code == "operating_hours"
    assert told_no.extra["broken_rules"][0]["staff_may_override"] is True
    assert not Booking.objects.exists()


def test_a_rule_is_set_aside_and_written_down(
    process_engineer: User, alice: User, wish: Wish
) -> None:
    override = of("operating_hours", "lead_time")
    held = hold(actor=process_engineer, **wish, override=override)
    # Only what was really broken is noted.
    assert held.overridden == ["operating_hours"]
    assert held.override_reason == WHY
    entry = JournalEntry.objects.get(action="booking.overridden")
    assert (entry.actor, entry.company) == (process_engineer, alice.company)
    assert entry.details == {"codes": ["operating_hours"], "reason": WHY}
    with translation.override("en"):
        assert told(held) == [rule.explain({}) for rule in RULES if rule.code == "operating_hours"]


def test_an_override_that_nothing_needed_leaves_no_trace(
    process_engineer: User, wish: Wish
) -> None:
    wish |= {"starts_at": tomorrow(10), "ends_at": tomorrow(12)}
    held = hold(actor=process_engineer, **wish, override=of("operating_hours"))
    assert (held.overridden, held.override_reason) == ([], "")
    assert not JournalEntry.objects.filter(action="booking.overridden").exists()


def test_what_was_set_aside_at_the_hold_stays_so_until_the_company_submits(
    process_engineer: User, alice: User, wish: Wish
) -> None:
    held = hold(actor=process_engineer, **wish, override=of("operating_hours"))
    placed = submit(actor=alice, booking=held, answers=Answers(purpose="dose"))
    assert placed.state == BookingState.PENDING
    assert placed.overridden == ["operating_hours"]


def test_the_other_broken_rules_still_refuse(process_engineer: User, wish: Wish) -> None:
    wish["ends_at"] = wish["starts_at"] + timedelta(minutes=15)
    told_no = refused(lambda: hold(actor=process_engineer, **wish, override=of("operating_hours")))
    assert told_no.code == "minimum_length"


def test_a_taken_tool_yields_to_nobody(
    process_engineer: User, charlie: User, wish: Wish, closed: Target
) -> None:
    wish |= {"starts_at": tomorrow(10), "ends_at": tomorrow(12)}
    place(
        actor=charlie, target=closed, starts_at=tomorrow(10), ends_at=tomorrow(12),
        answers=Answers(),
    )  # fmt: skip
    told_no = refused(lambda: hold(actor=process_engineer, **wish, override=of("tool_taken")))
    assert (told_no.code, told_no.status) == ("not_overridable", 422)
    told_no = refused(lambda: hold(actor=process_engineer, **wish, override=of("lead_time")))
    assert told_no.code == "tool_taken"


@pytest.mark.parametrize("reason", ["", "   ", "shrt", "x" * 201])
def test_a_reason_is_required(process_engineer: User, wish: Wish, reason: str) -> None:
    override = Override.of(["operating_hours"], reason)
    told_no = refused(lambda: hold(actor=process_engineer, **wish, override=override))
    assert (told_no.code, told_no.status) == ("reason_missing", 422)


def test_no_codes_are_no_override() -> None:
    assert Override.of([], WHY) is None


@pytest.mark.parametrize("who", ["alice", "technician", "auditor"])
def test_who_may_not_set_rules_aside(
    who: str, request: pytest.FixtureRequest, closed: Target
) -> None:
    actor = request.getfixturevalue(who)
    told_no = refused(
        lambda: place(
            actor=actor, target=closed, starts_at=tomorrow(20), ends_at=tomorrow(22),
            answers=Answers(), override=of("operating_hours"),
        )
    )  # fmt: skip
    assert (told_no.code, told_no.status) == ("not_allowed", 403)


def test_rules_about_the_answers_yield_when_staff_submit(
    process_engineer: User, wish: Wish
) -> None:
    setting("use_mode", self_operated=False)
    held = hold(actor=process_engineer, **wish, override=of("operating_hours"))
    answers = Answers(use_mode=UseMode.SELF_OPERATED)
    told_no = refused(lambda: submit(actor=process_engineer, booking=held, answers=answers))
    assert told_no.code == "use_mode"
    placed = submit(
        actor=process_engineer, booking=held, answers=answers,
        override=of("use_mode", reason="Trained at the maker's"),
    )  # fmt: skip
    assert placed.overridden == ["operating_hours", "use_mode"]
    assert placed.override_reason == "Trained at the maker's"
    reasons = JournalEntry.objects.filter(action="booking.overridden").order_by("pk")
    assert [one.details["reason"] for one in reasons] == [WHY, "Trained at the maker's"]


def test_an_exception_is_made_for_one_time_only(
    process_engineer: User, alice: User, wish: Wish, closed: Target
) -> None:
    booking = place(
        actor=process_engineer, **wish, answers=Answers(), override=of("operating_hours")
    )
    later = {"target": closed, "starts_at": tomorrow(21), "ends_at": tomorrow(23)}
    assert refused(lambda: change(actor=alice, booking=booking, **later)).code == "operating_hours"
    moved = change(actor=process_engineer, booking=booking, **later, override=of("operating_hours"))
    assert (moved.starts_at, moved.overridden) == (tomorrow(21), ["operating_hours"])
    day = {"target": closed, "starts_at": tomorrow(10), "ends_at": tomorrow(12)}
    back = change(actor=alice, booking=moved, **day)
    assert (back.overridden, back.override_reason) == ([], "")


def test_what_was_set_aside_does_not_bar_a_hand_over(
    process_engineer: User, alice: User, company_a: Company, wish: Wish
) -> None:
    setting("company_hours_ahead", hours=1)
    override = of("operating_hours", "company_hours_ahead")
    booking = place(actor=process_engineer, **wish, answers=Answers(), override=override)
    dana = make_user("dana@gaon.example", Role.ENGINEER, company_a)
    assert hand_over(actor=alice, booking=booking, colleague=dana).booked_by == dana


def test_the_database_wants_a_reason(process_engineer: User, wish: Wish) -> None:
    held = hold(actor=process_engineer, **wish, override=of("operating_hours"))
    rows = Booking.objects.filter(pk=held.pk)
    with pytest.raises(IntegrityError, match="booking_override_has_reason"), transaction.atomic():
        rows.update(override_reason="")
    assert rows.update(overridden=[], override_reason="") == 1


def test_an_emergency_stop_yields_to_nobody(
    process_engineer: User, technician: User, wish: Wish
) -> None:
    """A tool that is down for another reason may be booked all the same."""
    setting("tool_up", refuse=True, within_hours=72)
    tool = wish["target"].tool
    states.enter(tool=tool, state=E10State.UNSCHEDULED_DOWN)
    override = of("operating_hours", "tool_up")
    held = hold(actor=process_engineer, **wish, override=override)
    assert set(held.overridden) == {"operating_hours", "tool_up"}
    cancel(actor=process_engineer, booking=held)
    states.emergency_stop(actor=technician, tool=tool)
    told_no = refused(lambda: hold(actor=process_engineer, **wish, override=override))
    assert told_no.code == "tool_up"
    assert told_no.extra["broken_rules"][0]["staff_may_override"] is False
