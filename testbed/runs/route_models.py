"""What is decided about wafers on their way through a route: rework and scrap."""

from typing import ClassVar

import pgtrigger
from django.db import models

from testbed.material.models import Lot, Wafer
from testbed.people.models import User
from testbed.process.models import Operation
from testbed.runs.querysets import OfALotQuerySet, WaferDecisionQuerySet

# A measurement changes nothing and a strip is what rework is made of: neither is counted.
WITHIN_MAXIMUM = """
PERFORM 1 FROM material_wafer WHERE id = NEW.wafer_id FOR NO KEY UPDATE;
SELECT 1 + max_rework, is_measurement OR is_rework_only INTO most, free
    FROM process_operation WHERE id = NEW.operation_id;
SELECT coalesce(max(attempt), 1) INTO latest FROM runs_reworkwafer
    WHERE wafer_id = NEW.wafer_id AND operation_id = NEW.operation_id;
IF NEW.attempt <> latest + 1 THEN
    RAISE EXCEPTION 'attempt_out_of_order'
        USING ERRCODE = '23514', CONSTRAINT = 'rework_attempts_in_order';
END IF;
IF NOT free AND NEW.attempt > most THEN
    RAISE EXCEPTION 'rework_maximum'
        USING ERRCODE = '23514', CONSTRAINT = 'rework_within_maximum';
END IF;
RETURN NEW;
"""


class Rework(models.Model):
    """Wafers sent back to an operation; append-only, so a wafer's history is kept for ever."""

    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="reworks")
    operation = models.ForeignKey(
        Operation, on_delete=models.PROTECT, related_name="+", help_text="the one to do again"
    )
    reason = models.CharField(max_length=300)
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(auto_now_add=True)

    objects = OfALotQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.lot_id} {self.operation_id}"


class ReworkWafer(models.Model):
    """From here on the wafer's passes through `operation` count from `attempt` (2 and more)."""

    rework = models.ForeignKey(Rework, on_delete=models.PROTECT, related_name="attempts")
    wafer = models.ForeignKey(Wafer, on_delete=models.PROTECT, related_name="reworks")
    operation = models.ForeignKey(Operation, on_delete=models.PROTECT, related_name="+")
    attempt = models.PositiveSmallIntegerField()

    objects = WaferDecisionQuerySet.as_manager()

    class Meta:
        ordering = ("rework", "wafer", "operation")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["wafer", "operation", "attempt"], name="rework_attempt_once"
            ),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            pgtrigger.Trigger(
                name="within_maximum",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                declare=[("most", "integer"), ("latest", "integer"), ("free", "boolean")],
                func=WITHIN_MAXIMUM,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.wafer_id} {self.operation_id} #{self.attempt}"


class ScrappedWafer(models.Model):
    """A wafer that is run no more, and why; append-only."""

    wafer = models.OneToOneField(Wafer, on_delete=models.PROTECT, related_name="scrapped")
    reason = models.CharField(max_length=300)
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(auto_now_add=True)

    objects = WaferDecisionQuerySet.as_manager()

    class Meta:
        ordering = ("wafer",)
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return str(self.wafer_id)
