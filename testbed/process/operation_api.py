"""What holds for an operation of a route, over the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.people.permissions import demand
from testbed.people.visitor import person
from testbed.process import operation_rules
from testbed.process.models import MOST_WAFERS, Operation, Route, Sampling
from testbed.process.operation_rules import LONGEST_QUEUE_MINUTES, MOST_REWORK, Rules

if TYPE_CHECKING:
    from rest_framework.request import Request


class OperationRulesSerializer(serializers.Serializer[Any]):
    sampling = serializers.ChoiceField(choices=Sampling.choices)
    sampling_number = serializers.IntegerField(
        min_value=1, max_value=MOST_WAFERS, allow_null=True, default=None,
        help_text="n of every nth, or of n at random",
    )  # fmt: skip
    sampling_slots = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=MOST_WAFERS),
        max_length=MOST_WAFERS, default=list,
    )  # fmt: skip
    max_rework = serializers.IntegerField(min_value=0, max_value=MOST_REWORK, default=0)
    is_rework_only = serializers.BooleanField(default=False)
    within_minutes = serializers.IntegerField(
        min_value=1, max_value=LONGEST_QUEUE_MINUTES, allow_null=True, default=None,
        help_text="queue-time limit after the end of the operation before",
    )  # fmt: skip


class OperationRules(APIView):
    """Sampling plan, rework maximum and queue-time limit of one operation."""

    def _found(self, request: Request, code: str, position: int) -> Operation:
        route = get_object_or_404(Route.objects.visible_to(request.user), code=code)
        return get_object_or_404(route.operations.all(), position=min(position, 32_767))

    @extend_schema(responses={200: OperationRulesSerializer})
    def get(self, request: Request, code: str, position: int) -> Response:
        operation = self._found(request, code, position)
        return Response(OperationRulesSerializer(operation).data)

    @extend_schema(
        request=OperationRulesSerializer,
        responses={200: OperationRulesSerializer, 404: OpenApiResponse()},
    )
    def put(self, request: Request, code: str, position: int) -> Response:
        """Replaces all of them; process engineers only."""
        operation = self._found(request, code, position)
        demand(request.user, "edit_routes")
        form = OperationRulesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        operation_rules.set_rules(
            actor=person(request), operation=operation, rules=Rules(**form.validated_data)
        )
        return Response(OperationRulesSerializer(operation).data)


urlpatterns = [
    path(
        "routes/<slug:code>/operations/<int:position>/rules/",
        OperationRules.as_view(),
        name="api_operation_rules",
    ),
]
