"""What people are told of: one table of kinds, and how each arrives unless a person chose else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class Delivery(models.TextChoices):
    AT_ONCE = "at_once", _("At once")
    DIGEST = "digest", _("In the daily digest")
    OFF = "off", _("Not by mail")


@dataclass(frozen=True)
class Kind:
    """One kind of notice; whatever the delivery is, it also stands in the inbox.

    may_be_off: False for what changes a person's own plans; that always comes by mail, though
    perhaps in the digest. staff: only the facility's people ever get it.
    """

    code: str
    name: StrOrPromise
    delivery: Delivery = Delivery.AT_ONCE
    may_be_off: bool = True
    staff: bool = False

    def choices(self) -> list[Delivery]:
        """The deliveries a person may choose from."""
        return [one for one in Delivery if self.may_be_off or one != Delivery.OFF]


KINDS: dict[str, Kind] = {
    kind.code: kind
    for kind in (
        Kind("booking_placed", _("A booking of mine was placed")),
        Kind("booking_decided", _("The facility answered a booking of mine"), may_be_off=False),
        Kind("booking_changed", _("A booking of mine was moved"), may_be_off=False),
        Kind("booking_cancelled", _("A booking of mine was cancelled"), may_be_off=False),
        Kind("chain_broken", _("A chain of steps does not hold any more"), may_be_off=False),
        Kind("booking_handed_over", _("A booking passed to or from me"), may_be_off=False),
        Kind("booking_shared", _("A colleague shares a booking with me")),
        Kind("booking_question", _("The facility asks about a booking, or I asked")),
        Kind("booking_released", _("A booking of mine was given up"), may_be_off=False),
        Kind("booking_reminder", _("A booking of mine starts soon")),
        Kind("booking_reconfirm", _("A booking of mine has to be confirmed again")),
        Kind("waiting_offer", _("The waiting list offers me a time")),
        Kind("waiting_watch", _("Time has come free that I asked to be told of")),
        Kind("closure", _("The facility closes a tool that I have booked"), may_be_off=False),
        Kind("tool_down", _("A tool that I have booked is down"), may_be_off=False),
        Kind("pool", _("Pooled carriers: places, joins and departures")),
        Kind(
            "queue_time",
            _("Wafers of mine wait under a queue-time limit, or are on hold"),
            may_be_off=False,
        ),
        Kind("training", _("A training or qualification of mine ends")),
        Kind("wafers_clean", _("Wafers of my company were certified clean")),
        Kind("service", _("Service modules: promised and delivered")),
        Kind("run_held", _("A run of mine, or of the facility's, is held")),
        Kind("tool_silent", _("A tool has stopped answering"), staff=True),
        Kind(
            "desk_pending",
            _("Bookings wait for the facility's answer"),
            delivery=Delivery.DIGEST,
            staff=True,
        ),
    )
}
