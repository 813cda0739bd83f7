"""Who may operate a tool alone: granting a qualification, renewing it, withdrawing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.people import journal
from testbed.people.models import Role, User
from testbed.people.permissions import demand
from testbed.people.suspend import read_reason
from testbed.refusals import Refusal
from testbed.tools.ending import tell_withdrawn
from testbed.tools.models import Qualification, Tool
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from datetime import date

LAST_YEAR = 2099


def grant(*, actor: User, user: User, tool: Tool, valid_until: date | None = None) -> Qualification:
    """Let a company's engineer operate the tool alone, until the end of `valid_until` in Korea.

    Raises Refusal: "not_an_engineer" (422), "already_qualified" (409), "date_not_valid" (422).
    """
    demand(actor, "manage_qualifications")
    _demand_date(valid_until)
    return in_transaction(lambda: _grant(actor, user, tool, valid_until))


def _grant(actor: User, user: User, tool: Tool, valid_until: date | None) -> Qualification:
    person = User.objects.select_for_update(no_key=True, of=("self",)).get(pk=user.pk)
    if person.role != Role.ENGINEER or not person.is_active:
        raise Refusal(
            "not_an_engineer",
            _("Only an active engineer of a company is qualified for a tool."),
            status=422,
            fields={"person": [_("Choose an active engineer.")]},
        )
    if Qualification.objects.filter(user=person, tool=tool).exists():
        raise Refusal(
            "already_qualified",
            _("This person already has a qualification for this tool."),
            next_step=_("Renew it instead."),
        )
    granted = Qualification.objects.create(
        user=person, tool=tool, granted_at=timezone.now(), granted_by=actor,
        valid_until=valid_until,
    )  # fmt: skip
    _note(actor, "qualification.granted", granted)
    return granted


def renew(
    *, actor: User, qualification: Qualification, valid_until: date | None = None
) -> Qualification:
    """Give it another last day; it counts as shown anew today.

    Raises Refusal: "date_not_valid" (422); "not_found" (404) when it was withdrawn meanwhile.
    """
    demand(actor, "manage_qualifications")
    _demand_date(valid_until)

    def work() -> Qualification:
        held = _lock(qualification)
        held.valid_until, held.granted_at, held.granted_by = valid_until, timezone.now(), actor
        held.save(update_fields=["valid_until", "granted_at", "granted_by"])
        _note(actor, "qualification.renewed", held)
        return held

    return in_transaction(work)


def withdraw(*, actor: User, qualification: Qualification, reason: str) -> None:
    """Take it away; the journal keeps that it was held, and why it ended.

    Bookings stay: a self-operated one breaks the rule as soon as it is changed. Raises Refusal:
    "reason_missing" (422); "not_found" (404) when it was withdrawn meanwhile.
    """
    demand(actor, "manage_qualifications")
    reason = read_reason(reason)

    def work() -> None:
        held = _lock(qualification)
        _note(actor, "qualification.withdrawn", held, reason)
        tell_withdrawn(held, reason)
        held.delete()

    in_transaction(work)


def _lock(qualification: Qualification) -> Qualification:
    rows = Qualification.objects.select_related("user__company", "tool")
    found = rows.select_for_update(of=("self",)).filter(pk=qualification.pk)
    held: Qualification | None = found.first()
    if held is None:
        raise Refusal("not_found", _("There is no such qualification."), status=404)
    return held


def _demand_date(valid_until: date | None) -> None:
    if valid_until is None:
        return
    if valid_until < timezone.localdate() or valid_until.year > LAST_YEAR:
        raise Refusal(
            "date_not_valid",
            _("The last day lies between today and the year 2099."),
            status=422,
            fields={"valid_until": [_("Choose today or a later day, or leave it empty.")]},
        )


def _note(actor: User, action: str, held: Qualification, reason: str = "") -> None:
    journal.record(
        actor=actor,
        action=action,
        subject=held.tool,
        company=held.user.company,
        user=held.user_id,
        person=held.user.name,
        valid_until=held.valid_until.isoformat() if held.valid_until else None,
        reason=reason,
    )
