"""The administrator suspends a company, limits its credit, closes a member's account."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from testbed.booking.approve import approve
from testbed.booking.change import change
from testbed.booking.hold import hold
from testbed.booking.models import Allocation, Booking, BookingState
from testbed.booking.place import Answers, place, submit
from testbed.booking.target import Target
from testbed.people import membership, suspend
from testbed.people.figures import Figures, figures_of
from testbed.people.models import Company, JournalEntry, User
from testbed.refusals import Refusal
from testbed.tools.models import Tool
from tests.booking.conftest import tomorrow

WHY = "Two invoices are not paid"


def refused(work: Callable[[], Any]) -> Refusal:
    with pytest.raises(Refusal) as stopped:
        work()
    return stopped.value


@pytest.fixture
def target(cd_sem: Tool) -> Target:
    return Target(tool=cd_sem)


@pytest.fixture
def held(alice: User, target: Target) -> Booking:
    return hold(actor=alice, target=target, starts_at=tomorrow(10), ends_at=tomorrow(12))


@pytest.fixture
def pending(alice: User, target: Target) -> Booking:
    return place(
        actor=alice, target=target, starts_at=tomorrow(14), ends_at=tomorrow(16), answers=Answers()
    )


def test_holds_end_and_bookings_stay_as_they_are(
    administrator: User, alice: User, company_a: Company, held: Booking, pending: Booking,
    target: Target,
) -> None:  # fmt: skip
    suspended = suspend.suspend(actor=administrator, company=company_a, reason=f" {WHY} ")
    assert suspended.suspended_at is not None
    assert suspended.suspended_reason == WHY
    held.refresh_from_db()
    pending.refresh_from_db()
    assert (held.state, pending.state) == (BookingState.EXPIRED, BookingState.PENDING)
    assert not Allocation.objects.filter(booking=held, live=True).exists()
    alice.refresh_from_db()
    assert (
        refused(lambda: approve(actor=administrator, booking=pending)).code == "company_suspended"
    )
    later = {"target": target, "starts_at": tomorrow(18), "ends_at": tomorrow(20)}
    assert (
        refused(lambda: change(actor=alice, booking=pending, **later)).code == "company_suspended"
    )
    assert refused(lambda: hold(actor=alice, **later)).code == "company_suspended"
    told = refused(lambda: hold(actor=administrator, **later, on_behalf_of=alice))
    assert told.code == "company_suspended"


def test_a_hold_that_slips_past_the_suspension_is_stopped_at_submit(
    administrator: User, alice: User, company_a: Company, held: Booking
) -> None:
    """Held in the very moment of the suspension: the form still says no, with its sentence."""
    suspend.suspend(actor=administrator, company=company_a, reason=WHY)
    slipped = Booking.objects.create(
        company=company_a, booked_by=alice, state=BookingState.HELD, starts_at=held.starts_at,
        ends_at=held.ends_at, hold_expires_at=timezone.now() + timedelta(minutes=5),
    )  # fmt: skip
    Allocation.objects.create(
        tool=held.allocations.get().tool, booking=slipped, kind="booking",
        starts_at=held.starts_at, ends_at=held.ends_at,
    )  # fmt: skip
    alice.refresh_from_db()
    told = refused(lambda: submit(actor=alice, booking=slipped, answers=Answers()))
    assert told.code == "company_suspended"


def test_lifted_it_books_again(
    administrator: User, alice: User, company_a: Company, pending: Booking
) -> None:
    suspend.suspend(actor=administrator, company=company_a, reason=WHY)
    lifted = suspend.lift(actor=administrator, company=company_a)
    assert (lifted.suspended_at, lifted.suspended_reason) == (None, "")
    assert approve(actor=administrator, booking=pending).state == BookingState.CONFIRMED
    entries = JournalEntry.objects.filter(subject_kind="people.company").order_by("pk")
    assert [entry.action for entry in entries] == [
        "company.suspended", "company.suspension_lifted",
    ]  # fmt: skip
    assert entries[0].details == {"reason": WHY}


def test_twice_is_told(administrator: User, company_a: Company) -> None:
    assert refused(lambda: suspend.lift(actor=administrator, company=company_a)).code == (
        "not_suspended"
    )
    suspend.suspend(actor=administrator, company=company_a, reason=WHY)
    told = refused(lambda: suspend.suspend(actor=administrator, company=company_a, reason=WHY))
    assert told.code == "already_suspended"


@pytest.mark.parametrize("reason", ["", "no", "x" * 201])
def test_a_suspension_has_a_reason(administrator: User, company_a: Company, reason: str) -> None:
    told = refused(lambda: suspend.suspend(actor=administrator, company=company_a, reason=reason))
    assert (told.code, told.status) == ("reason_missing", 422)


@pytest.mark.parametrize("who", ["alice", "technician", "process_engineer", "auditor"])
def test_only_the_administrator(
    who: str, request: pytest.FixtureRequest, company_a: Company, alice: User
) -> None:
    actor = request.getfixturevalue(who)
    for work in (
        lambda: suspend.suspend(actor=actor, company=company_a, reason=WHY),
        lambda: suspend.lift(actor=actor, company=company_a),
        lambda: suspend.set_credit_limit(actor=actor, company=company_a, limit_won=1),
        lambda: membership.deactivate(actor=actor, member=alice),
        lambda: membership.activate(actor=actor, member=alice),
    ):
        assert refused(work).code == "not_allowed"


def test_the_credit_limit(administrator: User, company_a: Company) -> None:
    limited = suspend.set_credit_limit(actor=administrator, company=company_a, limit_won=5_000_000)
    assert limited.credit_limit_won == 5_000_000
    suspend.set_credit_limit(actor=administrator, company=company_a, limit_won=5_000_000)
    freed = suspend.set_credit_limit(actor=administrator, company=company_a, limit_won=None)
    assert freed.credit_limit_won is None
    details = JournalEntry.objects.filter(action="company.credit_limit").order_by("pk")
    assert [entry.details for entry in details] == [
        {"before": None, "after": 5_000_000}, {"before": 5_000_000, "after": None},
    ]  # fmt: skip
    for wrong in (-1, 10**12 + 1):
        told = refused(
            lambda won=wrong: suspend.set_credit_limit(
                actor=administrator, company=company_a, limit_won=won
            )
        )
        assert told.code == "limit_not_valid"


def test_figures(
    administrator: User, company_a: Company, company_b: Company, held: Booking, pending: Booking
) -> None:
    told = figures_of([company_a.pk, company_b.pk])
    won = held.quote["total_won"] + pending.quote["total_won"]
    assert told == {
        company_a.pk: Figures(live=2, holds=1, ahead=1, outstanding_won=won),
        company_b.pk: Figures(),
    }


def test_a_closed_account_neither_signs_in_nor_books(
    administrator: User, alice: User, held: Booking, pending: Booking,
    sign_in: Callable[[User], Client], api: Callable[[User], APIClient],
) -> None:  # fmt: skip
    page, program = sign_in(alice), api(alice)
    membership.deactivate(actor=administrator, member=alice)
    assert page.get("/bookings/").status_code == 302
    assert program.get("/api/v1/me/").status_code == 401
    held.refresh_from_db()
    pending.refresh_from_db()
    assert (held.state, pending.state) == (BookingState.EXPIRED, BookingState.PENDING)
    assert refused(lambda: membership.deactivate(actor=administrator, member=alice)).code == (
        "already_closed"
    )
    assert membership.activate(actor=administrator, member=alice).is_active
    assert refused(lambda: membership.activate(actor=administrator, member=alice)).code == (
        "already_open"
    )
    assert program.get("/api/v1/me/").status_code == 200


def test_the_facilitys_own_people_are_not_closed_here(
    administrator: User, technician: User
) -> None:
    told = refused(lambda: membership.deactivate(actor=administrator, member=technician))
    assert told.code == "not_a_member"
