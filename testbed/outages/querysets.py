"""Reads of outages, their times, and what became of the bookings they touch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from django.db import models

from testbed.people.querysets import CompanyOwnedQuerySet

if TYPE_CHECKING:
    from datetime import datetime

    from testbed.outages.models import (  # noqa: F401 - some are in the generics
        Outage,
        OutageOccurrence,
        Rebooking,
        SupplyFailure,
        Utility,
    )
    from testbed.people.querysets import Viewer


class UtilityQuerySet(models.QuerySet["Utility"]):
    def visible_to(self, user: Viewer) -> Self:
        """What the building supplies is known to everybody who is signed in."""
        return self if user.is_authenticated else self.none()


class SupplyFailureQuerySet(models.QuerySet["SupplyFailure"]):
    def visible_to(self, user: Viewer) -> Self:
        return self if user.is_authenticated else self.none()

    def open(self) -> Self:
        """Supplies that are down now."""
        return self.filter(ended_at=None)


class OutageQuerySet(models.QuerySet["Outage"]):
    def visible_to(self, user: Viewer) -> Self:
        """When which tool is closed is public; the page leaves the staff's note out."""
        return self if user.is_authenticated else self.none()

    def with_names(self) -> Self:
        """What a row of a list shows, in three queries."""
        return self.select_related("utility", "created_by", "withdrawn_by").prefetch_related(
            "tools", "occurrences"
        )


class OccurrenceQuerySet(models.QuerySet["OutageOccurrence"]):
    def visible_to(self, user: Viewer) -> Self:
        return self if user.is_authenticated else self.none()

    def live(self) -> Self:
        return self.filter(live=True)

    def between(self, start: datetime, end: datetime) -> Self:
        """Those that touch [start, end)."""
        return self.filter(starts_at__lt=end, ends_at__gt=start)

    def with_names(self) -> Self:
        return self.select_related("outage__utility").prefetch_related("outage__tools")


class RebookingQuerySet(CompanyOwnedQuerySet):
    company_path = "booking__company"

    if TYPE_CHECKING:

        def get(self, *args: Any, **kwargs: Any) -> Rebooking: ...

    def waiting(self) -> Self:
        """Those that the company may still answer."""
        return self.filter(
            state="open",
            booking__moved_by_facility_at__isnull=False,
            booking__state__in=("pending", "confirmed", "displaced"),
        )

    def with_names(self) -> Self:
        return self.select_related(
            "outage__utility", "booking__company", "booking__booked_by", "booking__cell"
        ).prefetch_related("booking__allocations__tool")
