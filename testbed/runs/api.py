"""Runs over the API: start, watch, stop, abort, decide, and read the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import generics, serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.booking.models import Booking
from testbed.material.models import SLOTS
from testbed.people.permissions import demand
from testbed.people.visitor import person
from testbed.process.models import Operation
from testbed.runs import control, log
from testbed.runs.choices import choices
from testbed.runs.interlocks import Situation, interlocks
from testbed.runs.models import Run, RunEvent, RunWafer, Step, WireLog
from testbed.runs.progress import progress_of
from testbed.runs.start import start
from testbed.runs.states import RunState

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

BIGGEST = 2**31 - 1
STEP_FIELDS = (
    "seq", "kind", "title", "slot", "state", "is_process", "progress", "message", "attempts",
    "intent_at", "ended_at",
)  # fmt: skip


class StepSerializer(serializers.ModelSerializer[Step]):
    class Meta:
        model = Step
        fields = STEP_FIELDS


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
            "ended_at", "changed_at", "age_s",
        )  # fmt: skip

    def get_age_s(self, run: Run) -> float:
        return round((timezone.now() - run.changed_at).total_seconds(), 3)


class RunDetailSerializer(RunSerializer):
    """A run with its steps, wafers, progress and, while held, what may be decided."""

    progress = serializers.SerializerMethodField()
    steps = StepSerializer(many=True)
    wafers = RunWaferSerializer(many=True, source="run_wafers")
    recipe = serializers.CharField(source="recipe_version.__str__")
    evidence = serializers.JSONField(help_text="while held: error, what the tool says, safe sent")
    choices = serializers.SerializerMethodField()

    class Meta(RunSerializer.Meta):
        fields = (  # type: ignore[assignment]
            *RunSerializer.Meta.fields,
            "recipe", "recipe_sha256", "tool_identity", "safe_sent_at", "event_count",
            "head_hash", "progress", "wafers", "steps", "evidence", "choices",
        )  # fmt: skip

    @extend_schema_field(ProgressSerializer)
    def get_progress(self, run: Run) -> dict[str, Any]:
        found = progress_of(run, list(run.steps.all()), timezone.now())
        return dict(ProgressSerializer(found).data)

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


def _runs(request: Request) -> QuerySet[Run]:
    visible: QuerySet[Run] = Run.objects.visible_to(request.user).with_names()
    return visible.select_related("recipe_version__recipe", "operation", "tool")


def _one(request: Request, pk: int) -> Run:
    rows = _runs(request).prefetch_related("steps", "run_wafers__wafer")
    return get_object_or_404(rows, pk=pk)


def _detail(request: Request, pk: int, status: int = 200) -> Response:
    return Response(RunDetailSerializer(_one(request, pk)).data, status=status)


class RunList(generics.ListAPIView[Run]):
    """Runs that the caller may see, newest first; POST starts one."""

    serializer_class = RunSerializer

    def get_queryset(self) -> QuerySet[Run]:
        wanted = RunsWanted(data=self.request.query_params.dict())
        wanted.is_valid(raise_exception=True)
        rows = _runs(self.request)
        if "state" in wanted.validated_data:
            rows = rows.filter(state=wanted.validated_data["state"])
        if "tool" in wanted.validated_data:
            rows = rows.filter(tool__code=wanted.validated_data["tool"])
        return rows

    @extend_schema(parameters=[RunsWanted], responses={200: RunSerializer(many=True)})
    def get(self, request: Request) -> Response:
        return self.list(request)

    @extend_schema(
        request=NewRunSerializer, responses={201: RunDetailSerializer, 404: OpenApiResponse()}
    )
    def post(self, request: Request) -> Response:
        """Interlocks that are not met come back as 409 `interlocked`, all of them in `fields`."""
        demand(request.user, "operate")
        form = NewRunSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        booking, operation = _asked(request, form.validated_data)
        run = start(
            actor=person(request),
            booking=booking,
            operation=operation,
            slots=form.validated_data["wafers"],
        )
        return _detail(request, run.pk, status=201)


def _asked(request: Request, data: dict[str, Any]) -> tuple[Booking, Operation]:
    booking = get_object_or_404(Booking.objects.visible_to(request.user), pk=data["booking"])
    operations = Operation.objects.filter(route=booking.route_id)
    return booking, get_object_or_404(operations, position=data["operation"])


class RunInterlocks(APIView):
    """What stands between a booking's operation and its start, met or not."""

    @extend_schema(
        request=NewRunSerializer,
        responses={200: InterlockSerializer(many=True), 404: OpenApiResponse()},
    )
    def post(self, request: Request) -> Response:
        form = NewRunSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        booking, operation = _asked(request, form.validated_data)
        at = Situation(person(request), booking, operation, form.validated_data["wafers"])
        return Response(InterlockSerializer(interlocks(at), many=True).data)


