"""Giving back over the API: cost and cancellation, re-confirmation, arrivals, penalties."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import generics, serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.booking import api_shapes as shapes
from testbed.booking.cancel import cancel, preview
from testbed.booking.cancel_rest import cancel_rest, preview_rest
from testbed.booking.models import Booking, Penalty, PenaltyKind
from testbed.booking.no_show import arrive
from testbed.booking.penalties import Charge, waive
from testbed.booking.reconfirm import reconfirm
from testbed.people.permissions import demand
from testbed.people.visitor import person

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

MOST = 2**31 - 1


class CostSerializer(serializers.Serializer[Any]):
    """What cancelling costs at this moment; `free_until`: the last moment at which it is free."""

    supply_won = serializers.IntegerField()
    vat_won = serializers.IntegerField()
    total_won = serializers.IntegerField()
    debt_minutes = serializers.IntegerField(help_text="minutes that still count as used")
    free_until = serializers.DateTimeField(allow_null=True)
    why_free = serializers.CharField(allow_blank=True)


class ChargeSerializer(serializers.Serializer[Any]):
    """The cost that was read and is agreed to; left out, it is agreed to pay nothing."""

    total_won = serializers.IntegerField(min_value=0, max_value=MOST, default=0)
    debt_minutes = serializers.IntegerField(min_value=0, max_value=MOST, default=0)


class CancelSerializer(ChargeSerializer):
    """The agreed cost, and which state of the booking it was read of."""

    expected = shapes.ExpectedField()


class PartSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    number = serializers.CharField()
    cost = CostSerializer()


class RestSerializer(serializers.Serializer[Any]):
    """What cancelling this booking and the later ones of its series costs, together and each."""

    total_won = serializers.IntegerField()
    debt_minutes = serializers.IntegerField()
    version = serializers.CharField(help_text="send it back as `expected`")
    bookings = PartSerializer(many=True)


class PenaltySerializer(serializers.ModelSerializer[Penalty]):
    """A penalty, or the row that takes one back (`reverses`), whose figures are negative."""

    number = serializers.CharField(source="booking.__str__")
    company = serializers.CharField(source="company.business_number")
    user = serializers.CharField(source="user.name")
    supply_won = serializers.IntegerField(source="fee_won")
    vat_won = serializers.IntegerField()
    total_won = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=PenaltyKind.choices)
    reverses = serializers.IntegerField(source="reverses_id", allow_null=True)

    class Meta:
        model = Penalty
        fields = (
            "id", "booking", "number", "company", "user", "kind", "supply_won", "vat_won",
            "total_won", "debt_minutes", "created_at", "reverses", "reason",
        )  # fmt: skip
        read_only_fields = fields


NOT_ALLOWED = OpenApiResponse(description="the role does not allow it")
READING: dict[int, Any] = {403: NOT_ALLOWED, 409: OpenApiResponse(description="it is over")}
COST_CHANGED = OpenApiResponse(
    description="the cost is not what was agreed to (`cost_changed`, with `cost`), it is not as it "
    "was seen (`changed_meanwhile`), or it is over"
)


def one_booking(request: Request, pk: int) -> Booking:
    rows: QuerySet[Booking] = Booking.objects.visible_to(request.user).with_names()
    return get_object_or_404(rows.select_related("bundle"), pk=pk)


def shown(request: Request, booking: Booking) -> Response:
    context = shapes.booking_context(request.user)
    fresh = one_booking(request, booking.pk)
    return Response(shapes.BookingSerializer(fresh, context=context).data)


def agreed(request: Request) -> dict[str, Any]:
    """`agreed` and `expected` as the verbs take them."""
    form = CancelSerializer(data=request.data)
    form.is_valid(raise_exception=True)
    given = dict(form.validated_data)
    expected = given.pop("expected", "")
    return {"agreed": Charge(**given), "expected": expected}


class Cancel(APIView):
    """Give a booking back before it starts, at the cost that GET tells."""

    @extend_schema(responses={200: CostSerializer, **READING})
    def get(self, request: Request, pk: int) -> Response:
        """What cancelling would cost at this moment; nothing is written."""
        return Response(preview(actor=person(request), booking=one_booking(request, pk)).as_json())

    @extend_schema(
        request=CancelSerializer, responses={200: shapes.BookingSerializer, 409: COST_CHANGED}
    )
    def post(self, request: Request, pk: int) -> Response:
        booking = one_booking(request, pk)
        return shown(request, cancel(actor=person(request), booking=booking, **agreed(request)))


class CancelRest(APIView):
    """Give back this booking and the later ones of its weekly series, all or none."""

    @extend_schema(responses={200: RestSerializer, **READING})
    def get(self, request: Request, pk: int) -> Response:
        """What cancelling them would cost at this moment; nothing is written."""
        rest = preview_rest(actor=person(request), booking=one_booking(request, pk))
        return Response(rest.as_json())

    @extend_schema(
        request=CancelSerializer,
        responses={200: shapes.BookingSerializer(many=True), 409: COST_CHANGED},
    )
    def post(self, request: Request, pk: int) -> Response:
        booking = one_booking(request, pk)
        gone = cancel_rest(actor=person(request), booking=booking, **agreed(request))
        rows = Booking.objects.visible_to(request.user).with_names().order_by("starts_at", "pk")
        fresh = rows.filter(pk__in=[one.pk for one in gone])
        context = shapes.booking_context(request.user)
        return Response(shapes.BookingSerializer(fresh, many=True, context=context).data)


class Reconfirm(APIView):
    """Say again that one comes, within the window that the rules ask for."""

    @extend_schema(request=None, responses={200: shapes.BookingSerializer, 409: OpenApiResponse()})
    def post(self, request: Request, pk: int) -> Response:
        return shown(request, reconfirm(actor=person(request), booking=one_booking(request, pk)))


class Arrive(APIView):
    """The technician notes that the booking's people are here; it is no no-show any more."""

    @extend_schema(request=None, responses={200: shapes.BookingSerializer, 409: OpenApiResponse()})
    def post(self, request: Request, pk: int) -> Response:
        return shown(request, arrive(actor=person(request), booking=one_booking(request, pk)))


