"""Travelers, runs, steps, the hash-chained log, leases, and what a run leaves behind."""

import uuid
from typing import ClassVar

import pgtrigger
from django.db import models
from django.utils.translation import gettext_lazy as _

from testbed.booking.models import Booking
from testbed.material.models import Lot, SubstrateState, Wafer
from testbed.people.models import Company, User
from testbed.process.models import Operation, RecipeVersion, Route
from testbed.runs.querysets import (
    DataQuerySet,
    RunEventQuerySet,
    RunQuerySet,
    StepQuerySet,
    TravelerQuerySet,
)
from testbed.runs.states import RUN_PATHS, STEP_PATHS, RunState, StepState, pairs
from testbed.tools.models import Tool


class PausedBy(models.TextChoices):
    """Who may let a paused run go on: a person, or the supply that failed, once it has settled."""

    PERSON = "person", _("A person")
    SUPPLY = "supply", _("A supply of the building")


class Traveler(models.Model):
    """A lot's way through one route; its runs may stand under several bookings."""

    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="travelers")
    route = models.ForeignKey(Route, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = TravelerQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["lot", "route"],
                condition=models.Q(closed_at=None),
                name="traveler_one_open_per_route",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.lot} · {self.route}"


class Run(models.Model):
    """One operation of a traveler on one tool: the document of what was done."""

    traveler = models.ForeignKey(Traveler, on_delete=models.PROTECT, related_name="runs")
    operation = models.ForeignKey(Operation, on_delete=models.PROTECT, related_name="runs")
    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="runs")
    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="runs")
    tool = models.ForeignKey(Tool, on_delete=models.PROTECT, related_name="runs")
    recipe_version = models.ForeignKey(RecipeVersion, on_delete=models.PROTECT, related_name="+")
    recipe_sha256 = models.CharField(max_length=64)
    attempt = models.PositiveSmallIntegerField(
        default=1, help_text="2 and more: these wafers are reworked"
    )
    sampling = models.JSONField(
        default=dict, blank=True,
        help_text="the plan at the start: kind, number, seed, planned, added, left_out",
    )  # fmt: skip
    split = models.JSONField(
        default=dict, blank=True, help_text="slot, dotted path, value: what differs by wafer"
    )
    state = models.CharField(max_length=12, choices=RunState.choices, default=RunState.QUEUED)
    started_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    tool_identity = models.JSONField(default=dict)
    ask = models.CharField(
        max_length=8,
        blank=True,
        choices=[
            ("pause", _("Pause before the next step")),
            ("stop", _("Stop after this step")),
            ("abort", _("Abort now")),
        ],
        help_text="a person's wish, read by the worker before each write",
    )
    asked_at = models.DateTimeField(null=True, blank=True)
    asked_why = models.CharField(max_length=200, blank=True, help_text="why a pause is asked for")
    asked_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    paused_by = models.CharField(max_length=6, blank=True, choices=PausedBy.choices)
    paused_why = models.CharField(
        max_length=200, blank=True, help_text="a person's reason, or the codes of the supplies"
    )
    resume_at = models.DateTimeField(
        null=True, blank=True, help_text="when a supply that is back will have settled"
    )
    held_why = models.CharField(max_length=30, blank=True, help_text="see `log.REASONS`")
    evidence = models.JSONField(
        default=dict, help_text="what is known while a person decides: error, what the tool says"
    )
    event_count = models.PositiveIntegerField(default=0)
    head_hash = models.CharField(
        max_length=64, blank=True, help_text="hash of the newest event: a cut tail shows"
    )
    safe_sent_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True, help_text="when the sweep rings")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField(auto_now=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["traveler", "operation"],
                condition=models.Q(state__in=["queued", "setting_up", "running", "paused", "held"]),
                name="run_one_open_per_operation",
                violation_error_message=_("This operation of the lot is running already."),
            ),
            models.CheckConstraint(
                condition=models.Q(state="paused") & ~models.Q(paused_by="")
                | ~models.Q(state="paused") & models.Q(paused_by=""),
                name="run_paused_by_somebody",
            ),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.FSM(name="state_path", field="state", transitions=pairs(RUN_PATHS)),
            pgtrigger.Trigger(
                name="takes_its_tool",
                operation=pgtrigger.Insert,
                when=pgtrigger.After,
                func="""
                    INSERT INTO runs_runtool (run_id, tool_id, is_open, identity)
                    VALUES (NEW.id, NEW.tool_id, TRUE, '{}');
                    RETURN NULL;
                """,
            ),
            pgtrigger.Trigger(
                name="gives_its_tools_back",
                operation=pgtrigger.Update,
                when=pgtrigger.After,
                condition=pgtrigger.AnyChange("state"),
                func="""
                    UPDATE runs_runtool SET is_open =
                        NEW.state NOT IN ('completed', 'stopped', 'aborted', 'failed')
                    WHERE run_id = NEW.id;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"R{self.pk:05d}" if self.pk else "R-----"

    def tools(self) -> list[Tool]:
        """Every tool of the run in the order in which they are locked and leased (by pk)."""
        return list(Tool.objects.filter(run_tools__run=self).order_by("pk"))


class RunTool(models.Model):
    """A tool of a run; `Run.tool` is the one that the document stands under.

    The database writes the first row with the run and keeps `is_open` true to the run's state,
    so a tool has one open run whichever of its tools it is.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="run_tools")
    tool = models.ForeignKey(Tool, on_delete=models.PROTECT, related_name="run_tools")
    is_open = models.BooleanField(default=True)
    identity = models.JSONField(default=dict, help_text="who answered at its address")

    class Meta:
        ordering = ("run", "tool")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["run", "tool"], name="run_tool_once"),
            models.UniqueConstraint(
                fields=["tool"],
                condition=models.Q(is_open=True),
                name="run_one_open_per_tool",
                violation_error_message=_("Another run is open on this tool."),
            ),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Trigger(
                name="open_as_its_run",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                func="""
                    SELECT state NOT IN ('completed', 'stopped', 'aborted', 'failed')
                    INTO NEW.is_open FROM runs_run WHERE id = NEW.run_id;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.tool_id}"


class RunWafer(models.Model):
    """A wafer's part in a run, with its SEMI E90 state."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="run_wafers")
    wafer = models.ForeignKey(Wafer, on_delete=models.PROTECT, related_name="run_wafers")
    state = models.CharField(
        max_length=20, choices=SubstrateState.choices, default=SubstrateState.NEEDS_PROCESSING
    )

    class Meta:
        ordering = ("run", "wafer__slot")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["run", "wafer"], name="run_wafer_once"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.wafer_id}"


