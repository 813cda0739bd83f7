"""Etcher and CVD: physics and faults; etcher, CVD, polisher and clean over a wire."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instruments.catalogue import TOOLS
from instruments.driver import Trace
from instruments.fab.control import ControlError
from instruments.fab.kinds import MODELS
from instruments.fab.matter import Film, radial, sites_49
from instruments.fab.memory import Memory
from instruments.fab.models import cmp, cvd, etching
from instruments.fab.models.etching import Course, Plasma
from instruments.jobs import Done
from tests.instruments.conftest import KINDS, WIRES, Fab, carry_out, unhurried
from tests.instruments.job_traces import last_job, signs, traced
from tests.instruments.test_models import Bench

PROCESS = ("etcher", "cvd", "cmp", "clean")
UNIFORM = ('EXP:RET "R1"', "LAY:KIND UNI", "LAY:DOSE:STAR 30")


@pytest.mark.parametrize("kind", PROCESS)
def test_manual_model_and_driver_name_the_same_channels(kind: str) -> None:
    manual = Path(f"instruments/{kind}/manual.md").read_text()
    rows = [row for row in TOOLS[kind].driver.entries() if isinstance(row, Trace)]
    assert {row.channel for row in rows} == set(MODELS[kind].channels)
    assert all(f"`{row.channel}`" in manual for row in rows)
    assert len(rows) == {"etcher": 21}.get(kind, 6)


# ---------------------------------------------------------------- etcher
thick = st.floats(50, 400)


@given(nm=thick, tau=st.floats(0, 500), bow=st.floats(-0.2, 0.2))
@unhurried
def test_an_etch_takes_what_is_missing_afterwards(nm: float, tau: float, bow: float) -> None:
    films = [Film("oxide", [nm] * 49), Film("poly", [nm / 2] * 49)]
    time = tau * radial(bow)
    taken, silicon = etching.etch(films, time)
    left = sum((np.array(film.nm) for film in films), np.zeros(49))
    assert np.allclose(taken + left, 1.5 * nm)
    assert (silicon >= 0).all()
    spent = taken_time(nm, taken) + silicon / etching.SILICON_RATE
    assert np.allclose(spent, time)


def taken_time(nm: float, taken: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Reference seconds in which `taken` was etched of `nm`/2 of poly on `nm` of oxide."""
    poly = np.minimum(taken, nm / 2)
    return np.asarray(poly / etching.RATES["poly"] + (taken - poly) / etching.RATES["oxide"])


@given(st.floats(1, 40))
@unhurried
def test_depth_grows_with_time(tau: float) -> None:
    once, twice = [Film("metal", [1000.0] * 49)], [Film("metal", [1000.0] * 49)]
    depth, _ = etching.etch(once, np.full(49, tau))
    double, _ = etching.etch(twice, np.full(49, 2 * tau))
    assert np.allclose(double, 2 * depth)
    assert depth[0] == pytest.approx(6.0 * tau)


@given(
    clear=st.lists(st.floats(1, 300), min_size=1, max_size=49),
    before=st.floats(0, 20),
    speed=st.floats(0.3, 3),
    longest=st.floats(5, 300),
    level=st.floats(0.2, 0.8),
    over=st.floats(0, 100),
)
@unhurried
def test_the_endpoint_ends_the_main_etch_before_the_over_etch(
    clear: list[float], before: float, speed: float, longest: float, level: float, over: float
) -> None:
    main, endpoint = etching.main_etch(clear, before, speed, longest, level)
    course = Course(15, 5, main, main * over / 100, 10, speed, 1.1, endpoint)
    lit, begun, ended, off, done = course.ends()
    assert lit <= begun <= ended <= off < done
    assert main <= longest
    left = etching.coverage(clear, before + speed * np.arange(0, longest, 0.5))
    assert (np.diff(left) <= 1e-12).all()
    if endpoint < 0:
        assert main == longest
        assert left[-1] > level
    else:
        assert main == endpoint
        assert etching.coverage(clear, np.array([before + speed * main]))[0] <= level + 0.5 * speed
    taus = course.tau(np.linspace(0, done, 50))
    assert (np.diff(taus) >= -1e-9).all()


def test_the_chamber_drifts_one_way() -> None:
    ages = range(0, 3000, 50)
    assert (np.diff([etching.seasoned(n) for n in range(30)]) > 0).all()
    assert (np.diff([etching.fouled(n) for n in ages]) < 0).all()
    assert (np.diff([etching.drift(n) for n in ages if n >= 50]) < 0).all()