class RunDetail(APIView):
    """One run with its steps, wafers, progress and choices."""

    @extend_schema(responses={200: RunDetailSerializer})
    def get(self, request: Request, pk: int) -> Response:
        return _detail(request, pk)


class RunEvents(generics.ListAPIView[RunEvent]):
    """The run's log in order; `after` leaves out what the caller has."""

    serializer_class = EventSerializer

    def get_queryset(self) -> QuerySet[RunEvent]:
        wanted = EventsWanted(data=self.request.query_params.dict())
        wanted.is_valid(raise_exception=True)
        rows: QuerySet[Run] = Run.objects.visible_to(self.request.user)
        run = get_object_or_404(rows, pk=self.kwargs["pk"])
        return run.events.select_related("actor").filter(seq__gt=wanted.validated_data["after"])

    @extend_schema(parameters=[EventsWanted], responses={200: EventSerializer(many=True)})
    def get(self, request: Request, pk: int) -> Response:
        return self.list(request)


class RunWire(generics.ListAPIView[WireLog]):
    """The exchanges on the wire around each failure of the run."""

    serializer_class = WireLogSerializer

    def get_queryset(self) -> QuerySet[WireLog]:
        rows: QuerySet[Run] = Run.objects.visible_to(self.request.user)
        run = get_object_or_404(rows, pk=self.kwargs["pk"])
        return run.wire_logs.select_related("step").order_by("pk")

    @extend_schema(responses={200: WireLogSerializer(many=True)})
    def get(self, request: Request, pk: int) -> Response:
        return self.list(request)


class RunStop(APIView):
    """Stop after the present step."""

    @extend_schema(request=None, responses={200: RunDetailSerializer})
    def post(self, request: Request, pk: int) -> Response:
        control.stop(actor=person(request), run=_one(request, pk))
        return _detail(request, pk)


class RunAbort(APIView):
    """Abort now. The answer says `ask: abort`; the run is aborted when the tool has confirmed."""

    @extend_schema(request=None, responses={200: RunDetailSerializer})
    def post(self, request: Request, pk: int) -> Response:
        control.abort(actor=person(request), run=_one(request, pk))
        return _detail(request, pk)


class RunResolve(APIView):
    """Decide about a held run: one of its `choices`, and why."""

    @extend_schema(request=DecisionSerializer, responses={200: RunDetailSerializer})
    def post(self, request: Request, pk: int) -> Response:
        run = _one(request, pk)
        demand(request.user, "operate")
        form = DecisionSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        control.resolve(actor=person(request), run=run, **form.validated_data)
        return _detail(request, pk)


urlpatterns = [
    path("runs/", RunList.as_view(), name="api_runs"),
    path("runs/interlocks/", RunInterlocks.as_view(), name="api_run_interlocks"),
    path("runs/<int:pk>/", RunDetail.as_view(), name="api_run"),
    path("runs/<int:pk>/events/", RunEvents.as_view(), name="api_run_events"),
    path("runs/<int:pk>/wire/", RunWire.as_view(), name="api_run_wire"),
    path("runs/<int:pk>/stop/", RunStop.as_view(), name="api_run_stop"),
    path("runs/<int:pk>/abort/", RunAbort.as_view(), name="api_run_abort"),
    path("runs/<int:pk>/resolve/", RunResolve.as_view(), name="api_run_resolve"),
]
