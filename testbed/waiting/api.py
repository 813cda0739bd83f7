"""The waiting list over the API: wishes, offers, and asking to be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from django.urls import URLPattern, URLResolver, path
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import generics, serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.booking import api_shapes as shapes
from testbed.booking.models import UseMode
from testbed.booking.place import Answers
from testbed.booking.target import find
from testbed.people.visitor import person
from testbed.tools.models import Area
from testbed.waiting.models import (
    EVERY_DAY,
    LONGEST_MINUTES,
    Offer,
    OfferState,
    Watch,
    Wish,
    WishState,
)
from testbed.waiting.queue import with_places
from testbed.waiting.watch import stop, watch
from testbed.waiting.wish import decline, take, wait_for, withdraw

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

REFUSED = OpenApiResponse(shapes.RefusedClaimSerializer, "why not; what is free already")


class WaitingWishSerializer(serializers.ModelSerializer[Wish]):
    """place: how many wishes for these tools come first, plus one; null once it is not waiting.

    use_mode is empty while the wish does not say what is to be done in the time.
    """

    tool = serializers.CharField(source="tool.code", default=None, allow_null=True)
    cell = serializers.CharField(source="cell.code", default=None, allow_null=True)
    state = serializers.ChoiceField(WishState.choices)
    place = serializers.SerializerMethodField()
    lot = serializers.CharField(source="lot.code", default=None, allow_null=True)
    route = serializers.CharField(source="route.code", default=None, allow_null=True)
    use_mode = serializers.ChoiceField(UseMode.choices, allow_blank=True)

    class Meta:
        model = Wish
        fields = (
            "id", "tool", "cell", "minutes", "earliest", "latest", "weekdays", "from_hour",
            "until_hour", "state", "place", "created_at", "lot", "route", "wafer_count",
            "test_wafers", "purpose", "use_mode", "wished_document",
        )  # fmt: skip

    def get_place(self, wish: Wish) -> int | None:
        return wish.place if wish.state == WishState.WAITING else None


class RangeSerializer(serializers.Serializer[Any]):
    minutes = serializers.IntegerField(min_value=1, max_value=LONGEST_MINUTES)
    earliest = shapes.MomentField()
    latest = shapes.MomentField()


class NewWaitingWishSerializer(shapes.TargetSerializer, RangeSerializer):
    """weekdays: bits, Monday is 1 and Sunday 64; hours of a day in Korea, both or neither."""

    weekdays = serializers.IntegerField(min_value=1, max_value=EVERY_DAY, default=EVERY_DAY)
    from_hour = serializers.IntegerField(min_value=0, max_value=23, required=False)
    until_hour = serializers.IntegerField(min_value=1, max_value=24, required=False)
    answers = shapes.AnswersSerializer(
        required=False, allow_null=True, default=None,
        help_text="as of a booking; with them an offer is taken without a form",
    )  # fmt: skip

    def validate_answers(self, given: dict[str, Any] | None) -> Answers | None:
        return None if given is None else Answers(**given)


class WaitingOfferSerializer(serializers.ModelSerializer[Offer]):
    """booking: the hold; submit it as any other before `expires_at`."""

    state = serializers.ChoiceField(OfferState.choices)
    starts_at = serializers.DateTimeField(source="booking.starts_at")
    ends_at = serializers.DateTimeField(source="booking.ends_at")

    class Meta:
        model = Offer
        fields = (
            "id", "wish", "booking", "state", "starts_at", "ends_at", "offered_at", "expires_at",
        )  # fmt: skip

    def to_representation(self, instance: Offer) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(instance)
        return {**shown, "state": instance.state_at(timezone.now()).value}


class WatchSerializer(serializers.ModelSerializer[Watch]):
    tool = serializers.CharField(source="tool.code", default=None, allow_null=True)
    cell = serializers.CharField(source="cell.code", default=None, allow_null=True)

    class Meta:
        model = Watch
        fields = (
            "id", "tool", "cell", "area", "minutes", "earliest", "latest", "created_at",
            "ended_at",
        )  # fmt: skip


class NewWatchSerializer(RangeSerializer):
    """A tool or a cell by its code, or any tool of an area, or (all three left out) any tool."""

    tool = serializers.CharField(required=False, max_length=20)
    cell = serializers.CharField(required=False, max_length=20)
    area = serializers.ChoiceField(Area.choices, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        given = [kind for kind in ("tool", "cell", "area") if kind in attrs]
        if len(given) > 1:
            raise serializers.ValidationError(_("Give a tool, a cell or an area, not several."))
        for kind in ("tool", "cell"):
            if kind in attrs:
                target = find(person(self.context["request"]), f"{kind}:{attrs.pop(kind)}")
                if target is None:
                    raise serializers.ValidationError({kind: _("There is nothing with this code.")})
                attrs["target"] = target
        return attrs


def checked(shape: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """Validated data; raises DRF's ValidationError, which becomes a 400 with its fields."""
    form = shape(data=request.data, context={"request": request})
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)