def test_more_power_and_gas_etch_faster_and_helium_cools() -> None:
    base = Plasma()
    assert base.speed() == pytest.approx(1.0)
    for more in (Plasma(tcp=440), Plasma(rf=165), Plasma(cl2=110), Plasma(bcl3=60)):
        assert more.speed() > base.speed()
    warm = Plasma(helium=5)
    assert warm.wafer_temperature() > base.wafer_temperature()
    assert warm.lateral() > base.lateral()


def test_the_steps_of_an_etch_and_its_endpoint() -> None:
    bench = Bench()
    before = bench.world.wafer("W1").films[0].mean()
    bench.process("etcher")
    job, seen = last_job(bench, "etcher"), traced(bench, "etcher")
    assert job.state == "DONE"
    step, light = seen["STEP"], seen["EPA"]
    assert list(dict.fromkeys(step)) == [1, 2, 3, 4, 5]
    assert float(bench.say("etcher", f'ENDP:TIME? "{job.handle}"')) == (step == 3).sum() / 2
    assert light[step == 3][5:15].mean() > 2 * light[step == 4].mean()
    assert light[step == 1].mean() < 30
    assert bench.world.wafer("W1").films == []
    truth = bench.world.wafer("W1").records[-1]
    assert truth["depth_nm"] > before
    depth = float(bench.say("etcher", f'ETCH:DEPT? "{job.handle}"'))
    assert depth == pytest.approx(truth["depth_nm"], rel=0.03)


def test_a_short_main_etch_sees_no_endpoint_and_leaves_film() -> None:
    bench = Bench()
    bench.process("etcher", "MAIN:TIME 20")
    assert bench.say("etcher", 'ENDP:TIME? "J000001"') == "-1.0000"
    film, record = bench.world.wafer("W1").films[0], bench.world.wafer("W1").records[-1]
    assert film.mean() + record["depth_nm"] == pytest.approx(100, rel=0.02)


@pytest.mark.parametrize(
    ("kind", "amount", "shown", "hidden"),
    [
        ("rf_power", 8, "BVDC", "BPOW"), ("rf_power", -12, "BLOA", "BPOW"),
        ("tcp_power", 10, "BIMP", "TPOW"), ("tcp_power", -20, "TIMP", "TPOW"),
        ("pressure", 2, "VAT", "PRES"), ("pressure", -2, "VAT", "PRES"),
        ("bcl3_flow", 5, "VAT", "BCL3"), ("cl2_flow", -5, "VAT", "CL2"),
        ("he_chuck", 2, "HEF", "HEP"),
    ],
)  # fmt: skip
def test_an_etcher_fault_shows_where_it_is_not_controlled(
    kind: str, amount: float, shown: str, hidden: str
) -> None:
    bench = Bench(wafers=3)
    bench.process("etcher", wafers=2)
    healthy = traced(bench, "etcher")
    bench.tools["etcher"].disturb(kind, amount)
    bench.dock("etcher")
    bench.say("etcher", 'JOB:STAR "ill",3')
    bench.clock.pass_(400)
    bench.tools["etcher"].advance()
    ill = traced(bench, "etcher")
    assert shift(healthy, ill, shown) > 6
    assert shift(healthy, ill, hidden) < 4.5
    assert bench.world.wafer("W3").records[-1]["faults"] == {kind: amount}
    assert bench.world.wafer("W2").records[-1]["faults"] == {}


def shift(
    one: dict[str, np.ndarray[Any, Any]], two: dict[str, np.ndarray[Any, Any]], channel: str
) -> float:
    """Distance of two jobs' main etches on `channel`, in standard errors."""
    a, b = (each[channel][each["STEP"] == 3][6:60] for each in (one, two))
    return float(abs(a.mean() - b.mean()) / math.hypot(a.std(), b.std()) * math.sqrt(len(a)))


def test_what_the_etcher_refuses() -> None:
    bench = Bench()
    bench.dock("etcher", "ETCH:FILM METAL")
    bench.say("etcher", 'JOB:STAR "t",1')
    assert "top film is oxide" in bench.say("etcher", "SYST:ERR?")
    bench.say("etcher", "CARR:UND")
    bench.process("track", 'COAT:RES "R1"')
    bench.dock("etcher", "ETCH:FILM OXIDE")
    bench.say("etcher", 'JOB:STAR "t",1')
    assert "is coated" in bench.say("etcher", "SYST:ERR?")


