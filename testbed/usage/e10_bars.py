"""SEMI E10 states of each tool as one stacked bar, to the hour; an SVG string. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from testbed.results import svg
from testbed.results.svg import element, number
from testbed.tools.models import E10State
from testbed.usage.e10 import StateSeconds

WIDTH, LABEL, RIGHT, TOP, ROW, BAR = 1120.0, 170.0, 70.0, 8.0, 31.0, 22.0
AXIS = 26.0
ABBREVIATIONS = {
    E10State.PRODUCTIVE: "PR",
    E10State.STANDBY: "SB",
    E10State.ENGINEERING: "EN",
    E10State.SCHEDULED_DOWN: "SD",
    E10State.UNSCHEDULED_DOWN: "UD",
    E10State.NON_SCHEDULED: "NS",
}


def css_name(state: E10State) -> str:
    """The state as the style sheet spells it."""
    return state.value.replace("_", "-")


@dataclass(frozen=True)
class Bar:
    """One tool: its name and its seconds per state."""

    label: str
    seconds: StateSeconds


def e10_bars(bars: Sequence[Bar], *, hours: float, key: str, description: object) -> SafeString:
    """A bar a tool over `hours`; what is not recorded stays empty at the end.

    At the right stands operational uptime (uptime over operations time).
    """
    height = TOP + ROW * len(bars) + AXIS
    return svg.drawing(
        WIDTH,
        height,
        *_hour_lines(hours, len(bars)),
        *(_row(bar, index, hours) for index, bar in enumerate(bars)),
        key=key,
        title=_("SEMI E10 states of each tool over %(hours)d hours") % {"hours": round(hours)},
        description=description,
        class_="chart e10-bars",
    )


def _hour_lines(hours: float, rows: int) -> list[SafeString]:
    """Hours along the bottom."""
    bottom, drawn = TOP + ROW * rows, []
    for tick in _hour_ticks(hours):
        x = LABEL + tick / hours * (WIDTH - LABEL - RIGHT)
        ends = {"x1": number(x), "x2": number(x), "y1": TOP, "y2": number(bottom)}
        drawn.append(element("line", class_="grid-line", **ends))
        drawn.append(
            svg.text(
                f"{number(tick)} h", x, bottom + 18, font_size=12, text_anchor="middle",
                class_="chart-ink",
            )
        )  # fmt: skip
    return drawn


def _hour_ticks(hours: float) -> list[float]:
    """Whole days over some days, round hours otherwise."""
    if 48 < hours <= 14 * 24:
        return [24.0 * day for day in range(int(hours / 24 + 1e-6) + 1)]
    return svg.ticks(0, hours, 7)


def _row(bar: Bar, index: int, hours: float) -> SafeString:
    y, scale = TOP + ROW * index, (WIDTH - LABEL - RIGHT) / (hours * 3600)
    parts = [
        svg.text(
            bar.label, LABEL - 8, y + 16, font_size=13, text_anchor="end", class_="chart-ink"
        ),
        element(
            "rect", x=LABEL, y=number(y), width=number(WIDTH - LABEL - RIGHT), height=BAR,
            class_="e10-unrecorded",
        ),
    ]  # fmt: skip
    x = LABEL
    for state in E10State:
        width = bar.seconds.of(state) * scale
        parts.append(_segment(state, bar.seconds.of(state), x, y, width))
        x += width
    uptime = bar.seconds.operational_uptime
    word = "–" if uptime is None else f"{uptime:.1%}"
    parts.append(
        svg.text(word, WIDTH - RIGHT + 10, y + 16, font_size=13, font_weight=600,
                 class_="chart-ink")
    )  # fmt: skip
    return svg.join(parts)


def _segment(state: E10State, seconds: float, x: float, y: float, width: float) -> SafeString:
    """The coloured part, with its hours in it, and its abbreviation, where they fit."""
    if width <= 0:
        return svg.join(())
    words = element("title", svg.escaped(f"{state.label}: {seconds / 3600:.1f} h"))
    box = element(
        "rect", words, x=number(x), y=number(y), width=number(max(width - 1, 0.5)), height=BAR,
        class_=f"e10-{css_name(state)}",
    )  # fmt: skip
    text = _inside(state, seconds, width)
    if not text:
        return box
    ink = f"e10-ink-{css_name(state)}"
    middle = x + width / 2
    return svg.join(
        (box, svg.text(text, middle, y + 16, font_size=12, text_anchor="middle", class_=ink))
    )


def _inside(state: E10State, seconds: float, width: float) -> str:
    hours = f"{seconds / 3600:.0f} h" if seconds >= 3600 else f"{seconds / 60:.0f} min"
    if width >= 86:
        return f"{ABBREVIATIONS[state]} {hours}"
    return hours if width >= 46 else ""
