"""Which booking takes which supply when: a reticle is in one place at a time."""

from typing import ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeBoundary, RangeOperators
from django.db import models
from django.utils.translation import gettext_lazy as _

from testbed.booking.models import Booking
from testbed.tools.models import Supply


class SupplyClaim(models.Model):
    """A supply that a booking takes; times and `live` follow the booking's by its trigger.

    is_exclusive: nobody else can have it in that time (a reticle).
    """

    supply = models.ForeignKey(Supply, on_delete=models.PROTECT, related_name="claims")
    booking = models.ForeignKey(Booking, on_delete=models.CASCADE, related_name="supply_claims")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    is_exclusive = models.BooleanField()
    live = models.BooleanField(default=True)

    class Meta:
        ordering = ("booking", "supply")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["booking", "supply"], name="supply_claim_once"),
            ExclusionConstraint(
                name="supply_claim_no_overlap",
                expressions=[
                    ("supply", RangeOperators.EQUAL),
                    (
                        models.Func("starts_at", "ends_at", RangeBoundary(), function="TSTZRANGE"),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                condition=models.Q(live=True, is_exclusive=True),
                violation_error_message=_("The reticle is in use in that time."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.supply_id} {self.booking_id}"
