"""The facility's answer to a booking that waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.booking import line, notify
from testbed.booking.models import Booking, BookingState
from testbed.booking.penalties import rulebook_of
from testbed.booking.questions import demand_pending
from testbed.booking.reconfirm import set_deadline
from testbed.people import journal
from testbed.people.permissions import demand
from testbed.refusals import Refusal
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from testbed.people.models import User

LONGEST_REASON = 200


def approve(*, actor: User, booking: Booking) -> Booking:
    """Confirm a pending booking.

    Refusal "not_pending" (409) when it is not, or no longer; "company_suspended" (409) while its
    company is; "over" (409) when its time has passed.
    """
    demand(actor, "approve_booking")
    return in_transaction(lambda: _decide(actor, booking, BookingState.CONFIRMED, ""))


def refuse(*, actor: User, booking: Booking, reason: str) -> Booking:
    """Turn a pending booking down with a reason that the company reads; its time is freed."""
    demand(actor, "approve_booking")
    reason = reason.strip()
    if not 0 < len(reason) <= LONGEST_REASON:
        raise Refusal(
            "reason_missing",
            _("A refusal needs a reason of at most 200 characters; the company reads it."),
            status=422,
            fields={"reason": [_("Write why, and what the company can do instead.")]},
        )
    return in_transaction(lambda: _decide(actor, booking, BookingState.REFUSED, reason))


def _decide(actor: User, booking: Booking, state: BookingState, reason: str) -> Booking:
    pending, tools = line.lock_booking(actor, booking)
    now = timezone.now()
    demand_pending(pending)
    if state == BookingState.CONFIRMED and pending.company.suspended_at is not None:
        raise _suspended()
    if state == BookingState.CONFIRMED and pending.ends_at <= now:
        raise Refusal(
            "over",
            _("The time of this booking has passed."),
            next_step=_("Refuse it with a reason, so that the company can book anew."),
        )
    pending.state = state
    pending.refusal_reason = reason
    pending.decided_by = actor
    pending.decided_at = now
    set_deadline(pending, rulebook_of(pending), tools, now)
    pending.save(
        update_fields=[
            "state", "refusal_reason", "decided_by", "decided_at", "reconfirm_by",
            "reconfirmed_at",
        ]
    )  # fmt: skip
    if state == BookingState.REFUSED:
        line.free([pending.pk])
    else:
        line.tell_of(pending, tools)
    action = "booking.approved" if state == BookingState.CONFIRMED else "booking.refused"
    journal.record(actor=actor, action=action, subject=pending, company=pending.company)
    (notify.approved if state == BookingState.CONFIRMED else notify.refused)(pending)
    return pending


def _suspended() -> Refusal:
    return Refusal(
        "company_suspended",
        _("This company is suspended, so its booking cannot be confirmed now."),
        next_step=_("Refuse it with a reason, or wait until the suspension is lifted."),
    )
