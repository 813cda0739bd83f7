"""Closures over the API: who is in the way, announcing, withdrawing; the companies' answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from django.urls import URLPattern, URLResolver, path
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import generics
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.booking import idempotency
from testbed.booking.api import CLAIMS, checked
from testbed.booking.explain import slot_json
from testbed.booking.route_api import CLAIMS as CHAIN_CLAIMS
from testbed.booking.route_place import combination_json
from testbed.booking.route_shapes import ChosenStepsSerializer
from testbed.outages import answer, chain, failure_api, utilities
from testbed.outages import api_shapes as shapes
from testbed.outages.announce import announce, change
from testbed.outages.models import Outage, Rebooking, Utility
from testbed.outages.plan import look
from testbed.outages.withdraw import end_early, withdraw
from testbed.people.permissions import demand
from testbed.people.visitor import person

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

BLOCKED = OpenApiResponse(shapes.BlockedSerializer, "why nothing was closed, and the plan now")
NOT_VALID = OpenApiResponse(shapes.BlockedSerializer, "answers that do not fit")


def outages_of(request: Request) -> QuerySet[Outage]:
    return Outage.objects.visible_to(request.user).with_names()


def one_outage(request: Request, pk: int) -> Outage:
    return get_object_or_404(outages_of(request), pk=pk)


def shown(request: Request, outage: Outage, status: int = 200) -> Response:
    """The outage read again, as this person may see it."""
    fresh = outages_of(request).get(pk=outage.pk)
    data = shapes.OutageSerializer(fresh, context={"request": request}).data
    return Response(data, status=status)


class Plan(APIView):
    """Whom a closure would touch, each with the nearest free slots; nothing is written."""

    @extend_schema(
        request=shapes.OutageTermsSerializer,
        responses={200: shapes.PlanSerializer, 422: NOT_VALID},
    )
    def post(self, request: Request) -> Response:
        demand(person(request), "maintain_tools")
        asked = checked(shapes.OutageTermsSerializer, request.data, request)
        terms, _fates = shapes.terms_and_fates(asked)
        return Response(look(actor=person(request), terms=terms).as_json())


class Outages(generics.ListAPIView[Outage]):
    """Closures, maintenance and outages, the latest announced first; POST announces one."""

    serializer_class = shapes.OutageSerializer

    def get_queryset(self) -> QuerySet[Outage]:
        return outages_of(self.request)

    @extend_schema(responses={200: shapes.OutageSerializer(many=True)})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        parameters=[idempotency.PARAMETER],
        request=shapes.AnnouncementSerializer,
        responses={201: shapes.OutageSerializer, 409: BLOCKED, 422: NOT_VALID},
    )
    def post(self, request: Request) -> Response:
        """Close the tools; every booking in the way needs a fate (see the plan)."""

        def work() -> Response:
            demand(person(request), "maintain_tools")
            asked = checked(shapes.AnnouncementSerializer, request.data, request)
            terms, fates = shapes.terms_and_fates(asked)
            return shown(request, announce(actor=person(request), terms=terms, fates=fates), 201)

        return idempotency.once(request, work)


class OneOutage(APIView):
    """One closure with its times."""

    @extend_schema(responses={200: shapes.OutageSerializer})
    def get(self, request: Request, pk: int) -> Response:
        return shown(request, one_outage(request, pk))


class ChangeOutage(APIView):
    """Other tools, times or words for what lies ahead of a closure; what has passed stays."""

    @extend_schema(
        request=shapes.AnnouncementSerializer,
        responses={200: shapes.OutageSerializer, 409: BLOCKED, 422: NOT_VALID},
    )
    def post(self, request: Request, pk: int) -> Response:
        demand(person(request), "maintain_tools")
        outage = one_outage(request, pk)
        asked = checked(shapes.AnnouncementSerializer, request.data, request)
        terms, fates = shapes.terms_and_fates(asked)
        return shown(
            request, change(actor=person(request), outage=outage, terms=terms, fates=fates)
        )


class WithdrawOutage(APIView):
    """Take a closure back with all its repetitions; what it held ahead is free again."""

    @extend_schema(request=None, responses={200: shapes.OutageSerializer})
    def post(self, request: Request, pk: int) -> Response:
        demand(person(request), "maintain_tools")
        return shown(request, withdraw(actor=person(request), outage=one_outage(request, pk)))


class EndOutage(APIView):
    """The tools are back earlier: end the time that runs now."""

    @extend_schema(request=None, responses={200: shapes.OutageSerializer})
    def post(self, request: Request, pk: int) -> Response:
        demand(person(request), "maintain_tools")
        return shown(request, end_early(actor=person(request), outage=one_outage(request, pk)))


def rebookings_of(request: Request) -> QuerySet[Rebooking]:
    visible: QuerySet[Rebooking] = Rebooking.objects.visible_to(request.user).with_names()
    return visible


def one_rebooking(request: Request, pk: int) -> Rebooking:
    return get_object_or_404(rebookings_of(request), pk=pk)


def answered(request: Request, row: Rebooking) -> Response:
    fresh = rebookings_of(request).get(pk=row.pk)
    return Response(shapes.RebookingSerializer(fresh).data)


class Rebookings(generics.ListAPIView[Rebooking]):
    """What closures did to the caller's bookings, the latest first."""

    serializer_class = shapes.RebookingSerializer

    def get_queryset(self) -> QuerySet[Rebooking]:
        return rebookings_of(self.request).order_by("-pk")

    @extend_schema(responses={200: shapes.RebookingSerializer(many=True)})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class OneRebooking(APIView):
    """One of them, with the slots that are free for the booking now while it may be answered."""

    @extend_schema(responses={200: shapes.AnswerableSerializer})
    def get(self, request: Request, pk: int) -> Response:
        row = one_rebooking(request, pk)
        slots = answer.proposals(row) if row.is_waiting() else []
        chains = chain.proposals(row) if row.is_waiting() else []
        more = {
            "slots": [slot_json(slot) for slot in slots],
            "chains": [combination_json(one) for one in chains],
        }
        return Response({**shapes.RebookingSerializer(row).data, **more})


