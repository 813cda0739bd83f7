"""Reads of pools: open ones are for everybody, and say nothing of who is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.apps import apps
from django.db import models

from testbed.people.querysets import CompanyOwnedQuerySet

if TYPE_CHECKING:
    from testbed.people.querysets import Viewer
    from testbed.pools.models import Pool  # noqa: F401 - named in the generic


class PoolQuerySet(models.QuerySet["Pool"]):
    def visible_to(self, user: Viewer) -> Self:
        """Open pools to all who are signed in; others to their host, their guests, the staff."""
        if not user.is_authenticated:
            return self.none()
        if user.is_staff_member:
            return self
        inside = apps.get_model("pools", "Seat").objects.filter(
            pool=models.OuterRef("pk"), booking__company=user.company_id
        )
        return self.filter(
            models.Q(state="open") | models.Q(host__company=user.company_id) | models.Exists(inside)
        )

    def with_host(self) -> Self:
        """What a page shows, without a query for each."""
        return self.select_related("host__company", "host__route", "host__lot", "host__cell")

    def joinable(self) -> Self:
        """Open, of a booking that stands."""
        return self.filter(state="open", host__state="confirmed")


class SeatQuerySet(CompanyOwnedQuerySet):
    company_path = "booking__company"