def wish_shown(wish: Wish, status: int = 200) -> Response:
    fresh = with_places(Wish.objects.with_names(), timezone.now()).get(pk=wish.pk)
    return Response(WaitingWishSerializer(fresh).data, status=status)


class Wishes(generics.ListAPIView[Wish]):
    """The company's wishes, oldest first (the staff see everybody's); POST joins the list."""

    serializer_class = WaitingWishSerializer

    def get_queryset(self) -> QuerySet[Wish]:
        rows = Wish.objects.visible_to(self.request.user).with_names()
        return with_places(rows, timezone.now())

    @extend_schema(responses={200: WaitingWishSerializer(many=True)})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        request=NewWaitingWishSerializer,
        responses={201: WaitingWishSerializer, 403: REFUSED, 409: REFUSED, 422: REFUSED},
    )
    def post(self, request: Request) -> Response:
        wish = wait_for(actor=person(request), **checked(NewWaitingWishSerializer, request))
        return wish_shown(wish, 201)


class WithdrawWish(APIView):
    """Leave the waiting list; an open offer is declined with it."""

    @extend_schema(request=None, responses={200: WaitingWishSerializer, 409: REFUSED})
    def post(self, request: Request, pk: int) -> Response:
        wish = get_object_or_404(Wish.objects.visible_to(request.user), pk=pk)
        return wish_shown(withdraw(actor=person(request), wish=wish))


class Offers(generics.ListAPIView[Offer]):
    """What was offered to the company, latest first."""

    serializer_class = WaitingOfferSerializer

    def get_queryset(self) -> QuerySet[Offer]:
        rows: QuerySet[Offer] = Offer.objects.visible_to(self.request.user)
        return rows.select_related("booking")

    @extend_schema(responses={200: WaitingOfferSerializer(many=True)})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class DeclineOffer(APIView):
    """Not this time: the hold is given back, the wish waits on for another."""

    @extend_schema(request=None, responses={200: WaitingOfferSerializer, 409: REFUSED})
    def post(self, request: Request, pk: int) -> Response:
        offer = get_object_or_404(Offer.objects.visible_to(request.user), pk=pk)
        return Response(WaitingOfferSerializer(decline(actor=person(request), offer=offer)).data)


class TakeOffer(APIView):
    """Book the offered time with the answers that the wish carries."""

    @extend_schema(
        request=None,
        responses={200: WaitingOfferSerializer, 403: REFUSED, 409: REFUSED, 422: REFUSED},
    )
    def post(self, request: Request, pk: int) -> Response:
        offer = get_object_or_404(Offer.objects.visible_to(request.user), pk=pk)
        return Response(WaitingOfferSerializer(take(actor=person(request), offer=offer)).data)


class Watches(generics.ListAPIView[Watch]):
    """What the company asked to be told of; POST asks for more."""

    serializer_class = WatchSerializer

    def get_queryset(self) -> QuerySet[Watch]:
        rows: QuerySet[Watch] = Watch.objects.visible_to(self.request.user).with_names()
        return rows

    @extend_schema(responses={200: WatchSerializer(many=True)})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        request=NewWatchSerializer,
        responses={201: WatchSerializer, 403: REFUSED, 409: REFUSED, 422: REFUSED},
    )
    def post(self, request: Request) -> Response:
        asked = watch(actor=person(request), **checked(NewWatchSerializer, request))
        return Response(WatchSerializer(asked).data, status=201)


class StopWatch(APIView):
    """No more news of it."""

    @extend_schema(request=None, responses={200: WatchSerializer})
    def post(self, request: Request, pk: int) -> Response:
        asked = get_object_or_404(Watch.objects.visible_to(request.user), pk=pk)
        return Response(WatchSerializer(stop(actor=person(request), asked=asked)).data)


urlpatterns: list[URLPattern | URLResolver] = [
    path("waiting/wishes/", Wishes.as_view(), name="api_wishes"),
    path("waiting/wishes/<int:pk>/withdraw/", WithdrawWish.as_view(), name="api_withdraw_wish"),
    path("waiting/offers/", Offers.as_view(), name="api_offers"),
    path("waiting/offers/<int:pk>/decline/", DeclineOffer.as_view(), name="api_decline_offer"),
    path("waiting/offers/<int:pk>/take/", TakeOffer.as_view(), name="api_take_offer"),
    path("waiting/watches/", Watches.as_view(), name="api_watches"),
    path("waiting/watches/<int:pk>/stop/", StopWatch.as_view(), name="api_stop_watch"),
]
