"""Reads of what runs left behind, arranged for analysis: the only place that queries it.

Places come from mm, so the centre field is column 0, row 0 here however a tool counts.
Callers hand in rows that were already filtered by `visible_to`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from django.db.models import Count, Exists, F, Max, OuterRef, Q, QuerySet

from testbed.results.bossung import Matrix, Unsupported
from testbed.results.exposure import Exposure, Layout, layout_of
from testbed.results.field_grid import field_at
from testbed.runs.models import Quality, Run, RunWafer, SiteReading, Traveler

if TYPE_CHECKING:
    from testbed.material.models import Wafer

CD = "cd"
DEFAULT_TARGET_NM = 40.0
BODY = "recipe_version__body__"


def _exposes(run: str = "") -> Q:
    """Runs whose recipe has a layout: an exposure's own, or the exposure of a litho cell's."""
    has_layout = Q(**{f"{run}{BODY}has_key": "layout"})
    return has_layout | Q(**{f"{run}{BODY}expose__has_key": "layout"})


@dataclass(frozen=True)
class Site:
    """One measured field. `value` is None when the tool could not resolve it."""

    slot: int
    wafer_id: str
    col: int
    row: int
    x_mm: float
    y_mm: float
    value: float | None
    unit: str
    quality: str
    exposure: Exposure | None

    @property
    def quality_name(self) -> str:
        """The quality in the reader's language."""
        return str(Quality(self.quality).label)

    @property
    def is_good(self) -> bool:
        """A first, resolved measurement."""
        return self.value is not None and self.quality == Quality.GOOD


def travelers_with_results(rows: QuerySet[Traveler]) -> QuerySet[Traveler]:
    """Travelers with at least one measured line width, newest first, with `wafers` and `at`."""
    cd = Q(runs__sitereading_set__key=CD)
    measured = SiteReading.objects.filter(run__traveler=OuterRef("pk"), key=CD)
    return (
        rows.filter(Exists(measured))
        .select_related("lot__company", "route")
        .annotate(
            wafers=Count("runs__sitereading_set__wafer", filter=cd, distinct=True),
            at=Max("runs__ended_at", filter=cd),
        )
        .order_by("-pk")
    )


def measurement_run(traveler: Traveler) -> Run | None:
    """The latest run of the traveler that measured line widths."""
    measured = SiteReading.objects.filter(run=OuterRef("pk"), key=CD)
    return (
        traveler.runs.filter(Exists(measured))
        .select_related("tool", "operation", "recipe_version__recipe")
        .order_by("-pk")
        .first()
    )


def latest_measurement_of(wafer: Wafer) -> Run | None:
    """The latest run that measured line widths on this wafer."""
    measured = SiteReading.objects.filter(run=OuterRef("pk"), wafer=wafer, key=CD)
    return (
        Run.objects.filter(Exists(measured))
        .select_related("tool", "operation", "recipe_version__recipe", "traveler")
        .order_by("-pk")
        .first()
    )


def exposure_run(traveler: Traveler, before: Run) -> Run | None:
    """The latest exposure of the traveler before a measurement: where its curves were recorded."""
    return (
        traveler.runs.filter(_exposes(), pk__lt=before.pk)
        .filter(started_at__isnull=False)
        .order_by("-pk")
        .first()
    )


def keys_of(run: Run) -> list[str]:
    """What was measured per field in this run, by name."""
    keys = SiteReading.objects.filter(run=run).order_by("key").values_list("key", flat=True)
    return list(keys.distinct())


def target_of(run: Run) -> float:
    """Target line width nm of a measurement run's recipe."""
    target = run.recipe_version.body.get("target_nm")
    is_number = isinstance(target, int | float) and math.isfinite(target) and target > 0
    return float(target) if is_number else DEFAULT_TARGET_NM


def layouts(traveler: Traveler, before: Run) -> dict[int, Layout]:
    """By wafer pk, the layout of the last exposure that began before the measurement `before`."""
    rows = (
        RunWafer.objects.filter(run__traveler=traveler, run__pk__lt=before.pk)
        .filter(_exposes("run__"), run__started_at__isnull=False)
        .order_by("run_id")
        .values_list("wafer_id", "run__recipe_version__body")
    )
    found = {wafer: layout_of(body) for wafer, body in rows}
    return {wafer: layout for wafer, layout in found.items() if layout is not None}


def sites(run: Run, *, key: str = CD, wafer: Wafer | None = None) -> list[Site]:
    """The sites of a measurement run with what each field was exposed to, by slot, row, column."""
    plans = layouts(run.traveler, run)
    rows = SiteReading.objects.filter(run=run, key=key)
    if wafer is not None:
        rows = rows.filter(wafer=wafer)
    ordered = rows.annotate(slot=F("wafer__slot"), wafer_code=F("wafer__wafer_id")).order_by(
        "slot", "y_mm", "x_mm"
    )
    return [_site(row, plans.get(row.wafer_id or 0)) for row in ordered]


def _site(row: SiteReading, layout: Layout | None) -> Site:
    col, field_row = field_at(row.x_mm, row.y_mm)
    value = row.value if math.isfinite(row.value) else None
    return Site(
        slot=getattr(row, "slot", 0) or 0,
        wafer_id=getattr(row, "wafer_code", "") or "",
        col=col,
        row=field_row,
        x_mm=row.x_mm,
        y_mm=row.y_mm,
        value=None if row.quality == Quality.NOT_RESOLVED else value,
        unit=row.unit,
        quality=row.quality,
        exposure=layout.at(col, field_row) if layout else None,
    )


def is_matrix(found: Iterable[Site]) -> bool:
    """True when the fields were exposed with more than one dose or focus."""
    return len({site.exposure for site in found if site.exposure is not None}) > 1


def matrix_of(found: Iterable[Site]) -> Matrix:
    """The focus-exposure matrix of good sites; raises Unsupported("not_a_matrix" | "no_sites")."""
    good = [site for site in found if site.is_good]
    if not good:
        raise Unsupported("no_sites")
    exposed = [(site, site.exposure) for site in good if site.exposure is not None]
    if not is_matrix(good):
        raise Unsupported("not_a_matrix")
    return Matrix(
        dose=np.array([exposure.dose for _site, exposure in exposed]),
        focus=np.array([exposure.focus for _site, exposure in exposed]),
        cd=np.array([site.value for site, _exposure in exposed], dtype=float),
        wafer=np.array([site.slot for site, _exposure in exposed], dtype=np.int64),
        x_mm=np.array([site.x_mm for site, _exposure in exposed]),
        y_mm=np.array([site.y_mm for site, _exposure in exposed]),
    )
