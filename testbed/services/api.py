"""Service modules over the API: the catalogue, offers, orders and how their promises stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from django.urls import URLPattern, URLResolver, path
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import generics, serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.booking import api_shapes, idempotency, route_shapes
from testbed.booking.route_api import CLAIMS, checked
from testbed.booking.route_place import combination_json
from testbed.material.models import SLOTS
from testbed.people.visitor import person
from testbed.services import order as ordering
from testbed.services.models import Module, Order
from testbed.services.promise import Shown, Standing, record_of, shown

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


class ModuleSerializer(serializers.ModelSerializer[Module]):
    """A module: what, price with VAT, promise in working days from its first step."""

    route = serializers.CharField(source="route.code")
    quote = serializers.SerializerMethodField()
    record = serializers.SerializerMethodField(help_text="how many promises were kept, in words")

    class Meta:
        model = Module
        fields = (
            "code", "name_ko", "name_en", "description_ko", "description_en", "route",
            "wafers_min", "wafers_max", "price_won", "quote", "turnaround_days", "document",
            "valid_from", "valid_until", "record",
        )  # fmt: skip

    def get_quote(self, module: Module) -> dict[str, Any]:
        return ordering.price_of(module)

    def get_record(self, module: Module) -> str:
        return record_of(module)


class OfferWishSerializer(route_shapes.RangeSerializer):
    wafers = serializers.IntegerField(min_value=1, max_value=SLOTS)
    limit = serializers.IntegerField(min_value=1, max_value=20, default=5)


class OfferSerializer(route_shapes.CombinationSerializer):
    """A combination of free times; `total_won` is what its steps would cost by themselves."""

    promised_at = serializers.DateTimeField()


class OffersSerializer(serializers.Serializer[Any]):
    quote = api_shapes.QuoteSerializer()
    offers = OfferSerializer(many=True)
    nothing_because = route_shapes.BrokenStepSerializer(many=True)


class NewOrderSerializer(route_shapes.ChosenStepsSerializer, api_shapes.DeskSerializer):
    wafers = serializers.IntegerField(min_value=1, max_value=SLOTS)
    lot = serializers.CharField(
        required=False, allow_null=True, max_length=20, default=None, help_text="own lot's code"
    )
    purpose = serializers.CharField(max_length=200, allow_blank=True, default="")

    def validate_lot(self, code: str | None) -> Any:
        answers = api_shapes.AnswersSerializer(context=self.context)
        return answers.validate_lot(code)


class OrderSerializer(serializers.Serializer[Any]):
    """An order: its promise, and how it stands."""

    id = serializers.IntegerField(source="order.pk")
    number = serializers.CharField(source="order.__str__")
    module = serializers.CharField(source="order.module.code")
    company = serializers.CharField(source="order.company.business_number")
    ordered_by = serializers.CharField(source="order.ordered_by.name")
    ordered_at = serializers.DateTimeField(source="order.ordered_at")
    wafer_count = serializers.IntegerField(source="order.wafer_count")
    quote = api_shapes.QuoteSerializer(source="order.quote")
    promised_at = serializers.DateTimeField(source="order.promised_at")
    finished_at = serializers.DateTimeField(source="order.finished_at", allow_null=True)
    ends_at = serializers.DateTimeField(allow_null=True, help_text="end of the last step left")
    standing = serializers.ChoiceField(choices=Standing.choices)
    bundle = serializers.IntegerField(source="order.bundle_id")
    bookings = serializers.SerializerMethodField()

    def get_bookings(self, row: Shown) -> list[int]:
        return [step.pk for step in row.steps]


def orders_of(request: Request) -> QuerySet[Order]:
    visible: QuerySet[Order] = Order.objects.visible_to(request.user)
    return visible.select_related("module", "company", "ordered_by", "bundle")


def order_shown(request: Request, pk: int, status: int = 200) -> Response:
    [row] = shown([get_object_or_404(orders_of(request), pk=pk)], timezone.now())
    return Response(OrderSerializer(row).data, status=status)


class Modules(generics.ListAPIView[Module]):
    """Ready-made work: what the facility offers at a fixed price with a promised turnaround."""

    serializer_class = ModuleSerializer

    def get_queryset(self) -> QuerySet[Module]:
        return Module.objects.visible_to(self.request.user).select_related("route")


class OneModule(generics.RetrieveAPIView[Module]):
    """One module."""

    serializer_class = ModuleSerializer
    lookup_field = "code"

    def get_queryset(self) -> QuerySet[Module]:
        return Module.objects.visible_to(self.request.user).select_related("route")


def module_of(request: Request, code: str) -> Module:
    found = Module.objects.visible_to(request.user).select_related("route")
    return get_object_or_404(found, code=code)


class Offers(APIView):
    """When the module can be had: price, free times of all its steps, and the promise for each."""

    @extend_schema(
        request=OfferWishSerializer,
        responses={200: OffersSerializer, 409: OpenApiResponse(), 422: OpenApiResponse()},
    )
    def post(self, request: Request, code: str) -> Response:
        module = module_of(request, code)
        asked = checked(OfferWishSerializer, request.data, request)
        found = ordering.find_offers(actor=person(request), module=module, **asked)
        return Response(
            {
                "quote": ordering.price_of(module),
                "offers": [
                    {**combination_json(one.combination), "promised_at": one.promised_at}
                    for one in found.offers
                ],
                "nothing_because": [
                    {"step": number, "broken_rules": [one.as_json() for one in broken]}
                    for number, broken in found.found.nothing_because
                ],
            }
        )


class PlaceOrder(APIView):
    """Order the module: every step is booked at the module's price, or none."""

    @extend_schema(
        parameters=[idempotency.PARAMETER],
        request=NewOrderSerializer,
        responses={201: OrderSerializer, **CLAIMS},
    )
    def post(self, request: Request, code: str) -> Response:
        def work() -> Response:
            module = module_of(request, code)
            asked = checked(NewOrderSerializer, request.data, request)
            placed = ordering.order(actor=person(request), module=module, **asked)
            return order_shown(request, placed.pk, 201)

        return idempotency.once(request, work)


