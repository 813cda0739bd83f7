"""One line per ended run: the hours it took and what they cost; append-only."""

from typing import ClassVar

import pgtrigger
from django.db import models

from testbed.people.models import Company
from testbed.runs.models import Run
from testbed.tools.models import Tool
from testbed.usage.querysets import UsageLineQuerySet


class UsageLine(models.Model):
    """Hours and won of one run, priced at the rate and discount of that day."""

    run = models.OneToOneField(Run, on_delete=models.PROTECT, related_name="usage_line")
    tool = models.ForeignKey(Tool, on_delete=models.PROTECT, related_name="usage_lines")
    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="usage_lines")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    tool_seconds = models.FloatField(
        help_text="productive time on the tool's own clock (a simulated clock runs faster)"
    )
    wafers = models.PositiveSmallIntegerField()
    rate_won_per_hour = models.PositiveIntegerField()
    discount_percent = models.PositiveSmallIntegerField()
    service_won = models.PositiveBigIntegerField(help_text="hours x rate, before discount")
    discount_won = models.PositiveBigIntegerField()
    supply_won = models.PositiveBigIntegerField()
    vat_won = models.PositiveBigIntegerField()
    total_won = models.PositiveBigIntegerField()
    recorded_at = models.DateTimeField(auto_now_add=True)

    objects = UsageLineQuerySet.as_manager()

    class Meta:
        ordering = ("-started_at", "-pk")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(
                    supply_won=models.F("service_won") - models.F("discount_won"),
                    total_won=models.F("supply_won") + models.F("vat_won"),
                ),
                name="usage_line_adds_up",
            ),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.total_won}"
