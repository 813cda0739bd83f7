"""The process window against surfaces whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from testbed.results.bossung import Matrix, Unsupported, fit
from testbed.results.process_window import ProcessWindow, analyse
from tests.results.synthetic import QUIET, TARGET, Disturbance, Truth, matrix, with_cd


def latitude_of(truth: Truth) -> float:
    """Exposure latitude % of the true surface, by root finding."""

    def dose(level: float) -> float:
        def gap(e: float) -> float:
            return float(truth.cd(np.array(e), np.array(truth.best_focus))) - level

        return float(brentq(gap, truth.size * 0.75, truth.size * 1.35))

    low, high = dose(1.1 * TARGET), dose(0.9 * TARGET)
    return 200 * (high - low) / (high + low)


def depth_of(truth: Truth) -> float:
    """Depth of focus nm at 10 % latitude of the true surface, by brute force on a fine grid."""
    focus = truth.best_focus + np.arange(-150, 150.5, 0.5)
    doses = truth.size * np.exp(np.linspace(-0.35, 0.35, 4001))
    cd = truth.cd(doses[:, None], focus[None, :])
    low = doses[np.abs(cd - 1.1 * TARGET).argmin(axis=0)]
    high = doses[np.abs(cd - 0.9 * TARGET).argmin(axis=0)]
    best = 0.0
    for i in range(focus.size):
        floor, ceiling = np.maximum.accumulate(low[i:]), np.minimum.accumulate(high[i:])
        good = 200 * (ceiling - floor) / (ceiling + floor) >= 10
        run = int(np.argmin(good)) if not good.all() else good.size
        best = max(best, (run - 1) * 0.5)
    return best


def test_a_surface_without_noise_gives_its_own_numbers_back() -> None:
    truth = Truth()
    window = analyse(matrix(1, truth=truth, disturbance=QUIET), TARGET)
    assert window.best_focus.value == pytest.approx(truth.best_focus, abs=0.3)
    assert window.dose_to_size.value == pytest.approx(truth.size, rel=1e-3)
    assert window.exposure_latitude is not None
    assert window.exposure_latitude.value == pytest.approx(latitude_of(truth), abs=0.2)
    assert window.depth_of_focus is not None
    assert window.depth_of_focus.value == pytest.approx(depth_of(truth), abs=3)
    assert window.isofocal_dose is None  # e^-0.28 of the dose to size was not exposed


def test_the_isofocal_dose_is_found_where_it_was_measured() -> None:
    truth = Truth(isofocal=0.12)
    window = analyse(matrix(1, truth=truth, disturbance=QUIET), TARGET)
    assert window.isofocal_dose is not None
    assert window.isofocal_dose.value == pytest.approx(truth.size * np.exp(-0.12), rel=0.01)


def test_both_rectangles_keep_every_line_inside_the_limits() -> None:
    window = analyse(matrix(2), TARGET)
    for rectangle in (window.widest, window.at_latitude):
        assert rectangle is not None
        focus = np.linspace(rectangle.focus_low, rectangle.focus_high, 41)
        for dose in (rectangle.dose_low, rectangle.dose_high):
            cd = window.fit.surface.cd(dose, focus)
            assert cd.min() > window.low_nm - 0.05
            assert cd.max() < window.high_nm + 0.05
    assert window.at_latitude is not None
    assert window.at_latitude.latitude_percent == pytest.approx(10)
    assert window.depth_of_focus is not None
    assert window.at_latitude.depth_nm == pytest.approx(window.depth_of_focus.value, abs=2)


QUANTITIES = ("best_focus", "dose_to_size", "exposure_latitude", "depth_of_focus")


def covered(window: ProcessWindow, true: tuple[float, ...]) -> list[bool]:
    return [getattr(window, n).covers(t) for n, t in zip(QUANTITIES, true, strict=True)]


# A true 95 % falls below the share asked for by chance about once in a thousand.
@pytest.mark.parametrize("wafers", [1, 5])
@pytest.mark.parametrize(
    ("draws", "least"), [(60, 0.85), pytest.param(200, 0.90, marks=pytest.mark.nightly)]
)
def test_95_percent_intervals_hold_the_truth(wafers: int, draws: int, least: float) -> None:
    truth = Truth()
    true = (truth.best_focus, truth.size, latitude_of(truth), depth_of(truth))
    hits = [
        covered(analyse(matrix(seed, truth=truth, wafers=wafers), TARGET), true)
        for seed in range(draws)
    ]
    share = np.mean(hits, axis=0)
    assert (share >= least).all(), dict(zip(QUANTITIES, share, strict=True))


def test_intervals_are_not_wide_for_nothing() -> None:
    """Coverage alone could be had with infinite intervals: they must also say something."""
    window = analyse(matrix(3, wafers=10), TARGET)
    assert window.best_focus.half < 5
    assert window.dose_to_size.half < 0.3
    assert window.exposure_latitude is not None
    assert window.exposure_latitude.half < 1.5


def test_ignoring_that_wafers_share_places_would_be_wrong() -> None:
    """What repeats at a place on every wafer does not shrink with more wafers."""
    noise = Disturbance(site=0.05, place=0.5, tilt=0, bow=0, dose_percent=0, focus=0)
    few = analyse(matrix(4, disturbance=noise, wafers=3), TARGET).dose_to_size.half
    many = analyse(matrix(4, disturbance=noise, wafers=25), TARGET).dose_to_size.half
    assert many > 0.5 * few


def test_bad_sites_are_set_aside() -> None:
    clean = analyse(matrix(5), TARGET)
    dirty = analyse(matrix(5, disturbance=Disturbance(outliers=0.08)), TARGET)
    assert dirty.fit.set_aside > 5
    assert dirty.best_focus.value == pytest.approx(clean.best_focus.value, abs=3)
    assert dirty.dose_to_size.value == pytest.approx(clean.dose_to_size.value, abs=0.15)


def test_a_wafer_that_is_off_as_a_whole_is_no_outlier() -> None:
    found = matrix(6, wafers=3)
    shifted = with_cd(found, found.cd + np.where(found.wafer == 1, 1.5, 0.0))
    assert fit(shifted).set_aside <= fit(found).set_aside + 3


@settings(max_examples=15, deadline=None)
@given(
    best_focus=st.floats(-30, 30),
    size=st.floats(27.5, 32.5),
    slope=st.floats(44, 56),
    curvature=st.floats(0.8e-3, 1.4e-3),
)
def test_other_surfaces_too(best_focus: float, size: float, slope: float, curvature: float) -> None:
    truth = Truth(best_focus, size, slope, 15.0, curvature, 0.3)
    window = analyse(matrix(7, truth=truth, disturbance=QUIET), TARGET)
    assert window.best_focus.value == pytest.approx(best_focus, abs=0.6)
    assert window.dose_to_size.value == pytest.approx(size, rel=2e-3)


def test_scaling_and_order_of_the_data_change_nothing() -> None:
    found = matrix(8)
    order = np.random.default_rng(1).permutation(found.cd.size)
    one, other = analyse(found, TARGET), analyse(found.only(order), TARGET)
    assert other.best_focus.value == pytest.approx(one.best_focus.value, abs=1e-6)
    assert other.dose_to_size.half == pytest.approx(one.dose_to_size.half, rel=1e-6)


# -- refusals -----------------------------------------------------------------------------------
def refused(found: Matrix, target: float = TARGET) -> str:
    with pytest.raises(Unsupported) as caught:
        analyse(found, target)
    return caught.value.code


def test_too_few_levels_are_refused() -> None:
    found = matrix(9)
    assert refused(found.only(found.dose < 28)) == "few_levels"
    assert refused(found.only(found.focus < -60)) == "few_levels"


def test_too_few_places_are_refused() -> None:
    found = matrix(9)
    few = (np.isin(found.dose, [26, 30, 34]) & np.isin(found.focus, [-50, 0, 50])) | (
        (found.dose == 30) & (found.focus == 25)
    )
    assert refused(found.only(few)) == "few_places"


def test_best_focus_outside_the_range_is_refused() -> None:
    assert refused(matrix(10, truth=Truth(best_focus=400))) in {
        "best_focus_outside",
        "target_not_met",
    }


def test_a_target_that_no_dose_prints_is_refused() -> None:
    assert refused(matrix(11), target=80) == "target_not_met"


def test_flat_noise_has_no_best_focus() -> None:
    found = matrix(12)
    rng = np.random.default_rng(5)
    flat = TARGET - 50 * np.log(found.dose / 30) + 3 * rng.normal(size=found.cd.size)
    assert refused(with_cd(found, flat)) in {"best_focus_undetermined", "best_focus_outside"}


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none_are_refused(bad: float) -> None:
    found = matrix(13)
    cd = found.cd.copy()
    cd[7] = bad
    with pytest.raises(Unsupported, match="not_finite"):
        with_cd(found, cd)


def test_no_sites_and_no_dose_are_refused() -> None:
    found = matrix(14)
    with pytest.raises(Unsupported, match="no_sites"):
        found.only(np.zeros(found.cd.size, dtype=bool))
    with pytest.raises(Unsupported, match="dose_not_positive"):
        Matrix(found.dose - 24, found.focus, found.cd, found.wafer, found.x_mm, found.y_mm)


def test_a_cut_depth_of_focus_is_a_lower_bound() -> None:
    window = analyse(matrix(15, focus_start=-20, focus_step=6), TARGET)
    assert window.depth_of_focus is not None
    assert window.depth_of_focus.at_least
    assert "depth_at_least" in window.notes
    assert window.depth_of_focus.covers(depth_of(Truth()))


def test_doses_too_close_together_give_no_latitude() -> None:
    window = analyse(matrix(16, dose_start=28.5, dose_step=0.5), TARGET)
    assert window.exposure_latitude is None
    assert "latitude_beyond_doses" in window.notes
