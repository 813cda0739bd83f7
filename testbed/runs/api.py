"""Runs over the API: start, watch, stop, abort, decide, and read the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import generics
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.booking.models import Booking
from testbed.people.permissions import demand
from testbed.people.visitor import person
from testbed.process.models import Operation
from testbed.runs import control, control_api, hold_api, note_api, photo_api, split_api, way_api
from testbed.runs.api_shapes import (
    DecisionSerializer,
    EventSerializer,
    EventsWanted,
    InterlockSerializer,
    NewRunSerializer,
    RunDetailSerializer,
    RunSerializer,
    RunsWanted,
    WireLogSerializer,
    detail,
    one_run,
    visible_runs,
)
from testbed.runs.interlocks import Situation, interlocks
from testbed.runs.models import Run, RunEvent, WireLog
from testbed.runs.start import start

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


class RunList(generics.ListAPIView[Run]):
    """Runs that the caller may see, newest first; POST starts one."""

    serializer_class = RunSerializer

    def get_queryset(self) -> QuerySet[Run]:
        wanted = RunsWanted(data=self.request.query_params.dict())
        wanted.is_valid(raise_exception=True)
        rows = visible_runs(self.request)
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
        return detail(request, run.pk, status=201)


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
        return detail(request, pk)


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
        control.stop(actor=person(request), run=one_run(request, pk))
        return detail(request, pk)


class RunAbort(APIView):
    """Abort now. The answer says `ask: abort`; the run is aborted when the tool has confirmed."""

    @extend_schema(request=None, responses={200: RunDetailSerializer})
    def post(self, request: Request, pk: int) -> Response:
        control.abort(actor=person(request), run=one_run(request, pk))
        return detail(request, pk)


class RunResolve(APIView):
    """Decide about a held run: one of its `choices`, and why."""

    @extend_schema(request=DecisionSerializer, responses={200: RunDetailSerializer})
    def post(self, request: Request, pk: int) -> Response:
        run = one_run(request, pk)
        demand(request.user, "operate")
        form = DecisionSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        control.resolve(actor=person(request), run=run, **form.validated_data)
        return detail(request, pk)


urlpatterns = [
    *control_api.urlpatterns,
    *hold_api.urlpatterns,
    *note_api.urlpatterns,
    *photo_api.urlpatterns,
    *split_api.urlpatterns,
    *way_api.urlpatterns,
    path("runs/", RunList.as_view(), name="api_runs"),
    path("runs/interlocks/", RunInterlocks.as_view(), name="api_run_interlocks"),
    path("runs/<int:pk>/", RunDetail.as_view(), name="api_run"),
    path("runs/<int:pk>/events/", RunEvents.as_view(), name="api_run_events"),
    path("runs/<int:pk>/wire/", RunWire.as_view(), name="api_run_wire"),
    path("runs/<int:pk>/stop/", RunStop.as_view(), name="api_run_stop"),
    path("runs/<int:pk>/abort/", RunAbort.as_view(), name="api_run_abort"),
    path("runs/<int:pk>/resolve/", RunResolve.as_view(), name="api_run_resolve"),
]