class Orders(generics.ListAPIView[Order]):
    """Orders that the caller may see, newest first."""

    serializer_class = OrderSerializer

    def get_queryset(self) -> QuerySet[Order]:
        return orders_of(self.request)

    @extend_schema(responses={200: OrderSerializer(many=True)})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.get_queryset()) or []
        rows = sorted(shown(page, timezone.now()), key=lambda row: -row.order.pk)
        return self.get_paginated_response(OrderSerializer(rows, many=True).data)


class OneOrder(APIView):
    """One order."""

    @extend_schema(responses={200: OrderSerializer})
    def get(self, request: Request, pk: int) -> Response:
        return order_shown(request, pk)


class FinishOrder(APIView):
    """The facility hands out the result."""

    @extend_schema(request=None, responses={200: OrderSerializer})
    def post(self, request: Request, pk: int) -> Response:
        found = get_object_or_404(orders_of(request), pk=pk)
        ordering.finish(actor=person(request), order=found)
        return order_shown(request, pk)


urlpatterns: list[URLPattern | URLResolver] = [
    path("services/", Modules.as_view(), name="api_services"),
    path("services/<slug:code>/", OneModule.as_view(), name="api_service"),
    path("services/<slug:code>/offers/", Offers.as_view(), name="api_service_dates"),
    path("services/<slug:code>/orders/", PlaceOrder.as_view(), name="api_service_place"),
    path("service-orders/", Orders.as_view(), name="api_service_orders"),
    path("service-orders/<int:pk>/", OneOrder.as_view(), name="api_service_order"),
    path("service-orders/<int:pk>/finish/", FinishOrder.as_view(), name="api_service_order_finish"),
]
