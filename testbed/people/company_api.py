"""Companies and their members over the API, for the administrator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import generics, serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.people import membership, suspend
from testbed.people.figures import Figures, figures_of
from testbed.people.models import Company, User
from testbed.people.permissions import demand
from testbed.people.suspend import LARGEST_LIMIT, LONGEST_REASON, SHORTEST_REASON
from testbed.people.visitor import person

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


class FiguresSerializer(serializers.Serializer[Figures]):
    """What a company has going on; won with VAT."""

    live = serializers.IntegerField(help_text="holds, requests and bookings that are not over")
    holds = serializers.IntegerField()
    ahead = serializers.IntegerField(help_text="asked for or booked, and not begun")
    outstanding_won = serializers.IntegerField(help_text="the live ones together, VAT included")


class CompanyStandingSerializer(serializers.ModelSerializer[Company]):
    """A company with its standing; credit_limit_won null: no limit."""

    figures = serializers.SerializerMethodField()

    class Meta:
        model = Company
        fields = (
            "business_number", "name_ko", "name_en", "sector", "size_class", "is_active",
            "suspended_at", "suspended_reason", "credit_limit_won", "figures",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(FiguresSerializer)
    def get_figures(self, company: Company) -> dict[str, Any]:
        known = self.context.get("figures") or figures_of([company.pk])
        return dict(FiguresSerializer(known[company.pk]).data)


class MemberSerializer(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = ("id", "email", "name", "role", "is_active")
        read_only_fields = fields


class SuspensionSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(min_length=SHORTEST_REASON, max_length=LONGEST_REASON)


class CreditLimitSerializer(serializers.Serializer[Any]):
    limit_won = serializers.IntegerField(
        min_value=0, max_value=LARGEST_LIMIT, allow_null=True, help_text="null: no limit"
    )


NOT_YOURS = {403: OpenApiResponse(description="for the administrator alone")}
TWICE = {409: OpenApiResponse(description="it is so already")}


def _company(request: Request, number: str) -> Company:
    demand(request.user, "manage_companies")
    found: Company = get_object_or_404(
        Company.objects.visible_to(request.user), business_number=number
    )
    return found


def _shown(company: Company) -> Response:
    fresh = Company.objects.get(pk=company.pk)
    return Response(CompanyStandingSerializer(fresh).data)


class Companies(generics.ListAPIView[Company]):
    """Every company with its standing."""

    serializer_class = CompanyStandingSerializer

    def get_queryset(self) -> QuerySet[Company]:
        demand(self.request.user, "manage_companies")
        found: QuerySet[Company] = Company.objects.visible_to(self.request.user)
        return found.order_by("name_en", "pk")

    @extend_schema(responses={200: CompanyStandingSerializer(many=True), **NOT_YOURS})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.get_queryset()) or []
        context = {"figures": figures_of(company.pk for company in page)}
        rows = CompanyStandingSerializer(page, many=True, context=context).data
        return self.get_paginated_response(rows)


class OneCompany(APIView):
    """One company with its standing."""

    @extend_schema(responses={200: CompanyStandingSerializer, **NOT_YOURS})
    def get(self, request: Request, business_number: str) -> Response:
        return _shown(_company(request, business_number))


class Suspend(APIView):
    """Bar a company from booking: its holds end at once; its bookings stay, unconfirmed and
    unchanged, until the suspension is lifted."""

    @extend_schema(
        request=SuspensionSerializer,
        responses={200: CompanyStandingSerializer, **NOT_YOURS, **TWICE},
    )
    def post(self, request: Request, business_number: str) -> Response:
        found = _company(request, business_number)
        form = SuspensionSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        reason = form.validated_data["reason"]
        suspend.suspend(actor=person(request), company=found, reason=reason)
        return _shown(found)


class Lift(APIView):
    """Let a suspended company book again."""

    @extend_schema(request=None, responses={200: CompanyStandingSerializer, **NOT_YOURS, **TWICE})
    def post(self, request: Request, business_number: str) -> Response:
        found = _company(request, business_number)
        suspend.lift(actor=person(request), company=found)
        return _shown(found)


class CreditLimit(APIView):
    """How much the company's live bookings may come to."""

    @extend_schema(
        request=CreditLimitSerializer, responses={200: CompanyStandingSerializer, **NOT_YOURS}
    )
    def post(self, request: Request, business_number: str) -> Response:
        found = _company(request, business_number)
        form = CreditLimitSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        limit = form.validated_data["limit_won"]
        suspend.set_credit_limit(actor=person(request), company=found, limit_won=limit)
        return _shown(found)


class Members(APIView):
    """A company's people."""

    @extend_schema(responses={200: MemberSerializer(many=True), **NOT_YOURS})
    def get(self, request: Request, business_number: str) -> Response:
        members = _company(request, business_number).members.order_by("pk")
        return Response(MemberSerializer(members, many=True).data)


class _Account(APIView):
    """A verb on one member's account."""

    def member(self, request: Request, pk: int) -> User:
        demand(request.user, "manage_companies")
        members = User.objects.visible_to(request.user).filter(company__isnull=False)
        found: User = get_object_or_404(members, pk=pk)
        return found


class Deactivate(_Account):
    """Close a member's account: no sign-in, no API; what was booked stays the company's."""

    @extend_schema(request=None, responses={200: MemberSerializer, **NOT_YOURS, **TWICE})
    def post(self, request: Request, pk: int) -> Response:
        member = membership.deactivate(actor=person(request), member=self.member(request, pk))
        return Response(MemberSerializer(member).data)


class Activate(_Account):
    """Open a member's closed account again."""

    @extend_schema(request=None, responses={200: MemberSerializer, **NOT_YOURS, **TWICE})
    def post(self, request: Request, pk: int) -> Response:
        member = membership.activate(actor=person(request), member=self.member(request, pk))
        return Response(MemberSerializer(member).data)


_COMPANY = "companies/<slug:business_number>/"
urlpatterns = [
    path("companies/", Companies.as_view(), name="api_companies"),
    path(_COMPANY, OneCompany.as_view(), name="api_company"),
    path(f"{_COMPANY}suspend/", Suspend.as_view(), name="api_company_suspend"),
    path(f"{_COMPANY}lift/", Lift.as_view(), name="api_company_lift"),
    path(f"{_COMPANY}credit-limit/", CreditLimit.as_view(), name="api_company_credit_limit"),
    path(f"{_COMPANY}members/", Members.as_view(), name="api_company_members"),
    path("members/<int:pk>/deactivate/", Deactivate.as_view(), name="api_member_deactivate"),
    path("members/<int:pk>/activate/", Activate.as_view(), name="api_member_activate"),
]
