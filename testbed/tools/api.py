"""Tools over the API: the catalogue with each tool's state, and the emergency stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import generics, serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.people.visitor import person
from testbed.tools import states
from testbed.tools.models import Area, E10State, Tool

if TYPE_CHECKING:
    from collections.abc import Callable

    from rest_framework.request import Request

    from testbed.people.models import User
    from testbed.tools.querysets import ToolQuerySet

REFUSED = OpenApiResponse(description="{code, message, fields}")


class ToolSerializer(serializers.ModelSerializer[Tool]):
    """A tool as everybody who is signed in sees it; rate in won per hour without VAT, hours KST."""

    cell = serializers.CharField(source="cell.code", allow_null=True, default=None)
    state = serializers.ChoiceField(choices=E10State.choices, allow_null=True)
    state_since = serializers.DateTimeField(allow_null=True)

    class Meta:
        model = Tool
        fields = (
            "code", "name_ko", "name_en", "kind", "area", "cell", "contamination_class",
            "rate_won_per_hour", "opens_at", "closes_at", "works_weekends", "registration_number",
            "is_simulated", "is_bookable", "emergency_stop_at", "state", "state_since",
        )  # fmt: skip
        read_only_fields = fields


def _tools(request: Request) -> ToolQuerySet:
    return Tool.objects.visible_to(request.user).with_state().select_related("cell")


class ToolList(generics.ListAPIView[Tool]):
    """Every tool with its present SEMI E10 state."""

    serializer_class = ToolSerializer

    @extend_schema(
        parameters=[
            OpenApiParameter("area", str, enum=Area.values, description="only this bay"),
            OpenApiParameter("cell", str, description="only this cell's tools"),
        ],
        responses={200: ToolSerializer(many=True), 404: REFUSED},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> ToolQuerySet:
        found = _tools(self.request)
        for name, lookup in (("area", "area"), ("cell", "cell__code")):
            value = self.request.query_params.get(name, "").replace("\x00", "")
            if value:
                found = found.filter(**{lookup: value})
        return found


class ToolDetail(generics.RetrieveAPIView[Tool]):
    """One tool with its present SEMI E10 state."""

    serializer_class = ToolSerializer
    lookup_field = "code"

    def get_queryset(self) -> ToolQuerySet:
        return _tools(self.request)


class _ToolVerb(APIView):
    """A verb on one tool that answers with the tool as it then is."""

    verb: Callable[..., None]

    def act(self, request: Request, code: str) -> Response:
        found = get_object_or_404(_tools(request), code=code)
        actor: User = person(request)
        type(self).verb(actor=actor, tool=found)
        return Response(ToolSerializer(_tools(request).get(pk=found.pk)).data)


class EmergencyStop(_ToolVerb):
    """Raise the emergency stop: no further command reaches the tool; twice is harmless."""

    verb = staticmethod(states.emergency_stop)

    @extend_schema(request=None, responses={200: ToolSerializer, 403: REFUSED, 404: REFUSED})
    def post(self, request: Request, code: str) -> Response:
        return self.act(request, code)


class ClearEmergencyStop(_ToolVerb):
    """Clear the emergency stop after a person has looked at the tool."""

    verb = staticmethod(states.clear_emergency_stop)

    @extend_schema(request=None, responses={200: ToolSerializer, 403: REFUSED, 404: REFUSED})
    def post(self, request: Request, code: str) -> Response:
        return self.act(request, code)


urlpatterns = [
    path("tools/", ToolList.as_view(), name="api_tools"),
    path("tools/<slug:code>/", ToolDetail.as_view(), name="api_tool"),
    path(
        "tools/<slug:code>/emergency-stop/", EmergencyStop.as_view(), name="api_tool_emergency_stop"
    ),
    path(
        "tools/<slug:code>/clear-emergency-stop/",
        ClearEmergencyStop.as_view(),
        name="api_tool_clear_emergency_stop",
    ),
]
