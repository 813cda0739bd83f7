"""What a run measured, grouped by the values in which its wafers differ."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from testbed.process.vary_words import value_in_words
from testbed.results.quantity_names import quantity_name
from testbed.runs.models import Quality, Run, SiteReading


@dataclass(frozen=True)
class Group:
    """Wafers with the same values, and one quantity over them; the mean of the wafers' means."""

    values: str
    slots: list[int]
    quantity: str
    unit: str
    mean: float
    spread: float | None
    """Sample standard deviation of the wafers' means; None with one wafer."""


def groups(run: Run) -> list[Group]:
    """Empty unless this run, or one before it on the lot's way, was split by wafer."""
    values = _values(run)
    if not values:
        return []
    rows = SiteReading.objects.filter(run=run, quality=Quality.GOOD, wafer__isnull=False)
    places: dict[tuple[str, str, int], list[float]] = defaultdict(list)
    for key, unit, slot, value in rows.values_list("key", "unit", "wafer__slot", "value"):
        places[key, unit, slot].append(value)
    means: dict[tuple[str, str, str], dict[int, float]] = defaultdict(dict)
    for (key, unit, slot), found in places.items():
        means[key, values.get(slot, "–"), unit][slot] = statistics.fmean(found)
    return [
        Group(
            said, sorted(by_slot), quantity_name(key), unit, statistics.fmean(by_slot.values()),
            statistics.stdev(by_slot.values()) if len(by_slot) > 1 else None,
        )
        for (key, said, unit), by_slot in sorted(means.items())
    ]  # fmt: skip


def _values(run: Run) -> dict[int, str]:
    """By slot, the newest values of each split up to this run, in words."""
    newest: dict[int, dict[str, str]] = defaultdict(dict)
    before = Run.objects.filter(traveler=run.traveler_id, pk__lte=run.pk).exclude(split={})
    for one in before.select_related("operation", "recipe_version__recipe").order_by("pk"):
        for slot in one.run_wafers.values_list("wafer__slot", flat=True):
            newest[slot][str(one.operation)] = _in_words(one, one.split.get(str(slot), {}))
    return {slot: "; ".join(filter(None, said.values())) or "–" for slot, said in newest.items()}


def _in_words(run: Run, values: Mapping[str, float]) -> str:
    """What one wafer got in one operation; "" for nothing of its own."""
    version = run.recipe_version
    kind, body = version.recipe.tool_kind, version.body
    said = [value_in_words(kind, body, path, value) for path, value in sorted(values.items())]
    return f"{run.operation}: {', '.join(said)}" if said else ""
