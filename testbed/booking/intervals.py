"""Half-open stretches of time [start, end) and their arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta


class Interval(NamedTuple):
    """[start, end): two that only touch do not overlap. Empty when end <= start."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    def overlaps(self, other: Interval) -> bool:
        return self.start < other.end and other.start < self.end

    def covers(self, other: Interval) -> bool:
        return self.start <= other.start and other.end <= self.end


def merge(parts: Iterable[Interval]) -> list[Interval]:
    """The same time as sorted stretches that neither overlap nor touch; empty ones vanish."""
    merged: list[Interval] = []
    for part in sorted(part for part in parts if part.start < part.end):
        if merged and part.start <= merged[-1].end:
            merged[-1] = Interval(merged[-1].start, max(merged[-1].end, part.end))
        else:
            merged.append(part)
    return merged


def intersect(first: Sequence[Interval], second: Sequence[Interval]) -> list[Interval]:
    """Time that is in both; each argument merged."""
    both: list[Interval] = []
    i = j = 0
    while i < len(first) and j < len(second):
        start = max(first[i].start, second[j].start)
        end = min(first[i].end, second[j].end)
        if start < end:
            both.append(Interval(start, end))
        if first[i].end <= second[j].end:
            i += 1
        else:
            j += 1
    return both


def subtract(whole: Sequence[Interval], taken: Sequence[Interval]) -> list[Interval]:
    """Time of `whole` that is not in `taken`; each argument merged."""
    left: list[Interval] = []
    for part in whole:
        start = part.start
        for hole in taken:
            if hole.end <= start or hole.start >= part.end:
                continue
            if start < hole.start:
                left.append(Interval(start, hole.start))
            start = max(start, hole.end)
        if start < part.end:
            left.append(Interval(start, part.end))
    return left
