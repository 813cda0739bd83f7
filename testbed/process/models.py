"""Recipes with signed versions, and the routes that string them together."""

from typing import ClassVar

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from testbed.people.models import Company, User
from testbed.process.querysets import RecipeQuerySet, RecipeVersionQuerySet, RouteQuerySet
from testbed.tools.models import Capability, Named


class Recipe(models.Model):
    """What a tool is asked to do; owned by a company, or by the facility (company empty)."""

    code = models.SlugField(max_length=40, unique=True)
    title = models.CharField(max_length=80)
    tool_kind = models.SlugField(max_length=20)
    company = models.ForeignKey(
        Company, null=True, blank=True, on_delete=models.PROTECT, related_name="recipes"
    )

    objects = RecipeQuerySet.as_manager()

    class Meta:
        ordering = ("code",)

    def __str__(self) -> str:
        return self.title


class RecipeState(models.TextChoices):
    DRAFT = "draft", _("Draft")
    SUBMITTED = "submitted", _("Waiting for a signature")
    APPROVED = "approved", _("Approved")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class RecipeVersion(models.Model):
    """One version of a recipe; once submitted its body and hash never change."""

    recipe = models.ForeignKey(Recipe, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    body = models.JSONField()
    sha256 = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=RecipeState.choices, default=RecipeState.DRAFT)
    written_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    written_at = models.DateTimeField(auto_now_add=True)
    approved_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    approved_at = models.DateTimeField(null=True, blank=True)

    objects = RecipeVersionQuerySet.as_manager()

    class Meta:
        ordering = ("recipe", "-number")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["recipe", "number"], name="recipe_version_once"),
            models.CheckConstraint(
                condition=~models.Q(state=RecipeState.APPROVED)
                | models.Q(approved_by__isnull=False, approved_at__isnull=False),
                name="recipe_approved_is_signed",
                violation_error_message=_("An approved recipe version carries a signature."),
            ),
            models.CheckConstraint(
                condition=models.Q(approved_by=None)
                | ~models.Q(approved_by=models.F("written_by")),
                name="recipe_not_signed_by_its_writer",
                violation_error_message=_("A recipe is signed by somebody else than its writer."),
            ),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(
                name="signed_body_stays",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__state__in=["submitted", "approved", "withdrawn"])
                & (
                    pgtrigger.Q(old__body__df=pgtrigger.F("new__body"))
                    | pgtrigger.Q(old__sha256__df=pgtrigger.F("new__sha256"))
                ),
            ),
            pgtrigger.FSM(
                name="state_path",
                field="state",
                transitions=[
                    ("draft", "submitted"),
                    ("submitted", "approved"),
                    ("submitted", "draft"),
                    ("submitted", "withdrawn"),
                    ("approved", "withdrawn"),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.recipe} v{self.number}"


class Route(Named):
    """An ordered list of operations; a new version is a new route."""

    version = models.PositiveIntegerField(default=1)

    objects = RouteQuerySet.as_manager()

    class Meta:
        ordering = ("code",)


class Sampling(models.TextChoices):
    """Which of a lot's wafers an operation asks for; see `testbed.process.sampling`."""

    ALL = "all", _("Every wafer")
    EVERY = "every", _("Every nth wafer")
    LISTED = "listed", _("Listed slots")
    RANDOM = "random", _("n wafers at random")


MOST_WAFERS = 25
_SAMPLED_BY_NUMBER = models.Q(
    sampling__in=["every", "random"],
    sampling_number__isnull=False,
    sampling_number__gte=1,
    sampling_number__lte=MOST_WAFERS,
    sampling_slots=[],
)
_SAMPLED_BY_SLOT = models.Q(sampling="listed", sampling_number=None) & ~models.Q(sampling_slots=[])
_NOT_SAMPLED = models.Q(sampling="all", sampling_number=None, sampling_slots=[])


class Operation(models.Model):
    """One step of a route: a signed recipe on a kind of tool."""

    route = models.ForeignKey(Route, on_delete=models.PROTECT, related_name="operations")
    position = models.PositiveSmallIntegerField()
    name_ko = models.CharField(max_length=60)
    name_en = models.CharField(max_length=60)
    tool_kind = models.SlugField(max_length=20)
    recipe = models.ForeignKey(Recipe, on_delete=models.PROTECT, related_name="+")
    is_measurement = models.BooleanField(default=False)
    capability = models.ForeignKey(
        Capability, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="only tools with this capability; empty: any tool of the kind",
    )  # fmt: skip
    minutes = models.PositiveSmallIntegerField(default=30, help_text="tool time without wafers")
    minutes_per_wafer = models.PositiveSmallIntegerField(default=0)
    within_minutes = models.PositiveIntegerField(
        null=True, blank=True,
        help_text="queue-time limit: latest start after the operation before has ended",
    )  # fmt: skip
    sampling = models.CharField(max_length=8, choices=Sampling.choices, default=Sampling.ALL)
    sampling_number = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="every nth, or how many at random"
    )
    sampling_slots = ArrayField(models.PositiveSmallIntegerField(), default=list, blank=True)
    max_rework = models.PositiveSmallIntegerField(
        default=0, help_text="how often a wafer may go through it again"
    )
    is_rework_only = models.BooleanField(
        default=False, help_text="a strip: only wafers that are reworked go through it"
    )

    class Meta:
        ordering = ("route", "position")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=_NOT_SAMPLED | _SAMPLED_BY_NUMBER | _SAMPLED_BY_SLOT,
                name="operation_sampling_is_whole",
                violation_error_message=_("The sampling plan lacks its number or its slots."),
            ),
            models.UniqueConstraint(fields=["route", "position"], name="operation_position_once"),
        ]

    def __str__(self) -> str:
        return self.name_ko if get_language() == "ko" else self.name_en
