"""Reads of runs and their data; a company sees its own, the staff see all."""

from __future__ import annotations

from typing import Self

from testbed.people.querysets import CompanyOwnedQuerySet
from testbed.tools.models import Tool


class TravelerQuerySet(CompanyOwnedQuerySet):
    company_path = "lot__company"


class RunQuerySet(CompanyOwnedQuerySet):
    def open(self) -> Self:
        """Not ended: queued, at work, paused or held."""
        return self.filter(state__in=["queued", "setting_up", "running", "paused", "held"])

    def with_names(self) -> Self:
        return self.select_related(
            "tool", "operation", "traveler__lot", "booking", "company", "started_by"
        )


class StepQuerySet(CompanyOwnedQuerySet):
    company_path = "run__company"


class RunEventQuerySet(CompanyOwnedQuerySet):
    company_path = "run__company"


class DataQuerySet(CompanyOwnedQuerySet):
    company_path = "run__company"


class OfALotQuerySet(CompanyOwnedQuerySet):
    company_path = "lot__company"


class QueueClockQuerySet(OfALotQuerySet):
    def for_bay(self, area: str) -> Self:
        """Wafers that wait for an operation which a tool of the bay does."""
        kinds = Tool.objects.filter(area=area).values("kind")
        return self.filter(operation__tool_kind__in=kinds)


class WaferDecisionQuerySet(CompanyOwnedQuerySet):
    company_path = "wafer__lot__company"


class HoldQuerySet(OfALotQuerySet):
    def open(self) -> Self:
        """Nobody has decided yet."""
        return self.filter(closed_at=None)


class SplitQuerySet(CompanyOwnedQuerySet):
    company_path = "booking__company"
