"""Suspending a company, lifting that, and the limit of its credit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.people import journal
from testbed.people.models import Company
from testbed.people.permissions import demand
from testbed.people.signals import company_suspended
from testbed.refusals import Refusal
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from testbed.people.models import User

SHORTEST_REASON, LONGEST_REASON = 5, 200
LARGEST_LIMIT = 10**12


def suspend(*, actor: User, company: Company, reason: str) -> Company:
    """Bar a company from booking. Its holds end at once; what it has booked stays as it is, but
    is neither confirmed nor changed until the suspension is lifted.

    Raises Refusal: "reason_missing" (422), "already_suspended" (409).
    """
    demand(actor, "manage_companies")
    reason = read_reason(reason)
    return in_transaction(lambda: _suspend(actor, company, reason))


def _suspend(actor: User, company: Company, reason: str) -> Company:
    locked = lock(company)
    if locked.suspended_at is not None:
        raise Refusal(
            "already_suspended",
            _("This company is already suspended."),
            next_step=_("See its page for since when and why."),
        )
    locked.suspended_at, locked.suspended_reason = timezone.now(), reason
    locked.save(update_fields=["suspended_at", "suspended_reason"])
    journal.record(
        actor=actor, action="company.suspended", subject=locked, company=locked, reason=reason
    )
    company_suspended.send(Company, company=locked)
    return locked


def lift(*, actor: User, company: Company) -> Company:
    """Let a suspended company book again. Refusal "not_suspended" (409) for any other."""
    demand(actor, "manage_companies")
    return in_transaction(lambda: _lift(actor, company))


def _lift(actor: User, company: Company) -> Company:
    locked = lock(company)
    if locked.suspended_at is None:
        raise Refusal("not_suspended", _("This company is not suspended."))
    locked.suspended_at, locked.suspended_reason = None, ""
    locked.save(update_fields=["suspended_at", "suspended_reason"])
    journal.record(actor=actor, action="company.suspension_lifted", subject=locked, company=locked)
    return locked


def set_credit_limit(*, actor: User, company: Company, limit_won: int | None) -> Company:
    """How much the company's live bookings may come to, in won with VAT; None: no limit.

    Bookings that it has already stay. Refusal "limit_not_valid" (422) outside 0 to 10¹².
    """
    demand(actor, "manage_companies")
    if limit_won is not None and not 0 <= limit_won <= LARGEST_LIMIT:
        raise Refusal(
            "limit_not_valid",
            _("A credit limit lies between ₩0 and ₩1,000,000,000,000."),
            status=422,
            fields={"limit_won": [_("Write whole won, or leave it empty for no limit.")]},
        )
    return in_transaction(lambda: _set_limit(actor, company, limit_won))


def _set_limit(actor: User, company: Company, limit_won: int | None) -> Company:
    locked = lock(company)
    before, locked.credit_limit_won = locked.credit_limit_won, limit_won
    if before == limit_won:
        return locked
    locked.save(update_fields=["credit_limit_won"])
    journal.record(
        actor=actor, action="company.credit_limit", subject=locked, company=locked,
        before=before, after=limit_won,
    )  # fmt: skip
    return locked


def lock(company: Company) -> Company:
    """The company as it is now, its row locked (rows that refer to it may still be written)."""
    return Company.objects.select_for_update(no_key=True).get(pk=company.pk)


def read_reason(reason: str) -> str:
    """The reason without blanks around it; Refusal("reason_missing", 422) unless 5 to 200 long."""
    reason = reason.strip()
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        raise Refusal(
            "reason_missing",
            _("Give a reason of 5 to 200 characters."),
            status=422,
            fields={"reason": [_("Write why.")]},
        )
    return reason
