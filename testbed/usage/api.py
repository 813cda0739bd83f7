"""Usage lines, sums and the facility's E10 hours over the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.urls import path
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import generics, serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.booking.models import PenaltyKind
from testbed.people.permissions import demand
from testbed.people.visitor import person
from testbed.tools.models import E10State
from testbed.usage import owed, report
from testbed.usage import period as periods
from testbed.usage.models import UsageLine

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

    from testbed.usage.e10 import StateSeconds
    from testbed.usage.period import Period


class DaysWanted(serializers.Serializer[Any]):
    """The period of a report."""

    to = serializers.DateField(required=False, help_text="last day, KST, inclusive")

    def get_fields(self) -> dict[str, Any]:
        # `from` is a keyword of Python and so cannot be declared as an attribute.
        start = serializers.DateField(required=False, help_text="first day, KST, as 2026-01-31")
        return {"from": start, **super().get_fields()}


class UsageLineSerializer(serializers.ModelSerializer[UsageLine]):
    booking = serializers.IntegerField(source="run.booking_id")
    tool = serializers.CharField(source="tool.code")
    company = serializers.CharField(source="company.business_number")
    is_simulated_clock = serializers.BooleanField(source="tool.is_simulated")

    class Meta:
        model = UsageLine
        fields = (
            "id", "run", "booking", "tool", "company", "started_at", "ended_at", "tool_seconds",
            "is_simulated_clock", "wafers", "rate_won_per_hour", "discount_percent",
            "service_won", "discount_won", "supply_won", "vat_won", "total_won",
        )  # fmt: skip


class SumsSerializer(serializers.Serializer[owed.Account]):
    """total_won is what is owed: runs_won + penalties_won - waived_won, each with VAT."""

    runs = serializers.IntegerField()
    tool_seconds = serializers.FloatField(source="seconds")
    wafers = serializers.IntegerField(source="wafer_total")
    supply_won = serializers.IntegerField(help_text="all of it before VAT")
    runs_won = serializers.IntegerField()
    penalties_won = serializers.IntegerField(help_text="charged in the period")
    waived_won = serializers.IntegerField(help_text="taken back in the period")
    total_won = serializers.IntegerField()


class ToolSumsSerializer(SumsSerializer):
    """A penalty of several tools is shared out as the booking's price was."""

    tool = serializers.CharField(source="names.tool__code")


class MonthSumsSerializer(SumsSerializer):
    month = serializers.DateField(source="names.month", help_text="its first day, KST")


class PenaltyShareSerializer(serializers.Serializer[owed.Part]):
    """One tool's share of a penalty, or (negative) of the waiver that takes one back."""

    penalty = serializers.IntegerField(source="penalty.pk")
    booking = serializers.IntegerField(source="penalty.booking_id")
    company = serializers.CharField(source="penalty.company.business_number")
    tool = serializers.CharField()
    kind = serializers.ChoiceField(choices=PenaltyKind.choices, source="penalty.kind")
    is_waiver = serializers.SerializerMethodField()
    reason = serializers.CharField(source="penalty.reason")
    created_at = serializers.DateTimeField(source="penalty.created_at")
    supply_won = serializers.IntegerField()
    vat_won = serializers.IntegerField()
    total_won = serializers.IntegerField()

    def get_is_waiver(self, part: owed.Part) -> bool:
        return part.penalty.reverses_id is not None


class SummaryPartsSerializer(serializers.Serializer[Any]):
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    clock_scale = serializers.FloatField(help_text="how many times faster simulated tools run")
    tools = ToolSumsSerializer(many=True)
    months = MonthSumsSerializer(many=True)
    penalties = PenaltyShareSerializer(many=True)


class UsageSummarySerializer(SummaryPartsSerializer, SumsSerializer):
    """The period's sums, and what they are made of."""


class ToolTimeSerializer(serializers.Serializer[Any]):
    tool = serializers.CharField()
    seconds = serializers.DictField(child=serializers.FloatField(), help_text="by E10 state")
    uptime_seconds = serializers.FloatField()
    operations_seconds = serializers.FloatField()
    total_seconds = serializers.FloatField()
    operational_uptime = serializers.FloatField(allow_null=True, help_text="0 to 1")


class CompanySumsSerializer(SumsSerializer):
    company = serializers.CharField(source="names.name")


class FacilitySerializer(serializers.Serializer[Any]):
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    clock_scale = serializers.FloatField()
    operational_uptime = serializers.FloatField(allow_null=True)
    tools = ToolTimeSerializer(many=True)
    companies = CompanySumsSerializer(many=True)
    sums = SumsSerializer()
    bookings_waiting = serializers.IntegerField()


def _period(request: Request, default: Period) -> Period:
    wanted = DaysWanted(data=request.query_params.dict())
    wanted.is_valid(raise_exception=True)
    days = {name: day.isoformat() for name, day in wanted.validated_data.items()}
    return periods.asked(days.get("from"), days.get("to"), default=default)


class UsageLines(generics.ListAPIView[UsageLine]):
    """Priced lines of ended runs that the caller may see, newest first."""

    serializer_class = UsageLineSerializer

    def get_queryset(self) -> QuerySet[UsageLine]:
        rows: QuerySet[UsageLine] = UsageLine.objects.visible_to(self.request.user).with_names()
        return rows


class UsageSummary(APIView):
    """What the caller's company owes for a period (this month when none is given), and for what."""

    @extend_schema(parameters=[DaysWanted], responses={200: UsageSummarySerializer})
    def get(self, request: Request) -> Response:
        period = _period(request, periods.this_month())
        rows = UsageLine.objects.visible_to(request.user).within(period)
        charged = owed.charged(person(request), period).select_related("booking", "company")
        parts = owed.parts_of(charged)
        found = {
            "start": period.start,
            "end": period.end,
            "clock_scale": settings.FAB_CLOCK_SCALE,
            "tools": [one for _name, one in owed.by_tool(rows, parts)],
            "months": [one for _day, one in owed.by_month(rows, parts)],
            "penalties": parts,
        }
        sums = SumsSerializer(owed.account(rows, parts)).data
        return Response(sums | SummaryPartsSerializer(found).data)


class UsageFacility(APIView):
    """The facility's E10 hours, companies and won (administrator and auditor)."""

    @extend_schema(
        parameters=[DaysWanted], responses={200: FacilitySerializer, 403: OpenApiResponse()}
    )
    def get(self, request: Request) -> Response:
        demand(request.user, "see_facility_usage")
        found = report.facility(person(request), _period(request, periods.last_week()))
        facts = {
            "start": found.period.start,
            "end": found.period.end,
            "clock_scale": settings.FAB_CLOCK_SCALE,
            "operational_uptime": found.together.operational_uptime,
            "tools": [_tool_time(tool.code, time) for tool, time in found.tools],
            "companies": [one for _name, one in found.ranking],
            "sums": found.sums,
            "bookings_waiting": found.waiting,
        }
        return Response(FacilitySerializer(facts).data)


def _tool_time(code: str, time: StateSeconds) -> dict[str, Any]:
    return {
        "tool": code,
        "seconds": {state.value: time.of(state) for state in E10State},
        "uptime_seconds": time.uptime,
        "operations_seconds": time.operations,
        "total_seconds": time.total,
        "operational_uptime": time.operational_uptime,
    }


urlpatterns = [
    path("usage/lines/", UsageLines.as_view(), name="api_usage_lines"),
    path("usage/summary/", UsageSummary.as_view(), name="api_usage_summary"),
    path("usage/facility/", UsageFacility.as_view(), name="api_usage_facility"),
]
