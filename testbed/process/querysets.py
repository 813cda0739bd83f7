"""Reads of recipes and routes; a company sees its own recipes and the facility's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models

if TYPE_CHECKING:
    from testbed.people.querysets import Viewer
    from testbed.process.models import Recipe, RecipeVersion, Route  # noqa: F401 - generics


def _own_or_facility(user: Viewer, path: str) -> models.Q:
    return models.Q(**{path: getattr(user, "company_id", None)}) | models.Q(
        **{f"{path}__isnull": True}
    )


class RecipeQuerySet(models.QuerySet["Recipe"]):
    def visible_to(self, user: Viewer) -> Self:
        if not user.is_authenticated:
            return self.none()
        return self if user.is_staff_member else self.filter(_own_or_facility(user, "company"))


class RecipeVersionQuerySet(models.QuerySet["RecipeVersion"]):
    def visible_to(self, user: Viewer) -> Self:
        if not user.is_authenticated:
            return self.none()
        if user.is_staff_member:
            return self
        return self.filter(_own_or_facility(user, "recipe__company"))

    def approved(self) -> Self:
        return self.filter(state="approved")


class RouteQuerySet(models.QuerySet["Route"]):
    def visible_to(self, user: Viewer) -> Self:
        """A route with a company's own recipe is that company's; the others are everybody's."""
        if not user.is_authenticated:
            return self.none()
        if user.is_staff_member:
            return self
        owned = models.Q(operations__recipe__company__isnull=False)
        foreign = owned & ~models.Q(operations__recipe__company=user.company_id)
        return self.exclude(pk__in=self.model._default_manager.filter(foreign).values("pk"))
