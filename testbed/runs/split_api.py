"""The values by wafer of an operation under a booking, over the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import path
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.material.models import SLOTS
from testbed.people.permissions import demand
from testbed.people.visitor import person
from testbed.runs import splits
from testbed.runs.split_views import At, found

if TYPE_CHECKING:
    from rest_framework.request import Request


class RangeSerializer(serializers.Serializer[Any]):
    low = serializers.FloatField()
    high = serializers.FloatField()


class SplitRowSerializer(serializers.Serializer[Any]):
    slot = serializers.IntegerField(min_value=1, max_value=SLOTS)
    values = serializers.DictField(child=serializers.FloatField(), help_text="dotted path: value")


class SplitSerializer(serializers.Serializer[Any]):
    ranges = serializers.DictField(child=RangeSerializer(), help_text="as signed with the recipe")
    rows = SplitRowSerializer(many=True)


class NewSplitSerializer(serializers.Serializer[Any]):
    rows = serializers.ListField(child=SplitRowSerializer(), max_length=SLOTS)


def _answer(at: At) -> Response:
    table = {} if at.stored is None else at.stored.table
    rows = [{"slot": int(slot), "values": row} for slot, row in table.items()]
    ranges = {name: {"low": low, "high": high} for name, (low, high) in at.ranges.items()}
    return Response(
        SplitSerializer(
            {"ranges": ranges, "rows": sorted(rows, key=lambda row: str(row["slot"]).zfill(2))}
        ).data
    )


class BookingSplit(APIView):
    """What may vary from wafer to wafer, and how it does under this booking."""

    @extend_schema(responses={200: SplitSerializer})
    def get(self, request: Request, pk: int, position: int) -> Response:
        return _answer(found(request.user, pk, position))

    @extend_schema(
        request=NewSplitSerializer, responses={200: SplitSerializer, 404: OpenApiResponse()}
    )
    def put(self, request: Request, pk: int, position: int) -> Response:
        """Replaces the table; cells outside the signed ranges: 400, each named in `fields`."""
        at = found(request.user, pk, position)
        demand(request.user, "write_recipe")
        form = NewSplitSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        texts = {
            row["slot"]: {name: repr(value) for name, value in row["values"].items()}
            for row in form.validated_data["rows"]
        }
        splits.write(actor=person(request), booking=at.booking, operation=at.operation, texts=texts)
        return _answer(found(request.user, pk, position))


urlpatterns = [
    path(
        "bookings/<int:pk>/operations/<int:position>/split/",
        BookingSplit.as_view(),
        name="api_split",
    ),
]
