"""One carrier, several companies: empty slots opened to others, the cost split by wafer."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.utils.translation import gettext_lazy as _

from testbed.booking.models import Booking
from testbed.material.models import SLOTS, Wafer
from testbed.people.models import User
from testbed.pools.querysets import PoolQuerySet, SeatQuerySet

SAME_COMPANY = """
IF (SELECT lot.company_id FROM material_wafer AS wafer
        JOIN material_lot AS lot ON lot.id = wafer.lot_id WHERE wafer.id = NEW.wafer_id)
    <> (SELECT company_id FROM booking_booking WHERE id = NEW.booking_id) THEN
    RAISE EXCEPTION 'a seat holds a wafer of the company that booked it'
        USING ERRCODE = '23514', CONSTRAINT = 'seat_own_wafer';
END IF;
RETURN NEW;
"""


class PoolState(models.TextChoices):
    OPEN = "open", _("Open to others")
    FIXED = "fixed", _("Split fixed")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class Pool(models.Model):
    """The empty slots that a booking's company opened to others, until `closes_at`."""

    host = models.OneToOneField(Booking, on_delete=models.PROTECT, related_name="pool")
    seats = models.PositiveSmallIntegerField(help_text="slots opened to others")
    note = models.CharField(max_length=120, blank=True, help_text="everybody reads it")
    opened_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    opened_at = models.DateTimeField(auto_now_add=True)
    closes_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=PoolState.choices, default=PoolState.OPEN)

    objects = PoolQuerySet.as_manager()

    class Meta:
        ordering = ("host__starts_at", "pk")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(seats__gte=1, seats__lt=SLOTS),
                name="pool_opens_1_to_24_seats",
                violation_error_message=_("1 to 24 slots can be opened."),
            ),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.FSM(
                name="state_path",
                field="state",
                transitions=[
                    ("open", "fixed"),
                    ("open", "withdrawn"),
                    ("fixed", "withdrawn"),
                    # The facility moved the booking: everybody may think again.
                    ("fixed", "open"),
                ],
            ),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def code(self) -> str:
        """How people call it, and what its lots carry: P0007."""
        return f"P{self.pk:04d}" if self.pk else "P----"


class Seat(models.Model):
    """One slot of the host's carrier, taken by a wafer of a guest's booking."""

    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="taken")
    slot = models.PositiveSmallIntegerField()
    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="seats")
    wafer = models.ForeignKey(Wafer, on_delete=models.PROTECT, related_name="seats")

    objects = SeatQuerySet.as_manager()

    class Meta:
        ordering = ("pool", "slot")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["pool", "slot"],
                name="seat_taken_once",
                violation_error_message=_("Somebody has just taken this slot."),
            ),
            models.UniqueConstraint(fields=["pool", "wafer"], name="seat_wafer_once"),
            models.CheckConstraint(
                condition=models.Q(slot__gte=1, slot__lte=SLOTS), name="seat_slot_1_to_25"
            ),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Trigger(
                name="own_wafer",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func=SAME_COMPANY,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pool} {self.slot}"
