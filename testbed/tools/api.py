"""Tools over the API: the catalogue with each tool's state, and the emergency stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import generics, serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.people.visitor import person
from testbed.tools import commands_api, qualification_api, states, supply_api, training_api
from testbed.tools.models import Area, E10State, Tool

if TYPE_CHECKING:
    from collections.abc import Callable

    from rest_framework.request import Request

    from testbed.people.models import User
    from testbed.tools.querysets import ToolQuerySet


@extend_schema_field({"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]:[0-5][0-9]$"})
class WallClockField(serializers.TimeField):
    """09:30:00 on the facility's clock; JSON Schema's own "time" would carry a zone."""


class ToolSerializer(serializers.ModelSerializer[Tool]):
    """A tool as everybody who is signed in sees it; rate in won per hour without VAT, hours KST."""

    cell = serializers.CharField(source="cell.code", allow_null=True, default=None)
    opens_at = WallClockField(help_text="KST; equal to closes_at = around the clock")
    closes_at = WallClockField(help_text="KST")
    state = serializers.ChoiceField(choices=E10State.choices, allow_null=True)
    state_since = serializers.DateTimeField(allow_null=True)
    answered_at = serializers.DateTimeField(
        source="pulse.answered_at", default=None, allow_null=True,
        help_text="when it last answered, asked while idle",
    )  # fmt: skip
    silent_since = serializers.DateTimeField(
        source="pulse.silent_since", default=None, allow_null=True,
        help_text="since when it does not answer; null when it does",
    )  # fmt: skip

    class Meta:
        model = Tool
        fields = (
            "code", "name_ko", "name_en", "kind", "area", "cell", "contamination_class",
            "rate_won_per_hour", "opens_at", "closes_at", "works_weekends", "registration_number",
            "is_simulated", "is_bookable", "emergency_stop_at", "state", "state_since",
            "answered_at", "silent_since",
        )  # fmt: skip
        read_only_fields = fields


def _tools(request: Request) -> ToolQuerySet:
    return Tool.objects.visible_to(request.user).with_state().select_related("cell", "pulse")


class ToolsWanted(serializers.Serializer[Any]):
    """The list's filters."""

    area = serializers.ChoiceField(choices=Area.choices, required=False, help_text="this bay")
    cell = serializers.SlugField(max_length=20, required=False, help_text="this cell's tools")


class ToolList(generics.ListAPIView[Tool]):
    """Every tool with its present SEMI E10 state."""

    serializer_class = ToolSerializer

    @extend_schema(parameters=[ToolsWanted], responses={200: ToolSerializer(many=True)})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> ToolQuerySet:
        wanted = ToolsWanted(data=self.request.query_params.dict())
        wanted.is_valid(raise_exception=True)
        lookups = {"area": "area", "cell": "cell__code"}
        return _tools(self.request).filter(
            **{lookups[name]: value for name, value in wanted.validated_data.items()}
        )


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

    @extend_schema(request=None, responses={200: ToolSerializer})
    def post(self, request: Request, code: str) -> Response:
        return self.act(request, code)


class ClearEmergencyStop(_ToolVerb):
    """Clear the emergency stop after a person has looked at the tool."""

    verb = staticmethod(states.clear_emergency_stop)

    @extend_schema(request=None, responses={200: ToolSerializer})
    def post(self, request: Request, code: str) -> Response:
        return self.act(request, code)


urlpatterns = [
    *qualification_api.urlpatterns,
    *training_api.urlpatterns,
    *supply_api.urlpatterns,
    *commands_api.urlpatterns,
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
