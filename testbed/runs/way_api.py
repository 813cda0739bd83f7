"""A lot's way through its routes over the API, with rework and scrap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.material.models import SLOTS, Lot
from testbed.people.api_fields import WordsField
from testbed.people.permissions import demand
from testbed.people.visitor import person
from testbed.process.models import Operation, Route
from testbed.runs import rework
from testbed.runs.rework import LONGEST_REASON
from testbed.runs.way import Way, way_of
from testbed.runs.way_views import routes_of

if TYPE_CHECKING:
    from rest_framework.request import Request


class PassedOperationSerializer(serializers.Serializer[Any]):
    position = serializers.IntegerField()
    attempt = serializers.IntegerField(help_text="1; 2 and more once the wafer was sent back")
    planned = serializers.BooleanField(help_text="the sampling plan asks for this wafer")
    state = serializers.CharField(allow_null=True, help_text="null: not begun in this attempt")
    run = serializers.IntegerField(allow_null=True)


class WayWaferSerializer(serializers.Serializer[Any]):
    slot = serializers.IntegerField()
    wafer_id = serializers.CharField()
    scrapped = serializers.BooleanField()
    operations = PassedOperationSerializer(many=True)


class WaySerializer(serializers.Serializer[Any]):
    route = serializers.CharField()
    wafers = WayWaferSerializer(many=True)


class WafersSerializer(serializers.Serializer[Any]):
    wafers = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=SLOTS),
        min_length=1, max_length=SLOTS, help_text="slots, 1 to 25",
    )  # fmt: skip
    reason = WordsField(max_length=LONGEST_REASON)


class NewReworkSerializer(WafersSerializer):
    route = serializers.SlugField(max_length=50)
    operation = serializers.IntegerField(
        min_value=1, max_value=32_767, help_text="position of the operation to do again"
    )


def found_lot(request: Request, code: str) -> Lot:
    lot: Lot = get_object_or_404(Lot.objects.visible_to(request.user), code=code)
    return lot


def _answer(lot: Lot, status: int = 200) -> Response:
    ways = [_described(route, way_of(lot, route.pk)) for route in routes_of(lot)]
    return Response(WaySerializer(ways, many=True).data, status=status)


def _described(route: Route, way: Way) -> dict[str, Any]:
    wafers = []
    for wafer in way.wafers:
        passed = []
        for one in way.operations:
            last = next(iter(reversed(way.at(wafer, one))), None)
            passed.append({
                "position": one.position,
                "attempt": way.attempt(wafer, one),
                "planned": wafer in way.planned(one),
                "state": last.state if last else None,
                "run": last.run_id if last else None,
            })  # fmt: skip
        wafers.append({
            "slot": wafer.slot, "wafer_id": wafer.wafer_id,
            "scrapped": wafer.pk in way.scrapped, "operations": passed,
        })  # fmt: skip
    return {"route": route.code, "wafers": wafers}


class LotWay(APIView):
    """What each wafer of a lot has behind it, route by route."""

    @extend_schema(responses={200: WaySerializer(many=True)})
    def get(self, request: Request, code: str) -> Response:
        return _answer(found_lot(request, code))


class LotReworks(APIView):
    """POST sends wafers back to an operation."""

    @extend_schema(
        request=NewReworkSerializer,
        responses={201: WaySerializer(many=True), 404: OpenApiResponse()},
    )
    def post(self, request: Request, code: str) -> Response:
        """More often than the route allows: 409 `rework_maximum`."""
        lot = found_lot(request, code)
        demand(request.user, "rework_wafers")
        form = NewReworkSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        operation = get_object_or_404(
            Operation.objects.filter(route__in=routes_of(lot)),
            route__code=asked["route"], position=asked["operation"],
        )  # fmt: skip
        rework.rework(
            actor=person(request), lot=lot, operation=operation,
            slots=asked["wafers"], reason=asked["reason"],
        )  # fmt: skip
        return _answer(lot, 201)


class LotScraps(APIView):
    """POST scraps wafers: they are run no more."""

    @extend_schema(
        request=WafersSerializer, responses={201: WaySerializer(many=True), 404: OpenApiResponse()}
    )
    def post(self, request: Request, code: str) -> Response:
        lot = found_lot(request, code)
        demand(request.user, "scrap_wafers")
        form = WafersSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        rework.scrap(
            actor=person(request), lot=lot, slots=form.validated_data["wafers"],
            reason=form.validated_data["reason"],
        )  # fmt: skip
        return _answer(lot, 201)


urlpatterns = [
    path("lots/<slug:code>/way/", LotWay.as_view(), name="api_lot_way"),
    path("lots/<slug:code>/reworks/", LotReworks.as_view(), name="api_lot_reworks"),
    path("lots/<slug:code>/scraps/", LotScraps.as_view(), name="api_lot_scraps"),
]
