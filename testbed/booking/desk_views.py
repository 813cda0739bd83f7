"""The timeline page."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.auth.decorators import login_required
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from testbed.booking import grid
from testbed.booking.hours import KST
from testbed.booking.timeline import KINDS, midnight, timeline
from testbed.people.permissions import may
from testbed.people.visitor import person

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

DAY = timedelta(days=1)


@require_GET
@login_required
def timeline_page(request: HttpRequest) -> HttpResponse:
    """`/book/timeline/?from=&zoom=`: every tool's time as a grid, and the same as a list."""
    now = timezone.now()
    zoom = grid.ZOOMS.get(request.GET.get("zoom", ""), grid.ZOOMS["week"])
    today = timezone.localtime(now, KST).date()
    first = _day(request.GET.get("from", "")) or _default_day(today, zoom)
    rows = timeline(viewer=person(request), start=midnight(first), days=zoom.days, now=now)
    context: dict[str, Any] = {
        "zoom": zoom,
        "first": midnight(first),
        "last": midnight(first + (zoom.days - 1) * DAY),
        "tracks": grid.tracks(rows, first, zoom),
        "days": grid.day_marks(first, zoom),
        "hours": grid.hour_marks(first, zoom),
        "now_column": grid.now_column(now, first, zoom),
        "before": first - zoom.days * DAY,
        "after": first + zoom.days * DAY,
        "today": today,
        "kinds": KINDS,
        "may_book": may(request.user, "book"),
    }
    return render(request, "booking/timeline.html", context)


def _default_day(today: date, zoom: grid.Zoom) -> date:
    """Today, or the Monday of this week."""
    return today - today.weekday() * DAY if zoom.days > 1 else today


def _day(text: str) -> date | None:
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=KST).date()
    except ValueError:
        return None
    return day if 2000 <= day.year < 2100 else None
