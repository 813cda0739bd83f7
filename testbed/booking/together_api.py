"""Sharing a booking and repeating it weekly over the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Q
from django.urls import path
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.booking import api_shapes as shapes
from testbed.booking import idempotency
from testbed.booking.give_back_api import NOT_ALLOWED, one_booking
from testbed.booking.repeat import EVERY, TIMES, Weekly, preview, repeat, weekly
from testbed.booking.share import colleagues, not_a_colleague, share, unshare
from testbed.people.models import User
from testbed.people.permissions import demand
from testbed.people.visitor import person

if TYPE_CHECKING:
    from rest_framework.request import Request

    from testbed.booking.models import Booking
    from testbed.booking.repeat import Occurrence


class SharerSerializer(serializers.Serializer[Any]):
    """A colleague who shares the booking."""

    user = serializers.IntegerField(source="user_id")
    name = serializers.CharField(source="user.name")
    email = serializers.EmailField(source="user.email")
    added_at = serializers.DateTimeField()


class RhythmSerializer(serializers.Serializer[Any]):
    """Every so many weeks; either how many times more, or until which day in Korea."""

    every = serializers.IntegerField(min_value=EVERY[0], max_value=EVERY[-1], default=1)
    times = serializers.IntegerField(
        required=False, min_value=TIMES[0], max_value=TIMES[-1], help_text="bookings more"
    )
    until = serializers.DateField(required=False, help_text="the last day")


class NewSeriesSerializer(RhythmSerializer, shapes.OverridingSerializer):
    """The repetition that is booked."""


class OccurrenceSerializer(serializers.Serializer[Any]):
    """One week's time: free, booked (`booking`), or the rules it breaks and the nearest slot."""

    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    is_free = serializers.BooleanField()
    booking = serializers.IntegerField(allow_null=True)
    broken_rules = shapes.BrokenRuleSerializer(many=True)
    nearest_slot = shapes.SlotSerializer(allow_null=True)


class RepeatedSerializer(serializers.Serializer[Any]):
    occurrences = OccurrenceSerializer(many=True)


class Sharers(APIView):
    """Who shares the booking; POST lets a colleague of the same company share it."""

    @extend_schema(responses={200: SharerSerializer(many=True)})
    def get(self, request: Request, pk: int) -> Response:
        rows = one_booking(request, pk).sharers.select_related("user")
        return Response(SharerSerializer(rows, many=True).data)

    @extend_schema(
        request=shapes.ColleagueSerializer,
        responses={200: SharerSerializer, 409: OpenApiResponse(), 422: OpenApiResponse()},
    )
    def post(self, request: Request, pk: int) -> Response:
        booking = one_booking(request, pk)
        form = shapes.ColleagueSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        demand(request.user, "book")
        found = _known(booking, form.validated_data["colleague"])
        if found is None:
            raise not_a_colleague()
        sharer = share(actor=person(request), booking=booking, colleague=found)
        return Response(SharerSerializer(sharer).data)


def _known(booking: Booking, email: str) -> User | None:
    """A colleague with whom it is shared, or may be."""
    people = Q(pk__in=colleagues(booking).values("pk")) | Q(shared_bookings__booking=booking)
    return User.objects.filter(people, email__iexact=email).first()


class Unshare(APIView):
    """End a colleague's share; everybody may end their own. Ending none changes nothing."""

    @extend_schema(request=shapes.ColleagueSerializer, responses={200: SharerSerializer(many=True)})
    def post(self, request: Request, pk: int) -> Response:
        booking = one_booking(request, pk)
        form = shapes.ColleagueSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        rows = booking.sharers.select_related("user")
        found = rows.filter(user__email__iexact=form.validated_data["colleague"]).first()
        if found is not None:
            unshare(actor=person(request), booking=booking, colleague=found.user)
        return Response(SharerSerializer(rows.all(), many=True).data)


class Repeat(APIView):
    """The same time every 1 to 4 weeks, each a booking of its own; conflicts are only told."""

    @extend_schema(
        parameters=[RhythmSerializer],
        responses={
            200: RepeatedSerializer,
            403: NOT_ALLOWED,
            409: OpenApiResponse(),
            422: OpenApiResponse(),
        },
    )
    def get(self, request: Request, pk: int) -> Response:
        """Each time, free or with what speaks against it; nothing is written."""
        booking = one_booking(request, pk)
        rhythm = _rhythm(booking, request.query_params.dict())
        return _answer(preview(actor=person(request), booking=booking, rhythm=rhythm))

    @extend_schema(
        parameters=[idempotency.PARAMETER],
        request=NewSeriesSerializer,
        responses={200: RepeatedSerializer, 409: OpenApiResponse(), 422: OpenApiResponse()},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Book every free time; what is booked already stays, so twice does no more than once."""

        def work() -> Response:
            booking = one_booking(request, pk)
            form = NewSeriesSerializer(data=request.data, context={"request": request})
            form.is_valid(raise_exception=True)
            override = form.validated_data["override"]
            rhythm = _rhythm(booking, request.data)
            return _answer(
                repeat(actor=person(request), booking=booking, rhythm=rhythm, override=override)
            )

        return idempotency.once(request, work)


def _rhythm(booking: Booking, data: Any) -> Weekly:
    form = RhythmSerializer(data=data)
    form.is_valid(raise_exception=True)
    asked = {"times": None, "until": None, **form.validated_data}
    return weekly(booking=booking, **asked)


def _answer(found: list[Occurrence]) -> Response:
    return Response({"occurrences": [one.as_json() for one in found]})


urlpatterns = [
    path("bookings/<int:pk>/sharers/", Sharers.as_view(), name="api_booking_sharers"),
    path("bookings/<int:pk>/unshare/", Unshare.as_view(), name="api_unshare_booking"),
    path("bookings/<int:pk>/repeat/", Repeat.as_view(), name="api_repeat_booking"),
]
