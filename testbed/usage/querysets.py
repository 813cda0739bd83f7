"""Reads of usage lines; a company sees its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from django.db.models import Count, Sum

from testbed.people.querysets import CompanyOwnedQuerySet

if TYPE_CHECKING:
    from testbed.usage.period import Period


class UsageLineQuerySet(CompanyOwnedQuerySet):
    """Lines of ended runs."""

    def within(self, period: Period) -> Self:
        """Lines of runs that started in the period."""
        return self.filter(started_at__gte=period.start, started_at__lt=period.end)

    def with_names(self) -> Self:
        """With everything a table shows (one query)."""
        return self.select_related("run__operation", "run__booking", "tool", "company")

    def sums(self) -> dict[str, Any]:
        """Runs, seconds, wafers and won of all lines together; 0 when there are none."""
        found = self.aggregate(**_SUMS)
        return {name: value or 0 for name, value in found.items()}

    def grouped(self, *names: str) -> list[dict[str, Any]]:
        """The same sums for each value of `names`."""
        return list(self.order_by().values(*names).annotate(**_SUMS))


_SUMS: dict[str, Any] = {
    "runs": Count("pk"),
    "seconds": Sum("tool_seconds"),
    "wafer_total": Sum("wafers"),
    "supply": Sum("supply_won"),
    "won": Sum("total_won"),
}
