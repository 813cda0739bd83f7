"""Closing a member's account, and opening it again."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from testbed.people import journal
from testbed.people.models import User
from testbed.people.permissions import demand
from testbed.people.signals import member_deactivated
from testbed.refusals import Refusal
from testbed.transactions import in_transaction


def deactivate(*, actor: User, member: User) -> User:
    """Close the account: no sign-in, no API, no booking. What was booked stays the company's.

    Raises Refusal: "not_a_member" (409) for the facility's own people, "already_closed" (409).
    """
    demand(actor, "manage_companies")
    return in_transaction(lambda: _set(actor, member, is_active=False))


def activate(*, actor: User, member: User) -> User:
    """Open a closed account again. Refusal "already_open" (409), "not_a_member" (409)."""
    demand(actor, "manage_companies")
    return in_transaction(lambda: _set(actor, member, is_active=True))


def _set(actor: User, member: User, *, is_active: bool) -> User:
    locked = User.objects.select_for_update(no_key=True, of=("self",)).get(pk=member.pk)
    if locked.company is None:
        raise Refusal("not_a_member", _("This person belongs to no company."))
    if locked.is_active == is_active:
        code = "already_open" if is_active else "already_closed"
        said = _("This account is already open.") if is_active else _("This account is closed.")
        raise Refusal(code, said)
    locked.is_active = is_active
    locked.save(update_fields=["is_active"])
    action = "member.activated" if is_active else "member.deactivated"
    journal.record(actor=actor, action=action, subject=locked, company=locked.company)
    if not is_active:
        member_deactivated.send(User, member=locked)
    return locked
