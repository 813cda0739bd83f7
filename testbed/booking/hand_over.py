"""A booking passes to a colleague: the same time and price, another person answers for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.booking import line, notify
from testbed.booking.change import answers_of
from testbed.booking.explain import refusal
from testbed.booking.models import Booking, BookingState
from testbed.booking.request import gather
from testbed.booking.rules import check_all, refusing
from testbed.booking.version import demand_unchanged
from testbed.people import journal
from testbed.people.models import User
from testbed.people.permissions import MAY, demand, may
from testbed.refusals import Refusal
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

    from testbed.booking.rules import Broken

HANDED_OVER = (BookingState.PENDING, BookingState.CONFIRMED)


def hand_over(*, actor: User, booking: Booking, colleague: User, expected: str = "") -> Booking:
    """Make `colleague` the one who booked; state, time and price stay.

    expected: `version_of` what the actor saw. Raises Refusal: "hold_not_submitted", "over",
    "changed_meanwhile" (409); "not_a_colleague" (422) for anybody but
    another person of the same company who may book; broken rules about the person, their hours
    and what they may do on the tools, as of `hold`.
    """
    demand(actor, "book")
    return in_transaction(lambda: _hand_over(actor, booking, colleague, expected))


def colleagues(booking: Booking) -> QuerySet[User]:
    """Who may take the booking over: the company's other active people who may book."""
    return User.objects.filter(
        company=booking.company, is_active=True, role__in=MAY["book"]
    ).exclude(pk=booking.booked_by_id)


def may_hand_over(actor: User, booking: Booking, now: datetime) -> bool:
    """True when the person could pass the booking on, were there a colleague."""
    try:
        demand_open(booking, now)
    except Refusal:
        return False
    return may(actor, "book")


def demand_open(booking: Booking, now: datetime) -> None:
    """Raise Refusal unless the booking is pending or confirmed and not over."""
    if booking.state_at(now) == BookingState.HELD:
        raise Refusal(
            "hold_not_submitted",
            _("A held slot is not a booking yet, so it cannot be handed over."),
            next_step=_("Submit its form first."),
        )
    if booking.state not in HANDED_OVER or booking.ends_at <= now:
        raise Refusal(
            "over",
            _("This booking is already closed."),
            next_step=_("See its page for where it stands now."),
        )


def _hand_over(actor: User, booking: Booking, colleague: User, expected: str) -> Booking:
    passed, tools = line.lock_booking(actor, booking)
    now = timezone.now()
    demand_open(passed, now)
    demand_unchanged(passed, (tool.pk for tool in tools), expected)
    if not colleagues(passed).filter(pk=colleague.pk).exists():
        raise not_a_colleague()
    request = gather(
        actor=colleague,
        tools=tools,
        starts_at=passed.starts_at,
        ends_at=passed.ends_at,
        now=now,
        company=passed.company,
        without=passed,
        is_hold=False,
        answers=answers_of(passed),
    )
    broken = [one for one in refusing(check_all(request)) if _is_about_the_booker(one)]
    broken = [one for one in broken if one.code not in passed.overridden]
    if broken:
        raise refusal(broken, [])
    before = passed.booked_by_id
    passed.booked_by = colleague
    passed.save(update_fields=["booked_by"])
    # Those who share it stay; the new booker needs no share in what is theirs.
    passed.sharers.filter(user=colleague).delete()
    journal.record(
        actor=actor,
        action="booking.handed_over",
        subject=passed,
        company=passed.company,
        before=before,
        after=colleague.pk,
    )
    notify.handed_over(passed, before=User.objects.get(pk=before))
    return passed


def _is_about_the_booker(broken: Broken) -> bool:
    """Who it is, what this person may do with it, and this person's own hours.

    The time itself was granted before; nothing about it changes.
    """
    return broken.rule.about in ("who", "answers") or getattr(broken.rule, "of_person", False)


def not_a_colleague() -> Refusal:
    """One answer for strangers, readers and addresses that nobody has: it tells nobody apart."""
    return Refusal(
        "not_a_colleague",
        _("Nobody else of your company who may book has this address."),
        status=422,
        fields={"colleague": [_("Choose an engineer of your company.")]},
        next_step=_("Choose an engineer of your company."),
    )
