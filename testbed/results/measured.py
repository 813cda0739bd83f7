"""Everything a run measured on one wafer, whichever tool it was: single values, and places."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.db.models import F, Q, QuerySet

from testbed.results.quantity_names import quantity_name
from testbed.runs.models import Quality, Reading, Run, SiteReading

Place = tuple[float, float, float | None]
"""x and y in mm from the wafer's centre, and the value; None where nothing was resolved."""


@dataclass(frozen=True)
class Quantity:
    """One thing measured at places; numbers over the resolved ones, None where there are none.

    three_sigma is 3 times the sample standard deviation (n - 1), all in `unit`.
    """

    key: str
    unit: str
    places: tuple[Place, ...]
    mean: float | None = None
    three_sigma: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def name(self) -> str:
        """Its name in the reader's language."""
        return quantity_name(self.key)

    @property
    def unresolved(self) -> int:
        """Places without a value."""
        return sum(value is None for _x, _y, value in self.places)


def slots(run: Run) -> list[int]:
    """Slots of the wafers of which the run has a value, in order."""
    found: set[int] = set()
    for model in (Reading, SiteReading):
        rows = model.objects.filter(run=run, wafer__isnull=False).order_by()
        found.update(rows.values_list("wafer__slot", flat=True).distinct())
    return sorted(found)


def readings(run: Run, slot: int | None) -> QuerySet[Reading]:
    """Single values of one wafer, and those of the run as a whole, in the order they came."""
    whose = Q(wafer=None) if slot is None else Q(wafer=None) | Q(wafer__slot=slot)
    return Reading.objects.filter(whose, run=run).order_by("wafer_id", "pk")


def quantities(run: Run, slot: int | None) -> list[Quantity]:
    """What was measured at places on one wafer, by key (one query)."""
    if slot is None:
        return []
    rows = (
        SiteReading.objects.filter(run=run, wafer__slot=slot)
        .order_by("key", F("y_mm").desc(), "x_mm", "pk")
        .values_list("key", "unit", "x_mm", "y_mm", "value", "quality")
    )
    grouped: dict[tuple[str, str], list[Place]] = {}
    for key, unit, x, y, value, quality in rows:
        is_good = quality != Quality.NOT_RESOLVED and math.isfinite(value)
        grouped.setdefault((key, unit), []).append((x, y, value if is_good else None))
    return [_quantity(key, unit, places) for (key, unit), places in grouped.items()]


def _quantity(key: str, unit: str, places: Sequence[Place]) -> Quantity:
    values = np.array([value for _x, _y, value in places if value is not None], dtype=float)
    if not len(values):
        return Quantity(key, unit, tuple(places))
    return Quantity(
        key,
        unit,
        tuple(places),
        mean=float(values.mean()),
        three_sigma=3 * float(values.std(ddof=1)) if len(values) > 1 else None,
        low=float(values.min()),
        high=float(values.max()),
    )
