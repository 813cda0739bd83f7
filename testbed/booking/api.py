"""Booking over the API: free slots, quotes, rules, holds, bookings, the timeline."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import generics
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.booking import api_shapes as shapes
from testbed.booking import approve as decisions
from testbed.booking import (
    desk_api,
    give_back_api,
    idempotency,
    route_api,
    rule_api,
    timeline_api,
    together_api,
)
from testbed.booking.calendar_views import address_of
from testbed.booking.calendars import issue, revoke
from testbed.booking.change import change, preview
from testbed.booking.explain import slot_json
from testbed.booking.finish import finish
from testbed.booking.hand_over import colleagues, hand_over, not_a_colleague
from testbed.booking.hold import extend, hold
from testbed.booking.intervals import Interval
from testbed.booking.kept import kept
from testbed.booking.models import Booking, CalendarFeed
from testbed.booking.place import place, submit
from testbed.booking.read_one import read_one, read_placed
from testbed.booking.request import gather, price
from testbed.booking.rules import check_all, refusing
from testbed.booking.slots import find_slots, nearest
from testbed.booking.target import asking
from testbed.people.permissions import demand
from testbed.people.visitor import person

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request
    from rest_framework.serializers import Serializer

    from testbed.booking.slots import Slot

BROKEN = OpenApiResponse(shapes.RefusedClaimSerializer, "every rule that says no")
CLAIMS: dict[int, Any] = {403: BROKEN, 409: BROKEN, 422: BROKEN}


def checked(shape: type[Serializer[Any]], data: Any, request: Request) -> dict[str, Any]:
    """Validated data; raises DRF's ValidationError, which becomes a 400 with its fields."""
    if data is None:
        # Says "no data", which `run_validation` alone would call a null.
        shape(data=data).is_valid(raise_exception=True)
    return dict(kept(shape, request=request).run_validation(data))


def bookings_of(request: Request) -> QuerySet[Booking]:
    visible: QuerySet[Booking] = Booking.objects.visible_to(request.user).with_names()
    return visible


def one_booking(request: Request, pk: int) -> Booking:
    return get_object_or_404(bookings_of(request), pk=pk)


def shown(request: Request, booking: Booking, status: int = 200) -> Response:
    """The booking read again, as everybody sees it."""
    return answered(request, read_one(request.user, booking.pk), status)


def answered(request: Request, booking: Booking, status: int = 200) -> Response:
    """A booking as `read_one` or `read_placed` gives it."""
    context = shapes.booking_context(request.user)
    data = kept(shapes.BookingSerializer, **context).to_representation(booking)
    return Response(data, status=status)


class Slots(APIView):
    """When can I have it? Free slots that keep every rule, earliest first, with their price."""

    @extend_schema(
        parameters=[shapes.SearchSerializer],
        responses={200: shapes.FoundSerializer, 422: OpenApiResponse()},
    )
    def get(self, request: Request) -> Response:
        asked = checked(shapes.SearchSerializer, request.query_params.dict(), request)
        found = find_slots(actor=person(request), **asked)
        return Response(
            {
                "slots": [slot_json(slot) for slot in found.slots],
                "nothing_because": [broken.as_json() for broken in found.nothing_because],
            }
        )


class Quotes(APIView):
    """The price of a time and every rule it breaks, before anything is booked."""

    @extend_schema(request=shapes.QuoteRequestSerializer, responses={200: shapes.QuotedSerializer})
    def post(self, request: Request) -> Response:
        asked = checked(shapes.QuoteRequestSerializer, request.data, request)
        actor, tools = person(request), asked["target"].tools()
        span = Interval(asked["starts_at"], asked["ends_at"])
        found = gather(
            actor=actor, tools=tools, starts_at=span.start, ends_at=span.end, now=timezone.now()
        )
        # The form's other answers are not known yet, so nothing is said about them.
        broken = check_all(replace(found, wafer_count=asked["wafer_count"] + asked["test_wafers"]))
        near = nearest(actor=actor, target=asked["target"], span=span) if refusing(broken) else []
        quote = price(
            company=actor.company,
            tools=tools,
            starts_at=span.start,
            ends_at=span.end,
            test_wafers=asked["test_wafers"],
        )
        return Response(
            {
                "quote": quote.as_json(),
                "broken_rules": [one.as_json() for one in broken],
                "nearest_slots": [slot_json(slot) for slot in near],
            }
        )


