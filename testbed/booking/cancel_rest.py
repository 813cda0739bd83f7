"""Giving back the rest of a weekly series: this booking and the later ones, at one agreed cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.booking import line
from testbed.booking.cancel import close, cost_changed, demand_cancellable, demand_may
from testbed.booking.models import Allocation, Booking, BundleKind
from testbed.booking.penalties import NOTHING, Charge, Cost, cost_of_cancelling, tools_of
from testbed.booking.version import demand_all_unchanged, version_of_all
from testbed.refusals import Refusal
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from testbed.booking.querysets import BookingQuerySet
    from testbed.people.models import User


@dataclass(frozen=True)
class Rest:
    """The bookings that would be cancelled, earliest first, each with its cost."""

    parts: Sequence[tuple[Booking, Cost]]

    @property
    def charge(self) -> Charge:
        """All together."""
        return Charge(
            sum(cost.total_won for _booking, cost in self.parts),
            sum(cost.debt_minutes for _booking, cost in self.parts),
        )

    @property
    def version(self) -> str:
        """Which state of them this is; `cancel_rest` takes it back as `expected`."""
        return version_of_all(booking for booking, _cost in self.parts)

    def as_json(self) -> dict[str, Any]:
        """As `give_back_api.RestSerializer` has it."""
        return {
            "total_won": self.charge.total_won,
            "debt_minutes": self.charge.debt_minutes,
            "version": self.version,
            "bookings": [
                {"id": booking.pk, "number": str(booking), "cost": cost.as_json()}
                for booking, cost in self.parts
            ],
        }


def preview_rest(*, actor: User, booking: Booking) -> Rest:
    """What `cancel_rest` would do at this moment. Refusals as of it."""
    demand_may(actor)
    rest = _rest(actor, booking).with_names().order_by("starts_at", "pk")
    return _costs(actor, list(rest), timezone.now())


def cancel_rest(
    *, actor: User, booking: Booking, agreed: Charge = NOTHING, expected: str = ""
) -> list[Booking]:
    """Cancel this booking and the later ones of its series that can still be cancelled, or none.

    Refusal "no_series" (409) for one that was not repeated, "over" (409) when nothing is left,
    "changed_meanwhile" (409) when they are not as `expected` (`Rest.version`), "cost_changed"
    (409, with the cost of all) when it is not `agreed`.
    """
    demand_may(actor)
    return in_transaction(lambda: _cancel_rest(actor, booking, agreed, expected))


def _cancel_rest(actor: User, booking: Booking, agreed: Charge, expected: str) -> list[Booking]:
    rest = _rest(actor, booking)
    # All tools, then all bookings, each by pk: as everywhere, so that nobody waits in a circle.
    line.lock(Allocation.objects.live().filter(booking__in=rest).values_list("tool_id", flat=True))
    locked = list(rest.with_company().select_for_update(of=("self",)).order_by("pk"))
    now = timezone.now()
    found = _costs(actor, sorted(locked, key=lambda one: (one.starts_at, one.pk)), now)
    demand_all_unchanged((one for one, _cost in found.parts), expected)
    if found.charge != agreed:
        raise cost_changed(found.charge, found.as_json())
    for one, cost in found.parts:
        close(actor, one, cost, now)
    return [one for one, _cost in found.parts]


def _rest(actor: User, booking: Booking) -> BookingQuerySet:
    if booking.bundle is None or booking.bundle.kind != BundleKind.WEEKLY:
        raise Refusal(
            "no_series",
            _("This booking is not part of a weekly series."),
            next_step=_("Cancel it alone."),
        )
    own: BookingQuerySet = Booking.objects.visible_to(actor)
    return own.live().filter(bundle=booking.bundle_id, starts_at__gte=booking.starts_at)


def _costs(actor: User, bookings: list[Booking], now: datetime) -> Rest:
    open_ones = [one for one in bookings if _is_cancellable(one, now)]
    if not open_ones:
        raise Refusal(
            "over",
            _("Nothing of this series is left to cancel."),
            next_step=_("See its page for where it stands now."),
        )
    return Rest(
        [
            (
                one,
                cost_of_cancelling(actor=actor, booking=one, tools=tools_of(one), now=now),
            )
            for one in open_ones
        ]
    )


def _is_cancellable(booking: Booking, now: datetime) -> bool:
    try:
        demand_cancellable(booking, now)
    except Refusal:
        return False
    return True
