"""The timeline's pages: the grid, the same as a list, what a time would cost, and its news."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from testbed.booking import grid, line_news
from testbed.booking.change import preview
from testbed.booking.forms import YEARS, ClaimForm
from testbed.booking.hours import KST
from testbed.booking.intervals import Interval
from testbed.booking.models import Booking
from testbed.booking.request import gather, price
from testbed.booking.rules import check_all, refusing
from testbed.booking.slots import nearest
from testbed.booking.timeline import KINDS, holidays, timeline
from testbed.booking.timeline_html import GROUPS, Group, Sheet, boxes, groups, marks
from testbed.people.permissions import demand, may
from testbed.people.visitor import person
from testbed.refusals import Refusal
from testbed.tools.models import Area, Tool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest

    from testbed.booking.rules import Broken
    from testbed.booking.slots import Slot
    from testbed.booking.target import Target
    from testbed.people.models import User

VIEWS = ("grid", "list")
# A claim's kinds in the order of the legend; staff see no "busy", for they see whose it is.
LEGEND = ("own", "pending", "held", "busy", "maintenance", "closure", "outage")
MOST_TOOLS = 60


@dataclass(frozen=True)
class Asked:
    """The address as it was read; whatever it cannot mean is left out."""

    frame: grid.Frame
    group: str
    view: str
    codes: tuple[str, ...]

    @classmethod
    def of(cls, request: HttpRequest, now: datetime) -> Asked:
        said = request.GET
        zoom = grid.ZOOMS.get(said.get("zoom", ""), grid.ZOOMS["week"])
        frame = grid.frame_of(zoom, _day(said.get("from", "")), grid.today_in_korea(now))
        group = said.get("group", "")
        view = "grid" if said.get("part") == "grid" else said.get("view", "")
        codes = [code for code in said.getlist("tool") if code and "\x00" not in code]
        return cls(
            frame,
            group if group in GROUPS else GROUPS[0],
            view if view in VIEWS else VIEWS[0],
            tuple(dict.fromkeys(codes))[:MOST_TOOLS],
        )

    def query(self, **other: Any) -> str:
        """The address's query with some of it changed; what is usual is left out."""
        said = {
            "zoom": self.frame.zoom.name,
            "from": self.frame.first.isoformat(),
            "group": self.group,
            "view": self.view,
            "tool": self.codes,
        } | other
        usual = {"group": GROUPS[0], "view": VIEWS[0], "from": "", "tool": ()}
        kept = {name: value for name, value in said.items() if value != usual.get(name)}
        return "?" + urlencode(kept, doseq=True)


@require_GET
@login_required
def timeline_page(request: HttpRequest) -> HttpResponse:
    """`/book/timeline/?from=&zoom=&group=&view=&tool=`: every tool's time, as a grid or a list.

    With `part=grid` only what changes, with an ETag: 304 while nobody has booked anything.
    """
    now = timezone.now()
    news = line_news.latest()
    is_part = request.GET.get("part") == "grid"
    tag = _tag(request, news, now) if is_part and news is not None else ""
    if tag and request.headers.get("If-None-Match") == tag:
        return HttpResponse(status=304, headers={"ETag": tag})
    asked = Asked.of(request, now)
    context = _context(request, asked, now) | {"news": news or ""}
    if not is_part:
        context["choice"] = _choice(person(request), asked, context["tools"])
    template = "booking/timeline_grid.html" if is_part else "booking/timeline.html"
    answer = render(request, template, context)
    answer["Cache-Control"] = "private, no-cache"
    if tag:
        answer["ETag"] = tag
    return answer


def _tag(request: HttpRequest, news: str, now: datetime) -> str:
    """Changes with every claim, and every minute: the past moves on, holds run out."""
    return f'W/"{news}-{int(now.timestamp()) // 60}-{person(request).pk}-{get_language()}"'


def _context(request: HttpRequest, asked: Asked, now: datetime) -> dict[str, Any]:
    viewer, frame = person(request), asked.frame
    rows = timeline(
        viewer=viewer, start=frame.start, days=frame.zoom.days, now=now, codes=asked.codes
    )
    sheet = Sheet(frame, now, may(viewer, "book"))
    shown: list[tuple[Group, Sequence[Any]]]
    if asked.view == "list":
        lines = [SafeString("".join(sheet.lines(row))) for row in rows]
        shown = [(Group("", "", rows), lines)]
    else:
        shown = [
            (group, [sheet.row(row) for row in group.rows]) for group in groups(rows, asked.group)
        ]
    resting = holidays(rows)
    days = [(mark, resting.get(mark.day, "")) for mark in grid.day_marks(frame)]
    return {
        "asked": asked,
        "tools": [row.tool for row in rows],
        "frame": frame,
        "groups": shown,
        "days": days,
        "marks": marks(frame, days),
        "has_prime": any(row.prime for row in rows),
        "resting": [(day, resting[day]) for day in sorted(resting)],
        "now_column": grid.now_column(now, frame),
        "may_book": sheet.may_book,
    } | _controls(asked, viewer.is_staff_member, grid.today_in_korea(now))


