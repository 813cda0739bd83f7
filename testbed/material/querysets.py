"""Reads of carriers, lots and wafers; a company sees its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models

from testbed.people.querysets import CompanyOwnedQuerySet

if TYPE_CHECKING:
    from testbed.material.models import Carrier, Lot  # noqa: F401 - named in the generic
    from testbed.people.querysets import Viewer


class CarrierQuerySet(models.QuerySet["Carrier"]):
    def visible_to(self, user: Viewer) -> Self:
        """Carriers are the facility's; a company sees those that hold its lots."""
        if not user.is_authenticated:
            return self.none()
        if user.is_staff_member:
            return self
        return self.filter(lot__company=user.company_id).distinct()

    def free(self) -> Self:
        return self.filter(lot=None)

    def open_to(self, lot: Lot) -> Self:
        """Where the lot may go: empty carriers, and the one in which its pool already sits."""
        if not lot.pool:
            return self.free()
        return self.filter(models.Q(lot=None) | models.Q(lot__pool=lot.pool)).distinct()


class LotQuerySet(CompanyOwnedQuerySet):
    def with_wafer_count(self) -> Self:
        return self.annotate(wafer_count=models.Count("wafers")).order_by("-registered_at", "-pk")


class WaferQuerySet(CompanyOwnedQuerySet):
    company_path = "lot__company"


class CertifiedCleanQuerySet(CompanyOwnedQuerySet):
    """A company sees its own wafers'; carriers' are the staff's to see."""

    company_path = "wafer__lot__company"


class SlotMapQuerySet(CompanyOwnedQuerySet):
    company_path = "lot__company"
