"""Lots and carriers over the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.material import clean_api, slot_map_api
from testbed.material.check_in import check_in
from testbed.material.hand_back import hand_back
from testbed.material.models import SLOTS, Carrier, Lot, Wafer
from testbed.material.register import register
from testbed.people.models import Company
from testbed.people.visitor import person

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


class WaferSerializer(serializers.ModelSerializer[Wafer]):
    class Meta:
        model = Wafer
        fields = ("slot", "wafer_id", "contamination_class")


class LotSerializer(serializers.ModelSerializer[Lot]):
    company = serializers.CharField(source="company.business_number")
    carrier = serializers.CharField(source="carrier.code", allow_null=True, default=None)
    wafers = WaferSerializer(many=True)

    class Meta:
        model = Lot
        fields = (
            "code", "company", "product", "state", "carrier",
            "registered_at", "checked_in_at", "wafers",
        )  # fmt: skip


class NewLotSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(required=False, max_length=12, default="")
    product = serializers.CharField(max_length=60)
    wafer_count = serializers.IntegerField(required=False, min_value=1, max_value=SLOTS)
    wafer_ids = serializers.ListField(
        child=serializers.CharField(max_length=18), required=False, max_length=SLOTS
    )
    company = serializers.CharField(
        required=False, max_length=10, help_text="business number; for the facility's staff"
    )


class CarrierSerializer(serializers.ModelSerializer[Carrier]):
    class Meta:
        model = Carrier
        fields = ("code", "contamination_class")


class CheckInSerializer(serializers.Serializer[Any]):
    carrier = serializers.CharField(max_length=20)


def _lots(request: Request) -> QuerySet[Lot]:
    visible: QuerySet[Lot] = Lot.objects.visible_to(request.user)
    return visible.select_related("company", "carrier").prefetch_related("wafers")


class LotList(generics.ListAPIView[Lot]):
    """Lots that the caller may see, newest first; POST registers one."""

    serializer_class = LotSerializer

    def get_queryset(self) -> QuerySet[Lot]:
        return _lots(self.request)

    @extend_schema(request=NewLotSerializer, responses={201: LotSerializer})
    def post(self, request: Request) -> Response:
        form = NewLotSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        data = dict(form.validated_data)
        if "company" in data:
            data["company"] = (
                Company.objects.visible_to(request.user)
                .filter(business_number=data["company"])
                .first()
            )
        made = register(actor=person(request), **data)
        return Response(LotSerializer(_lots(request).get(pk=made.pk)).data, status=201)


class LotDetail(generics.RetrieveAPIView[Lot]):
    """One lot with its wafers."""

    serializer_class = LotSerializer
    lookup_field = "code"

    def get_queryset(self) -> QuerySet[Lot]:
        return _lots(self.request)


class LotCheckIn(APIView):
    """The technician puts a registered lot into an empty carrier."""

    @extend_schema(request=CheckInSerializer, responses={200: LotSerializer})
    def post(self, request: Request, code: str) -> Response:
        found = get_object_or_404(_lots(request), code=code)
        form = CheckInSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        carrier = get_object_or_404(
            Carrier.objects.visible_to(request.user), code=form.validated_data["carrier"]
        )
        check_in(actor=person(request), lot=found, carrier=carrier)
        return Response(LotSerializer(_lots(request).get(pk=found.pk)).data)


class LotHandBack(APIView):
    """The technician hands a lot back; its carrier is free again."""

    @extend_schema(request=None, responses={200: LotSerializer})
    def post(self, request: Request, code: str) -> Response:
        found = get_object_or_404(_lots(request), code=code)
        hand_back(actor=person(request), lot=found)
        return Response(LotSerializer(_lots(request).get(pk=found.pk)).data)


class CarrierList(generics.ListAPIView[Carrier]):
    """Empty carriers, ready for a lot."""

    serializer_class = CarrierSerializer

    def get_queryset(self) -> QuerySet[Carrier]:
        return Carrier.objects.visible_to(self.request.user).free()


urlpatterns = [
    path("lots/", LotList.as_view(), name="api_lots"),
    path("lots/<slug:code>/", LotDetail.as_view(), name="api_lot"),
    path("lots/<slug:code>/check-in/", LotCheckIn.as_view(), name="api_lot_check_in"),
    path("lots/<slug:code>/hand-back/", LotHandBack.as_view(), name="api_lot_hand_back"),
    path("carriers/", CarrierList.as_view(), name="api_carriers"),
    *clean_api.urlpatterns,
    *slot_map_api.urlpatterns,
]
