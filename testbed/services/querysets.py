"""Reads of service modules: the catalogue is open to everybody who is signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models
from django.utils import timezone

if TYPE_CHECKING:
    from testbed.people.querysets import Viewer
    from testbed.services.models import Module  # noqa: F401 - in the generics


class ModuleQuerySet(models.QuerySet["Module"]):
    def visible_to(self, user: Viewer) -> Self:
        """Those on offer today; the staff see the others too."""
        if not user.is_authenticated:
            return self.none()
        return self if user.is_staff_member else self.on_offer()

    def on_offer(self) -> Self:
        today = timezone.localdate()
        begun = models.Q(valid_from=None) | models.Q(valid_from__lte=today)
        running = models.Q(valid_until=None) | models.Q(valid_until__gte=today)
        return self.filter(begun, running, is_active=True)
