"""Sentences whose figures are put in only when they are read, in the reader's language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.utils.functional import lazy

if TYPE_CHECKING:
    from datetime import datetime

    from django_stubs_ext import StrOrPromise

KST = ZoneInfo("Asia/Seoul")


def _fill(text: StrOrPromise, values: dict[str, Any]) -> str:
    return str(text) % values


_said = lazy(_fill, str)


def said(text: StrOrPromise, /, **values: Any) -> StrOrPromise:
    """`text % values`, but in the language active when it is read, the values' own words too.

    A lazy sentence's `%` fills it at once, in the writer's language; this does not.
    """
    sentence: StrOrPromise = _said(text, values)
    return sentence


def kst_span(start: datetime, end: datetime) -> str:
    """2026-11-22 17:30–19:00 KST; an end on another day carries its date; midnight is 24:00."""
    first, last = start.astimezone(KST), end.astimezone(KST)
    closing = f"{last:%H:%M}"
    if first.date() != last.date():
        next_midnight = closing == "00:00" and (last.date() - first.date()).days == 1
        closing = "24:00" if next_midnight else f"{last:%Y-%m-%d %H:%M}"
    return f"{first:%Y-%m-%d %H:%M}–{closing} KST"


def kst_moment(moment: datetime) -> str:
    """2026-11-22 17:30 KST."""
    return f"{moment.astimezone(KST):%Y-%m-%d %H:%M} KST"
