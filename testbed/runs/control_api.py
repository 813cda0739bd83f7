"""What a person may ask of a run over the API, and whether it is as it was written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.people.permissions import demand
from testbed.people.visitor import person
from testbed.runs import control, pause, proof
from testbed.runs.api_shapes import RunDetailSerializer, detail, one_run
from testbed.runs.models import Run

if TYPE_CHECKING:
    from rest_framework.request import Request


class PauseSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=pause.LONGEST_REASON)


class VerdictSerializer(serializers.Serializer[Any]):
    """What recomputing every hash of the run found."""

    whole = serializers.BooleanField()
    events = serializers.IntegerField(help_text="events checked")
    data = serializers.IntegerField(  # type: ignore[assignment]
        help_text="readings, sites and curves checked"
    )
    broken_at = serializers.IntegerField(allow_null=True, help_text="seq of the first wrong event")
    sentence = serializers.CharField()


class RunPause(APIView):
    """Pause before the next step; the run says `ask: pause` until that step is reached."""

    @extend_schema(request=PauseSerializer, responses={200: RunDetailSerializer})
    def post(self, request: Request, pk: int) -> Response:
        run = one_run(request, pk)
        demand(request.user, "operate")
        form = PauseSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        pause.pause(actor=person(request), run=run, reason=form.validated_data["reason"])
        return detail(request, pk)


class RunResume(APIView):
    """Let a paused run go on; while a supply is down it stays paused by that alone."""

    @extend_schema(request=None, responses={200: RunDetailSerializer})
    def post(self, request: Request, pk: int) -> Response:
        pause.resume(actor=person(request), run=one_run(request, pk))
        return detail(request, pk)


class RunEmergencyStop(APIView):
    """Stop every tool of the run at once: the staff, and the company whose run it is."""

    @extend_schema(request=None, responses={200: RunDetailSerializer})
    def post(self, request: Request, pk: int) -> Response:
        control.emergency_stop(actor=person(request), run=one_run(request, pk))
        return detail(request, pk)


class RunVerify(APIView):
    """Recompute the run's chain of events, its recipe's hash and the hash of its every number."""

    @extend_schema(responses={200: VerdictSerializer})
    def get(self, request: Request, pk: int) -> Response:
        rows = Run.objects.visible_to(request.user).select_related("recipe_version")
        return Response(VerdictSerializer(proof.verify(get_object_or_404(rows, pk=pk))).data)


urlpatterns = [
    path("runs/<int:pk>/pause/", RunPause.as_view(), name="api_run_pause"),
    path("runs/<int:pk>/resume/", RunResume.as_view(), name="api_run_resume"),
    path(
        "runs/<int:pk>/emergency-stop/", RunEmergencyStop.as_view(),
        name="api_run_emergency_stop",
    ),
    path("runs/<int:pk>/verify/", RunVerify.as_view(), name="api_run_verify"),
]  # fmt: skip
