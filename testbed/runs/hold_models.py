"""What keeps wafers from going on: queue times that run out, and holds that a person closes."""

from datetime import datetime
from typing import ClassVar

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from testbed.material.models import Lot, Wafer
from testbed.people.models import User
from testbed.process.models import Operation
from testbed.runs.querysets import HoldQuerySet, QueueClockQuerySet


class QueueClock(models.Model):
    """A lot's wafers wait for an operation with a queue-time limit; the row goes when they do not.

    The background job keeps it true (see `testbed.runs.queue_time`); pages only read it.
    """

    lot = models.ForeignKey(Lot, on_delete=models.CASCADE, related_name="queue_clocks")
    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="+")
    slots = ArrayField(models.PositiveSmallIntegerField())
    began_at = models.DateTimeField(help_text="when the first of these wafers was ready")
    warn_at = models.DateTimeField()
    due_at = models.DateTimeField()
    warned_at = models.DateTimeField(null=True, blank=True)

    objects = QueueClockQuerySet.as_manager()

    class Meta:
        ordering = ("due_at", "pk")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["lot", "operation"], name="queue_clock_once"),
            models.CheckConstraint(
                condition=models.Q(
                    began_at__lte=models.F("warn_at"), warn_at__lte=models.F("due_at")
                ),
                name="queue_clock_warns_before",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.lot_id} {self.operation_id} {self.due_at}"

    def left_s(self, now: datetime) -> float:
        """Seconds until the limit, 0 once it is over."""
        return max(0.0, (self.due_at - now).total_seconds())

    def tone(self, now: datetime) -> str:
        """How urgent it is: info, warn (people have been told), bad (over)."""
        if self.due_at < now:
            return "bad"
        return "warn" if self.warn_at <= now else "info"


class HoldKind(models.TextChoices):
    QUEUE_TIME = "queue_time", _("Queue time broken")
    QUALITY = "quality", _("Quality hold")


class Disposition(models.TextChoices):
    RELEASE = "release", _("Release")
    REWORK = "rework", _("Rework")
    SCRAP = "scrap", _("Scrap")


_CLOSED = ~models.Q(disposition="") & models.Q(closed_at__isnull=False, closed_by__isnull=False)
_OPEN = models.Q(disposition="", closed_at=None, closed_by=None)


class LotHold(models.Model):
    """Wafers that may not go on until a person has decided; a quality hold takes two people."""

    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="holds")
    wafers = models.ManyToManyField(Wafer, related_name="holds")
    operation = models.ForeignKey(
        Operation, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="the one whose queue time was broken",
    )  # fmt: skip
    kind = models.CharField(max_length=10, choices=HoldKind.choices)
    reason = models.CharField(max_length=300, blank=True)
    evidence = models.JSONField(default=dict, help_text="slots, times and limit in minutes")
    opened_at = models.DateTimeField(auto_now_add=True)
    opened_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    choice = models.CharField(max_length=8, blank=True, choices=Disposition.choices)
    again = models.ForeignKey(
        Operation, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="the operation that a rework begins with",
    )  # fmt: skip
    note = models.CharField(max_length=300, blank=True)
    proposed_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    disposition = models.CharField(max_length=8, blank=True, choices=Disposition.choices)
    closed_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = HoldQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=_CLOSED | _OPEN, name="lot_hold_closed_by_a_person"),
            models.CheckConstraint(
                condition=models.Q(closed_at=None)
                | ~models.Q(note="") & models.Q(choice=models.F("disposition")),
                name="lot_hold_closed_with_a_reason",
            ),
            models.CheckConstraint(
                condition=models.Q(closed_at=None)
                | ~models.Q(kind="quality")
                | models.Q(proposed_by__isnull=False)
                & ~models.Q(proposed_by=models.F("closed_by")),
                name="lot_hold_quality_takes_two",
            ),
            models.UniqueConstraint(
                fields=["lot", "operation"],
                condition=models.Q(kind="queue_time", closed_at=None),
                name="lot_hold_one_open_per_queue",
            ),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="kept_for_ever", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="closed_stays_closed",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__closed_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"H{self.pk}"
