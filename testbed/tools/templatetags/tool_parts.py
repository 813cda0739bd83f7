"""A tool's state as a lamp: shape and word together, readable under yellow cleanroom light."""

from datetime import datetime, timedelta
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from testbed.tools.described import unit_in_words
from testbed.tools.kinds import kind_name
from testbed.tools.models import E10State, StateSpan, Tool

register = template.Library()
register.filter("kind_name", kind_name)
register.filter("unit_in_words", unit_in_words)

TONES = {
    E10State.PRODUCTIVE: "ok",
    E10State.STANDBY: "idle",
    E10State.ENGINEERING: "info",
    E10State.SCHEDULED_DOWN: "warn",
    E10State.UNSCHEDULED_DOWN: "bad",
    E10State.NON_SCHEDULED: "idle",
}
# One shape a state: full disc, ring, square, triangle, octagon with a bar, crescent.
SHAPES = {
    E10State.PRODUCTIVE: '<circle cx="10" cy="10" r="9" fill="currentColor"/>',
    E10State.STANDBY: (
        '<circle cx="10" cy="10" r="7.5" fill="none" stroke="currentColor" stroke-width="3"/>'
    ),
    E10State.ENGINEERING: ('<rect x="2" y="2" width="16" height="16" rx="2" fill="currentColor"/>'),
    E10State.SCHEDULED_DOWN: '<path d="M10 1.5 19.5 18.5H.5z" fill="currentColor"/>',
    E10State.UNSCHEDULED_DOWN: (
        '<path d="M6 .5h8L19.5 6v8L14 19.5H6L.5 14V6zM4.5 8.6v2.8h11V8.6z" '
        'fill="currentColor" fill-rule="evenodd"/>'
    ),
    E10State.NON_SCHEDULED: '<path d="M13 1a9 9 0 1 0 6 12A8 8 0 0 1 13 1z" fill="currentColor"/>',
}


def tone_of(state: str | None) -> str:
    """The tone of an E10 state's card and lamp; unknown is idle."""
    return TONES[E10State(state)] if state in E10State.values else "idle"


def _shape(state: str | None) -> SafeString:
    drawn = SHAPES[E10State(state)] if state in E10State.values else SHAPES[E10State.STANDBY]
    return mark_safe(f'<svg viewBox="0 0 20 20" aria-hidden="true">{drawn}</svg>')  # noqa: S308


@register.simple_tag
def lamp(state: str | None) -> SafeString:
    """`{% lamp tool.state %}`: the E10 state's shape and word."""
    word = E10State(state).label if state in E10State.values else _("No state reported")
    return format_html(
        '<span class="lamp lamp--{}">{}{}</span>', tone_of(state), _shape(state), word
    )


@register.filter
def state_class(state: str) -> str:
    """What follows `e10-` in the classes that colour a state."""
    return state.replace("_", "-")


@register.simple_tag
def state_bar(hours: list[tuple[str, timedelta]]) -> SafeString:
    """One bar of 7 days: the share of each state, then what nobody recorded. For the eye alone;
    the table below it says the same."""
    whole, left, drawn = timedelta(days=7), 0.0, SafeString()
    for state, length in hours:
        width = 1000 * (length / whole)
        drawn += format_html(
            '<rect class="e10-{}" x="{}" y="0" width="{}" height="20"/>',
            state_class(state), f"{left:.1f}", f"{width:.1f}",
        )  # fmt: skip
        left += width
    return format_html(
        '<svg class="state-bar" viewBox="0 0 1000 20" preserveAspectRatio="none"'
        ' aria-hidden="true"><rect class="e10-unrecorded" x=".5" y=".5" width="999" height="19"/>'
        "{}</svg>",
        drawn,
    )


@register.filter
def tone(tool: Any) -> str:
    """ok, idle, info, warn or bad for a tool that was read `with_state()`."""
    return "bad" if tool.emergency_stop_at else tone_of(getattr(tool, "state", None))


@register.filter
def opening_hours(tool: Tool) -> str:
    """ "08:00–20:00, Mon–Fri" or "around the clock, every day"."""
    if tool.is_around_the_clock:
        times = _("around the clock")
    else:
        times = f"{tool.opens_at:%H:%M}–{tool.closes_at:%H:%M}"
    days = _("every day") if tool.works_weekends else _("Mon–Fri")
    return f"{times}, {days}"


@register.filter
def state_reason(reason: str) -> str:
    """Why a tool is in its state: known reasons in the reader's language, others as written."""
    return {
        "emergency stop": _("emergency stop"),
        "emergency stop cleared": _("emergency stop cleared"),
        "demo facility opened": _("demo facility opened"),
        "run held": _("run held"),
        "no answer": _("does not answer when asked"),
        "answers again": _("answers again"),
    }.get(reason, reason)


@register.filter
def span_length(span: StateSpan, now: datetime) -> timedelta:
    """How long a span lasted, or has lasted until now."""
    return span.length(now)