def _choice(viewer: User, asked: Asked, shown: Sequence[Tool]) -> list[dict[str, Any]]:
    """The tools to choose from, by area, and each area's address (a query once some are chosen)."""
    tools = shown if not asked.codes else list(Tool.objects.visible_to(viewer))
    by_area: dict[str, list[Tool]] = {}
    for tool in tools:
        by_area.setdefault(tool.area, []).append(tool)
    return [
        {
            "name": Area(area).label,
            "tools": found,
            "boxes": boxes(found, asked.codes),
            "only": asked.query(tool=[tool.code for tool in found]),
        }
        for area, found in by_area.items()
    ]


def _to(asked: Asked, part: str, key: str, today: date) -> dict[str, str]:
    """What to change in the address; from a week or a month one comes to its present day."""
    if (part, key) != ("zoom", "day"):
        return {part: key}
    day = min(max(today, asked.frame.first), asked.frame.last)
    return {part: key, "from": day.isoformat()}


def _controls(asked: Asked, is_staff: bool, today: date) -> dict[str, Any]:
    """Links to other times, scales, orders and views; the legend."""
    frame = asked.frame
    steps = {
        "day": (_("Previous day"), _("Next day")),
        "week": (_("Previous week"), _("Next week")),
        "month": (_("Previous month"), _("Next month")),
    }[frame.zoom.name]
    zooms = {"day": _("Day"), "week": _("Week"), "month": _("Month")}
    orders = {"area": _("By area"), "cell": _("By cell"), "none": _("Not grouped")}
    views = {"grid": _("Grid"), "list": _("List")}
    parts = [("zoom", _("Scale"), zooms, frame.zoom.name), ("view", _("View"), views, asked.view)]
    if asked.view == "grid":
        parts.insert(1, ("group", _("Groups"), orders, asked.group))
    return {
        "steps": [
            (steps[0], asked.query(**{"from": frame.before.isoformat()})),
            (steps[1], asked.query(**{"from": frame.after.isoformat()})),
        ],
        "today": asked.query(**{"from": ""}),
        "switches": [
            (
                title,
                [
                    (word, asked.query(**_to(asked, part, key, today)), key == here)
                    for key, word in words.items()
                ],
            )
            for part, title, words, here in parts
        ],
        "legend": [
            (kind, _("Confirmed") if is_staff and kind == "own" else KINDS[kind])
            for kind in LEGEND
            if not (is_staff and kind == "busy")
        ],
        "all_tools": asked.query(tool=()) if asked.codes else "",
    }


def _day(text: str) -> date | None:
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=KST).date()
    except ValueError:
        return None
    return day if day.year in YEARS else None


@dataclass(frozen=True)
class Answer:
    """What is said about a time somebody has drawn: its price and every rule it breaks."""

    target: Target
    span: Interval
    quote: dict[str, Any]
    broken: Sequence[Broken]
    nearest: Sequence[Slot]

    @property
    def is_free(self) -> bool:
        return not refusing(self.broken)

    @property
    def as_slot(self) -> dict[str, Any]:
        return {"starts_at": self.span.start, "ends_at": self.span.end}


@require_GET
@login_required
def timeline_ask(request: HttpRequest) -> HttpResponse:
    """A part of the page: may this time be held, or (with `booking`) that one moved to it?"""
    demand(request.user, "book")
    actor = person(request)
    claim = ClaimForm(request.GET, user=actor)
    booking = _booking(request)
    context: dict[str, Any] = {"booking": booking, "may_book": True}
    if claim.is_valid():
        target: Target = claim.cleaned_data["what"]
        span = Interval(claim.cleaned_data["starts_at"], claim.cleaned_data["ends_at"])
        try:
            context["answer"] = _answer(request, target, span, booking)
        except Refusal as refused:
            context["refused"] = refused
        context["cell"] = target.tool.cell if target.tool and not booking else None
    return render(request, "booking/timeline_ask.html", context)


def _booking(request: HttpRequest) -> Booking | None:
    asked = request.GET.get("booking", "")
    if not asked:
        return None
    pk = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 18 else 0
    found: Booking = get_object_or_404(Booking.objects.visible_to(request.user).with_names(), pk=pk)
    return found


def _answer(
    request: HttpRequest, target: Target, span: Interval, booking: Booking | None
) -> Answer:
    actor = person(request)
    if booking is not None:
        seen = preview(actor=actor, booking=booking, target=target, span=span)
        return Answer(target, span, seen.quote, seen.broken, [])
    tools = target.tools()
    asked = gather(
        actor=actor, tools=tools, starts_at=span.start, ends_at=span.end, now=timezone.now()
    )
    broken = check_all(asked)
    near = nearest(actor=actor, target=target, span=span) if refusing(broken) else []
    quote = price(company=actor.company, tools=tools, starts_at=span.start, ends_at=span.end)
    return Answer(target, span, quote.as_json(), broken, near)
