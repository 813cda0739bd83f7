"""A chain of steps as a picture: when each is, and between which times the next may start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from testbed.booking.bundles import latest_start

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from testbed.booking.models import Booking

WIDTH, LEFT, ROW, BAR = 600, 40, 44, 26


@dataclass(frozen=True)
class Row:
    """One step: its bar, and the window in which it may start (width 0: no limit); viewBox units.

    latest: until when it may start; waits: how long its wafers wait after the step before;
    is_late: longer than they may.
    """

    number: int
    booking: Booking
    y: int
    x: float
    width: float
    window_x: float
    window_width: float
    latest: datetime | None
    waits: timedelta | None

    @property
    def middle(self) -> float:
        return self.y + BAR / 2

    @property
    def label_y(self) -> float:
        return self.y + BAR - 7

    @property
    def is_late(self) -> bool:
        return self.latest is not None and self.booking.starts_at > self.latest


@dataclass(frozen=True)
class Picture:
    """The whole chain; width and height of the viewBox."""

    rows: Sequence[Row]
    width: int = WIDTH + LEFT + 8
    bar: int = BAR

    @property
    def height(self) -> int:
        return ROW * len(self.rows)

    @property
    def late(self) -> list[Row]:
        return [row for row in self.rows if row.is_late]


def picture(steps: Sequence[Booking]) -> Picture | None:
    """None for nothing to draw. Steps in order; only live ones should be given."""
    if not steps:
        return None
    befores: list[Booking | None] = [None, *steps[:-1]]
    limits = [_limit(before, step) for before, step in zip(befores, steps, strict=True)]
    start = min(step.starts_at for step in steps)
    end = max([step.ends_at for step in steps] + [limit for limit in limits if limit])
    scale = WIDTH / max((end - start).total_seconds(), 1)

    def at(moment: datetime) -> float:
        return round(LEFT + (moment - start).total_seconds() * scale, 1)

    rows = []
    for place, (before, step, limit) in enumerate(zip(befores, steps, limits, strict=True)):
        opens = at(before.ends_at) if before and limit else 0.0
        rows.append(
            Row(
                number=step.position,
                booking=step,
                y=place * ROW + 8,
                x=at(step.starts_at),
                width=max(3.0, round(at(step.ends_at) - at(step.starts_at), 1)),
                window_x=opens,
                window_width=round(at(limit) - opens, 1) if limit else 0.0,
                latest=limit,
                waits=step.starts_at - before.ends_at if before else None,
            )
        )
    return Picture(rows)


def _limit(before: Booking | None, step: Booking) -> datetime | None:
    """A limit is to the step right before; one that is gone is not waited for."""
    is_next = before is not None and before.position == step.position - 1
    return latest_start(before, step) if is_next else None