class AcceptRebooking(APIView):
    """Take the time the facility moved the booking to."""

    @extend_schema(request=None, responses={200: shapes.RebookingSerializer})
    def post(self, request: Request, pk: int) -> Response:
        row = one_rebooking(request, pk)
        return answered(request, answer.accept(actor=person(request), rebooking=row))


class ChooseRebooking(APIView):
    """Another free time of the same length for the booking, with the state it had."""

    @extend_schema(
        request=shapes.ChoiceSerializer, responses={200: shapes.RebookingSerializer, **CLAIMS}
    )
    def post(self, request: Request, pk: int) -> Response:
        row = one_rebooking(request, pk)
        demand(person(request), "book")
        asked = checked(shapes.ChoiceSerializer, request.data, request)
        chosen = answer.choose(actor=person(request), rebooking=row, starts_at=asked["starts_at"])
        return answered(request, chosen)


class ChooseRebookingChain(APIView):
    """New times for every step of the chain that is still to come, all of them or none."""

    @extend_schema(
        request=ChosenStepsSerializer, responses={200: shapes.RebookingSerializer, **CHAIN_CLAIMS}
    )
    def post(self, request: Request, pk: int) -> Response:
        row = one_rebooking(request, pk)
        demand(person(request), "book")
        asked = checked(ChosenStepsSerializer, request.data, request)
        return answered(request, chain.choose(actor=person(request), rebooking=row, **asked))


class DeclineRebooking(APIView):
    """Give the booking back at no cost."""

    @extend_schema(request=None, responses={200: shapes.RebookingSerializer})
    def post(self, request: Request, pk: int) -> Response:
        row = one_rebooking(request, pk)
        return answered(request, answer.decline(actor=person(request), rebooking=row))


class Utilities(generics.ListAPIView[Utility]):
    """What the building supplies and which tools need it; POST adds one."""

    serializer_class = shapes.UtilitySerializer

    def get_queryset(self) -> QuerySet[Utility]:
        return Utility.objects.visible_to(self.request.user).prefetch_related("tools")

    @extend_schema(responses={200: shapes.UtilitySerializer(many=True)})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(request=shapes.NewUtilitySerializer, responses={201: shapes.UtilitySerializer})
    def post(self, request: Request) -> Response:
        demand(person(request), "close_tools")
        asked = checked(shapes.NewUtilitySerializer, request.data, request)
        added = utilities.add(actor=person(request), **asked)
        return Response(shapes.UtilitySerializer(added).data, status=201)


class OneUtility(APIView):
    """One supply of the building."""

    def _utility(self, request: Request, code: str) -> Utility:
        return get_object_or_404(Utility.objects.visible_to(request.user), code=code)

    @extend_schema(responses={200: shapes.UtilitySerializer})
    def get(self, request: Request, code: str) -> Response:
        return Response(shapes.UtilitySerializer(self._utility(request, code)).data)

    @extend_schema(
        request=shapes.UtilityChangeSerializer, responses={200: shapes.UtilitySerializer}
    )
    def put(self, request: Request, code: str) -> Response:
        demand(person(request), "close_tools")
        utility = self._utility(request, code)
        asked = checked(shapes.UtilityChangeSerializer, request.data, request)
        changed = utilities.edit(actor=person(request), utility=utility, **asked)
        return Response(shapes.UtilitySerializer(changed).data)


urlpatterns: list[URLPattern | URLResolver] = [
    path("outages/", Outages.as_view(), name="api_outages"),
    path("outages/plan/", Plan.as_view(), name="api_outage_plan"),
    path("outages/<int:pk>/", OneOutage.as_view(), name="api_outage"),
    path("outages/<int:pk>/change/", ChangeOutage.as_view(), name="api_outage_edit"),
    path("outages/<int:pk>/withdraw/", WithdrawOutage.as_view(), name="api_outage_withdraw"),
    path("outages/<int:pk>/end/", EndOutage.as_view(), name="api_outage_end"),
    path("rebookings/", Rebookings.as_view(), name="api_rebookings"),
    path("rebookings/<int:pk>/", OneRebooking.as_view(), name="api_rebooking"),
    path("rebookings/<int:pk>/accept/", AcceptRebooking.as_view(), name="api_rebooking_accept"),
    path("rebookings/<int:pk>/choose/", ChooseRebooking.as_view(), name="api_rebooking_choose"),
    path(
        "rebookings/<int:pk>/choose-chain/",
        ChooseRebookingChain.as_view(),
        name="api_rebooking_choose_chain",
    ),
    path("rebookings/<int:pk>/decline/", DeclineRebooking.as_view(), name="api_rebooking_decline"),
    path("utilities/", Utilities.as_view(), name="api_utilities"),
    path("utilities/<slug:code>/", OneUtility.as_view(), name="api_utility"),
    *failure_api.urlpatterns,
]
