"""The catalogue: areas, cells, tools, and each tool's line of SEMI E10 states."""

from datetime import datetime, timedelta
from typing import ClassVar

import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeBoundary, RangeOperators
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from testbed.people.models import Company, User
from testbed.tools.querysets import (
    LoadingQuerySet,
    QualificationQuerySet,
    StateSpanQuerySet,
    SupplyQuerySet,
    ToolQuerySet,
    TrainingQuerySet,
)


class Area(models.TextChoices):
    LITHO = "litho", _("Lithography")
    ETCH = "etch", _("Etch")
    DEPOSITION = "deposition", _("Deposition")
    PLANAR = "planar", _("Planarisation")
    WET = "wet", _("Wet clean")
    METROLOGY = "metrology", _("Metrology")
    TEST = "test", _("Electrical test")


class ContaminationClass(models.IntegerChoices):
    """Cleanest first: a wafer may only move to an equal or dirtier tool."""

    FEOL = 0, _("FEOL clean")
    RESIST = 1, _("Resist only")
    BEOL = 2, _("Non-copper BEOL")
    COPPER = 3, _("Copper")
    BACKSIDE = 4, _("Backside dirty")


class E10State(models.TextChoices):
    """SEMI E10: what the tool does, not who does it."""

    PRODUCTIVE = "productive", _("Productive")
    STANDBY = "standby", _("Standby")
    ENGINEERING = "engineering", _("Engineering")
    SCHEDULED_DOWN = "scheduled_down", _("Scheduled down")
    UNSCHEDULED_DOWN = "unscheduled_down", _("Unscheduled down")
    NON_SCHEDULED = "non_scheduled", _("Non-scheduled")


class Named(models.Model):
    """Something with a short code and a name in both languages."""

    code = models.SlugField(max_length=20, unique=True)
    name_ko = models.CharField(max_length=60)
    name_en = models.CharField(max_length=60)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name_ko if get_language() == "ko" else self.name_en


class Cell(Named):
    """Tools that are booked together: the litho cell is track + scanner."""

    class Meta:
        ordering = ("code",)


class Capability(Named):
    """What tools of the facility can do, in people's words: "ArF immersion exposure ≤ 38 nm"."""

    class Meta:
        ordering = ("code",)
        verbose_name_plural = "capabilities"


class Tool(Named):
    """One machine on the floor."""

    kind = models.SlugField(max_length=20, help_text="driver folder in `instruments`")
    area = models.CharField(max_length=12, choices=Area.choices)
    cell = models.ForeignKey(
        Cell, null=True, blank=True, on_delete=models.PROTECT, related_name="tools"
    )
    contamination_class = models.PositiveSmallIntegerField(choices=ContaminationClass.choices)
    rate_won_per_hour = models.PositiveIntegerField()
    opens_at = models.TimeField(help_text="KST; equal to closes_at = around the clock")
    closes_at = models.TimeField(help_text="KST")
    works_weekends = models.BooleanField(default=False)
    registration_number = models.CharField(max_length=30, unique=True, help_text="NFEC")
    serial = models.CharField(max_length=40, unique=True)
    visa_resource = models.CharField(max_length=120, blank=True)
    is_simulated = models.BooleanField(default=True)
    is_bookable = models.BooleanField(default=True)
    emergency_stop_at = models.DateTimeField(null=True, blank=True)
    position = models.PositiveSmallIntegerField(default=0)
    capabilities = models.ManyToManyField(Capability, blank=True, related_name="tools")

    objects = ToolQuerySet.as_manager()

    class Meta:
        ordering = ("position", "code")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["visa_resource"],
                condition=~models.Q(visa_resource=""),
                name="tool_one_visa_resource",
                violation_error_message=_("Another tool already uses this VISA resource."),
            ),
        ]

    @property
    def is_around_the_clock(self) -> bool:
        return self.opens_at == self.closes_at

    @property
    def queue(self) -> str:
        """The Celery queue that only this tool's worker reads."""
        return f"tool.{self.code}"


