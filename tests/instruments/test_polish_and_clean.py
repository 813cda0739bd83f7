"""Polisher and wet clean: their physics and their faults."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instruments.fab.matter import Film
from instruments.fab.models import clean, cmp
from tests.instruments.conftest import unhurried
from tests.instruments.job_traces import signs, traced
from tests.instruments.test_models import Bench


# ---------------------------------------------------------------- CMP
@given(pressure=st.floats(5, 25), platen=st.floats(20, 60), wafers=st.integers(0, 2000))
@unhurried
def test_preston_and_the_pad(pressure: float, platen: float, wafers: int) -> None:
    once = cmp.preston(pressure, platen)
    assert cmp.preston(2 * pressure, platen) == pytest.approx(2 * once)
    assert cmp.preston(pressure, 2 * platen) == pytest.approx(2 * once)
    worn = cmp.pad_factor(wafers, 0)
    assert 0.6 <= worn <= 1
    assert cmp.pad_factor(wafers + 1, 0) < worn
    assert cmp.pad_factor(wafers, 1) < worn
    assert cmp.dishing(0.6, 60) > cmp.dishing(0.4, 60) > cmp.dishing(0.4, 30) > 0
    assert cmp.dishing(0, 60) == 0


def test_the_polish_removes_what_is_missing_and_wears_the_pad() -> None:
    bench = Bench(wafers=4)
    before = [bench.world.wafer(f"W{k}").films[0].mean() for k in range(1, 5)]
    bench.process("cmp", "POL:TIME 20", "COND:MODE OFF", wafers=3)
    removed = []
    for k in range(1, 4):
        removed.append(float(bench.say("cmp", f'POL:REM? "J00000{k}"')))
        left = float(bench.say("cmp", f'POL:LEFT? "J00000{k}"'))
        assert removed[-1] + left == pytest.approx(before[k - 1], abs=1e-3)
        assert left == pytest.approx(bench.world.wafer(f"W{k}").films[0].mean(), abs=1e-3)
    assert removed[0] == pytest.approx(60, rel=0.01)
    assert removed[0] > removed[1] > removed[2]
    assert (bench.say("cmp", "PAD:WAF?"), bench.say("cmp", "PAD:GLAZ?")) == ("3", "3")
    bench.say("cmp", "PAD:NEW")
    assert (bench.say("cmp", "PAD:WAF?"), bench.say("cmp", "PAD:GLAZ?")) == ("0", "0")


def test_a_polish_ends_on_silicon_and_then_there_is_nothing_to_polish() -> None:
    bench = Bench()
    bench.process("cmp", "POL:TIME 120")
    assert bench.world.wafer("W1").films == []
    assert float(bench.say("cmp", 'POL:LEFT? "J000001"')) == 0
    assert bench.world.wafer("W1").records[-1]["removed_nm"] == pytest.approx(100, rel=0.02)
    bench.dock("cmp")
    bench.say("cmp", 'JOB:STAR "again",1')
    assert "has no film" in bench.say("cmp", "SYST:ERR?")


@pytest.mark.parametrize(
    ("kind", "amount"), [("head_pressure", -2), ("slurry_flow", -80), ("conditioner", 60)]
)
def test_a_polisher_fault_shows_in_current_or_heat(kind: str, amount: float) -> None:
    jobs = []
    for fault in (0.0, amount):
        bench = Bench()
        bench.tools["cmp"].disturb(kind, fault)
        bench.process("cmp")
        jobs.append(traced(bench, "cmp"))
    assert set(signs(jobs[0], jobs[1], slice(40, 65))) & {"MCUR", "PTEM"}
    assert not set(signs(jobs[0], jobs[1], slice(40, 65))) - {"MCUR", "PTEM"}
    assert bench.world.wafer("W1").records[-1]["faults"] == {kind: amount}


# ---------------------------------------------------------------- clean
@given(
    size=st.floats(30, 2000),
    seconds=st.floats(10, 800),
    celsius=st.floats(20, 120),
    watts=st.floats(0, 900),
    chemistry=st.sampled_from(sorted(clean.STRENGTH)),
)
@unhurried
def test_large_particles_leave_first(
    size: float, seconds: float, celsius: float, watts: float, chemistry: str
) -> None:
    chance = clean.removal(size, chemistry, seconds, celsius, watts)
    assert 0 < chance <= 1
    assert clean.removal(size * 1.5, chemistry, seconds, celsius, watts) >= chance
    assert clean.removal(size, chemistry, seconds * 1.5, celsius, watts) >= chance
    assert clean.removal(size, chemistry, seconds, celsius + 10, watts) >= chance
    assert clean.removal(size, chemistry, seconds, celsius, watts + 100) >= chance


def test_a_clean_takes_particles_and_certifies() -> None:
    bench = Bench()
    wafer = bench.world.wafer("W1")
    bench.world.shed(wafer, 2000, "test")
    bench.process("clean")
    sizes = np.array([one.size_nm for one in wafer.particles if one.origin != "wet mark"])
    assert 0.25 < len(sizes) / 2000 < 0.65
    assert (sizes > 200).sum() <= 2
    record = wafer.records[-1]
    assert record["particles_before"] > record["particles_after"] == len(wafer.particles)
    assert bench.say("clean", 'CLEA:CERT? "J000001"') == "FEOL"
    assert float(bench.say("clean", 'RINS:RES? "J000001"')) > 18


@pytest.mark.parametrize("line", ["CLEA:CHEM SC1", "CLEA:TIME 200", "BATH:TEMP 50", "RINS:TIME 40"])
def test_half_a_clean_certifies_nothing(line: str) -> None:
    bench = Bench()
    bench.process("clean", line)
    assert bench.say("clean", 'CLEA:CERT? "J000001"') == "NONE"


def test_a_cold_bath_leaves_resist_and_others_refuse_it() -> None:
    bench = Bench()
    wafer = bench.world.wafer("W1")
    bench.process("track", 'COAT:RES "R1"')
    bench.process("clean", "CLEA:CHEM SPM", "BATH:TEMP 40", "CLEA:TIME 60")
    assert wafer.coat is not None
    assert 70 < wafer.coat.thickness < 90
    bench.dock("clean", "CLEA:CHEM RCA")
    bench.say("clean", 'JOB:STAR "t",1')
    assert "is coated" in bench.say("clean", "SYST:ERR?")


def test_hydrofluoric_acid_thins_oxide_and_marks_the_wafer() -> None:
    bench = Bench()
    wafer, before = bench.world.wafer("W1"), bench.world.wafer("W1").films[0].mean()
    bench.process("clean", "CLEA:CHEM DHF", "CLEA:TIME 100", "DRY:SPIN 700")
    assert before - wafer.films[0].mean() == pytest.approx(5)
    marks = [one for one in wafer.particles if one.origin == "wet mark"]
    assert len(marks) == wafer.records[-1]["wet_marks"] >= 3
    wafer.films = [Film("oxide", [4.0] * 49)]
    bench.process("clean", "CLEA:CHEM DHF", "CLEA:TIME 100")
    assert wafer.films == []


def test_an_aborted_clean_cleans_nothing_and_dries_badly() -> None:
    bench = Bench()
    wafer = bench.world.wafer("W1")
    before = list(wafer.particles)
    bench.dock("clean")
    bench.say("clean", 'JOB:STAR "t",1')
    bench.clock.pass_(100)
    bench.say("clean", "JOB:ABOR")
    assert wafer.particles[: len(before)] == before
    assert len(wafer.particles) > len(before) + 40
    assert bench.say("clean", 'CLEA:CERT? "J000001"') == "NONE"


@pytest.mark.parametrize(
    ("kind", "amount", "shown", "part"),
    [("megasonic", -60, "COUP", slice(20, 300)), ("bath_temperature", -8, "COUP", slice(20, 300)),
     ("dryer", -800, "HUM", slice(444, 454))],
)  # fmt: skip
def test_a_clean_fault_shows_where_it_is_not_controlled(
    kind: str, amount: float, shown: str, part: slice
) -> None:
    jobs = []
    for fault in (0.0, amount):
        bench = Bench()
        bench.tools["clean"].disturb(kind, fault)
        bench.process("clean")
        jobs.append(traced(bench, "clean"))
    assert set(signs(jobs[0], jobs[1], part)) == {shown}
    assert bench.world.wafer("W1").records[-1]["faults"] == {kind: amount}