class Step(models.Model):
    """One exchange with the tool; its intent is committed before the wire is touched."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="steps")
    # One of the run's tools: the migration lays a foreign key over (run, tool) to RunTool.
    tool = models.ForeignKey(Tool, on_delete=models.PROTECT, related_name="steps")
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=30)
    title = models.CharField(max_length=120)
    token = models.UUIDField(default=uuid.uuid4, unique=True)
    wafer = models.ForeignKey(
        Wafer, null=True, blank=True, on_delete=models.PROTECT, related_name="steps"
    )
    slot = models.PositiveSmallIntegerField(null=True, blank=True)
    params = models.JSONField(default=dict)
    after_unknown = models.CharField(max_length=10)
    is_process = models.BooleanField(default=False)
    state = models.CharField(max_length=8, choices=StepState.choices, default=StepState.PENDING)
    handle = models.CharField(max_length=60, blank=True)
    progress = models.FloatField(default=0)
    message = models.CharField(max_length=300, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    intent_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = StepQuerySet.as_manager()

    class Meta:
        ordering = ("run", "seq")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["run", "seq"], name="step_seq_once"),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.FSM(name="state_path", field="state", transitions=pairs(STEP_PATHS)),
            pgtrigger.Protect(
                name="done_stays_done",
                operation=pgtrigger.Delete,
                condition=pgtrigger.Q(old__state__in=["intent", "sent", "done", "unknown"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run_id}.{self.seq} {self.title}"


class RunEvent(models.Model):
    """A line of the run's log; each hashes the one before (see `testbed.runs.log`)."""

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="events")
    seq = models.PositiveIntegerField()
    at = models.DateTimeField()
    actor = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=40)
    data = models.JSONField(default=dict)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    objects = RunEventQuerySet.as_manager()

    class Meta:
        ordering = ("run", "seq")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["run", "seq"], name="run_event_seq_once"),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.run_id}#{self.seq} {self.kind}"