class StateSpan(models.Model):
    """A stretch of a tool's time in one E10 state; the open one is the present state."""

    tool = models.ForeignKey(Tool, on_delete=models.PROTECT, related_name="state_spans")
    state = models.CharField(max_length=20, choices=E10State.choices)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=120, blank=True)
    run_id = models.BigIntegerField(null=True, blank=True)

    objects = StateSpanQuerySet.as_manager()

    class Meta:
        ordering = ("tool", "started_at")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            ExclusionConstraint(
                name="state_span_one_at_a_time",
                expressions=[
                    ("tool", RangeOperators.EQUAL),
                    (
                        models.Func(
                            "started_at",
                            "ended_at",
                            RangeBoundary(),
                            function="TSTZRANGE",
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                violation_error_message=_("A tool is in one state at a time."),
            ),
            models.CheckConstraint(
                condition=models.Q(ended_at=None) | models.Q(ended_at__gte=models.F("started_at")),
                name="state_span_ends_after_start",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tool_id} {self.state}"

    def length(self, until: datetime) -> timedelta:
        """Time from start to its end, or to `until` while it is open."""
        return (self.ended_at or until) - self.started_at


class Qualification(models.Model):
    """That a person may operate a tool alone. Without `valid_until` it does not lapse by date."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="qualifications")
    tool = models.ForeignKey(Tool, on_delete=models.CASCADE, related_name="qualifications")
    granted_at = models.DateTimeField()
    granted_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    valid_until = models.DateField(null=True, blank=True, help_text="last day, in Korea")

    objects = QualificationQuerySet.as_manager()

    class Meta:
        ordering = ("tool", "user")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "tool"], name="qualification_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.tool_id}"


class Course(Named):
    """A training (교육) asked for before somebody works on some tools, or anywhere in an area."""

    tools = models.ManyToManyField(Tool, blank=True, related_name="courses")
    area = models.CharField(max_length=12, blank=True, choices=Area.choices)

    class Meta:
        ordering = ("code",)


class Training(models.Model):
    """That a person has passed a course; without `valid_until` it does not lapse."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="trainings")
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="trainings")
    completed_on = models.DateField(help_text="in Korea")
    valid_until = models.DateField(null=True, blank=True, help_text="last day, in Korea")
    trainer = models.CharField(max_length=60, blank=True)
    recorded_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    objects = TrainingQuerySet.as_manager()

    class Meta:
        ordering = ("course", "user")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "course"], name="training_once"),
            models.CheckConstraint(
                condition=models.Q(valid_until=None)
                | models.Q(valid_until__gte=models.F("completed_on")),
                name="training_ends_after_it",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.course_id}"


class SupplyKind(models.TextChoices):
    RETICLE = "reticle", _("Reticle")
    RESIST = "resist", _("Resist")
    GAS = "gas", _("Gas")
    CONSUMABLE = "consumable", _("Consumable")


class Supply(Named):
    """What a tool works with: a reticle, a resist, a gas, a consumable.

    Owned by a company, or by the facility (company empty). quantity: pieces left, empty when
    nobody counts them. A reticle is one thing and is only in one place.
    """

    kind = models.CharField(max_length=12, choices=SupplyKind.choices)
    company = models.ForeignKey(
        Company, null=True, blank=True, on_delete=models.PROTECT, related_name="supplies"
    )
    tools = models.ManyToManyField(Tool, blank=True, related_name="supplies")
    quantity = models.PositiveIntegerField(null=True, blank=True)
    unavailable_until = models.DateTimeField(null=True, blank=True)
    expires_on = models.DateField(null=True, blank=True, help_text="last day, in Korea")
    is_withdrawn = models.BooleanField(default=False)

    objects = SupplyQuerySet.as_manager()

    class Meta:
        ordering = ("kind", "code")


# Two loadings of one reticle go through its row one after the other.
RETICLE_IN_ONE_PLACE = """
PERFORM 1 FROM tools_supply WHERE id = NEW.supply_id AND kind = 'reticle' FOR NO KEY UPDATE;
IF FOUND AND EXISTS (
    SELECT 1 FROM tools_loading AS other
    WHERE other.supply_id = NEW.supply_id AND other.id <> NEW.id AND other.unloaded_at IS NULL
) THEN
    RAISE EXCEPTION 'reticle_elsewhere'
        USING ERRCODE = '23505', CONSTRAINT = 'loading_reticle_elsewhere';
END IF;
RETURN NEW;
"""


class Loading(models.Model):
    """A supply in a tool, from when on; the open ones are the tool's present configuration."""

    tool = models.ForeignKey(Tool, on_delete=models.CASCADE, related_name="loadings")
    supply = models.ForeignKey(Supply, on_delete=models.CASCADE, related_name="loadings")
    loaded_at = models.DateTimeField()
    unloaded_at = models.DateTimeField(null=True, blank=True)
    loaded_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    objects = LoadingQuerySet.as_manager()

    class Meta:
        ordering = ("tool", "loaded_at")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["tool", "supply"],
                condition=models.Q(unloaded_at=None),
                name="loading_once",
            ),
            models.CheckConstraint(
                condition=models.Q(unloaded_at=None)
                | models.Q(unloaded_at__gte=models.F("loaded_at")),
                name="loading_ends_after_start",
            ),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Trigger(
                name="reticle_in_one_place",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                condition=pgtrigger.Q(new__unloaded_at__isnull=True),
                func=RETICLE_IN_ONE_PLACE,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tool_id} {self.supply_id}"


class Clean(Named):
    """A certified clean: takes wafers of classes down to `from_class` back to `to_class`."""

    tool_kind = models.SlugField(max_length=20)
    from_class = models.PositiveSmallIntegerField(choices=ContaminationClass.choices)
    to_class = models.PositiveSmallIntegerField(choices=ContaminationClass.choices)
    cost_won = models.PositiveIntegerField(help_text="a lot, before VAT")

    class Meta:
        ordering = ("cost_won", "code")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(to_class__lt=models.F("from_class")),
                name="clean_makes_cleaner",
                violation_error_message=_("A clean ends in a cleaner class than it begins with."),
            ),
        ]


from testbed.tools.pulse_model import Pulse as Pulse  # noqa: E402
from testbed.tools.pulse_model import Trouble as Trouble  # noqa: E402