class Holds(APIView):
    """Hold a slot for some minutes while the booking form is filled in."""

    @extend_schema(
        parameters=[idempotency.PARAMETER],
        request=shapes.NewHoldSerializer,
        responses={201: shapes.BookingSerializer, **CLAIMS},
    )
    def post(self, request: Request) -> Response:
        def work() -> Response:
            asked = checked(shapes.NewHoldSerializer, request.data, request)
            return shown(request, hold(actor=person(request), **asked), 201)

        return idempotency.once(request, work)


class Bookings(generics.ListAPIView[Booking]):
    """Bookings that the caller may see, latest start first; POST holds and submits in one."""

    serializer_class = shapes.BookingSerializer

    def get_queryset(self) -> QuerySet[Booking]:
        return bookings_of(self.request)

    def get_serializer_context(self) -> dict[str, Any]:
        context = shapes.booking_context(self.request.user)
        return {**super().get_serializer_context(), **context}

    @extend_schema(responses={200: shapes.BookingSerializer(many=True)})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        parameters=[idempotency.PARAMETER],
        request=shapes.NewBookingSerializer,
        responses={201: shapes.BookingSerializer, **CLAIMS},
    )
    def post(self, request: Request) -> Response:
        def work() -> Response:
            asked = checked(shapes.NewBookingSerializer, request.data, request)
            booking = place(
                actor=person(request),
                target=asked["target"],
                starts_at=asked["starts_at"],
                ends_at=asked["ends_at"],
                answers=shapes.answers_of(asked),
                on_behalf_of=asked["on_behalf_of"],
                override=asked["override"],
            )
            known = read_placed(request.user, booking, asked["target"], asked["supplies"])
            return answered(request, known, 201)

        data = request.data
        ahead = asking(data.get("tool")) if isinstance(data, dict) else None
        return idempotency.once(request, work, is_whole=True, ahead=ahead)


class OneBooking(APIView):
    """One booking."""

    @extend_schema(responses={200: shapes.BookingSerializer})
    def get(self, request: Request, pk: int) -> Response:
        return shown(request, one_booking(request, pk))


class Submit(APIView):
    """Answer the form of a held slot: it waits for approval, or is confirmed at once."""

    @extend_schema(
        request=shapes.SubmitSerializer,
        responses={200: shapes.BookingSerializer, **CLAIMS},
    )
    def post(self, request: Request, pk: int) -> Response:
        booking = one_booking(request, pk)
        asked = checked(shapes.SubmitSerializer, request.data, request)
        placed = submit(
            actor=person(request), booking=booking, answers=shapes.answers_of(asked),
            override=asked["override"],
        )  # fmt: skip
        return shown(request, placed)


class Extend(APIView):
    """Give a running hold its full minutes again."""

    @extend_schema(request=None, responses={200: shapes.BookingSerializer})
    def post(self, request: Request, pk: int) -> Response:
        return shown(request, extend(actor=person(request), booking=one_booking(request, pk)))


class Approve(APIView):
    """The facility confirms a pending booking."""

    @extend_schema(request=None, responses={200: shapes.BookingSerializer})
    def post(self, request: Request, pk: int) -> Response:
        booking = one_booking(request, pk)
        return shown(request, decisions.approve(actor=person(request), booking=booking))


class Refuse(APIView):
    """The facility turns a pending booking down, with a reason that the company reads."""

    @extend_schema(
        request=shapes.ReasonSerializer,
        responses={200: shapes.BookingSerializer},
    )
    def post(self, request: Request, pk: int) -> Response:
        booking = one_booking(request, pk)
        demand(person(request), "approve_booking")
        reason = checked(shapes.ReasonSerializer, request.data, request)["reason"]
        return shown(
            request, decisions.refuse(actor=person(request), booking=booking, reason=reason)
        )


class Change(APIView):
    """Another time or tool for a booking that has not begun; its number and answers stay."""

    @extend_schema(
        parameters=[shapes.SpanSerializer],
        responses={200: shapes.ChangePreviewSerializer, **CLAIMS},
    )
    def get(self, request: Request, pk: int) -> Response:
        """What the change would cost and which rules it would break; nothing is written."""
        booking = one_booking(request, pk)
        asked = checked(shapes.SpanSerializer, request.query_params.dict(), request)
        actor, target = person(request), asked["target"]
        span = Interval(asked["starts_at"], asked["ends_at"])
        seen = preview(actor=actor, booking=booking, target=target, span=span)
        near: list[Slot] = []
        if refusing(seen.broken):
            near = nearest(actor=actor, target=target, span=span, without=booking)
        return Response(
            {
                "quote": seen.quote,
                "state": seen.state,
                "broken_rules": [one.as_json() for one in seen.broken],
                "nearest_slots": [slot_json(slot) for slot in near],
            }
        )

    @extend_schema(
        parameters=[idempotency.PARAMETER],
        request=shapes.NewSpanSerializer,
        responses={200: shapes.BookingSerializer, **CLAIMS},
    )
    def post(self, request: Request, pk: int) -> Response:
        def work() -> Response:
            booking = one_booking(request, pk)
            asked = checked(shapes.NewSpanSerializer, request.data, request)
            return shown(request, change(actor=person(request), booking=booking, **asked))

        return idempotency.once(request, work)


