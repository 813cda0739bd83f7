"""What is to be closed, when, how often, and why: as it is asked for, not yet written."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.booking.intervals import Interval
from testbed.outages.models import Outage, OutageKind, Repeat, Scope, Utility
from testbed.outages.recurrence import expand
from testbed.people.permissions import demand
from testbed.refusals import Refusal
from testbed.tools.models import Area, Tool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django_stubs_ext import StrOrPromise

    from testbed.people.models import User

LONGEST = timedelta(days=366)
FURTHEST = timedelta(days=5 * 366)
LONGEST_BACK = timedelta(days=7)
MOST_TIMES = 370
EVERY_MOST = 52
LONGEST_REASON = 80
LONGEST_NOTE = 120


@dataclass(frozen=True)
class Terms:
    """tools counts for the scope of tools, area and utility for theirs; weekdays: 0 is Monday."""

    kind: str
    scope: str
    starts_at: datetime
    ends_at: datetime
    reason_ko: str
    reason_en: str
    tools: Sequence[Tool] = ()
    area: str = ""
    utility: Utility | None = None
    note: str = ""
    repeat: str = Repeat.ONCE
    every: int = 1
    weekdays: Sequence[int] = field(default_factory=tuple)
    until: date | None = None
    exceptions: Sequence[date] = field(default_factory=tuple)

    @property
    def span(self) -> Interval:
        return Interval(self.starts_at, self.ends_at)

    def times(self) -> list[Interval]:
        """Every time of it, earliest first."""
        return expand(
            self.span,
            repeat=self.repeat,
            every=self.every,
            weekdays=self.weekdays,
            until=self.until,
            exceptions=self.exceptions,
        )

    def closed_tools(self) -> list[Tool]:
        """The tools it closes, by pk."""
        if self.scope == Scope.TOOLS:
            return sorted(self.tools, key=lambda tool: tool.pk)
        wanted = Tool.objects.order_by("pk")
        if self.scope == Scope.AREA:
            wanted = wanted.filter(area=self.area)
        if self.scope == Scope.UTILITY:
            wanted = wanted.filter(utilities=self.utility)
        return list(wanted)


def terms_of(outage: Outage) -> Terms:
    """What was announced."""
    return Terms(
        kind=outage.kind,
        scope=outage.scope,
        starts_at=outage.starts_at,
        ends_at=outage.ends_at,
        reason_ko=outage.reason_ko,
        reason_en=outage.reason_en,
        tools=list(outage.tools.order_by("pk")),
        area=outage.area,
        utility=outage.utility,
        note=outage.note,
        repeat=outage.repeat,
        every=outage.every,
        weekdays=tuple(outage.weekdays),
        until=outage.until,
        exceptions=tuple(date.fromisoformat(day) for day in outage.exceptions),
    )


def demand_may_close(actor: User, kind: str) -> None:
    """Closures are the administrator's; maintenance and failures also the technician's."""
    demand(actor, "close_tools" if kind == OutageKind.CLOSURE else "maintain_tools")


def demand_sound(terms: Terms, now: datetime | None = None) -> None:
    """Raise Refusal("terms_not_valid", 422) with every field's sentences together."""
    found: dict[str, list[StrOrPromise]] = {}
    for name, sentence in [
        *_about_words(terms),
        *_about_tools(terms),
        *_about_time(terms, now or timezone.now()),
        *_about_repeat(terms),
    ]:
        found.setdefault(name, []).append(sentence)
    if not found:
        found = _about_times(terms, now or timezone.now())
    if found:
        raise Refusal(
            "terms_not_valid",
            _("Some answers do not fit; see what each says."),
            status=422,
            fields=found,
            next_step=_("Correct them and look again."),
        )


def _about_words(terms: Terms) -> list[tuple[str, StrOrPromise]]:
    said: list[tuple[str, StrOrPromise]] = []
    if terms.kind not in OutageKind.values:
        said.append(("kind", _("Choose a closure, a maintenance or an outage.")))
    said += [
        (name, _("Write the reason that everybody reads, 80 characters at most."))
        for name in ("reason_ko", "reason_en")
        if not 0 < len(getattr(terms, name).strip()) <= LONGEST_REASON
    ]
    if len(terms.note) > LONGEST_NOTE:
        said.append(("note", _("A note has 120 characters at most.")))
    return said


def _about_tools(terms: Terms) -> list[tuple[str, StrOrPromise]]:
    if terms.scope == Scope.AREA and terms.area not in Area.values:
        return [("area", _("Choose an area."))]
    if terms.scope == Scope.UTILITY and terms.utility is None:
        return [("utility", _("Name the supply that fails."))]
    if terms.scope not in Scope.values:
        return [("scope", _("Choose what is closed."))]
    if not terms.closed_tools():
        name = terms.scope if terms.scope in ("tools", "area", "utility") else "scope"
        return [(name, _("No tool would be closed; choose at least one."))]
    return []


def _about_time(terms: Terms, now: datetime) -> list[tuple[str, StrOrPromise]]:
    if terms.ends_at <= terms.starts_at:
        return [("ends_at", _("A closure ends after it starts."))]
    said: list[tuple[str, StrOrPromise]] = []
    if terms.span.length > LONGEST:
        said.append(("ends_at", _("A closure lasts a year at most.")))
    if terms.starts_at < now - LONGEST_BACK:
        said.append(("starts_at", _("A closure is entered within a week of its start.")))
    if terms.starts_at > now + FURTHEST:
        said.append(("starts_at", _("A closure is entered five years ahead at most.")))
    return said


def _about_repeat(terms: Terms) -> list[tuple[str, StrOrPromise]]:
    if terms.repeat == Repeat.ONCE:
        return []
    said: list[tuple[str, StrOrPromise]] = []
    if terms.repeat not in Repeat.values:
        said.append(("repeat", _("Choose how often it is repeated.")))
    if not 1 <= terms.every <= EVERY_MOST:
        said.append(("every", _("It is repeated every 1 to 52 weeks or months.")))
    if not all(0 <= day <= 6 for day in terms.weekdays):
        said.append(("weekdays", _("A weekday is 0 (Monday) to 6 (Sunday).")))
    if terms.until is None or not terms.starts_at.date() <= terms.until:
        said.append(("until", _("Give the last day; it is not before the first.")))
    elif terms.until > (terms.starts_at + FURTHEST).date():
        said.append(("until", _("It is repeated for five years at most.")))
    return said


def _about_times(terms: Terms, now: datetime) -> dict[str, list[StrOrPromise]]:
    """Of sound answers: whether any time is left, not too many, none running into the next."""
    times = terms.times()
    if not any(span.end > now for span in times):
        name = "ends_at" if terms.repeat == Repeat.ONCE else "until"
        return {name: [_("Nothing of it lies ahead.")]}
    if len(times) > MOST_TIMES:
        return {"until": [_("It is repeated 370 times at most.")]}
    if any(one.overlaps(other) for one, other in pairwise(times)):
        return {"ends_at": [_("Each time ends before the next one starts.")]}
    return {}
