"""The approval desk: what waits, in which order, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Prefetch

from testbed.booking.models import Booking, BookingState
from testbed.booking.question_models import Question

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from django.db.models import QuerySet

    from testbed.people.querysets import Viewer


@dataclass(frozen=True)
class DeskHead:
    """waiting: for the facility; asked: for the company; oldest: the age of the first."""

    waiting: int
    asked: int
    oldest: timedelta | None


def waiting(viewer: Viewer) -> QuerySet[Booking]:
    """Pending requests by age; those that wait for the company's answer come after all others.

    Answered, a request stands again where its age puts it. `questions` are fetched with it.
    """
    questions = Question.objects.select_related("asked_by", "answered_by")
    pending: QuerySet[Booking] = (
        Booking.objects.visible_to(viewer)
        .filter(state=BookingState.PENDING)
        .with_names()
        .prefetch_related(Prefetch("questions", queryset=questions))
        .order_by("is_asked", "created_at", "pk")
    )
    return pending


def head(rows: list[Booking], now: datetime) -> DeskHead:
    """The desk in three figures; rows as of `waiting`."""
    open_rows = [row for row in rows if not getattr(row, "is_asked", False)]
    oldest = now - open_rows[0].created_at if open_rows else None
    return DeskHead(len(open_rows), len(rows) - len(open_rows), oldest)
