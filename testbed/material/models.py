"""Carriers, lots, wafers: where a wafer is and what it has met."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.utils.translation import gettext_lazy as _

from testbed.material.querysets import (
    CarrierQuerySet,
    CertifiedCleanQuerySet,
    LotQuerySet,
    WaferQuerySet,
)
from testbed.people.models import Company, User
from testbed.tools.models import Clean, ContaminationClass, Tool

SLOTS = 25


# A class gets better only from within the trigger of a certified clean, one level further down.
CLEANER_ONLY_SO = """
IF pg_trigger_depth() > 1 THEN
    RETURN NEW;
END IF;
RAISE EXCEPTION 'not_cleaned'
    USING ERRCODE = '23514', CONSTRAINT = '{what}_cleaner_by_a_clean_only';
"""


def _cleaner_by_a_clean_only(what: str) -> pgtrigger.Trigger:
    """Keeps a wafer or a carrier from getting cleaner by a mere UPDATE."""
    return pgtrigger.Trigger(
        name=f"{what}_cleaner_by_a_clean_only",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        condition=pgtrigger.Q(new__contamination_class__lt=pgtrigger.F("old__contamination_class")),
        func=CLEANER_ONLY_SO.format(what=what),
    )


class Carrier(models.Model):
    """A FOUP: 25 slots, slot 1 at the bottom."""

    code = models.CharField(max_length=20, unique=True)
    contamination_class = models.PositiveSmallIntegerField(
        choices=ContaminationClass.choices, default=ContaminationClass.FEOL
    )

    objects = CarrierQuerySet.as_manager()

    class Meta:
        ordering = ("code",)
        triggers: ClassVar[list[pgtrigger.Trigger]] = [_cleaner_by_a_clean_only("carrier")]

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
        triggers: ClassVar[list[pgtrigger.Trigger]] = [_cleaner_by_a_clean_only("wafer")]

    def __str__(self) -> str:
        return self.wafer_id


# The record and the better class are one act: neither stands without the other.
RESET_THE_CLASS = """
UPDATE material_wafer SET contamination_class = NEW.to_class
    WHERE id = NEW.wafer_id AND contamination_class = NEW.from_class;
IF NOT FOUND THEN
    UPDATE material_carrier SET contamination_class = NEW.to_class
        WHERE id = NEW.carrier_id AND contamination_class = NEW.from_class;
END IF;
IF NOT FOUND THEN
    RAISE EXCEPTION 'class_changed'
        USING ERRCODE = '23514', CONSTRAINT = 'certified_clean_from_present_class';
END IF;
RETURN NEW;
"""


class CertifiedClean(models.Model):
    """A wafer or an empty carrier was cleaned, and is of a better class since; append-only.

    By a run (its number) or by hand; the class itself is reset by the table's trigger.
    """

    kind = models.ForeignKey(Clean, on_delete=models.PROTECT, related_name="+")
    tool = models.ForeignKey(Tool, on_delete=models.PROTECT, related_name="+")
    wafer = models.ForeignKey(
        Wafer, null=True, blank=True, on_delete=models.PROTECT, related_name="cleans"
    )
    carrier = models.ForeignKey(
        Carrier, null=True, blank=True, on_delete=models.PROTECT, related_name="cleans"
    )
    from_class = models.PositiveSmallIntegerField(choices=ContaminationClass.choices)
    to_class = models.PositiveSmallIntegerField(choices=ContaminationClass.choices)
    cleaned_at = models.DateTimeField()
    cleaned_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    run_id = models.BigIntegerField(null=True, blank=True)
    certificate = models.CharField(max_length=500)

    objects = CertifiedCleanQuerySet.as_manager()

    class Meta:
        ordering = ("-cleaned_at", "-pk")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(wafer=None, carrier__isnull=False)
                | models.Q(wafer__isnull=False, carrier=None),
                name="certified_clean_of_one_thing",
            ),
            models.CheckConstraint(
                condition=models.Q(to_class__lt=models.F("from_class")),
                name="certified_clean_makes_cleaner",
            ),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(
                name="certified_clean_append_only",
                operation=pgtrigger.Update | pgtrigger.Delete,
            ),
            pgtrigger.Trigger(
                name="certified_clean_resets_the_class",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                func=RESET_THE_CLASS,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind_id} {self.wafer_id or self.carrier_id}"


from testbed.material.slot_map_models import SlotMap as SlotMap  # noqa: E402
