"""Sharing a booking with colleagues: they see it as their own and hear of it.

Sharing gives nobody a right: what a sharer may do with the booking is what their role allows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.booking import line, notify
from testbed.booking.hand_over import demand_open
from testbed.booking.models import Booking, Sharer
from testbed.people import journal
from testbed.people.models import User
from testbed.people.permissions import demand, may
from testbed.refusals import Refusal
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

MOST = 20


def may_share(actor: User, booking: Booking, now: datetime) -> bool:
    """True when the person could share the booking, were there a colleague."""
    try:
        demand_open(booking, now)
    except Refusal:
        return False
    return may(actor, "book")


def colleagues(booking: Booking) -> QuerySet[User]:
    """With whom it may still be shared: the company's other active people, readers too."""
    people = User.objects.filter(company=booking.company, is_active=True)
    others = people.exclude(pk=booking.booked_by_id).exclude(shared_bookings__booking=booking)
    return others.order_by("name", "pk")


def share(*, actor: User, booking: Booking, colleague: User) -> Sharer:
    """Let a colleague of the same company share a pending or confirmed booking.

    Any engineer of the company. A colleague who already shares it stays as they are. Raises
    Refusal: "hold_not_submitted", "over" (409); "not_a_colleague" (422); "too_many" (409) beyond
    20.
    """
    demand(actor, "book")
    return in_transaction(lambda: _share(actor, booking, colleague))


def _share(actor: User, booking: Booking, colleague: User) -> Sharer:
    shared, _tools = line.lock_booking(actor, booking)
    demand_open(shared, timezone.now())
    present = shared.sharers.filter(user=colleague).first()
    if present is not None:
        return present
    if not colleagues(shared).filter(pk=colleague.pk).exists():
        raise not_a_colleague()
    if shared.sharers.count() >= MOST:
        raise Refusal(
            "too_many",
            _("A booking is shared with at most %(most)s colleagues.") % {"most": MOST},
            next_step=_("End somebody's share first."),
        )
    sharer = Sharer.objects.create(booking=shared, user=colleague, added_by=actor)
    _note(actor, shared, "booking.shared", colleague)
    notify.shared(shared, to=colleague, by=actor)
    return sharer


def unshare(*, actor: User, booking: Booking, colleague: User) -> None:
    """End a colleague's share; anybody may end their own. Ending it twice changes nothing."""
    if actor.pk != colleague.pk:
        demand(actor, "book")
    in_transaction(lambda: _unshare(actor, booking, colleague))


def _unshare(actor: User, booking: Booking, colleague: User) -> None:
    shared, _tools = line.lock_booking(actor, booking)
    if shared.sharers.filter(user=colleague).delete()[0]:
        _note(actor, shared, "booking.unshared", colleague)


def _note(actor: User, booking: Booking, action: str, colleague: User) -> None:
    journal.record(
        actor=actor,
        action=action,
        subject=booking,
        company=booking.company,
        colleague=colleague.pk,
    )


def not_a_colleague() -> Refusal:
    """One answer for strangers and for addresses that nobody has: it tells nobody apart."""
    return Refusal(
        "not_a_colleague",
        _("Nobody else of your company has this address."),
        status=422,
        fields={"colleague": [_("Choose a colleague of your company.")]},
        next_step=_("Choose a colleague of your company."),
    )