class Penalties(generics.ListAPIView[Penalty]):
    """Penalties and waivers, the latest first: the company's own, or all for the administrator."""

    serializer_class = PenaltySerializer

    def get_queryset(self) -> Any:
        demand(self.request.user, "see_penalties")
        return Penalty.objects.visible_to(self.request.user).select_related(
            "booking", "company", "user"
        )

    @extend_schema(responses={200: PenaltySerializer(many=True), 403: NOT_ALLOWED})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class Waive(APIView):
    """The administrator takes a penalty back, with a reason that the company reads."""

    @extend_schema(
        request=shapes.ReasonSerializer, responses={200: PenaltySerializer, 409: OpenApiResponse()}
    )
    def post(self, request: Request, pk: int) -> Response:
        demand(request.user, "waive_penalty")
        penalty = get_object_or_404(Penalty.objects.visible_to(request.user), pk=pk)
        form = shapes.ReasonSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        waiver = waive(actor=person(request), penalty=penalty, reason=form.validated_data["reason"])
        return Response(PenaltySerializer(waiver).data)


urlpatterns = [
    path("bookings/<int:pk>/cancel/", Cancel.as_view(), name="api_cancel"),
    path("bookings/<int:pk>/cancel-rest/", CancelRest.as_view(), name="api_cancel_rest"),
    path("bookings/<int:pk>/reconfirm/", Reconfirm.as_view(), name="api_reconfirm_booking"),
    path("bookings/<int:pk>/arrive/", Arrive.as_view(), name="api_arrive_booking"),
    path("penalties/", Penalties.as_view(), name="api_penalties"),
    path("penalties/<int:pk>/waive/", Waive.as_view(), name="api_waive_penalty"),
]
