"""Curves that a run recorded: which there are, and one of them for a screen or a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Count, F, Max, Min, QuerySet, Sum

from testbed.results.envelope import Piece
from testbed.runs.models import Run, TraceBlock
from testbed.runs.store import samples_of

# A profile runs along a length, a spectrum along wavelengths; spaced in nm, not in seconds.
ALONG_NM = frozenset({"profile", "spectrum"})


@dataclass(frozen=True)
class Curve:
    """One recorded curve: its key, unit, the wafer it belongs to, and its extent."""

    key: str
    unit: str
    slot: int | None
    wafer_id: str
    blocks: int
    count: int
    start_s: float
    end_s: float
    dt_s: float
    low: float
    high: float

    @property
    def along(self) -> str:
        """The unit of the horizontal axis: s, or nm for a profile."""
        return "nm" if self.key in ALONG_NM else "s"


def curves(run: Run) -> list[Curve]:
    """Every curve of a run, by wafer slot and key, from the blocks' own summaries (one query)."""
    rows = (
        TraceBlock.objects.filter(run=run)
        .order_by()
        .values("key", "unit", slot=F("wafer__slot"), code=F("wafer__wafer_id"))
        .annotate(
            blocks=Count("pk"),
            samples_in_all=Sum("count"),
            start=Min("t0_s"),
            end=Max(F("t0_s") + F("dt_s") * (F("count") - 1.0)),
            dt=Min("dt_s"),
            low=Min("minimum"),
            high=Max("maximum"),
        )
    )
    found = [
        Curve(
            key=row["key"],
            unit=row["unit"],
            slot=row["slot"],
            wafer_id=row["code"] or "",
            blocks=row["blocks"],
            count=row["samples_in_all"],
            start_s=row["start"],
            end_s=row["end"],
            dt_s=row["dt"],
            low=row["low"],
            high=row["high"],
        )
        for row in rows
    ]
    return sorted(found, key=lambda curve: (curve.slot or 0, curve.key))


def blocks(run: Run, *, key: str, slot: int | None) -> QuerySet[TraceBlock]:
    """The blocks of one curve in time order; `slot` None = of the run as a whole."""
    rows = TraceBlock.objects.filter(run=run, key=key)
    rows = rows.filter(wafer=None) if slot is None else rows.filter(wafer__slot=slot)
    return rows.order_by("t0_s", "pk")


def pieces(rows: QuerySet[TraceBlock], start: float | None, end: float | None) -> list[Piece]:
    """The unpacked blocks that touch [start, end]; raises DamagedBlock for a changed one."""
    if end is not None:
        rows = rows.filter(t0_s__lte=end)
    if start is not None:
        rows = rows.annotate(last_s=F("t0_s") + F("dt_s") * F("count")).filter(last_s__gte=start)
    return [Piece(block.t0_s, block.dt_s, samples_of(block)) for block in rows]


def rows_of(found: QuerySet[TraceBlock]) -> Iterator[tuple[float, float]]:
    """(time s, value) of every sample, one block in memory at a time."""
    for block in found.iterator(chunk_size=8):
        for k, value in enumerate(samples_of(block).tolist()):
            yield round(block.t0_s + k * block.dt_s, 9), value
