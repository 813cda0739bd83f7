"""The small parts every page is made of: icons, badges, and how won, times and lengths are said."""

from datetime import datetime, timedelta
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

register = template.Library()

TONE_ICONS = {
    "ok": "check",
    "warn": "triangle-alert",
    "bad": "octagon-x",
    "info": "info",
    "idle": "circle-dashed",
}


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """`{% icon "check" %}`: a decorative icon; the words beside it carry the meaning."""
    return format_html(
        '<svg class="icon {}" width="20" height="20" aria-hidden="true"><use href="{}#{}"/></svg>',
        extra,
        static("vendor/lucide/sprite.svg"),
        name,
    )


@register.simple_tag
def badge(tone: str, text: Any, name: str = "") -> SafeString:
    """`{% badge "warn" text "clock" %}`: shape and word together, so colour is never alone.

    `tone`: ok, warn, bad, info or idle; without an icon's name the tone's own icon is drawn.
    """
    return format_html(
        '<span class="badge badge--{}">{}{}</span>', tone, icon(name or TONE_ICONS[tone]), text
    )


@register.filter
def won(amount: Any) -> str:
    """Whole won with thousands separators; an empty value stays a dash."""
    if amount is None or amount == "":
        return "–"
    sign = "−" if round(amount) < 0 else ""
    return sign + _("₩%(amount)s") % {"amount": f"{abs(round(amount)):,}"}


def _kst(moment: datetime) -> datetime:
    return timezone.localtime(moment) if timezone.is_aware(moment) else moment


@register.filter
def kst(moment: datetime | None) -> str:
    """2026-11-22 17:32 on the facility's clock (KST)."""
    return f"{_kst(moment):%Y-%m-%d %H:%M}" if moment else "–"


@register.filter
def kst_clock(moment: datetime | None) -> str:
    """17:32:05 on the facility's clock: for lines whose day is known."""
    return f"{_kst(moment):%H:%M:%S}" if moment else "–"


@register.filter
def kst_day(moment: datetime | None) -> str:
    """2026-11-22 (Sun)."""
    if not moment:
        return "–"
    local = _kst(moment)
    return f"{local:%Y-%m-%d} ({weekday(local)})"


def weekday(moment: datetime) -> str:
    """The short name of the day of the week, in the reader's language."""
    names = (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))
    return names[moment.weekday()]


@register.filter
def kst_range(start: datetime | None, end: datetime | None) -> str:
    """2026-11-22 (Sun) 17:32–19:00; an end on another day carries its date."""
    return f"{kst_day(start)} {kst_times(start, end)}" if start and end else "–"


@register.filter
def kst_times(start: datetime | None, end: datetime | None) -> str:
    """The range without its first day: 17:32–19:00, 17:32–11-23 01:00, 22:00–24:00."""
    if not start or not end:
        return "–"
    first, last = _kst(start), _kst(end)
    if first.date() == last.date():
        return f"{first:%H:%M}–{last:%H:%M}"
    if last.date() - first.date() == timedelta(days=1) and f"{last:%H:%M}" == "00:00":
        return f"{first:%H:%M}–24:00"
    return f"{first:%H:%M}–{last:%m-%d %H:%M}"


@register.filter
def duration(length: float | timedelta | None) -> str:
    """Seconds (or a timedelta) as "2 h 05 min", "12 min", "40 s"."""
    if length is None or length == "":
        return "–"
    seconds = round(length.total_seconds() if isinstance(length, timedelta) else float(length))
    if seconds < 0:
        return "−" + duration(-seconds)
    if seconds < 60:
        return _("%(s)d s") % {"s": seconds}
    if seconds < 3600:
        minutes, rest = divmod(seconds, 60)
        if minutes < 10 and rest:
            return _("%(min)d min %(s)02d s") % {"min": minutes, "s": rest}
        return _("%(min)d min") % {"min": round(seconds / 60)}
    hours, minutes = divmod(round(seconds / 60), 60)
    return (
        _("%(h)d h %(min)02d min") % {"h": hours, "min": minutes}
        if minutes
        else _("%(h)d h") % {"h": hours}
    )


@register.filter
def hours(length: float | timedelta | None) -> str:
    """Seconds (or a timedelta) as decimal hours, "12.5 h"."""
    if length is None or length == "":
        return "–"
    seconds = length.total_seconds() if isinstance(length, timedelta) else float(length)
    return f"{seconds / 3600:,.1f} h"


@register.filter
def message_tone(tags: str) -> tuple[str, str]:
    """Django's message level as (tone, icon)."""
    for level, tone in (("error", "bad"), ("warning", "warn"), ("success", "ok")):
        if level in tags:
            return tone, TONE_ICONS[tone]
    return "info", TONE_ICONS["info"]


@register.filter
def is_text(value: Any) -> bool:
    """True for one sentence (also a lazily translated one), False for a list of them."""
    return not isinstance(value, list | tuple)
