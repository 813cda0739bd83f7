"""The timeline over the API: the same rows, groups and configurations as the page."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.booking.api_shapes import MomentField
from testbed.booking.hours import KST, open_windows
from testbed.booking.timeline import KINDS, holidays, midnight, timeline
from testbed.booking.timeline_html import GROUPS, groups
from testbed.people.visitor import person
from testbed.tools.models import Area, SupplyKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rest_framework.request import Request

    from testbed.booking.intervals import Interval
    from testbed.booking.timeline import Block, Row

MOST_DAYS = 31
MOST_TOOLS = 60


class BlockSerializer(serializers.Serializer[Any]):
    """A claim; `booking` and `note` only of what the asker may see."""

    kind = serializers.ChoiceField(choices=list(KINDS))
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    booking = serializers.IntegerField(allow_null=True)
    note = serializers.CharField(allow_blank=True)


class LoadedSerializer(serializers.Serializer[Any]):
    """A reticle, resist, gas or consumable on the tool; another company's has no name."""

    kind = serializers.ChoiceField(choices=SupplyKind.choices)
    name = serializers.CharField(allow_blank=True)


class PrimeSerializer(serializers.Serializer[Any]):
    """Full hours in Korea, Monday to Friday."""

    from_hour = serializers.IntegerField()
    until_hour = serializers.IntegerField()


class WindowSerializer(serializers.Serializer[Any]):
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()


class RowSerializer(serializers.Serializer[Any]):
    """One tool: what it is, when it is open, what is loaded on it now, and its claims."""

    tool = serializers.CharField()
    name = serializers.CharField()
    area = serializers.ChoiceField(choices=Area.choices)
    cell = serializers.CharField(allow_null=True)
    is_bookable = serializers.BooleanField()
    loaded = LoadedSerializer(many=True)
    prime = PrimeSerializer(allow_null=True)
    open = WindowSerializer(many=True)
    blocks = BlockSerializer(many=True)


class TimelineGroupSerializer(serializers.Serializer[Any]):
    """Tools under one heading, codes in the order of the rows."""

    key = serializers.CharField(allow_blank=True)
    name = serializers.CharField(allow_blank=True)
    tools = serializers.ListField(child=serializers.CharField())


class HolidaySerializer(serializers.Serializer[Any]):
    day = serializers.DateField()
    name = serializers.CharField()


class TimelineSerializer(serializers.Serializer[Any]):
    to = serializers.DateTimeField()
    holidays = HolidaySerializer(many=True)
    groups = TimelineGroupSerializer(many=True)
    rows = RowSerializer(many=True)

    def get_fields(self) -> dict[str, Any]:
        return {"from": serializers.DateTimeField(), **super().get_fields()}


class TimelineRequestSerializer(serializers.Serializer[Any]):
    days = serializers.IntegerField(min_value=1, max_value=MOST_DAYS, default=7)
    group = serializers.ChoiceField(choices=GROUPS, default=GROUPS[0])
    tool = serializers.ListField(
        child=serializers.CharField(max_length=20), max_length=MOST_TOOLS, default=list,
        help_text="codes; without one all tools",
    )  # fmt: skip

    def get_fields(self) -> dict[str, Any]:
        start = MomentField(required=False, help_text="default: today at midnight in Korea")
        return {"from": start, **super().get_fields()}


class Timeline(APIView):
    """Every tool's claims over some days; other companies' are only "busy"."""

    @extend_schema(parameters=[TimelineRequestSerializer], responses={200: TimelineSerializer})
    def get(self, request: Request) -> Response:
        # A plain dict: in a QueryDict an empty text would pass for none.
        sent = request.query_params
        tools = {"tool": sent.getlist("tool")} if "tool" in sent else {}
        form = TimelineRequestSerializer(data={**sent.dict(), **tools})
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        now = timezone.now()
        start = asked.get("from") or midnight(now.astimezone(KST).date())
        rows = timeline(
            viewer=person(request), start=start, days=asked["days"], now=now, codes=asked["tool"]
        )
        _demand_known(asked["tool"], rows)
        return Response(
            _written(rows, start, start + timedelta(days=asked["days"]), asked["group"])
        )


def _demand_known(codes: Sequence[str], rows: Sequence[Row]) -> None:
    unknown = set(codes) - {row.tool.code for row in rows}
    if unknown:
        raise serializers.ValidationError({"tool": [_("There is no such tool or cell.")]})


def _written(rows: Sequence[Row], start: datetime, end: datetime, by: str) -> dict[str, Any]:
    """As `TimelineSerializer` says; by hand, for a week has thousands of blocks."""
    times = _Times()
    windows: dict[Any, list[dict[str, str]]] = {}
    for row in rows:
        tool = row.tool
        hours = (tool.opens_at, tool.closes_at, tool.works_weekends)
        if hours not in windows:
            windows[hours] = [_window(one, times) for one in open_windows(tool, start, end)]
    return {
        "from": times[start],
        "to": times[end],
        "holidays": [{"day": day, "name": name} for day, name in sorted(holidays(rows).items())],
        "groups": [
            {"key": one.key, "name": one.heading, "tools": [row.tool.code for row in one.rows]}
            for one in groups(rows, by)
        ],
        "rows": [
            _row(row, windows[(row.tool.opens_at, row.tool.closes_at, row.tool.works_weekends)])
            | {"blocks": [_block(block, times) for block in row.blocks]}
            for row in rows
        ],
    }


def _row(row: Row, windows: Sequence[dict[str, str]]) -> dict[str, Any]:
    tool = row.tool
    return {
        "tool": tool.code,
        "name": str(tool),
        "area": tool.area,
        "cell": tool.cell.code if tool.cell else None,
        "is_bookable": tool.is_bookable,
        "loaded": [one._asdict() for one in row.loaded],
        "prime": row.prime._asdict() if row.prime else None,
        "open": windows,
    }


class _Times(dict["datetime", str]):
    """Moments in Korean time, ISO 8601, each written once: many blocks begin and end together."""

    def __missing__(self, moment: datetime) -> str:
        written = self[moment] = moment.astimezone(KST).isoformat()
        return written


def _block(block: Block, times: _Times) -> dict[str, Any]:
    return {
        "kind": block.kind,
        "starts_at": times[block.starts_at],
        "ends_at": times[block.ends_at],
        "booking": block.booking,
        "note": block.note,
    }


def _window(span: Interval, times: _Times) -> dict[str, str]:
    return {"starts_at": times[span.start], "ends_at": times[span.end]}


urlpatterns = [path("timeline/", Timeline.as_view(), name="api_timeline")]
