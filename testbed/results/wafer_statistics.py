"""The few numbers that describe one wafer's line widths."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from testbed.results.bossung import Fit, Matrix
from testbed.results.measurements import Site
from testbed.results.wafer_map import Scale


@dataclass(frozen=True)
class WaferStatistics:
    """Numbers over the resolved sites; None when there are none, three_sigma also with one.

    three_sigma is 3 times the sample standard deviation (n - 1), all in the sites' unit.
    """

    slot: int
    wafer_id: str
    count: int
    unresolved: int
    out_of_spec: int
    mean: float | None
    three_sigma: float | None
    low: float | None
    high: float | None

    @property
    def bad(self) -> int:
        """Sites that are out of spec or could not be resolved: what "worst first" sorts by."""
        return self.out_of_spec + self.unresolved


def describe(found: Iterable[Site], scale: Scale) -> WaferStatistics:
    """The numbers of one wafer's sites (at least one site)."""
    rows = list(found)
    values = np.array([site.value for site in rows if site.value is not None], dtype=float)
    return WaferStatistics(
        slot=rows[0].slot,
        wafer_id=rows[0].wafer_id,
        count=len(values),
        unresolved=len(rows) - len(values),
        out_of_spec=sum(not scale.holds(float(value)) for value in values),
        mean=float(values.mean()) if len(values) else None,
        three_sigma=3 * float(values.std(ddof=1)) if len(values) > 1 else None,
        low=float(values.min()) if len(values) else None,
        high=float(values.max()) if len(values) else None,
    )


def by_wafer(found: Iterable[Site]) -> dict[int, list[Site]]:
    """Sites grouped by slot."""
    groups: dict[int, list[Site]] = {}
    for site in found:
        groups.setdefault(site.slot, []).append(site)
    return groups


def departures(matrix: Matrix, fitted: Fit) -> dict[int, float]:
    """By wafer (slot), the root mean square nm by which its sites depart from the fitted curves."""
    return {
        int(wafer): float(np.sqrt((fitted.residuals[matrix.wafer == wafer] ** 2).mean()))
        for wafer in np.unique(matrix.wafer)
    }
