"""Reticles, resists, gases, consumables, what is loaded where, and what tools can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Count
from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.people.api_fields import DayField, WordsField
from testbed.people.models import Company
from testbed.people.permissions import demand
from testbed.people.visitor import person
from testbed.tools import abilities, supplies
from testbed.tools.api_fields import NamesSerializer, ToolCodesField
from testbed.tools.models import Capability, Loading, Supply, SupplyKind, Tool
from testbed.tools.supplies import MOST_PIECES, Stock

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

    from testbed.tools.querysets import LoadingQuerySet, SupplyQuerySet


class SupplySerializer(serializers.ModelSerializer[Supply]):
    """Something a tool works with.

    company null: the facility's. tools: where it can be loaded, none: anywhere. quantity null:
    nobody counts it. times_loaded: how often it has been put into a tool.
    """

    company = serializers.CharField(source="company.business_number", allow_null=True, default=None)
    tools: serializers.Field[Any, Any, Any, Any] = serializers.SlugRelatedField(
        slug_field="code", many=True, read_only=True
    )
    times_loaded = serializers.IntegerField()

    class Meta:
        model = Supply
        fields = (
            "code", "name_ko", "name_en", "kind", "company", "tools", "quantity", "expires_on",
            "unavailable_until", "is_withdrawn", "times_loaded",
        )  # fmt: skip
        read_only_fields = fields


class SupplyTermsSerializer(NamesSerializer):
    kind = serializers.ChoiceField(choices=SupplyKind.choices)
    company = WordsField(
        max_length=10, required=False, allow_null=True, default=None, help_text="business number"
    )
    tools = ToolCodesField(max_length=200, default=list)
    quantity = serializers.IntegerField(
        min_value=0, max_value=MOST_PIECES, required=False, allow_null=True, default=None
    )
    expires_on = DayField(required=False, allow_null=True, default=None)
    unavailable_until = serializers.DateTimeField(required=False, allow_null=True, default=None)
    is_withdrawn = serializers.BooleanField(default=False)

    def validate_company(self, number: str | None) -> Company | None:
        if number is None:
            return None
        found: Company | None = Company.objects.filter(business_number=number).first()
        if found is None:
            raise serializers.ValidationError(_("There is no company with this number."))
        return found

    def values(self) -> dict[str, Any]:
        """As `save_supply` takes them."""
        said = dict(self.validated_data)
        return said | {"stock": Stock(**{name: said.pop(name) for name in vars(Stock())})}


class SuppliesWantedSerializer(serializers.Serializer[Any]):
    """The list's filters."""

    kind = serializers.ChoiceField(choices=SupplyKind.choices, required=False)
    tool = serializers.SlugField(max_length=20, required=False, help_text="those made for it")


class LoadingSerializer(serializers.ModelSerializer[Loading]):
    """A supply in a tool, from when until when; unloaded_at null: it is in it now."""

    tool = serializers.CharField(source="tool.code")
    supply = serializers.CharField(source="supply.code")
    kind = serializers.ChoiceField(source="supply.kind", choices=SupplyKind.choices)

    class Meta:
        model = Loading
        fields = ("id", "tool", "supply", "kind", "loaded_at", "unloaded_at")
        read_only_fields = fields


class NewLoadingSerializer(serializers.Serializer[Any]):
    tool = WordsField(max_length=20)
    supply = WordsField(max_length=20)


class CapabilityNamesSerializer(serializers.ModelSerializer[Capability]):
    """What tools can do, with all tools that have it."""

    tools: serializers.Field[Any, Any, Any, Any] = serializers.SlugRelatedField(
        slug_field="code", many=True, read_only=True
    )

    class Meta:
        model = Capability
        fields = ("code", "name_ko", "name_en", "tools")
        read_only_fields = fields


class CapabilityTermsSerializer(NamesSerializer):
    tools = ToolCodesField(max_length=200, default=list)


def _supplies(request: Request) -> SupplyQuerySet:
    rows = Supply.objects.visible_to(request.user).select_related("company")
    return rows.prefetch_related("tools").annotate(times_loaded=Count("loadings")).order_by("pk")


def _loadings(request: Request) -> LoadingQuerySet:
    return Loading.objects.visible_to(request.user).select_related("tool", "supply")