def test_an_aborted_etch_leaves_what_it_did() -> None:
    bench = Bench()
    bench.dock("etcher")
    bench.say("etcher", 'JOB:STAR "t",1')
    assert bench.say("etcher", "PLAS:STAT?") == "OFF"
    bench.clock.pass_(40)
    assert bench.say("etcher", "PLAS:STAT?") == "ON"
    bench.say("etcher", "CHAM:CLE")
    assert bench.say("etcher", "SYST:ERR?").startswith("-200")
    bench.say("etcher", "SAFE")
    record = bench.world.wafer("W1").records[-1]
    assert record["state"] == "ABORTED"
    assert 20 < record["depth_nm"] < 60
    assert bench.say("etcher", "CHAM:WAF?") == "1"
    bench.say("etcher", "CHAM:CLE")
    assert bench.say("etcher", "CHAM:WAF?") == "0"


# ---------------------------------------------------------------- a wafer through them all
def test_a_pattern_is_etched_stripped_measured_buried_and_polished() -> None:
    bench = Bench()
    wafer = bench.world.wafer("W1")
    bench.print_wafers(fem=UNIFORM)
    printed = np.mean([line.cd for line in wafer.lines.values()])
    bench.process("etcher")
    lost = printed - np.mean([line.cd for line in wafer.lines.values()])
    assert lost == pytest.approx(wafer.records[-1]["cd_loss_nm"])
    assert 0.3 < lost < 3
    bench.process("clean", "CLEA:CHEM SPM", "BATH:TEMP 110")
    assert wafer.state() == "etched"
    for _ in range(2):
        bench.process("cd_sem")
    means = [np.mean([row[4] for row in job.data["rows"] if row[7]])
             for job in bench.tools["cd_sem"].jobs.values()]  # fmt: skip
    assert means[0] == pytest.approx(means[1], abs=0.1)
    bench.process("cvd", "DEP:TIME 100")
    assert (wafer.state(), wafer.lines) == ("bare", {})
    bench.process("cmp", "POL:TIME 30")
    assert float(bench.say("cmp", 'POL:DISH? "J000001"')) == pytest.approx(
        cmp.dishing(wafer.density, 30), rel=0.2
    )
    assert [record["process"] for record in wafer.records] == [
        "etch", "clean", "deposit", "polish",
    ]  # fmt: skip
    assert {one.origin for one in wafer.particles} >= {"slurry", "cvd"}


def test_rework_takes_the_unetched_pattern_away() -> None:
    bench = Bench()
    bench.print_wafers(fem=UNIFORM)
    bench.process("clean", "CLEA:CHEM SPM", "BATH:TEMP 110")
    wafer = bench.world.wafer("W1")
    assert (wafer.state(), wafer.lines, wafer.exposures) == ("bare", {}, 0)
    bench.print_wafers(fem=UNIFORM)
    assert bench.world.double_exposures == 0


