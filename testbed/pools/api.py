"""Pools over the API: which are open, what joining costs, opening, joining, closing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from django.urls import URLPattern, URLResolver, path
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import generics, serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.booking.models import Booking
from testbed.material.models import SLOTS, Lot
from testbed.people.permissions import demand
from testbed.people.visitor import person
from testbed.pools import seats
from testbed.pools.models import Pool, PoolState
from testbed.pools.split import guests_of, quote_for, tools_of
from testbed.pools.strip import WORDS, strip

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


class PoolSlotSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=list(WORDS))


class PoolSerializer(serializers.ModelSerializer[Pool]):
    """A pool as the caller may know it: never who the others are."""

    name = serializers.CharField(source="code")
    starts_at = serializers.DateTimeField(source="host.starts_at")
    ends_at = serializers.DateTimeField(source="host.ends_at")
    tools = serializers.SerializerMethodField()
    route = serializers.CharField(source="host.route.code", allow_null=True)
    free_slots = serializers.SerializerMethodField()
    slots = serializers.SerializerMethodField()
    one_wafer_won = serializers.SerializerMethodField(
        help_text="what one more wafer of the caller's company would pay now, VAT included"
    )

    class Meta:
        model = Pool
        fields = (
            "id", "name", "state", "seats", "free_slots", "slots", "note", "starts_at", "ends_at",
            "tools", "route", "opened_at", "closes_at", "one_wafer_won",
        )  # fmt: skip

    def get_tools(self, pool: Pool) -> list[str]:
        return [tool.code for tool in tools_of(pool.host)]

    def get_free_slots(self, pool: Pool) -> list[int]:
        return seats.free_slots(pool)

    @extend_schema_field(PoolSlotSerializer(many=True))
    def get_slots(self, pool: Pool) -> list[dict[str, Any]]:
        seen = strip(pool, self.context["viewer"])
        return [{"number": slot.number, "kind": slot.kind} for slot in seen]

    def get_one_wafer_won(self, pool: Pool) -> int | None:
        company = self.context["viewer"].company
        if company is None or pool.state != PoolState.OPEN or not seats.free_slots(pool):
            return None
        return quote_for(pool.host, guests_of(pool.host), company, 1).total_won


class NewPoolSerializer(serializers.Serializer[Any]):
    seats = serializers.IntegerField(min_value=1, max_value=SLOTS - 1)
    closes_at = serializers.DateTimeField(help_text="then the split of the cost is fixed")
    note = serializers.CharField(
        max_length=120, required=False, default="", allow_blank=True, help_text="everybody reads it"
    )


class JoinSerializer(serializers.Serializer[Any]):
    lot = serializers.CharField(
        max_length=20, help_text="code of a registered lot; all of it joins"
    )
    purpose = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)


class JoinedSerializer(serializers.Serializer[Any]):
    booking = serializers.IntegerField()
    number = serializers.CharField()
    slots = serializers.ListField(child=serializers.IntegerField())
    total_won = serializers.IntegerField(help_text="VAT included, until somebody joins or leaves")


def _pools(request: Request) -> QuerySet[Pool]:
    return Pool.objects.visible_to(request.user).with_host()


def _shown(request: Request, pk: int, status: int = 200) -> Response:
    found = get_object_or_404(_pools(request), pk=pk)
    context = {"viewer": person(request)}
    return Response(PoolSerializer(found, context=context).data, status=status)


class PoolList(generics.ListAPIView[Pool]):
    """Open pools, and those the caller's company is in, by their start."""

    serializer_class = PoolSerializer

    def get_queryset(self) -> QuerySet[Pool]:
        return _pools(self.request)

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "viewer": self.request.user}


class PoolDetail(APIView):
    """One pool."""

    @extend_schema(responses={200: PoolSerializer})
    def get(self, request: Request, pk: int) -> Response:
        return _shown(request, pk)


class PoolOpen(APIView):
    """Open the empty slots of a confirmed booking's carrier to other companies."""

    @extend_schema(
        request=NewPoolSerializer, responses={201: PoolSerializer, 422: OpenApiResponse()}
    )
    def post(self, request: Request, pk: int) -> Response:
        rows = Booking.objects.visible_to(request.user).select_related("lot", "route", "company")
        booking = get_object_or_404(rows, pk=pk)
        demand(request.user, "book")
        form = NewPoolSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = seats.open_seats(actor=person(request), booking=booking, **form.validated_data)
        return _shown(request, made.pk, status=201)


class PoolJoin(APIView):
    """Take a slot for every wafer of a lot; the answer names the booking that was made."""

    @extend_schema(
        request=JoinSerializer, responses={201: JoinedSerializer, 422: OpenApiResponse()}
    )
    def post(self, request: Request, pk: int) -> Response:
        found = get_object_or_404(_pools(request), pk=pk)
        demand(request.user, "book")
        form = JoinSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        lot = get_object_or_404(
            Lot.objects.visible_to(request.user), code=form.validated_data["lot"]
        )
        guest = seats.join(
            actor=person(request), pool=found, lot=lot, purpose=form.validated_data["purpose"]
        )
        data = {
            "booking": guest.pk,
            "number": str(guest),
            "slots": list(guest.seats.values_list("slot", flat=True)),
            "total_won": guest.quote["total_won"],
        }
        return Response(data, status=201)


class PoolFix(APIView):
    """The host closes its pool: nobody joins or leaves any more, the prices stand."""

    @extend_schema(request=None, responses={200: PoolSerializer})
    def post(self, request: Request, pk: int) -> Response:
        found = get_object_or_404(_pools(request), pk=pk)
        seats.fix(actor=person(request), pool=found)
        return _shown(request, pk)


urlpatterns: list[URLPattern | URLResolver] = [
    path("pools/", PoolList.as_view(), name="api_pools"),
    path("pools/<int:pk>/", PoolDetail.as_view(), name="api_pool"),
    path("pools/<int:pk>/join/", PoolJoin.as_view(), name="api_pool_join"),
    path("pools/<int:pk>/fix/", PoolFix.as_view(), name="api_pool_fix"),
    path("bookings/<int:pk>/pool/", PoolOpen.as_view(), name="api_pool_open"),
]