class Supplies(generics.ListAPIView[Supply]):
    """The facility's supplies and one's own company's."""

    serializer_class = SupplySerializer

    @extend_schema(
        parameters=[SuppliesWantedSerializer], responses={200: SupplySerializer(many=True)}
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> SupplyQuerySet:
        wanted = SuppliesWantedSerializer(data=self.request.query_params.dict())
        wanted.is_valid(raise_exception=True)
        said = wanted.validated_data
        rows = _supplies(self.request)
        if "kind" in said:
            rows = rows.filter(kind=said["kind"])
        if "tool" in said:
            rows = rows.filter(pk__in=Supply.objects.filter(tools__code=said["tool"]))
        return rows


class OneSupply(APIView):
    """One supply; PUT enters or changes it."""

    def _shown(self, request: Request, code: str) -> Response:
        found = get_object_or_404(_supplies(request), code=code)
        return Response(SupplySerializer(found).data)

    @extend_schema(responses={200: SupplySerializer})
    def get(self, request: Request, code: str) -> Response:
        return self._shown(request, code)

    @extend_schema(request=SupplyTermsSerializer, responses={200: SupplySerializer})
    def put(self, request: Request, code: str) -> Response:
        demand(person(request), "manage_supplies")
        form = SupplyTermsSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        supplies.save_supply(actor=person(request), code=code, **form.values())
        return self._shown(request, code)


class Loadings(generics.ListAPIView[Loading]):
    """What is in which tool now, of what the caller may know."""

    serializer_class = LoadingSerializer

    def get_queryset(self) -> LoadingQuerySet:
        return _loadings(self.request).present().order_by("tool__position", "tool__code", "pk")

    @extend_schema(responses={200: LoadingSerializer(many=True)})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(request=NewLoadingSerializer, responses={201: LoadingSerializer})
    def post(self, request: Request) -> Response:
        """Put a supply into a tool, from now on."""
        demand(person(request), "load_tools")
        form = NewLoadingSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        said = form.validated_data
        tool = Tool.objects.visible_to(request.user).filter(code=said["tool"]).first()
        supply = Supply.objects.visible_to(request.user).filter(code=said["supply"]).first()
        if tool is None or supply is None:
            field = "tool" if tool is None else "supply"
            raise serializers.ValidationError({field: _("There is nothing with this code.")})
        made = supplies.load(actor=person(request), tool=tool, supply=supply)
        return Response(LoadingSerializer(made).data, status=201)


class Unload(APIView):
    """Take it out, now; twice is harmless."""

    @extend_schema(request=None, responses={200: LoadingSerializer})
    def post(self, request: Request, pk: int) -> Response:
        demand(person(request), "load_tools")
        found = get_object_or_404(_loadings(request), pk=pk)
        return Response(
            LoadingSerializer(supplies.unload(actor=person(request), loading=found)).data
        )


class OneCapability(APIView):
    """One capability; PUT enters or changes it, and which tools have it."""

    def _rows(self, request: Request) -> QuerySet[Capability]:
        person(request)
        return Capability.objects.prefetch_related("tools")

    @extend_schema(responses={200: CapabilityNamesSerializer})
    def get(self, request: Request, code: str) -> Response:
        found = get_object_or_404(self._rows(request), code=code)
        return Response(CapabilityNamesSerializer(found).data)

    @extend_schema(request=CapabilityTermsSerializer, responses={200: CapabilityNamesSerializer})
    def put(self, request: Request, code: str) -> Response:
        demand(person(request), "manage_capabilities")
        form = CapabilityTermsSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        abilities.save_capability(actor=person(request), code=code, **form.validated_data)
        return Response(CapabilityNamesSerializer(self._rows(request).get(code=code)).data)


urlpatterns = [
    path("supplies/", Supplies.as_view(), name="api_supplies"),
    path("supplies/<slug:code>/", OneSupply.as_view(), name="api_supply"),
    path("loadings/", Loadings.as_view(), name="api_loadings"),
    path("loadings/<int:pk>/unload/", Unload.as_view(), name="api_loading_end"),
    path("capabilities/<slug:code>/", OneCapability.as_view(), name="api_capability"),
]
