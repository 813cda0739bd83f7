"""What was seen in a lot's carrier, over the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.material import slot_map
from testbed.material.models import SLOTS, Carrier, Lot, SlotMap
from testbed.people.permissions import demand
from testbed.people.visitor import person

if TYPE_CHECKING:
    from rest_framework.request import Request


class SeenSerializer(serializers.Serializer[Any]):
    carrier = serializers.CharField(max_length=20)
    marks = serializers.RegexField(
        r"^[O.DX?]{25}\Z", help_text="slot 1 first: O occupied, . empty, D double, X crossed, ?"
    )
    counted = serializers.IntegerField(min_value=0, max_value=SLOTS, help_text="wafers counted")


class SlotMapSerializer(serializers.ModelSerializer[SlotMap]):
    carrier = serializers.CharField(source="carrier.code")
    differ = serializers.SerializerMethodField(help_text="slots that are not as registered")

    class Meta:
        model = SlotMap
        fields = ("carrier", "marks", "differ", "seen_at")

    @extend_schema_field(serializers.ListField(child=serializers.IntegerField()))
    def get_differ(self, seen: SlotMap) -> list[int]:
        return [one.slot for one in slot_map.differences(seen)]


class LotSlotMap(APIView):
    """The newest map of the lot in its present carrier; POST looks, and checks the lot in."""

    @extend_schema(responses={200: SlotMapSerializer})
    def get(self, request: Request, code: str) -> Response:
        seen = slot_map.newest(_lot(request, code))
        if seen is None:
            raise Http404
        return Response(SlotMapSerializer(seen).data)

    @extend_schema(request=SeenSerializer, responses={201: SlotMapSerializer})
    def post(self, request: Request, code: str) -> Response:
        lot = _lot(request, code)
        demand(request.user, "check_in_lot")
        form = SeenSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        said = form.validated_data
        carriers = Carrier.objects.visible_to(request.user)
        seen = slot_map.note_seen(
            actor=person(request), lot=lot, marks=said["marks"], counted=said["counted"],
            carrier=get_object_or_404(carriers, code=said["carrier"]),
        )  # fmt: skip
        return Response(SlotMapSerializer(seen).data, status=201)


def _lot(request: Request, code: str) -> Lot:
    rows = Lot.objects.visible_to(request.user).select_related("carrier")
    found: Lot = get_object_or_404(rows, code=code)
    return found


urlpatterns = [path("lots/<slug:code>/slot-map/", LotSlotMap.as_view(), name="api_lot_slot_map")]
