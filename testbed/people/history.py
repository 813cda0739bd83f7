"""A subject's journal as a page shows it, latest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from testbed.people.journal import sentence
from testbed.people.models import Company, JournalEntry, User

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from django.db import models

    from testbed.people.querysets import Viewer

SHOWN = 100


@dataclass(frozen=True)
class Line:
    """One entry in the reader's language; about: whom or what, where the page has several."""

    at: datetime
    actor: User | None
    sentence: str
    details: str
    about: str = ""


def lines_of(entries: Iterable[JournalEntry]) -> list[Line]:
    """One line an entry, in their order."""
    return [_line(entry) for entry in entries]


def history_of_company(viewer: Viewer, company: Company) -> list[Line]:
    """The latest lines about a company and its members' accounts."""
    members = dict(company.members.values_list("pk", "name"))
    own = [_line(entry) for entry in _entries(viewer, Company, [company.pk])]
    accounts = _entries(viewer, User, list(members))
    lines = own + [_line(entry, members.get(entry.subject_id, "")) for entry in accounts]
    return sorted(lines, key=lambda line: line.at, reverse=True)[:SHOWN]


def _entries(viewer: Viewer, kind: type[models.Model], pks: list[int]) -> list[JournalEntry]:
    found = JournalEntry.objects.visible_to(viewer).filter(
        subject_kind=kind._meta.label_lower, subject_id__in=pks
    )
    return list(found.select_related("actor").order_by("-pk")[:SHOWN])


def _line(entry: JournalEntry, about: str = "") -> Line:
    return Line(entry.at, entry.actor, sentence(entry), _details(entry), about)


def _details(entry: JournalEntry) -> str:
    details = entry.details
    if entry.action == "company.credit_limit":
        sides = {side: _limit(details[side]) for side in ("before", "after")}
        return _("From %(before)s to %(after)s") % sides
    parts: list[Any] = [details.get("person"), details.get("valid_until"), details.get("reason")]
    return " · ".join(str(part) for part in parts if part)


def _limit(won: int | None) -> str:
    return _("no limit") if won is None else f"₩{won:,}"
