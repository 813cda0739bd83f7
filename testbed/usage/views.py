"""Pages of usage: the facility's hours and won for the administrator, a company's own."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.shortcuts import render
from django.views.decorators.http import require_GET

from testbed.people.permissions import demand, may
from testbed.people.visitor import person
from testbed.results.csv_stream import download
from testbed.tools.models import E10State
from testbed.usage import owed, report
from testbed.usage import period as periods
from testbed.usage.e10 import tool_time
from testbed.usage.e10_bars import ABBREVIATIONS, Bar, css_name, e10_bars
from testbed.usage.models import UsageLine

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from django.http import HttpRequest, HttpResponse, HttpResponseBase

    from testbed.usage.period import Period
    from testbed.usage.querysets import UsageLineQuerySet

E10_HEADER = (
    "tool", "registration_number", *(f"{state.value}_h" for state in E10State),
    "uptime_h", "operations_h", "total_h", "operational_uptime_percent",
)  # fmt: skip
LINES_HEADER = (
    "what", "run", "booking", "company", "tool", "started_at_kst", "ended_at_kst", "tool_hours",
    "simulated_clock", "wafers", "rate_won_per_hour", "discount_percent", "service_won",
    "discount_won", "supply_won", "vat_won", "total_won", "reason",
)  # fmt: skip


def _period(request: HttpRequest, default: Period) -> Period:
    return periods.asked(request.GET.get("from"), request.GET.get("to"), default=default)


@require_GET
@login_required
def operations(request: HttpRequest) -> HttpResponse:
    """The administrator's page: four KPIs, the E10 bars, hours and won per tool and company."""
    demand(request.user, "see_facility_usage")
    found = report.facility(person(request), _period(request, periods.last_week()))
    hours = found.period.seconds / 3600
    bars = [Bar(str(tool), time) for tool, time in found.tools]
    context: dict[str, Any] = {
        "facility": found,
        "period": found.period,
        "hours": hours,
        "chart": e10_bars(bars, hours=hours, key="e10", description=found.finding),
        "rows": [(tool, _hours_row(time), time) for tool, time in found.tools],
        "states": [(css_name(state), state.label, ABBREVIATIONS[state]) for state in E10State],
        "ranking": found.ranking,
        "by_tool": found.by_tool,
        "clock_scale": settings.FAB_CLOCK_SCALE,
        "may_see_mail": may(request.user, "see_mail"),
    }
    return render(request, "usage/operations.html", context)


def _hours_row(time: Any) -> list[float]:
    return [time.of(state) / 3600 for state in E10State]


@require_GET
@login_required
def e10_csv(request: HttpRequest) -> HttpResponseBase:
    """Hours of each tool in each state."""
    demand(request.user, "see_facility_usage")
    period = _period(request, periods.last_week())
    return download(f"e10-{period.first_day}-{period.last_day}.csv", E10_HEADER, _e10_rows(period))


def _e10_rows(period: Period) -> Iterator[tuple[object, ...]]:
    for tool, time in tool_time(period):
        uptime = time.operational_uptime
        yield (
            str(tool),
            tool.registration_number,
            *(round(hours, 4) for hours in _hours_row(time)),
            *(round(s / 3600, 4) for s in (time.uptime, time.operations, time.total)),
            None if uptime is None else round(100 * uptime, 2),
        )


@require_GET
@login_required
def usage(request: HttpRequest) -> HttpResponse:
    """A company's hours and won, what every won was for; the staff see every company's."""
    period = _period(request, periods.this_month())
    rows, parts = _chosen(request, period), _charged(request, period)
    names = owed.tool_names(part.tool for part in parts)
    context = {
        "period": period,
        "page": Paginator(rows.with_names(), 50).get_page(request.GET.get("page")),
        "parts": [(part, names[part.tool]) for part in parts],
        "sums": owed.account(rows, parts),
        "by_tool": owed.by_tool(rows, parts),
        "by_month": owed.by_month(rows, parts),
        "clock_scale": settings.FAB_CLOCK_SCALE,
        "query": "&".join(filter(None, [period.query, _filter_query(request)])),
        "may_see_penalties": may(request.user, "see_penalties"),
    }
    return render(request, "usage/usage.html", context)


def _chosen(request: HttpRequest, period: Period) -> UsageLineQuerySet:
    """The person's lines of the period, narrowed by ?company= (number) and ?tool= (code)."""
    rows: UsageLineQuerySet = UsageLine.objects.visible_to(request.user).within(period)
    company, tool = _filters(request)
    if company:
        rows = rows.filter(company_id=int(company))
    return rows.filter(tool__code=tool) if tool else rows


def _charged(request: HttpRequest, period: Period) -> list[owed.Part]:
    """The penalties of the period, tool by tool, narrowed in the same way; latest first."""
    rows = owed.charged(person(request), period).with_names()
    company, tool = _filters(request)
    if company:
        rows = rows.filter(company_id=int(company))
    return [part for part in owed.parts_of(rows) if not tool or part.tool == tool]


def _filters(request: HttpRequest) -> tuple[str, str]:
    """(company's number, tool's code) of the address; what is neither narrows nothing."""
    company, tool = request.GET.get("company", ""), request.GET.get("tool", "")
    is_number = company.isascii() and company.isdigit() and len(company) < 19
    is_code = re.fullmatch(r"[-a-zA-Z0-9_]{1,20}", tool) is not None
    return company if is_number else "", tool if is_code else ""


def _filter_query(request: HttpRequest) -> str:
    company, tool = _filters(request)
    return "&".join(f"{k}={v}" for k, v in (("company", company), ("tool", tool)) if v)


@require_GET
@login_required
def usage_csv(request: HttpRequest) -> HttpResponseBase:
    """The runs of the period, then its penalties and waivers: `total_won` adds up to the total."""
    period = _period(request, periods.this_month())
    lines = _chosen(request, period).with_names()
    parts = _charged(request, period)
    rows = chain(map(_line_row, lines.iterator()), _part_rows(parts))
    return download(f"usage-{period.first_day}-{period.last_day}.csv", LINES_HEADER, rows)


def _line_row(line: UsageLine) -> tuple[object, ...]:
    return (
        "run",
        str(line.run),
        str(line.run.booking),
        str(line.company),
        str(line.tool),
        periods.kst_text(line.started_at),
        periods.kst_text(line.ended_at),
        round(line.tool_seconds / 3600, 4),
        "yes" if line.tool.is_simulated else "no",
        line.wafers,
        line.rate_won_per_hour,
        line.discount_percent,
        line.service_won,
        line.discount_won,
        line.supply_won,
        line.vat_won,
        line.total_won,
        "",
    )


def _part_rows(parts: Sequence[owed.Part]) -> Iterator[tuple[object, ...]]:
    """A penalty has no run, hours or rate; what it was for stands in `what` and `reason`."""
    names = owed.tool_names(part.tool for part in parts)
    for part in parts:
        penalty = part.penalty
        yield (
            "waiver" if penalty.reverses_id else penalty.kind,
            None,
            str(penalty.booking),
            str(penalty.company),
            names[part.tool],
            periods.kst_text(penalty.created_at),
            *[None] * 8,
            part.supply_won,
            part.vat_won,
            part.total_won,
            penalty.reason,
        )
