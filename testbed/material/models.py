"""Carriers, lots, wafers: where a wafer is and what it has met."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.utils.translation import gettext_lazy as _

from testbed.material.querysets import CarrierQuerySet, LotQuerySet, WaferQuerySet
from testbed.people.models import Company, User
from testbed.tools.models import ContaminationClass

SLOTS = 25


class Carrier(models.Model):
    """A FOUP: 25 slots, slot 1 at the bottom."""

    code = models.CharField(max_length=20, unique=True)
    contamination_class = models.PositiveSmallIntegerField(
        choices=ContaminationClass.choices, default=ContaminationClass.FEOL
    )

    objects = CarrierQuerySet.as_manager()

    class Meta:
        ordering = ("code",)

    def __str__(self) -> str:
        return self.code


# Two check-ins of one carrier go through its row one after the other.
SHARED_CARRIER = """
PERFORM 1 FROM material_carrier WHERE id = NEW.carrier_id FOR UPDATE;
IF EXISTS (
    SELECT 1 FROM material_lot AS other
    WHERE other.carrier_id = NEW.carrier_id AND other.id <> NEW.id
      AND (NEW.pool = '' OR other.pool <> NEW.pool)
) THEN
    RAISE EXCEPTION 'carrier_taken' USING ERRCODE = '23505', CONSTRAINT = 'lot_carrier_taken';
END IF;
SELECT count(*) INTO slots FROM material_wafer AS one
    JOIN material_wafer AS two ON two.slot = one.slot AND two.lot_id <> one.lot_id
    JOIN material_lot AS other ON other.id = two.lot_id
    WHERE one.lot_id = NEW.id AND other.carrier_id = NEW.carrier_id;
IF slots > 0 THEN
    RAISE EXCEPTION 'slot_taken' USING ERRCODE = '23505', CONSTRAINT = 'lot_slot_taken';
END IF;
RETURN NEW;
"""


class LotState(models.TextChoices):
    REGISTERED = "registered", _("Registered")
    CHECKED_IN = "checked_in", _("Checked in")
    RETURNED = "returned", _("Returned")


class Lot(models.Model):
    """Wafers that travel together and belong to one company."""

    code = models.CharField(max_length=20, unique=True)
    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="lots")
    product = models.CharField(max_length=60)
    state = models.CharField(max_length=12, choices=LotState.choices, default=LotState.REGISTERED)
    carrier = models.ForeignKey(
        Carrier,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="lots",
        related_query_name="lot",
    )
    pool = models.CharField(
        max_length=20, blank=True, help_text="lots of one pool may share a carrier"
    )
    registered_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    registered_at = models.DateTimeField(auto_now_add=True)
    checked_in_at = models.DateTimeField(null=True, blank=True)

    objects = LotQuerySet.as_manager()

    class Meta:
        ordering = ("-registered_at", "-pk")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=~models.Q(state=LotState.CHECKED_IN)
                | models.Q(carrier__isnull=False, checked_in_at__isnull=False),
                name="lot_checked_in_has_carrier",
                violation_error_message=_("A checked-in lot sits in a carrier."),
            ),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Trigger(
                name="carrier_shared_in_pool_only",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                condition=pgtrigger.Q(new__carrier__isnull=False),
                declare=[("slots", "integer")],
                func=SHARED_CARRIER,
            ),
        ]

    def __str__(self) -> str:
        return self.code


class SubstrateState(models.TextChoices):
    """SEMI E90 substrate processing states."""

    NEEDS_PROCESSING = "needs_processing", _("Needs processing")
    IN_PROCESS = "in_process", _("In process")
    PROCESSED = "processed", _("Processed")
    ABORTED = "aborted", _("Aborted")
    STOPPED = "stopped", _("Stopped")
    REJECTED = "rejected", _("Rejected")
    LOST = "lost", _("Lost")
    SKIPPED = "skipped", _("Skipped")


class Wafer(models.Model):
    """One 300 mm wafer, known by its scribed ID (SEMI M12/M13 check characters)."""

    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="wafers")
    wafer_id = models.CharField(max_length=18, unique=True)
    slot = models.PositiveSmallIntegerField()
    contamination_class = models.PositiveSmallIntegerField(
        choices=ContaminationClass.choices, default=ContaminationClass.FEOL
    )

    objects = WaferQuerySet.as_manager()

    class Meta:
        ordering = ("lot", "slot")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Deferred: wafers may change places with one another in one transaction.
            models.UniqueConstraint(
                fields=["lot", "slot"],
                name="wafer_one_per_slot",
                deferrable=models.Deferrable.DEFERRED,
            ),
            models.CheckConstraint(
                condition=models.Q(slot__gte=1, slot__lte=SLOTS),
                name="wafer_slot_1_to_25",
                violation_error_message=_("A carrier's slots are numbered 1 to 25."),
            ),
        ]

    def __str__(self) -> str:
        return self.wafer_id
