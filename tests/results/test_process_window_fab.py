"""The process window against the simulated fab's truth, straight from its model, for many seeds."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from instruments.fab.models.litho import Process, field_centre, full_fields, truth_of
from instruments.fab.models.litho import Truth as FabTruth
from testbed.results.bossung import Matrix
from testbed.results.process_window import analyse


def measured(seed: int, wafers: int) -> tuple[Matrix, FabTruth]:
    """What the CD-SEM would hand over for a 7 x 11 matrix on `wafers` wafers of this process."""
    process, rng = Process.drawn(seed), np.random.default_rng([seed, 11])
    surface = process.nominal()
    rows = [
        (24.0 + 2 * row, -125.0 + 25 * column, wafer, (column, row), *field_centre((column, row)))
        for wafer in range(wafers)
        for column, row in full_fields()
    ]
    dose, focus = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    cd = surface.cd(
        dose * (1 + 0.0015 * rng.normal(size=dose.size)),
        focus + 1.5 * rng.normal(size=dose.size),
    )
    cd = cd + np.array([process.signature[r[3]] for r in rows])
    cd = cd + np.hypot(0.25, 0.12) * rng.normal(size=dose.size)
    matrix = Matrix(
        dose,
        focus,
        cd,
        np.array([r[2] for r in rows]),
        np.array([r[4] for r in rows]),
        np.array([r[5] for r in rows]),
    )
    return matrix.only((cd > 20) & (cd < 64)), truth_of(surface)


@pytest.mark.parametrize("wafers", [1, 3, 25])
def test_intervals_hold_the_fabs_truth(wafers: int) -> None:
    hits, errors = [], []
    for seed in range(20):
        matrix, truth = measured(seed, wafers)
        window = analyse(matrix, truth.target_cd_nm)
        true = asdict(truth)
        pairs = (
            (window.best_focus, true["best_focus_nm"]),
            (window.dose_to_size, true["best_dose_mj"]),
            (window.exposure_latitude, true["exposure_latitude_pct"]),
            (window.depth_of_focus, true["dof_nm"]),
        )
        hits.append([estimate is None or estimate.covers(value) for estimate, value in pairs])
        errors.append([window.best_focus.value - true["best_focus_nm"],
                       window.dose_to_size.value / true["best_dose_mj"] - 1])  # fmt: skip
    assert (np.mean(hits, axis=0) >= 0.9).all(), np.mean(hits, axis=0)
    assert np.abs(errors).max(axis=0)[0] < 4
    assert np.abs(errors).max(axis=0)[1] < 0.01
