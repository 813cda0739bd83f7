"""Qualifications over the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import generics, serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.people.models import User
from testbed.people.permissions import demand
from testbed.people.suspend import LONGEST_REASON, SHORTEST_REASON
from testbed.people.visitor import person
from testbed.tools import qualify
from testbed.tools.models import Qualification, Tool

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


class QualificationSerializer(serializers.ModelSerializer[Qualification]):
    """That somebody may operate a tool alone; valid_until null: it does not end."""

    tool = serializers.CharField(source="tool.code")
    person = serializers.CharField(source="user.name")
    email = serializers.EmailField(source="user.email")
    company = serializers.CharField(
        source="user.company.business_number", allow_null=True, default=None
    )
    granted_by = serializers.CharField(source="granted_by.name", allow_null=True, default=None)

    class Meta:
        model = Qualification
        fields = (
            "id", "tool", "person", "email", "company", "granted_at", "granted_by", "valid_until",
        )  # fmt: skip
        read_only_fields = fields


class LastDaySerializer(serializers.Serializer[Any]):
    valid_until = serializers.DateField(
        required=False, allow_null=True, default=None, help_text="last day, in Korea; null: no end"
    )


class NewQualificationSerializer(LastDaySerializer):
    tool = serializers.CharField(max_length=20)
    person = serializers.CharField(max_length=120, help_text="the engineer's mail address")


class WithdrawalSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(min_length=SHORTEST_REASON, max_length=LONGEST_REASON)


NOT_YOURS = {403: OpenApiResponse(description="for the facility alone")}
NOT_VALID = {422: OpenApiResponse(description="a sentence says why")}


def _visible(request: Request) -> QuerySet[Qualification]:
    rows: QuerySet[Qualification] = Qualification.objects.visible_to(request.user)
    return rows.select_related("tool", "user__company", "granted_by").order_by("pk")


def _one(request: Request, pk: int) -> Qualification:
    found: Qualification = get_object_or_404(_visible(request), pk=pk)
    return found


def _shown(found: Qualification, status: int = 200) -> Response:
    return Response(QualificationSerializer(found).data, status=status)


class Qualifications(generics.ListAPIView[Qualification]):
    """Who may operate which tool alone, as far as the caller may see it."""

    serializer_class = QualificationSerializer

    def get_queryset(self) -> QuerySet[Qualification]:
        return _visible(self.request)

    @extend_schema(responses={200: QualificationSerializer(many=True)})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        request=NewQualificationSerializer,
        responses={
            201: QualificationSerializer, **NOT_YOURS, **NOT_VALID,
            409: OpenApiResponse(description="the person already has it"),
        },
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Let a company's engineer operate a tool alone."""
        demand(person(request), "manage_qualifications")
        form = NewQualificationSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        said = form.validated_data
        tool = Tool.objects.visible_to(request.user).filter(code=said["tool"]).first()
        user = User.objects.visible_to(request.user).filter(email__iexact=said["person"]).first()
        if tool is None or user is None:
            field = "tool" if tool is None else "person"
            sentence = _("There is nothing with this code or address.")
            raise serializers.ValidationError({field: sentence})
        granted = qualify.grant(
            actor=person(request), user=user, tool=tool, valid_until=said["valid_until"]
        )
        return _shown(granted, 201)


class OneQualification(APIView):
    """One qualification."""

    @extend_schema(responses={200: QualificationSerializer})
    def get(self, request: Request, pk: int) -> Response:
        return _shown(_one(request, pk))


class Renew(APIView):
    """Give it another last day; it counts as shown anew today."""

    @extend_schema(
        request=LastDaySerializer,
        responses={200: QualificationSerializer, **NOT_YOURS, **NOT_VALID},
    )
    def post(self, request: Request, pk: int) -> Response:
        demand(person(request), "manage_qualifications")
        found = _one(request, pk)
        form = LastDaySerializer(data=request.data)
        form.is_valid(raise_exception=True)
        until = form.validated_data["valid_until"]
        return _shown(qualify.renew(actor=person(request), qualification=found, valid_until=until))


class Withdraw(APIView):
    """Take it away, with a reason; the journal keeps it."""

    @extend_schema(request=WithdrawalSerializer, responses={204: None, **NOT_YOURS})
    def post(self, request: Request, pk: int) -> Response:
        demand(person(request), "manage_qualifications")
        found = _one(request, pk)
        form = WithdrawalSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        reason = form.validated_data["reason"]
        qualify.withdraw(actor=person(request), qualification=found, reason=reason)
        return Response(status=204)


urlpatterns = [
    path("qualifications/", Qualifications.as_view(), name="api_qualifications"),
    path("qualifications/<int:pk>/", OneQualification.as_view(), name="api_qualification"),
    path("qualifications/<int:pk>/renew/", Renew.as_view(), name="api_qualification_renew"),
    path(
        "qualifications/<int:pk>/withdraw/", Withdraw.as_view(), name="api_qualification_withdraw"
    ),
]
