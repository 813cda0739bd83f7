"""Chains of steps over the API: combinations, holds, bookings, all or nothing; capabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import generics
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.booking import api_shapes as shapes
from testbed.booking import idempotency
from testbed.booking import route_shapes as forms
from testbed.booking.bundles import steps_in
from testbed.booking.capability import capabilities, find_any, find_slots_on_any
from testbed.booking.explain import slot_json
from testbed.booking.models import Bundle
from testbed.booking.penalties import Charge
from testbed.booking.route_place import (
    cancel_route,
    combination_json,
    extend_route,
    hold_route,
    place_route,
    submit_route,
)
from testbed.booking.route_slots import find_route_slots
from testbed.people.visitor import person
from testbed.tools.models import Capability

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.serializers import Serializer

BROKEN = OpenApiResponse(forms.RefusedRouteSerializer, "every rule of every step that says no")
CLAIMS: dict[int, Any] = {403: BROKEN, 409: BROKEN, 422: BROKEN}


def checked(shape: type[Serializer[Any]], data: Any, request: Request) -> dict[str, Any]:
    """Validated data; raises DRF's ValidationError, which becomes a 400 with its fields."""
    form = shape(data=data, context={"request": request})
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)


def bundle_of(request: Request, pk: int) -> Bundle:
    found: Bundle = get_object_or_404(Bundle.objects.visible_to(request.user), pk=pk)
    return found


def shown(request: Request, bundle: Bundle, status: int = 200) -> Response:
    context = shapes.booking_context(request.user)
    return Response(forms.bundle_json(bundle, steps_in(bundle), context), status=status)


class Capabilities(generics.ListAPIView[Capability]):
    """What the facility's tools can do, and which have it."""

    serializer_class = forms.CapabilitySerializer

    def get_queryset(self) -> Any:
        found = [one.pk for one in capabilities(self.request.user)]
        return Capability.objects.filter(pk__in=found).prefetch_related("tools")


class CapabilitySlots(APIView):
    """Free slots on whichever tool has the capability, by start, then price."""

    @extend_schema(
        parameters=[forms.CapabilitySearchSerializer],
        responses={200: shapes.FoundSerializer, 422: OpenApiResponse()},
    )
    def get(self, request: Request, code: str) -> Response:
        get_object_or_404(Capability, code=code)
        asked = checked(forms.CapabilitySearchSerializer, request.query_params.dict(), request)
        targets = find_any(request.user, f"capability:{code}")
        found = find_slots_on_any(actor=person(request), targets=targets, **asked)
        return Response(
            {
                "slots": [slot_json(slot) for slot in found.slots],
                "nothing_because": [broken.as_json() for broken in found.nothing_because],
            }
        )


class RouteSlots(APIView):
    """When can I have the whole route? Combinations that keep every rule, earliest end first."""

    @extend_schema(
        request=forms.RouteSearchSerializer,
        responses={200: forms.RouteFoundSerializer, 409: OpenApiResponse()},
    )
    def post(self, request: Request) -> Response:
        asked = checked(forms.RouteSearchSerializer, request.data, request)
        found = find_route_slots(actor=person(request), **asked)
        return Response(
            {
                "combinations": [combination_json(one) for one in found.combinations],
                "nothing_because": [
                    {"step": number, "broken_rules": [one.as_json() for one in broken]}
                    for number, broken in found.nothing_because
                ],
                "is_cut_short": found.is_cut_short,
            }
        )


class RouteHolds(APIView):
    """Hold every step of a chain with one countdown, or none."""

    @extend_schema(
        parameters=[idempotency.PARAMETER],
        request=forms.NewRouteHoldSerializer,
        responses={201: forms.BundleSerializer, **CLAIMS},
    )
    def post(self, request: Request) -> Response:
        def work() -> Response:
            asked = checked(forms.NewRouteHoldSerializer, request.data, request)
            return shown(request, hold_route(actor=person(request), **asked), 201)

        return idempotency.once(request, work)


class RouteBookings(APIView):
    """Book every step of a chain at once, or none."""

    @extend_schema(
        parameters=[idempotency.PARAMETER],
        request=forms.NewRouteBookingSerializer,
        responses={201: forms.BundleSerializer, **CLAIMS},
    )
    def post(self, request: Request) -> Response:
        def work() -> Response:
            asked = checked(forms.NewRouteBookingSerializer, request.data, request)
            answers = shapes.answers_of(asked)
            bundle = place_route(
                actor=person(request), steps=asked["steps"], answers=answers,
                on_behalf_of=asked["on_behalf_of"], override=asked["override"],
            )  # fmt: skip
            return shown(request, bundle, 201)

        return idempotency.once(request, work)


class OneBundle(APIView):
    """Bookings that were placed together."""

    @extend_schema(responses={200: forms.BundleSerializer})
    def get(self, request: Request, pk: int) -> Response:
        return shown(request, bundle_of(request, pk))


class SubmitBundle(APIView):
    """Answer the form of a held chain once; every step is booked, or none."""

    @extend_schema(
        request=shapes.SubmitSerializer, responses={200: forms.BundleSerializer, **CLAIMS}
    )
    def post(self, request: Request, pk: int) -> Response:
        bundle = bundle_of(request, pk)
        asked = checked(shapes.SubmitSerializer, request.data, request)
        done = submit_route(
            actor=person(request), bundle=bundle, answers=shapes.answers_of(asked),
            override=asked["override"],
        )  # fmt: skip
        return shown(request, done)


class ExtendBundle(APIView):
    """Give a held chain its full minutes again."""

    @extend_schema(request=None, responses={200: forms.BundleSerializer})
    def post(self, request: Request, pk: int) -> Response:
        return shown(request, extend_route(actor=person(request), bundle=bundle_of(request, pk)))


class CancelBundle(APIView):
    """Give back every step that has not begun, at the cost agreed."""

    @extend_schema(request=forms.AgreedSerializer, responses={200: forms.BundleSerializer})
    def post(self, request: Request, pk: int) -> Response:
        bundle = bundle_of(request, pk)
        given = checked(forms.AgreedSerializer, request.data or {}, request)
        expected = given.pop("expected", "")
        done = cancel_route(
            actor=person(request), bundle=bundle, agreed=Charge(**given), expected=expected
        )
        return shown(request, done)


urlpatterns = [
    path("capabilities/", Capabilities.as_view(), name="api_capabilities"),
    path("capabilities/<slug:code>/slots/", CapabilitySlots.as_view(), name="api_capability_slots"),
    path("route-slots/", RouteSlots.as_view(), name="api_route_slots"),
    path("route-holds/", RouteHolds.as_view(), name="api_route_holds"),
    path("route-bookings/", RouteBookings.as_view(), name="api_route_bookings"),
    path("bundles/<int:pk>/", OneBundle.as_view(), name="api_bundle"),
    path("bundles/<int:pk>/submit/", SubmitBundle.as_view(), name="api_bundle_submit"),
    path("bundles/<int:pk>/extend/", ExtendBundle.as_view(), name="api_bundle_extend"),
    path("bundles/<int:pk>/cancel/", CancelBundle.as_view(), name="api_bundle_cancel"),
]
