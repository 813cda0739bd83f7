"""The simulated fab's people and transport: a checked-in lot's carrier stands on its floor."""

from typing import Any

from django.conf import settings

from instruments.fab.control import FabControl
from testbed.booking.models import Booking
from testbed.material.check_in import checked_in
from testbed.material.models import Lot, Wafer
from testbed.process.models import Operation
from testbed.process.versions import newest_approved

BELOW_NM = 300.0
FILM_NM = 200.0


def control() -> FabControl:
    """A client of the simulated fab's control channel."""
    host, _colon, port = settings.SIMULATED_FAB_CONTROL.rpartition(":")
    return FabControl(host, int(port))


def deliver(lot: Lot) -> None:
    """Tell the simulated fab which carrier came in, with which wafer in which slot.

    A pool's lots sit in one carrier; its slot map is that of them all.
    """
    assert lot.carrier is not None  # noqa: S101 - a checked-in lot has one, by constraint
    inside = Wafer.objects.filter(lot__carrier=lot.carrier)
    wafers = dict(inside.values_list("slot", "wafer_id"))
    control().deliver(lot.carrier.code, wafers, **brings(lot))


def brings(lot: Lot) -> dict[str, Any]:
    """What a lot's new wafers bear, as far as its booked routes tell: `deliver`'s arguments.

    Whoever books an etch first sends wafers with that film, and lines in resist on top of it.
    """
    routes = Booking.objects.filter(lot=lot, route__isnull=False).values("route")
    operations = Operation.objects.filter(route__in=routes).select_related("recipe")
    first = operations.order_by("position").first()
    if first is None or first.tool_kind != "etcher":
        return {}
    version = newest_approved(first.recipe)
    if version is None:
        return {}
    film = str(version.body["film"])
    below = [] if film == "oxide" else [("oxide", BELOW_NM)]
    return {"films": [*below, (film, FILM_NM)], "is_printed": True}


def _on_check_in(sender: type[Lot], lot: Lot, **kwargs: Any) -> None:
    if settings.SIMULATED_FAB_CONTROL:
        deliver(lot)


def connect() -> None:
    """Listen for check-ins (called once, when the product starts)."""
    checked_in.connect(_on_check_in, dispatch_uid="simulated fab")
