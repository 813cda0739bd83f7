"""Queue times and holds of a lot's wafers over the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.people.api_fields import WordsField
from testbed.people.permissions import demand
from testbed.people.visitor import person
from testbed.process.models import Operation
from testbed.runs import holds
from testbed.runs.hold_models import Disposition, LotHold, QueueClock
from testbed.runs.holds import Decision
from testbed.runs.rework import LONGEST_REASON
from testbed.runs.way_api import WafersSerializer, found_lot
from testbed.runs.way_views import routes_of

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


class QueueTimeSerializer(serializers.ModelSerializer[QueueClock]):
    route = serializers.CharField(source="operation.route.code")
    operation = serializers.IntegerField(source="operation.position")

    class Meta:
        model = QueueClock
        fields = ("route", "operation", "slots", "began_at", "warn_at", "due_at", "warned_at")


class HoldSerializer(serializers.ModelSerializer[LotHold]):
    lot = serializers.CharField(source="lot.code")
    operation = serializers.IntegerField(
        source="operation.position", allow_null=True, default=None,
        help_text="whose queue time was broken",
    )  # fmt: skip
    slots = serializers.SerializerMethodField()
    evidence = serializers.JSONField(help_text="limit, and each wafer's times")

    class Meta:
        model = LotHold
        fields = (
            "id", "lot", "kind", "operation", "slots", "reason", "evidence", "opened_at",
            "choice", "note", "disposition", "closed_at",
        )  # fmt: skip

    @extend_schema_field(serializers.ListField(child=serializers.IntegerField()))
    def get_slots(self, hold: LotHold) -> list[int]:
        return sorted(wafer.slot for wafer in hold.wafers.all())


class HoldDecisionSerializer(serializers.Serializer[Any]):
    choice = serializers.ChoiceField(choices=Disposition.choices)
    note = WordsField(max_length=LONGEST_REASON)
    route = serializers.SlugField(max_length=50, required=False, help_text="for a rework")
    operation = serializers.IntegerField(
        min_value=1, max_value=32_767, required=False, help_text="for a rework: its position"
    )


def _rows(request: Request) -> QuerySet[LotHold]:
    rows: QuerySet[LotHold] = LotHold.objects.visible_to(request.user)
    return rows.select_related("lot__company", "operation").prefetch_related("wafers")


def _answer(request: Request, pk: int, status: int = 200) -> Response:
    return Response(HoldSerializer(_rows(request).get(pk=pk)).data, status=status)


class LotQueueTimes(APIView):
    """How long the lot's wafers may still wait; at most half a minute old."""

    @extend_schema(responses={200: QueueTimeSerializer(many=True)})
    def get(self, request: Request, code: str) -> Response:
        rows = found_lot(request, code).queue_clocks.select_related("operation__route")
        return Response(QueueTimeSerializer(rows, many=True).data)


class LotHolds(APIView):
    """The lot's holds, the newest first; POST puts wafers on a quality hold."""

    @extend_schema(responses={200: HoldSerializer(many=True)})
    def get(self, request: Request, code: str) -> Response:
        rows = _rows(request).filter(lot=found_lot(request, code))
        return Response(HoldSerializer(rows, many=True).data)

    @extend_schema(
        request=WafersSerializer, responses={201: HoldSerializer, 404: OpenApiResponse()}
    )
    def post(self, request: Request, code: str) -> Response:
        lot = found_lot(request, code)
        demand(request.user, "hold_wafers")
        form = WafersSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        hold = holds.place(
            actor=person(request), lot=lot, slots=form.validated_data["wafers"],
            reason=form.validated_data["reason"],
        )  # fmt: skip
        return _answer(request, hold.pk, 201)


class HoldDecide(APIView):
    """Close a queue-time hold; for a quality hold: propose, another person confirms."""

    @extend_schema(
        request=HoldDecisionSerializer, responses={200: HoldSerializer, 404: OpenApiResponse()}
    )
    def post(self, request: Request, pk: int) -> Response:
        hold = get_object_or_404(_rows(request), pk=pk)
        demand(request.user, "decide_holds")
        form = HoldDecisionSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked, again = form.validated_data, None
        if asked["choice"] == Disposition.REWORK:
            again = get_object_or_404(
                Operation.objects.filter(route__in=routes_of(hold.lot)),
                route__code=asked.get("route", ""), position=asked.get("operation", 0),
            )  # fmt: skip
        decision = Decision(asked["choice"], asked["note"], again)
        holds.decide(actor=person(request), hold=hold, decision=decision)
        return _answer(request, pk)


class HoldConfirm(APIView):
    """The second person closes a quality hold as proposed."""

    @extend_schema(request=None, responses={200: HoldSerializer})
    def post(self, request: Request, pk: int) -> Response:
        hold = get_object_or_404(_rows(request), pk=pk)
        holds.confirm(actor=person(request), hold=hold)
        return _answer(request, pk)


urlpatterns = [
    path("lots/<slug:code>/queue-times/", LotQueueTimes.as_view(), name="api_lot_queue_times"),
    path("lots/<slug:code>/holds/", LotHolds.as_view(), name="api_lot_holds"),
    path("lot-holds/<int:pk>/decide/", HoldDecide.as_view(), name="api_decide_lot_hold"),
    path("lot-holds/<int:pk>/confirm/", HoldConfirm.as_view(), name="api_confirm_lot_hold"),
]
