"""What a person saw in a carrier's slots."""

from typing import ClassVar

import pgtrigger
from django.db import models

from testbed.material.models import Carrier, Lot
from testbed.material.querysets import SlotMapQuerySet
from testbed.people.models import User


class SlotMap(models.Model):
    """A carrier's 25 slots as seen at one moment; append-only.

    `marks` has a letter a slot, slot 1 first, in the words of a load port: O occupied, . empty,
    D double, X crossed, ? undefined.
    """

    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="slot_maps")
    carrier = models.ForeignKey(Carrier, on_delete=models.PROTECT, related_name="+")
    marks = models.CharField(max_length=25)
    seen_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    seen_at = models.DateTimeField(auto_now_add=True)

    objects = SlotMapQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(marks__regex=r"^[O.DX?]{25}$"), name="slot_map_25_marks"
            ),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(
                name="slot_map_append_only", operation=pgtrigger.Update | pgtrigger.Delete
            ),
        ]

    def __str__(self) -> str:
        return f"{self.lot_id} {self.marks}"
