"""Time nobody can have, why, and what became of each booking that stood in it."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from testbed.booking.models import Allocation, Booking
from testbed.outages.querysets import (
    OccurrenceQuerySet,
    OutageQuerySet,
    RebookingQuerySet,
    SupplyFailureQuerySet,
    UtilityQuerySet,
)
from testbed.people.models import User
from testbed.tools.models import Area, Named, Tool


class OutageKind(models.TextChoices):
    """The same words as of the claims they make (`AllocationKind`)."""

    CLOSURE = "closure", _("Closure")
    MAINTENANCE = "maintenance", _("Maintenance")
    OUTAGE = "outage", _("Outage")


class Scope(models.TextChoices):
    TOOLS = "tools", _("Tools")
    AREA = "area", _("A whole area")
    FACILITY = "facility", _("The whole facility")
    UTILITY = "utility", _("The tools that need a supply")


class Repeat(models.TextChoices):
    ONCE = "once", _("Once")
    WEEKLY = "weekly", _("Every week, or every few weeks")
    MONTHLY = "monthly", _("Every month, on the same weekday")


class Utility(Named):
    """What the building supplies to several tools: DI water, exhaust, chilled water, power."""

    tools = models.ManyToManyField(Tool, blank=True, related_name="utilities")
    settle_s = models.PositiveIntegerField(
        default=300, help_text="seconds from its return until paused runs go on"
    )

    objects = UtilityQuerySet.as_manager()

    class Meta:
        ordering = ("code",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(settle_s__lte=86_400),
                name="utility_settles_within_a_day",
                violation_error_message=_("A supply settles within a day."),
            ),
        ]


class SupplyFailure(models.Model):
    """A supply is down right now, as a person or the building's own alarm reported it.

    It closes no time of a timetable (an outage does); tools at work pause before their next step.
    """

    utility = models.ForeignKey(Utility, on_delete=models.PROTECT, related_name="failures")
    reason = models.CharField(max_length=120, blank=True)
    began_at = models.DateTimeField()
    reported_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    objects = SupplyFailureQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["utility"], condition=models.Q(ended_at=None), name="supply_fails_once"
            ),
            models.CheckConstraint(
                condition=models.Q(ended_at=None, ended_by=None)
                | models.Q(ended_at__gte=models.F("began_at"), ended_by__isnull=False),
                name="supply_failure_ends_after_start",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.utility_id} {self.began_at:%Y-%m-%d %H:%M}"


class Outage(models.Model):
    """A closure, a maintenance or a failure: which tools, from when to when, how often, why.

    tools: those closed, as they were when it was announced. weekdays: 0 is Monday; exceptions:
    days left out, ISO 8601. The times of a repeated one are its occurrences.
    """

    kind = models.CharField(max_length=12, choices=OutageKind.choices)
    scope = models.CharField(max_length=8, choices=Scope.choices)
    area = models.CharField(max_length=12, choices=Area.choices, blank=True)
    utility = models.ForeignKey(
        Utility, null=True, blank=True, on_delete=models.PROTECT, related_name="outages"
    )
    tools = models.ManyToManyField(Tool, related_name="outages")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    repeat = models.CharField(max_length=7, choices=Repeat.choices, default=Repeat.ONCE)
    every = models.PositiveSmallIntegerField(default=1, help_text="every so many weeks or months")
    weekdays = models.JSONField(default=list)
    until = models.DateField(null=True, blank=True, help_text="last day, in Korea")
    exceptions = models.JSONField(default=list)
    reason_ko = models.CharField(max_length=80)
    reason_en = models.CharField(max_length=80)
    note = models.CharField(max_length=120, blank=True, help_text="for the staff alone")
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    withdrawn_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects = OutageQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")),
                name="outage_ends_after_start",
                violation_error_message=_("A closure ends after it starts."),
            ),
            models.CheckConstraint(
                condition=models.Q(scope=Scope.UTILITY, utility__isnull=False)
                | (~models.Q(scope=Scope.UTILITY) & models.Q(utility=None)),
                name="outage_names_its_supply",
                violation_error_message=_("Name the supply that fails."),
            ),
            models.CheckConstraint(
                condition=models.Q(repeat=Repeat.ONCE) | models.Q(until__isnull=False),
                name="outage_repeat_ends",
                violation_error_message=_("A repeated closure has a last day."),
            ),
        ]

    def __str__(self) -> str:
        return f"{OutageKind(self.kind).label} · {self.reason}"

    @property
    def reason(self) -> str:
        """The public reason in the reader's language, the failing supply named first."""
        return self.reason_in(get_language() or "ko")

    def reason_in(self, language: str) -> str:
        name = "name_ko" if language == "ko" else "name_en"
        words = self.reason_ko if language == "ko" else self.reason_en
        return f"{getattr(self.utility, name)}: {words}" if self.utility else words

    @property
    def days_ahead(self) -> int:
        """How many whole days before its first start it was announced."""
        return max(0, (self.starts_at - self.created_at).days)


