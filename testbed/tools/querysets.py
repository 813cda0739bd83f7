"""Reads of tools and their states. The catalogue is public to everybody who is signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models

from testbed.people.querysets import CompanyOwnedQuerySet

if TYPE_CHECKING:
    from testbed.people.querysets import Viewer
    from testbed.tools.models import Loading, StateSpan, Supply, Tool  # noqa: F401


class ToolQuerySet(models.QuerySet["Tool"]):
    def visible_to(self, user: Viewer) -> Self:
        return self if user.is_authenticated else self.none()

    def with_state(self) -> Self:
        """Adds `state`, `state_since` and `state_reason` from the open span (one query)."""
        from testbed.tools.models import StateSpan

        # A tool has one open span at most; in the order of its table it would be joined and sorted.
        open_span = StateSpan.objects.filter(tool=models.OuterRef("pk"), ended_at=None).order_by()
        return self.annotate(
            state=models.Subquery(open_span.values("state")[:1]),
            state_since=models.Subquery(open_span.values("started_at")[:1]),
            state_reason=models.Subquery(open_span.values("reason")[:1]),
        )


class QualificationQuerySet(CompanyOwnedQuerySet):
    """A company sees its own people's."""

    company_path = "user__company"


class TrainingQuerySet(CompanyOwnedQuerySet):
    """A company sees its own people's."""

    company_path = "user__company"


class StateSpanQuerySet(models.QuerySet["StateSpan"]):
    def visible_to(self, user: Viewer) -> Self:
        return self if user.is_authenticated else self.none()


class SupplyQuerySet(models.QuerySet["Supply"]):
    def visible_to(self, user: Viewer) -> Self:
        """The facility's and one's own company's; the staff see all."""
        if not user.is_authenticated:
            return self.none()
        if user.is_staff_member:
            return self
        return self.filter(models.Q(company=None) | models.Q(company=user.company_id))


class LoadingQuerySet(models.QuerySet["Loading"]):
    def visible_to(self, user: Viewer) -> Self:
        """Those of supplies that this person may know."""
        if not user.is_authenticated:
            return self.none()
        if user.is_staff_member:
            return self
        own = models.Q(supply__company=None) | models.Q(supply__company=user.company_id)
        return self.filter(own)

    def present(self) -> Self:
        return self.filter(unloaded_at=None)
