"""Reads of bookings and of each tool's line of claims."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models

from testbed.people.querysets import CompanyOwnedQuerySet

if TYPE_CHECKING:
    from datetime import datetime

    from testbed.booking.models import Allocation  # noqa: F401 - named in the generic


class BookingQuerySet(CompanyOwnedQuerySet):
    def live(self) -> Self:
        return self.filter(state__in=("held", "pending", "confirmed"))


class AllocationQuerySet(models.QuerySet["Allocation"]):
    def live(self) -> Self:
        return self.filter(live=True)

    def between(self, start: datetime, end: datetime) -> Self:
        """Claims that touch [start, end)."""
        return self.filter(starts_at__lt=end, ends_at__gt=start)
