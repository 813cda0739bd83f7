"""A supply that is down, and its return, over the API: for people and for the building's alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.outages import failures
from testbed.outages.api_shapes import UtilitySerializer
from testbed.outages.models import Utility
from testbed.people.permissions import demand
from testbed.people.visitor import person

if TYPE_CHECKING:
    from rest_framework.request import Request


class DownSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=failures.LONGEST_REASON
    )


def _utility(request: Request, code: str) -> Utility:
    demand(request.user, "maintain_tools")
    return get_object_or_404(Utility.objects.visible_to(request.user), code=code)


class SupplyDown(APIView):
    """The supply is down from now on: tools at work that need it pause before their next step."""

    @extend_schema(request=DownSerializer, responses={200: UtilitySerializer})
    def post(self, request: Request, code: str) -> Response:
        utility = _utility(request, code)
        form = DownSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        failures.report(actor=person(request), utility=utility, **form.validated_data)
        return Response(UtilitySerializer(utility).data)


class SupplyBack(APIView):
    """The supply is back: what it paused goes on after its settling time."""

    @extend_schema(request=None, responses={200: UtilitySerializer})
    def post(self, request: Request, code: str) -> Response:
        utility = _utility(request, code)
        failures.end(actor=person(request), utility=utility)
        return Response(UtilitySerializer(utility).data)


urlpatterns: list[URLPattern] = [
    path("utilities/<slug:code>/down/", SupplyDown.as_view(), name="api_supply_down"),
    path("utilities/<slug:code>/back/", SupplyBack.as_view(), name="api_supply_back"),
]
