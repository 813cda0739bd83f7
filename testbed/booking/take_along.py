"""What a booking takes along: reticles, resists, gases, consumables; and who may be its buddy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from testbed.booking.supply_claims import SupplyClaim
from testbed.people.models import User
from testbed.tools.models import Supply, SupplyKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import QuerySet

    from testbed.booking.models import Booking
    from testbed.tools.models import Tool

Complaints = list[tuple[str, list[Any]]]


def take_along(booking: Booking, supplies: Sequence[Supply]) -> None:
    """Write what the saved booking takes; IntegrityError (23P01) for a reticle in use.

    Later changes of the booking's time and state are followed by a trigger.
    """
    if not supplies:
        return
    SupplyClaim.objects.bulk_create(
        SupplyClaim(
            supply=supply,
            booking=booking,
            starts_at=booking.starts_at,
            ends_at=booking.ends_at,
            is_exclusive=supply.kind == SupplyKind.RETICLE,
        )
        for supply in supplies
    )


def choices(user: User, tools: Sequence[Tool]) -> QuerySet[Supply]:
    """What may be chosen for a booking of these tools."""
    own: QuerySet[Supply] = Supply.objects.visible_to(user).filter(is_withdrawn=False)
    return own.filter(tools__in=tools).distinct().order_by("kind", "code")


def buddies(company_id: int | None, booker: User) -> QuerySet[User]:
    """Colleagues who may be there with the booker."""
    colleagues: QuerySet[User] = User.objects.filter(company=company_id, is_active=True)
    return colleagues.exclude(pk=booker.pk).order_by("name")


def complaints(
    booking: Booking, tools: Sequence[Tool], supplies: Sequence[Supply], buddy: User | None
) -> Complaints:
    """What does not fit about the supplies and the buddy, by field."""
    said: Complaints = []
    fitting = _fitting(supplies, tools) if supplies else frozenset()
    if any(supply.company_id not in (None, booking.company_id) for supply in supplies):
        said.append(("supplies", [_("Your company has no such reticle or material.")]))
    else:
        said += [
            ("supplies", [_("%(supply)s is not used on the booked tools.") % {"supply": supply}])
            for supply in supplies
            if supply.pk not in fitting
        ]
    if buddy is not None and not _is_colleague(booking, buddy):
        said.append(("buddy", [_("Name another person of your company, whose account is open.")]))
    return said


def _fitting(supplies: Sequence[Supply], tools: Sequence[Tool]) -> frozenset[int]:
    """Those of the supplies that are used on one of the tools."""
    fits = Supply.tools.through.objects.filter(supply__in=supplies, tool__in=tools)
    return frozenset(fits.values_list("supply_id", flat=True))


def _is_colleague(booking: Booking, buddy: User) -> bool:
    same = buddy.company_id == booking.company_id and buddy.pk != booking.booked_by_id
    return same and buddy.is_active