def test_films_particles_and_truth_outlive_the_process(tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    before, after = Bench(), Bench(wafers=0)
    before.process("cvd")
    before.process("etcher", "MAIN:TIME 10")
    Memory(path, before.world, before.tools).save()
    Memory(path, after.world, after.tools).recall()
    assert after.world.wafers == before.world.wafers
    assert after.tools["etcher"].counters["since_clean"] == 1
    for line in ('TRAC:DATA? "J000001",EPA', 'ETCH:DEPT? "J000001"'):
        assert after.say("etcher", line) == before.say("etcher", line) != ""


# ---------------------------------------------------------------- CVD
RATE = {"temperature_c": 400.0, "pressure": 3.0, "precursor": 120.0, "carrier": 1500.0}


@given(
    film=st.sampled_from(sorted(cvd.SURFACE)),
    celsius=st.floats(300, 690),
    pressure=st.floats(0.5, 9),
    precursor=st.floats(10, 450),
)
@unhurried
def test_heat_pressure_and_gas_deposit_faster(
    film: str, celsius: float, pressure: float, precursor: float
) -> None:
    rate = cvd.deposition_rate(film, celsius, pressure, precursor, 1500)
    assert cvd.deposition_rate(film, celsius + 10, pressure, precursor, 1500) > rate
    assert cvd.deposition_rate(film, celsius, pressure * 1.1, precursor, 1500) > rate
    assert cvd.deposition_rate(film, celsius, pressure, precursor * 1.1, 1500) > rate
    shape = cvd.thickness_map(pressure, precursor, 0.01, 0.003)
    assert shape.mean() == pytest.approx(1)
    assert shape.shape == (49,)


def test_the_surface_follows_arrhenius() -> None:
    """Where supply is no limit, ln(rate) over 1/T has the slope of the activation energy."""

    def rate(celsius: float) -> float:
        return cvd.deposition_rate("nitride", celsius, 3, 1e9, 1500)

    across = 1 / (330 + 273.15) - 1 / (310 + 273.15)
    slope = math.log(rate(330) / rate(310)) / across
    assert -slope * cvd.BOLTZMANN_EV == pytest.approx(0.80, rel=1e-3)


def test_the_film_grows_with_time_and_maps_at_49_sites() -> None:
    bench = Bench()
    wafer = bench.world.wafer("W1")
    for seconds in (60, 120):
        bench.process("cvd", "DEP:FILM NITRIDE", f"DEP:TIME {seconds}")
    first, second = wafer.films[1:]
    assert [film.material for film in wafer.films] == ["oxide", "nitride", "nitride"]
    assert np.allclose(np.array(second.nm), 2 * np.array(first.nm))
    assert len(first.nm) == len(sites_49()) == 49
    assert 0 < (max(first.nm) - min(first.nm)) / first.mean() < 0.1
    measured = float(bench.say("cvd", 'DEP:THIC? "J000002"'))
    assert measured == pytest.approx(second.mean(), rel=0.02)
    assert float(bench.say("cvd", "CHAM:WALL?")) == pytest.approx(3 * first.mean(), abs=1)
    bench.say("cvd", "CHAM:CLE")
    assert bench.say("cvd", "CHAM:WALL?") == "0"


@pytest.mark.parametrize(
    ("kind", "amount", "valve", "rate"),
    [("heater", 5, 0, 1), ("heater", -5, 0, -1), ("pressure", 0.3, -1, 1),
     ("precursor_flow", -40, -1, -1)],
)  # fmt: skip
def test_a_cvd_fault_shows_in_valve_and_rate(
    kind: str, amount: float, valve: int, rate: int
) -> None:
    bench = Bench(wafers=1)
    bench.process("cvd")
    healthy = traced(bench, "cvd")
    bench.tools["cvd"].disturb(kind, amount)
    bench.process("cvd")
    ill = traced(bench, "cvd")
    assert signs(healthy, ill, slice(40, 80)) == {
        name: sign for name, sign in (("VAT", valve), ("RATE", rate)) if sign
    }
    assert bench.world.wafer("W1").records[-1]["faults"] == {kind: amount}


def test_resist_never_gets_hot_and_an_abort_keeps_the_film_so_far() -> None:
    bench = Bench()
    bench.dock("cvd")
    bench.say("cvd", 'JOB:STAR "t",1')
    bench.clock.pass_(60)
    bench.say("cvd", "JOB:ABOR", "CARR:UND")
    wafer = bench.world.wafer("W1")
    assert wafer.films[-1].mean() == pytest.approx(30 * 1.905, rel=0.02)
    bench.process("track", 'COAT:RES "R1"')
    bench.dock("cvd")
    bench.say("cvd", 'JOB:STAR "u",1')
    assert "is coated" in bench.say("cvd", "SYST:ERR?")


# ---------------------------------------------------------------- over the wire
RUNS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "etcher": ({"film": "oxide"}, {"etch_depth", "endpoint_seen", "endpoint_time"}),
    "cvd": ({"film": "oxide", "time_s": 60.0}, {"film_thickness"}),
    "cmp": ({"time_s": 20.0}, {"removed", "film_left", "dishing"}),
    "clean": ({"chemistry": "rca"}, {"rinse_resistivity", "certified_feol"}),
}


@pytest.mark.parametrize(("kind", "wire"), list(zip(PROCESS, [*WIRES, "socket"], strict=True)))
def test_a_run_on_each(fab: Fab, kind: str, wire: str) -> None:
    carrier, wafers = fab.carrier(2)
    recipe, keys = RUNS[kind]
    results = carry_out(fab.tool(kind, wire), kind, recipe, wafers, carrier)
    for done, traces in zip(results[2:-1:2], results[3:-1:2], strict=True):
        assert isinstance(done, Done)
        assert {reading.key for reading in done.readings} == keys
        assert {len(block.samples) for block in traces.traces} != {0}
        assert len({len(block.samples) for block in traces.traces}) == 1
        assert len(traces.traces) == len(MODELS[kind].channels)
    truth = fab.control.truth(wafers[1].wafer_id)
    assert len(truth["processes"]) == 1
    assert truth["processes"][0]["faults"] == {}


