"""The catalogue: areas, cells, tools, and each tool's line of SEMI E10 states."""

from datetime import datetime, timedelta
from typing import ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeBoundary, RangeOperators
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from testbed.people.models import User
from testbed.tools.querysets import StateSpanQuerySet, ToolQuerySet


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

    class Meta:
        ordering = ("tool", "user")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "tool"], name="qualification_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.tool_id}"
