"""Shapes of runs in the API, and the reads that every endpoint of theirs begins with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response

from testbed.material.models import SLOTS
from testbed.runs import control, log
from testbed.runs.causes import cause_of
from testbed.runs.choices import choices
from testbed.runs.models import Run, RunEvent, RunWafer, Step, WireLog
from testbed.runs.progress import progress_of
from testbed.runs.states import RunState, StepState

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

BIGGEST = 2**31 - 1
STEP_FIELDS = (
    "seq", "tool", "kind", "title", "slot", "state", "is_process", "progress", "message",
    "attempts", "intent_at", "ended_at", "cause",
)  # fmt: skip


class CauseSerializer(serializers.Serializer[Any]):
    """In the reader's language; the technical words stand beside it as they are."""

    happened = serializers.CharField()
    next_step = serializers.CharField()


def caused(error: str) -> dict[str, Any] | None:
    cause = cause_of(error)
    return None if cause is None else dict(CauseSerializer(cause._asdict()).data)


class StepSerializer(serializers.ModelSerializer[Step]):
    tool = serializers.CharField(source="tool.code")
    cause = serializers.SerializerMethodField(help_text="why it failed, or why nobody knows")

    class Meta:
        model = Step
        fields = STEP_FIELDS

    @extend_schema_field(CauseSerializer(allow_null=True))
    def get_cause(self, step: Step) -> dict[str, Any] | None:
        is_over = step.state in (StepState.FAILED, StepState.UNKNOWN)
        return caused(step.message) if is_over else None


class RunWaferSerializer(serializers.ModelSerializer[RunWafer]):
    slot = serializers.IntegerField(source="wafer.slot")
    wafer_id = serializers.CharField(source="wafer.wafer_id")

    class Meta:
        model = RunWafer
        fields = ("slot", "wafer_id", "state")


class ChoiceSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    consequence = serializers.CharField()


class ProgressSerializer(serializers.Serializer[Any]):
    fraction = serializers.FloatField()
    wafers_done = serializers.IntegerField()
    wafers = serializers.IntegerField()
    elapsed_s = serializers.FloatField(allow_null=True)
    remaining_s = serializers.FloatField(allow_null=True)


class RunSerializer(serializers.ModelSerializer[Run]):
    """One line of the list."""

    name = serializers.CharField(source="__str__")
    tool = serializers.CharField(source="tool.code")
    lot = serializers.CharField(source="traveler.lot.code")
    operation = serializers.IntegerField(source="operation.position")
    operation_name = serializers.CharField(source="operation.__str__")
    company = serializers.CharField(source="company.business_number")
    age_s = serializers.SerializerMethodField(help_text="seconds since the run last changed")

    class Meta:
        model = Run
        fields = (
            "id", "name", "state", "tool", "lot", "booking", "traveler", "operation",
            "operation_name", "company", "ask", "held_why", "created_at", "started_at",
            "ended_at", "changed_at", "age_s", "paused_by", "paused_why", "resume_at",
        )  # fmt: skip

    def get_age_s(self, run: Run) -> float:
        return round((timezone.now() - run.changed_at).total_seconds(), 3)


class RunDetailSerializer(RunSerializer):
    """A run with its steps, wafers, progress and, while held, what may be decided."""

    progress = serializers.SerializerMethodField()
    steps = StepSerializer(many=True)
    wafers = RunWaferSerializer(many=True, source="run_wafers")
    tools = serializers.SerializerMethodField(help_text="codes of every tool that the run holds")
    recipe = serializers.CharField(source="recipe_version.__str__")
    evidence = serializers.JSONField(help_text="while held: error, what the tool says, safe sent")
    cause = serializers.SerializerMethodField(help_text="while held: what the error means")
    choices = serializers.SerializerMethodField()

    class Meta(RunSerializer.Meta):
        fields = (  # type: ignore[assignment]
            *RunSerializer.Meta.fields,
            "recipe", "recipe_sha256", "tool_identity", "safe_sent_at", "event_count",
            "head_hash", "progress", "tools", "wafers", "steps", "evidence", "cause", "choices",
        )  # fmt: skip

    @extend_schema_field(ProgressSerializer)
    def get_progress(self, run: Run) -> dict[str, Any]:
        found = progress_of(run, list(run.steps.all()), timezone.now())
        return dict(ProgressSerializer(found).data)

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_tools(self, run: Run) -> list[str]:
        return [one.tool.code for one in run.run_tools.all()]

    @extend_schema_field(CauseSerializer(allow_null=True))
    def get_cause(self, run: Run) -> dict[str, Any] | None:
        return caused(str(run.evidence.get("error", "")))

    @extend_schema_field(ChoiceSerializer(many=True))
    def get_choices(self, run: Run) -> list[dict[str, str]]:
        return [
            {"code": one.code, "label": str(one.label), "consequence": str(one.consequence)}
            for one in choices(run)
        ]


class EventSerializer(serializers.ModelSerializer[RunEvent]):
    actor = serializers.CharField(source="actor.name", default=None, allow_null=True)
    sentence = serializers.SerializerMethodField()
    data = serializers.JSONField()  # type: ignore[assignment]

    class Meta:
        model = RunEvent
        fields = ("seq", "at", "actor", "kind", "sentence", "data", "previous_hash", "hash")

    def get_sentence(self, event: RunEvent) -> str:
        return log.sentence(event)


class ExchangeSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    tool = serializers.CharField(default="", help_text="the tool's code")
    step = serializers.IntegerField(default=None, allow_null=True)
    tx = serializers.CharField()
    rx = serializers.CharField()
    ms = serializers.FloatField()
    error = serializers.CharField()


class WireLogSerializer(serializers.ModelSerializer[WireLog]):
    step = serializers.IntegerField(source="step.seq", default=None, allow_null=True)
    exchanges = ExchangeSerializer(many=True)

    class Meta:
        model = WireLog
        fields = ("at", "step", "exchanges")


class NewRunSerializer(serializers.Serializer[Any]):
    booking = serializers.IntegerField(min_value=1, max_value=BIGGEST)
    operation = serializers.IntegerField(
        min_value=1, max_value=32_767, help_text="position in the booking's route"
    )
    wafers = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=SLOTS),
        min_length=1,
        max_length=SLOTS,
        help_text="slots, 1 to 25",
    )


class InterlockSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    is_met = serializers.BooleanField()
    sentence = serializers.CharField()
    cleared_by = serializers.CharField()


class DecisionSerializer(serializers.Serializer[Any]):
    choice = serializers.CharField(max_length=20)
    note = serializers.CharField(max_length=control.NOTE_LENGTH)


class RunsWanted(serializers.Serializer[Any]):
    """The list's filters."""

    state = serializers.ChoiceField(choices=RunState.choices, required=False)
    tool = serializers.SlugField(max_length=20, required=False)


class EventsWanted(serializers.Serializer[Any]):
    after = serializers.IntegerField(
        min_value=0, max_value=BIGGEST, required=False, default=0, help_text="a seq"
    )


def visible_runs(request: Request) -> QuerySet[Run]:
    visible: QuerySet[Run] = Run.objects.visible_to(request.user).with_names()
    return visible.select_related("recipe_version__recipe", "operation", "tool")


def one_run(request: Request, pk: int) -> Run:
    rows = visible_runs(request).prefetch_related(
        "steps__tool", "run_tools__tool", "run_wafers__wafer"
    )
    return get_object_or_404(rows, pk=pk)


def detail(request: Request, pk: int, status: int = 200) -> Response:
    return Response(RunDetailSerializer(one_run(request, pk)).data, status=status)