class HandOverSerializer(shapes.ColleagueSerializer):
    """Who takes it over, and which state of the booking the caller saw."""

    expected = shapes.ExpectedField()


class HandOver(APIView):
    """A colleague of the same company takes the booking over; time and price stay."""

    @extend_schema(
        request=HandOverSerializer,
        responses={200: shapes.BookingSerializer, **CLAIMS},
    )
    def post(self, request: Request, pk: int) -> Response:
        booking = one_booking(request, pk)
        asked = checked(HandOverSerializer, request.data, request)
        demand(person(request), "book")
        colleague = colleagues(booking).filter(email__iexact=asked["colleague"]).first()
        if colleague is None:
            raise not_a_colleague()
        passed = hand_over(
            actor=person(request), booking=booking, colleague=colleague,
            expected=asked.get("expected", ""),
        )  # fmt: skip
        return shown(request, passed)


class Finish(APIView):
    """End a running booking early; the rest of its time is free again."""

    @extend_schema(request=None, responses={200: shapes.BookingSerializer})
    def post(self, request: Request, pk: int) -> Response:
        return shown(request, finish(actor=person(request), booking=one_booking(request, pk)))


class Calendars(generics.ListAPIView[CalendarFeed]):
    """The caller's private calendar addresses in use; POST makes one, its address shown once."""

    serializer_class = shapes.CalendarSerializer

    def get_queryset(self) -> QuerySet[CalendarFeed]:
        feeds = CalendarFeed.objects.visible_to(self.request.user).live()
        return feeds.select_related("owner", "tool")

    @extend_schema(responses={200: shapes.CalendarSerializer(many=True)})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        request=shapes.NewCalendarSerializer,
        responses={201: shapes.IssuedCalendarSerializer, 422: OpenApiResponse()},
    )
    def post(self, request: Request) -> Response:
        asked = checked(shapes.NewCalendarSerializer, request.data, request)
        feed, token = issue(actor=person(request), kind=asked["kind"], tool=asked["tool"])
        data = shapes.CalendarSerializer(feed).data
        return Response({**data, "address": address_of(request, token)}, status=201)


class OneCalendar(APIView):
    """One private calendar address; its secret is never shown again."""

    def _feed(self, request: Request, pk: int) -> CalendarFeed:
        return get_object_or_404(CalendarFeed.objects.visible_to(request.user), pk=pk)

    @extend_schema(responses={200: shapes.CalendarSerializer})
    def get(self, request: Request, pk: int) -> Response:
        return Response(shapes.CalendarSerializer(self._feed(request, pk)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Revoke it: the address answers 404 from now on."""
        revoke(actor=person(request), feed=self._feed(request, pk))
        return Response(status=204)


urlpatterns = [
    path("slots/", Slots.as_view(), name="api_slots"),
    path("quotes/", Quotes.as_view(), name="api_quotes"),
    *rule_api.urlpatterns,
    path("holds/", Holds.as_view(), name="api_holds"),
    path("bookings/", Bookings.as_view(), name="api_bookings"),
    path("bookings/<int:pk>/", OneBooking.as_view(), name="api_booking"),
    path("bookings/<int:pk>/submit/", Submit.as_view(), name="api_submit"),
    path("bookings/<int:pk>/extend/", Extend.as_view(), name="api_extend"),
    path("bookings/<int:pk>/approve/", Approve.as_view(), name="api_approve"),
    path("bookings/<int:pk>/refuse/", Refuse.as_view(), name="api_refuse"),
    path("bookings/<int:pk>/change/", Change.as_view(), name="api_change"),
    path("bookings/<int:pk>/hand-over/", HandOver.as_view(), name="api_hand_over"),
    path("bookings/<int:pk>/finish/", Finish.as_view(), name="api_finish"),
    path("calendars/", Calendars.as_view(), name="api_calendars"),
    path("calendars/<int:pk>/", OneCalendar.as_view(), name="api_calendar"),
    *timeline_api.urlpatterns,
    *desk_api.urlpatterns,
    *give_back_api.urlpatterns,
    *together_api.urlpatterns,
    *route_api.urlpatterns,
]
