"""Overlay, film and particles: the physics by hand clock, and a run of each over a real wire."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import DTypeLike, NDArray

from instruments.catalogue import TOOLS
from instruments.errors import Garbled
from instruments.fab.matter import Film, Particle, Registration, sites_49
from instruments.fab.models.registration import TERMS, Stage, offset, slit
from instruments.film.driver import Film as FilmTool
from instruments.film.steps import PROGRAM as FILM
from instruments.jobs import Done, SiteValue, StepOrder
from instruments.overlay.fit import NAMES, fitted
from instruments.overlay.steps import PROGRAM as OVERLAY
from instruments.particles.steps import BINS_NM
from instruments.site_tool import SiteTool
from tests.instruments.conftest import COAT, DEVELOP, Fab, carry_out
from tests.instruments.test_meta import Foreign
from tests.instruments.test_models import Bench

UNIFORM = ('EXP:RET "R1"', "LAY:KIND UNI", "LAY:DOSE:STAR 30", "LAY:FOC:STAR 0")
few = settings(deadline=None, max_examples=15)


def rows_of(bench: Bench, kind: str) -> NDArray[np.float64]:
    """The table of the latest job."""
    return np.array(list(bench.tools[kind].jobs.values())[-1].data["rows"], dtype=float)


def readings_of(done: Done) -> dict[str, float]:
    """Readings by key."""
    return {one.key: one.value for one in done.readings}


# ---------------------------------------------------------------- overlay
terms = st.lists(st.floats(-5, 5), min_size=10, max_size=10)


@given(terms)
@few
def test_the_fit_finds_the_ten_terms_of_the_model(values: list[float]) -> None:
    """Model and fit are written apart from each other, from the manual."""
    layer = Registration(**dict(zip(TERMS, values, strict=True)))
    fields = [(c, r) for c in (2, 5, 8) for r in (1, 3, 5)]
    marks = [(x, y) for x in (-11.5, 11.5) for y in (-15.0, 15.0)]
    places = [(f, m) for f in fields for m in marks]
    far = np.array([((c - 5) * 26.0, (r - 3) * 33.0) for (c, r), _ in places])
    near = np.array([m for _, m in places])
    found = np.array([offset(layer, f, *m) for f, m in places])
    found[:, 0] -= [slit(x) for x, _ in near]
    terms_found, left = fitted(far, near, found)
    assert [name for name, _ in NAMES] == list(TERMS)
    assert list(terms_found.values()) == pytest.approx(values, abs=1e-6)
    assert np.abs(left).max() < 1e-6


def test_the_slit_leaves_the_magnification_alone() -> None:
    x = np.linspace(-13, 13, 2001)
    distortion = np.array([slit(one) for one in x])
    assert abs(float((distortion * x).mean())) < 0.01
    assert slit(13) == pytest.approx(0.32)


def test_a_warm_lens_magnifies() -> None:
    cold, warm = Stage(3).align(0.0), Stage(3).align(1.0)
    assert warm.magnification - cold.magnification == pytest.approx(0.30)
    assert warm.tx == cold.tx


def test_measured_overlay_is_what_the_scanner_printed() -> None:
    bench = Bench()
    bench.print_wafers(fem=UNIFORM)
    bench.process("overlay")
    rows = rows_of(bench, "overlay")
    layer = bench.world.wafer("W1").registration
    assert layer is not None
    assert rows.shape == (57 * 4, 11)
    truth = np.array([offset(layer, (int(r[0]), int(r[1])), r[4], r[5]) for r in rows])
    miss = rows[:, 6:8] - truth
    assert np.abs(miss.mean(axis=0)).max() < 0.05
    assert 0.05 < miss.std() < 0.2


def test_tis_drops_out_when_the_wafer_is_turned() -> None:
    bench = Bench()
    bench.print_wafers(fem=UNIFORM)
    bench.process("overlay", "MEAS:TIS ON")
    turned = rows_of(bench, "overlay")
    bench.process("overlay", "MEAS:TIS OFF")
    straight = rows_of(bench, "overlay")
    shift = turned[:, 8:10].mean(axis=0)
    assert np.allclose(straight[:, 6:8].mean(axis=0) - turned[:, 6:8].mean(axis=0), shift, atol=0.1)
    assert np.abs(shift).max() > 0.2
    assert not straight[:, 8:10].any()


def test_blurred_marks_are_not_measured() -> None:
    bench = Bench()
    bench.print_wafers(fem=(*UNIFORM[:3], "LAY:FOC:STAR 400"))
    bench.process("overlay", "MEAS:FIEL CENT", "MEAS:MARK ONE")
    (row,) = rows_of(bench, "overlay")
    assert (row[6], row[7]) == (-999, -999)
    assert row[10] < 0.3


def test_overlay_wants_a_developed_wafer() -> None:
    bench = Bench()
    bench.dock("overlay")
    bench.say("overlay", 'JOB:STAR "t",1')
    assert bench.say("overlay", "SYST:ERR?").startswith("-221")


def test_a_fault_of_the_process_shows_in_overlay_and_particles_only() -> None:
    bench = Bench(seed=6)
    scanner = bench.tools["scanner"]
    scanner.disturb("overlay_x", 12.0)
    scanner.disturb("immersion", 40.0)
    bench.print_wafers(fem=UNIFORM)
    wafer = bench.world.wafer("W1")
    assert sum(one.origin in ("bubble", "watermark") for one in wafer.particles) > 80
    bench.process("overlay", "MEAS:MARK ONE")
    mean_x, mean_y = rows_of(bench, "overlay")[:, 6:8].mean(axis=0)
    assert mean_x > 6
    assert abs(mean_y) < 6
    assert scanner.jobs["J000001"].data["faults"] == {"overlay_x": 12.0, "immersion": 40.0}
    sound = Bench(seed=6)
    sound.print_wafers(fem=UNIFORM)
    assert sound.world.wafer("W1").lines == wafer.lines


# ---------------------------------------------------------------- film
def test_the_49_sites_are_a_centre_and_three_rings() -> None:
    radii = [round(math.hypot(x, y), 6) for x, y in sites_49()]
    assert [radii.count(r) for r in (0.0, 49.0, 98.0, 147.0)] == [1, 8, 16, 24]
    assert len(set(sites_49())) == 49


@given(st.floats(20, 2000), st.integers(1, 16))
@few
def test_film_finds_the_thickness_within_its_noise(nm: float, averages: int) -> None:
    bench = Bench()
    bench.world.wafer("W1").films = [Film("oxide", [nm * (1 + 1e-4 * k) for k in range(49)])]
    bench.process("film", f"MEAS:TARG {nm:.6g}", f"MEAS:AVER {averages}")
    rows = rows_of(bench, "film")
    truth = np.array(bench.world.wafer("W1").films[0].nm)
    sigma = (0.02 + 2e-4 * nm) / math.sqrt(averages)
    assert rows.shape == (49, 6)
    assert np.abs(rows[:, 4] - truth).max() < 6 * sigma
    assert rows[:, 5].min() > 0.98
    assert np.allclose(rows[:, 2:4], sites_49())


def test_a_wrong_guess_finds_the_wrong_fringe_and_says_so() -> None:
    bench = Bench()
    bench.world.wafer("W1").films = [Film("oxide", [300.0] * 49)]
    bench.process("film", "MEAS:TARG 100")
    assert rows_of(bench, "film")[:, 5].max() < 0.9


def test_resist_is_measured_where_there_is_some() -> None:
    bench = Bench()
    bench.dock("film", "MEAS:LAY RES")
    bench.say("film", 'JOB:STAR "t",1')
    assert bench.say("film", "SYST:ERR?").startswith("-221")
    bench.process("track", "TRK:OPER COAT", 'COAT:RES "R1"', "COAT:THIC 90")
    bench.process("film", "MEAS:LAY RES", "MEAS:TARG 90", "MEAS:PATT S9")
    rows = rows_of(bench, "film")
    assert len(rows) == 9
    assert rows[:, 4].mean() == pytest.approx(90, abs=1.0)


def test_bare_silicon_has_its_native_oxide() -> None:
    bench = Bench()
    bench.world.wafer("W1").films = []
    bench.process("film", "MEAS:TARG 1.2", "MEAS:PATT S1")
    assert rows_of(bench, "film")[0, 4] == pytest.approx(1.2, abs=0.1)


# ---------------------------------------------------------------- particles
def spread_out(sizes: list[float]) -> list[Particle]:
    """Particles on a spiral, far from each other."""
    return [
        Particle(3.0 * math.sqrt(k) * math.cos(k), 3.0 * math.sqrt(k) * math.sin(k), size)
        for k, size in enumerate(sizes, start=1)
    ]


def test_large_particles_are_caught_and_small_ones_by_half() -> None:
    bench = Bench()
    bench.world.wafer("W1").particles = spread_out([45.0] * 600 + [200.0] * 600)
    bench.process("particles", "SCAN:SIZE 30")
    sizes = rows_of(bench, "particles")[:, 3]
    assert (sizes > 100).sum() == 600
    assert 230 < (sizes < 100).sum() < 370
    assert sizes[sizes > 100].std() / 200 == pytest.approx(0.05, abs=0.01)
    bench.process("particles", "SCAN:SIZE 30", "SCAN:SENS HIGH")
    assert (rows_of(bench, "particles")[:, 3] < 100).sum() > 540


def test_adders_are_told_from_what_was_there() -> None:
    bench = Bench()
    wafer = bench.world.wafer("W1")
    wafer.particles = spread_out([150.0] * 40)
    bench.dock("particles", "SCAN:REF LAST")
    bench.say("particles", 'JOB:STAR "none",1')
    assert bench.say("particles", "SYST:ERR?").startswith("-221")
    bench.process("particles", "SCAN:REF NONE")
    assert set(rows_of(bench, "particles")[:, 4]) == {-1.0}
    wafer.particles.extend(Particle(-100.0 + k, 60.0, 300.0, "arm") for k in range(5))
    bench.process("particles", "SCAN:REF LAST")
    rows = rows_of(bench, "particles")
    assert (rows[:, 4] == 1).sum() == 5
    assert set(rows[rows[:, 4] == 1, 2].round()) == {60.0}


def test_the_edge_is_left_out_and_an_aborted_scan_reports_nothing() -> None:
    bench = Bench()
    bench.world.wafer("W1").particles = [Particle(149.0, 0.0, 500.0), Particle(0.0, 0.0, 500.0)]
    bench.process("particles", "SCAN:EDGE 5")
    assert len(rows_of(bench, "particles")) == 1
    bench.dock("particles")
    bench.say("particles", 'JOB:STAR "cut",1', "JOB:ABOR")
    assert not bench.tools["particles"].errors
    bench.say("particles", 'DATA:SITE? "J000002"')
    assert bench.say("particles", "SYST:ERR?").startswith("-200")


def test_immersion_leaves_defects_and_more_at_the_edge() -> None:
    stage = Stage(11)
    centre = sum(len(stage.defects([(5, 3)])) for _ in range(2000))
    edge = sum(len(stage.defects([(0, 3)])) for _ in range(2000))
    assert 70 < centre < 130
    assert 2.3 < edge / centre < 3.9
    kinds = {one.origin for one in stage.defects([(5, 3)] * 400)}
    assert kinds == {"bubble", "watermark"}


# ---------------------------------------------------------------- over the wire
def measured(fab: Fab, kind: str, recipe: dict[str, Any], carrier: str, orders: Any) -> Done:
    """The measuring step of a run on one wafer."""
    tool = fab.tool(kind)
    done = carry_out(tool, kind, recipe, orders, carrier)[2]
    tool.link.close()
    return done


def test_one_wafer_through_the_measuring_tools(fab: Fab) -> None:
    carrier, orders = fab.carrier()
    before = measured(fab, "particles", {}, carrier, orders)
    layout = {"kind": "uniform", "dose": 30.0, "focus": 0.0}
    for kind, recipe in (
        ("track", COAT),
        ("scanner", {"reticle": "R1", "layout": layout}),
        ("track", DEVELOP),
    ):
        carry_out(fab.tool(kind), kind, recipe, orders, carrier)
    truth = fab.control.wafer(orders[0].wafer_id)["registration"]

    overlay = measured(fab, "overlay", {}, carrier, orders)
    found = readings_of(overlay)
    assert found["resolved"] == 57 * 4
    assert found["tx"] == pytest.approx(truth["tx"], abs=0.15)
    assert found["rotation"] == pytest.approx(truth["rotation"], abs=0.005)
    assert found["overlay_m3s_x"] > found["residual_3s_x"] > 0
    assert_unique(overlay.sites, 57 * 4 * 2)

    film = measured(fab, "film", {"target_nm": 90.0, "layer": "resist"}, carrier, orders)
    assert readings_of(film)["thickness_mean"] == pytest.approx(88.5, abs=1.5)
    assert_unique(film.sites, 49 * 2)
    assert [trace.key for trace in film.traces] == ["spectrum"]

    after = measured(fab, "particles", {"compare_with": "last_scan"}, carrier, orders)
    counts = readings_of(after)
    assert counts["particles"] == sum(counts[f"particles_from_{low}_nm"] for low in BINS_NM)
    assert "adders" in counts
    assert "adders" not in readings_of(before)
    assert_unique(after.sites, 2 * int(counts["particles"]))


def assert_unique(sites: tuple[SiteValue, ...], count: int) -> None:
    """One value a key and place, as they are stored."""
    assert len(sites) == count
    assert len({(s.key, s.field_col, s.field_row) for s in sites}) == count


def test_recipes_and_their_gaps() -> None:
    assert OVERLAY.problems({}) == []
    assert [one.field for one in FILM.problems({})] == ["target_nm"]
    assert FILM.problems({"target_nm": 10.0, "sites": "50"})[0].field == "sites"


class Odd(Foreign):
    """A measuring tool with this table, a row of one number over and over."""

    def __init__(self, table: list[float]) -> None:
        super().__init__("0.5")
        self.table = table

    def block(
        self, line: str, dtype: DTypeLike = "<f4", timeout_s: float | None = None
    ) -> NDArray[Any]:
        return np.array(self.table, dtype="<f4")


@pytest.mark.parametrize("value", [3e38, -3e38, 1e12, np.nan, np.inf])
@pytest.mark.parametrize("kind", [k for k in TOOLS if issubclass(TOOLS[k].driver, SiteTool)])
def test_a_table_of_what_no_place_has_is_garbled(kind: str, value: float) -> None:
    driver = TOOLS[kind].driver
    link = Odd([value] * 3 * cast(type[SiteTool], driver).columns)
    with pytest.raises(Garbled):
        cast(SiteTool, driver(link)).rows("J1")
    assert link.distrusted


def test_a_film_without_thickness_has_no_uniformity() -> None:
    table = [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]
    order = StepOrder("measure", "Measure", {}, "repeat")
    readings = {r.key: r.value for r in FILM.finished(FilmTool(Odd(table)), order, "J1").readings}
    assert readings == {"sites": 1.0, "resolved": 1.0, "thickness_mean": 0.0}