class OutageOccurrence(models.Model):
    """One time of an outage; while it is live, its tools are claimed for all of it."""

    outage = models.ForeignKey(Outage, on_delete=models.PROTECT, related_name="occurrences")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    live = models.BooleanField(default=True)
    claims = models.ManyToManyField(Allocation, related_name="occurrences")

    objects = OccurrenceQuerySet.as_manager()

    class Meta:
        ordering = ("starts_at", "pk")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["live", "ends_at"]),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")),
                name="occurrence_ends_after_start",
            ),
            models.UniqueConstraint(
                fields=["outage", "starts_at"],
                condition=models.Q(live=True),
                name="occurrence_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.outage_id} {self.starts_at:%Y-%m-%d %H:%M}"


class Fate(models.TextChoices):
    """What the facility did with a booking that stood in the way."""

    MOVED = "moved", _("Moved")
    OFFERED = "offered", _("Other times offered")
    CANCELLED = "cancelled", _("Cancelled at no cost")


class RebookingState(models.TextChoices):
    OPEN = "open", _("Waits for the company's answer")
    ACCEPTED = "accepted", _("Accepted")
    CHANGED = "changed", _("Another time was chosen")
    DECLINED = "declined", _("Given back at no cost")
    LAPSED = "lapsed", _("No answer; it stands as it was placed")
    SETTLED = "settled", _("No answer is needed")


class Rebooking(models.Model):
    """What one outage did to one booking, and the company's answer to it.

    proposed: the free slots nearest in time as the announcer saw them, {starts_at, ends_at,
    tools}. to_*: where it was moved, empty unless it was.
    """

    outage = models.ForeignKey(Outage, on_delete=models.PROTECT, related_name="rebookings")
    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="rebookings")
    fate = models.CharField(max_length=9, choices=Fate.choices)
    state = models.CharField(max_length=8, choices=RebookingState.choices)
    former_state = models.CharField(max_length=10)
    from_starts_at = models.DateTimeField()
    from_ends_at = models.DateTimeField()
    to_starts_at = models.DateTimeField(null=True, blank=True)
    to_ends_at = models.DateTimeField(null=True, blank=True)
    proposed = models.JSONField(default=list)
    answer_by = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    decided_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)

    objects = RebookingQuerySet.as_manager()

    class Meta:
        ordering = ("from_starts_at", "pk")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["booking"],
                condition=models.Q(state=RebookingState.OPEN),
                name="rebooking_one_open",
            ),
            models.CheckConstraint(
                condition=(models.Q(fate=Fate.MOVED) & models.Q(to_starts_at__isnull=False))
                | (~models.Q(fate=Fate.MOVED) & models.Q(to_starts_at=None)),
                name="rebooking_moved_somewhere",
            ),
            models.CheckConstraint(
                condition=(
                    models.Q(state=RebookingState.OPEN, decided_at=None)
                    & models.Q(answer_by__isnull=False)
                )
                | (~models.Q(state=RebookingState.OPEN) & models.Q(decided_at__isnull=False)),
                name="rebooking_open_or_decided",
            ),
            models.CheckConstraint(
                condition=~models.Q(fate=Fate.CANCELLED, state=RebookingState.OPEN),
                name="rebooking_cancelled_is_settled",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.booking} {self.fate}"

    def is_waiting(self) -> bool:
        """True while the company may still answer (see `RebookingQuerySet.waiting`)."""
        return (
            self.state == RebookingState.OPEN
            and self.booking.moved_by_facility_at is not None
            and self.booking.state in ("pending", "confirmed", "displaced")
        )

    def is_late(self, now: datetime) -> bool:
        return self.answer_by is not None and self.answer_by <= now