class Lease(models.Model):
    """Who may write to a tool now. One row a tool; `epoch` grows with every claim.

    free: no holder, no expiry · held: a holder until `expires_at` · parked: no holder, but the
    tool is at work and somebody must look before `expires_at` (see `testbed.runs.lease`).
    """

    tool = models.OneToOneField(Tool, on_delete=models.CASCADE, related_name="lease")
    run = models.ForeignKey(Run, null=True, blank=True, on_delete=models.SET_NULL)
    holder = models.CharField(max_length=80, blank=True)
    epoch = models.PositiveBigIntegerField(default=0)
    expires_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.tool_id} {self.holder} #{self.epoch}"


class WireLog(models.Model):
    """The exchanges on the wire around a failure, kept with the run."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="wire_logs")
    step = models.ForeignKey(Step, null=True, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    exchanges = models.JSONField()

    class Meta:
        ordering = ("run", "pk")
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.at}"


class Quality(models.TextChoices):
    GOOD = "good", _("Good")
    LATE = "late", _("Late")
    OUT_OF_RANGE = "out_of_range", _("Out of range")
    STALE = "stale", _("Stale")
    NOT_RESOLVED = "not_resolved", _("Not resolved")
    RESHOT = "reshot", _("Measured again")


class Datum(models.Model):
    """What every recorded value carries: its run, step, wafer, key and unit."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="%(class)s_set")
    step = models.ForeignKey(Step, on_delete=models.CASCADE, related_name="+")
    wafer = models.ForeignKey(Wafer, null=True, blank=True, on_delete=models.PROTECT)
    key = models.CharField(max_length=40)
    unit = models.CharField(max_length=20, blank=True)
    quality = models.CharField(max_length=12, choices=Quality.choices, default=Quality.GOOD)

    objects = DataQuerySet.as_manager()

    class Meta:
        abstract = True


class Reading(Datum):
    """One number from a tool."""

    value = models.FloatField()
    at = models.DateTimeField()

    class Meta:
        ordering = ("run", "pk")


class SiteReading(Datum):
    """One number at a place on a wafer: field column/row (0,0 = centre), mm from the centre."""

    value = models.FloatField()
    field_col = models.SmallIntegerField()
    field_row = models.SmallIntegerField()
    x_mm = models.FloatField()
    y_mm = models.FloatField()

    class Meta:
        ordering = ("run", "wafer", "field_row", "field_col")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["step", "wafer", "key", "field_col", "field_row"],
                name="site_reading_once",
            ),
        ]


class TraceBlock(Datum):
    """float32 samples at an even spacing, zlib-compressed, with their envelope and SHA-256."""

    t0_s = models.FloatField()
    dt_s = models.FloatField()
    count = models.PositiveIntegerField()
    minimum = models.FloatField()
    maximum = models.FloatField()
    mean = models.FloatField()
    sha256 = models.CharField(max_length=64)
    samples = models.BinaryField()

    class Meta:
        ordering = ("run", "wafer", "key", "t0_s")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["step", "key", "t0_s"], name="trace_block_once"),
        ]


from testbed.runs.hold_models import LotHold as LotHold  # noqa: E402
from testbed.runs.hold_models import QueueClock as QueueClock  # noqa: E402
from testbed.runs.photo_models import RunPhoto as RunPhoto  # noqa: E402
from testbed.runs.route_models import Rework as Rework  # noqa: E402
from testbed.runs.route_models import ReworkWafer as ReworkWafer  # noqa: E402
from testbed.runs.route_models import ScrappedWafer as ScrappedWafer  # noqa: E402
from testbed.runs.split_models import Split as Split  # noqa: E402
from testbed.runs.stream_models import Stream as Stream  # noqa: E402
from testbed.runs.stream_models import StreamBlock as StreamBlock  # noqa: E402