def test_a_process_fault_is_set_named_and_cleared_by_the_control_channel(fab: Fab) -> None:
    carrier, wafers = fab.carrier(2)
    kinds = fab.control.process_faults("ETC-1")
    assert kinds == {
        "rf_power": "W", "tcp_power": "W", "pressure": "mTorr", "bcl3_flow": "sccm",
        "cl2_flow": "sccm", "he_chuck": "Torr",
    }  # fmt: skip
    fab.control.process_fault("ETC-1", "pressure", 2)
    recipe = RUNS["etcher"][0]
    ill = carry_out(fab.tool("etcher"), "etcher", recipe, wafers[:1], carrier)
    fab.control.clear_faults()
    well = carry_out(fab.tool("etcher"), "etcher", recipe, wafers[1:], carrier)
    valves = [{b.key: b.samples for b in run[3].traces}["valve"][60:100].mean()
              for run in (ill, well)]  # fmt: skip
    assert valves[0] < valves[1] - 3
    truths = [fab.control.truth(one.wafer_id)["processes"][-1]["faults"] for one in wafers]
    assert truths == [{"pressure": 2.0}, {}]


def test_a_process_fault_nobody_knows_is_refused(fab: Fab) -> None:
    for call in (
        lambda: fab.control.process_fault("ETC-1", "gremlin", 1),
        lambda: fab.control.process_fault("SCN-1", "rf_power", 1),
        lambda: fab.control.process_fault("ETC-1", "rf_power", math.nan),
    ):
        with pytest.raises(ControlError):
            call()


def test_a_delivery_may_say_which_films_its_wafers_bring(fab: Fab) -> None:
    fab.control.deliver("FOUP-M", {1: "METAL-1"}, films=[("oxide", 300), ("metal", 200)])
    films = fab.control.wafer("METAL-1")["films"]
    assert [film["material"] for film in films] == ["oxide", "metal"]
    assert films[1]["mean_nm"] == pytest.approx(200, rel=0.02)


def test_the_four_are_in_the_catalogue() -> None:
    assert set(PROCESS) <= set(KINDS)


# ---------------------------------------------------------------- many wafers
LAM_FAULTS = (
    ("rf_power", 10), ("rf_power", -12), ("tcp_power", 10), ("tcp_power", 50), ("tcp_power", -20),
    ("pressure", 2), ("pressure", -2), ("cl2_flow", 5), ("cl2_flow", -5), ("bcl3_flow", 5),
    ("bcl3_flow", -5), ("he_chuck", 2),
)  # fmt: skip
"""The faults that were induced on a real metal etcher, by kind and about that size."""


@pytest.mark.nightly
def test_golden_runs_tell_every_induced_fault_from_the_drift() -> None:
    """Distance from 75 golden wafers in the space of channel means; healthy wafers in between."""
    bench = Bench(wafers=25)
    healthy = [run_means(bench, None) for _ in range(125)]
    golden, spare = np.array(healthy[25:100]), healthy[100:]
    centre, spread = golden.mean(axis=0), np.cov(golden.T) + 1e-9 * np.eye(golden.shape[1])

    def distance(means: np.ndarray[Any, Any]) -> float:
        off = means - centre
        return float(off @ np.linalg.solve(spread, off))

    usual = [distance(means) for means in spare]
    ill = [distance(run_means(bench, fault)) for fault in LAM_FAULTS]
    assert min(ill) > max(usual)


def run_means(bench: Bench, fault: tuple[str, float] | None) -> np.ndarray[Any, Any]:
    """Etch a fresh wafer; the mean of each channel over the main etch."""
    tool, count = bench.tools["etcher"], len(bench.tools["etcher"].jobs)
    bench.world.deliver(f"M{count}", {1: f"M{count}"})
    bench.say("etcher", "CARR:UND", f'CARR:DOCK "M{count}"')
    bench.clock.pass_(12)
    if fault is not None:
        tool.disturb(*fault)
    bench.say("etcher", f'JOB:STAR "m{count}",1')
    bench.clock.pass_(400)
    tool.advance()
    tool.disturbances.clear()
    seen = traced(bench, "etcher")
    main = np.flatnonzero(seen["STEP"] == 3)[6:60]
    return np.array([seen[name][main].mean() for name in tool.channels if name != "STEP"])
