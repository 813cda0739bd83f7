"""Kinds of clean and certified cleans over the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.material.certify import (
    LONGEST_CERTIFICATE,
    SHORTEST_CERTIFICATE,
    certify_carrier,
    certify_wafers,
)
from testbed.material.models import SLOTS, Carrier, CertifiedClean, Lot
from testbed.people.api_fields import WordsField
from testbed.people.permissions import demand
from testbed.people.visitor import person
from testbed.tools import abilities
from testbed.tools.abilities import DEAREST_WON
from testbed.tools.api_fields import NamesSerializer
from testbed.tools.models import Clean, ContaminationClass, Tool

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


class CleanSerializer(serializers.ModelSerializer[Clean]):
    """Tools of a kind take wafers of a class up to from_class back to to_class."""

    class Meta:
        model = Clean
        fields = ("code", "name_ko", "name_en", "tool_kind", "from_class", "to_class", "cost_won")
        read_only_fields = fields


class CleanTermsSerializer(NamesSerializer):
    tool_kind = WordsField(max_length=20)
    from_class = serializers.ChoiceField(choices=ContaminationClass.choices)
    to_class = serializers.ChoiceField(choices=ContaminationClass.choices)
    cost_won = serializers.IntegerField(
        min_value=0, max_value=DEAREST_WON, help_text="a lot, before VAT"
    )


class CertifiedCleanSerializer(serializers.ModelSerializer[CertifiedClean]):
    """What was cleaned (a wafer of a lot, or a carrier), when, on which tool, in which run."""

    clean = serializers.CharField(source="kind.code")
    tool = serializers.CharField(source="tool.code")
    lot = serializers.CharField(source="wafer.lot.code", allow_null=True, default=None)
    wafer = serializers.CharField(source="wafer.wafer_id", allow_null=True, default=None)
    carrier = serializers.CharField(source="carrier.code", allow_null=True, default=None)
    run = serializers.IntegerField(source="run_id", allow_null=True)

    class Meta:
        model = CertifiedClean
        fields = (
            "id", "clean", "tool", "lot", "wafer", "carrier", "from_class", "to_class",
            "cleaned_at", "run", "certificate",
        )  # fmt: skip
        read_only_fields = fields


class CertificateSerializer(serializers.Serializer[Any]):
    """Either a lot, with its slots or all of it, or a carrier."""

    clean = WordsField(max_length=20)
    tool = WordsField(max_length=20)
    lot = WordsField(max_length=20, required=False, default=None, allow_null=True)
    slots = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=SLOTS),
        required=False, max_length=SLOTS, default=list,
    )  # fmt: skip
    carrier = WordsField(max_length=20, required=False, default=None, allow_null=True)
    certificate = WordsField(min_length=SHORTEST_CERTIFICATE, max_length=LONGEST_CERTIFICATE)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if (attrs["lot"] is None) == (attrs["carrier"] is None):
            raise serializers.ValidationError({"lot": _("Name a lot or a carrier, not both.")})
        return attrs


def _certified(request: Request) -> QuerySet[CertifiedClean]:
    rows: QuerySet[CertifiedClean] = CertifiedClean.objects.visible_to(request.user)
    return rows.select_related("kind", "tool", "wafer__lot", "carrier")


def _cleans(request: Request) -> QuerySet[Clean]:
    person(request)
    return Clean.objects.all()


def _named(rows: Any, field: str, code: str) -> Any:
    found = rows.filter(code=code).first()
    if found is None:
        raise serializers.ValidationError({field: _("There is nothing with this code.")})
    return found


class Cleans(generics.ListAPIView[Clean]):
    """The kinds of clean that the facility certifies, the cheapest first."""

    serializer_class = CleanSerializer

    def get_queryset(self) -> QuerySet[Clean]:
        return _cleans(self.request)


class OneClean(APIView):
    """One kind of clean; PUT enters or changes it."""

    @extend_schema(responses={200: CleanSerializer})
    def get(self, request: Request, code: str) -> Response:
        return Response(CleanSerializer(get_object_or_404(_cleans(request), code=code)).data)

    @extend_schema(request=CleanTermsSerializer, responses={200: CleanSerializer})
    def put(self, request: Request, code: str) -> Response:
        demand(person(request), "edit_cleans")
        form = CleanTermsSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        saved = abilities.save_clean(actor=person(request), code=code, **form.validated_data)
        return Response(CleanSerializer(saved).data)


class CertifiedCleans(generics.ListAPIView[CertifiedClean]):
    """The certified cleans that the caller may see, newest first."""

    serializer_class = CertifiedCleanSerializer

    def get_queryset(self) -> QuerySet[CertifiedClean]:
        return _certified(self.request)

    @extend_schema(responses={200: CertifiedCleanSerializer(many=True)})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        request=CertificateSerializer, responses={201: CertifiedCleanSerializer(many=True)}
    )
    def post(self, request: Request) -> Response:
        """Certify a clean: a certificate for each wafer that it makes cleaner, or the carrier's."""
        demand(person(request), "certify_clean")
        form = CertificateSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = _certify(request, dict(form.validated_data))
        rows = _certified(request).filter(pk__in=[one.pk for one in made])
        return Response(CertifiedCleanSerializer(rows.order_by("pk"), many=True).data, status=201)


def _certify(request: Request, said: dict[str, Any]) -> list[CertifiedClean]:
    actor = person(request)
    what: dict[str, Any] = {
        "actor": actor,
        "kind": _named(Clean.objects, "clean", said["clean"]),
        "tool": _named(Tool.objects.visible_to(actor), "tool", said["tool"]),
        "certificate": said["certificate"],
    }
    if said["carrier"] is not None:
        carrier = _named(Carrier.objects.visible_to(actor), "carrier", said["carrier"])
        return [certify_carrier(carrier=carrier, **what)]
    wafers = _named(Lot.objects.visible_to(actor), "lot", said["lot"]).wafers.all()
    if said["slots"]:
        wafers = wafers.filter(slot__in=said["slots"])
    return certify_wafers(wafers=list(wafers), **what)


# The answer to a certificate is a plain list, the list of all of them comes in pages.
urlpatterns = [
    path("cleans/", Cleans.as_view(), name="api_cleans"),
    path("cleans/<slug:code>/", OneClean.as_view(), name="api_clean"),
    path("certified-cleans/", CertifiedCleans.as_view(), name="api_certified"),
]
