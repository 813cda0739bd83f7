"""What the manuals of CD-SEM and track promise of charge, spin speed and bakes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instruments.fab import world
from instruments.fab.models.litho import Bake, Coat, Process, full_fields
from tests.instruments.test_models import Bench

few = settings(deadline=None, max_examples=25)


def looked_at(bench: Bench, *lines: str) -> np.ndarray:
    """One measurement of W1: the rows of the resolved fields, nine numbers each."""
    bench.process("cd_sem", *lines)
    job = list(bench.tools["cd_sem"].jobs.values())[-1]
    return np.array([row for row in job.data["rows"] if row[7]])


def landing(volts: int) -> tuple[str, ...]:
    """The way from 500 V in steps that the tool takes."""
    steps = [*range(500, volts, 200 if volts > 500 else -200), volts]
    return tuple(f"SEM:LAND {one}" for one in steps)


def printed() -> Bench:
    """A wafer printed alike everywhere, developed."""
    bench = Bench(seed=7)
    bench.print_wafers(fem=('EXP:RET "R1"',))
    return bench


# ---------------------------------------------------------------- charge
@pytest.mark.parametrize(("volts", "seen"), [(500, 0.0), (800, 3.0), (1600, 11.0), (300, -2.0)])
def test_a_line_reads_wider_by_its_charge(volts: int, seen: float) -> None:
    """Half of 10 V for each 500 V off; 0.05 nm a volt; edges 2 % less steep a volt."""
    calm, charged = looked_at(printed()), looked_at(printed(), *landing(volts))
    assert charged[:, 4].mean() - calm[:, 4].mean() == pytest.approx(0.05 * seen, abs=0.08)
    assert charged[:, 8] / calm[:, 8] == pytest.approx(1 + 0.02 * abs(seen))


def test_the_charge_leaks_away_and_the_beam_at_500_volts_adds_none() -> None:
    bench = printed()
    looked_at(bench, *landing(1000))
    line = bench.world.wafer("W1").lines[5, 3]
    left, then = line.charge, line.charged_at
    assert left == pytest.approx(10.0)
    looked_at(bench, "*RST")
    waited = line.charged_at - then
    assert line.charge == pytest.approx(left * math.exp(-waited / 300))
    bench.clock.pass_(3000)
    sharp = [one.slope for one in bench.world.wafer("W1").lines.values()]
    assert looked_at(bench)[:, 8].mean() == pytest.approx(np.mean(sharp), rel=1e-4)


def test_what_conducts_does_not_charge() -> None:
    bench = printed()
    wafer = bench.world.wafer("W1")
    wafer.etched_nm, wafer.films[-1].material = 10.0, "poly"
    bench.world.strip(wafer)
    assert wafer.state() == "etched"
    looked_at(bench, *landing(1600), "SEM:DOSE 50")
    assert {line.charge for line in wafer.lines.values()} == {0.0}
    assert {line.shrunk for line in wafer.lines.values()} == {0.0}


def test_the_profile_glares_on_the_charged_side() -> None:
    bench = printed()
    looked_at(bench, *landing(1600), "MEAS:FIEL CENT", "SEM:DOSE 20")
    job = list(bench.tools["cd_sem"].jobs.values())[-1]
    profile = bench.tools["cd_sem"].trace(job, "PROF")
    left, right = profile[:128].max() - 0.3, profile[128:].max() - 0.3
    assert left == pytest.approx(1 + 0.01 * 22, abs=0.03)
    assert right == pytest.approx(1 - 0.01 * 22, abs=0.03)


def test_a_strong_beam_takes_what_a_weak_one_then_misses() -> None:
    """The second pass lacks what the first took, whatever the second's own dose."""
    bench = printed()
    first = looked_at(bench, "SEM:DOSE 50")
    second = looked_at(bench, "SEM:DOSE 1")
    assert first[:, 4].mean() - second[:, 4].mean() == pytest.approx(1.5, abs=0.2)


# ---------------------------------------------------------------- spin and soft bake
def coated(*lines: str) -> Coat:
    """The resist that a coat leaves on a wafer."""
    bench = Bench(seed=5)
    bench.process("track", 'COAT:RES "R1"', *lines)
    coat = bench.world.wafer("W1").coat
    assert coat is not None
    return coat


@given(st.floats(500, 5000), st.floats(40, 400))
@few
def test_thickness_goes_with_the_root_of_the_spin_speed(rpm: float, nm: float) -> None:
    found = coated(f"COAT:SPIN {rpm:.9g}", f"COAT:THIC {nm:.9g}")
    assert found.thickness == pytest.approx(nm * math.sqrt(1500 / rpm), abs=1.0)


def test_a_hotter_soft_bake_is_thinner_and_duller() -> None:
    cool, warm = coated(), coated("BAKE:TEMP 130", "BAKE:TIME 90")
    assert warm.thickness - cool.thickness == pytest.approx(-90 * 20 * 2e-4, abs=0.01)
    assert (cool.duller, warm.duller) == (0.0, pytest.approx(0.02 + 0.003))


# ---------------------------------------------------------------- the plate of the bake
def test_the_plate_prints_its_pattern_and_no_more_of_it_than_its_heat(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(world, "FIELD_NOISE_NM", 0.0)
    bench = printed()
    wafer, process = bench.world.wafer("W1"), bench.world.process
    surface = bench.world.surface(wafer)
    pattern = [
        line.cd - float(surface.cd(wafer.shots[at].dose, wafer.shots[at].focus))
        - process.signature[at]
        for at, line in wafer.lines.items()
    ]  # fmt: skip
    warmer = [process.plate[at] for at in wafer.lines]
    assert np.polyfit(warmer, pattern, 1)[0] == pytest.approx(-0.012 * surface.slope, rel=0.25)
    assert np.corrcoef(warmer, pattern)[0, 1] < -0.99


@given(st.integers(0, 10_000))
@few
def test_the_plate_is_right_on_the_average_and_cold_when_cold(seed: int) -> None:
    process = Process.drawn(seed)
    plate = np.array([process.plate[at] for at in full_fields()])
    assert plate.mean() == pytest.approx(0, abs=1e-9)
    assert plate.std() == pytest.approx(0.1)
    assert process.warmed((5, 3), Bake(temperature=23.0)) == 1.0
