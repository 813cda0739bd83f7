"""The values that a recipe takes from wafer to wafer: written ahead, copied into the run."""

from typing import ClassVar

from django.db import models

from testbed.booking.models import Booking
from testbed.people.models import User
from testbed.process.models import Operation
from testbed.runs.querysets import SplitQuerySet


class Split(models.Model):
    """A table of values for one operation under one booking: slot → path → number."""

    booking = models.ForeignKey(Booking, on_delete=models.CASCADE, related_name="splits")
    operation = models.ForeignKey(Operation, on_delete=models.PROTECT, related_name="+")
    table = models.JSONField(help_text='{"3": {"dose": 24.5}}: slot, dotted path, value')
    written_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    written_at = models.DateTimeField(auto_now=True)

    objects = SplitQuerySet.as_manager()

    class Meta:
        ordering = ("booking", "operation")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["booking", "operation"], name="split_once"),
            models.CheckConstraint(condition=~models.Q(table={}), name="split_has_values"),
        ]

    def __str__(self) -> str:
        return f"{self.booking_id} {self.operation_id}"
