"""The simulated tools' physics, states and counters, with the clock moved by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instruments.fab.clock import FabClock, HandClock
from instruments.fab.kinds import MODELS
from instruments.fab.models.litho import (
    Bake,
    Coat,
    Optics,
    Process,
    Surface,
    full_fields,
    latitude,
    truth_of,
)
from instruments.fab.world import NoSuchThing, Shot, World
from instruments.scanner import steps as scanner_steps
from tests.instruments.conftest import unhurried

FEM = (
    'EXP:RET "R1"', "LAY:KIND FEM", "LAY:DOSE:STAR 24", "LAY:DOSE:STEP 2", "LAY:DOSE:COUN 7",
    "LAY:FOC:STAR -100", "LAY:FOC:STEP 20", "LAY:FOC:COUN 11",
)  # fmt: skip


class Bench:
    """A world with one tool of each kind and a clock that only the test moves."""

    def __init__(self, seed: int = 3, wafers: int = 1) -> None:
        self.clock = HandClock()
        self.world = World(seed, self.clock)
        self.tools = {kind: model(kind, f"S-{kind}", seed, self.world)
                      for kind, model in MODELS.items()}  # fmt: skip
        for tool in self.tools.values():
            tool.neighbours = {k: t for k, t in self.tools.items() if t is not tool}
        self.world.deliver("F1", {k: f"W{k}" for k in range(1, wafers + 1)})

    def say(self, kind: str, *lines: str) -> str:
        """Send lines; the last answer, "" for none."""
        answer = b""
        for line in lines:
            answer = self.tools[kind].execute(line) or b""
        return answer.decode("latin-1").rstrip("\n")

    def dock(self, kind: str, *lines: str) -> None:
        """Dock F1 and set the tool."""
        self.say(kind, 'CARR:DOCK "F1"')
        self.clock.pass_(12)
        self.say(kind, *lines)
        assert not self.tools[kind].errors

    def process(self, kind: str, *lines: str, wafers: int = 1) -> None:
        """A whole run on one tool."""
        self.dock(kind, *lines)
        for slot in range(1, wafers + 1):
            self.say(kind, f'JOB:STAR "{kind}-{len(self.tools[kind].jobs)}",{slot}')
            assert not self.tools[kind].errors
            self.clock.pass_(500)
        self.say(kind, "CARR:UND")

    def print_wafers(self, wafers: int = 1, fem: tuple[str, ...] = FEM) -> None:
        """Coat, expose, develop."""
        self.process("track", "TRK:OPER COAT", 'COAT:RES "R1"', wafers=wafers)
        self.process("scanner", *fem, wafers=wafers)
        self.process("track", "TRK:OPER DEV", wafers=wafers)


# ---------------------------------------------------------------- fields and surface
def test_57_full_fields_and_the_driver_agrees() -> None:
    assert len(full_fields()) == 57
    assert list(full_fields()) == scanner_steps.full_fields()
    assert {column for column, _ in full_fields()} == set(range(11))
    assert {row for _, row in full_fields()} == set(range(7))


surfaces = st.builds(
    Surface,
    dose_to_size=st.floats(20, 45), best_focus=st.floats(-60, 60), slope=st.floats(40, 60),
    bend=st.floats(0, 30), curvature=st.floats(5e-4, 1.5e-3), isofocal=st.floats(0.2, 0.5),
    tilt=st.floats(-0.05, 0.05),
)  # fmt: skip


@given(surfaces)
@unhurried
def test_the_truth_is_what_it_says(surface: Surface) -> None:
    truth = truth_of(surface)
    around = surface.cd(truth.best_dose_mj, truth.best_focus_nm + np.array([-1.0, 0.0, 1.0]))
    assert around[1] == pytest.approx(truth.target_cd_nm)
    assert around[1] > around[0]
    assert around[0] == pytest.approx(around[2])
    at = np.array([truth.best_focus_nm])
    low, high = (float(surface.dose_for(40 * f, at)[0]) for f in (1.1, 0.9))
    assert float(surface.cd(low, at)[0]) == pytest.approx(44, abs=1e-6)
    assert float(surface.cd(high, at)[0]) == pytest.approx(36, abs=1e-6)
    assert truth.exposure_latitude_pct == pytest.approx(latitude(low, high))


@given(surfaces)
@unhurried
def test_the_depth_of_focus_is_the_widest_rectangle(surface: Surface) -> None:
    """Tried against every rectangle on a coarser grid, one by one."""
    truth = truth_of(surface)
    focus = surface.best_focus + np.arange(-120.0, 121.0, 4.0)
    low, high = surface.dose_for(44.0, focus), surface.dose_for(36.0, focus)
    widest = 0.0
    for left in range(len(focus)):
        for right in range(left, len(focus)):
            inside = slice(left, right + 1)
            if latitude(float(low[inside].max()), float(high[inside].min())) >= 10:
                widest = max(widest, focus[right] - focus[left])
    assert widest <= truth.dof_nm + 1.0
    assert truth.dof_nm <= widest + 8.0


@given(st.integers(0, 10_000))
@unhurried
def test_every_seed_is_a_sound_process(seed: int) -> None:
    process = Process.drawn(seed)
    truth = truth_of(process.nominal())
    assert 26 < truth.best_dose_mj < 34
    assert abs(truth.best_focus_nm) <= 30
    assert 12 < truth.exposure_latitude_pct < 20
    assert 60 < truth.dof_nm < 180
    assert process == Process.drawn(seed)


@given(st.integers(0, 200))
@unhurried
def test_the_signature_leans_on_no_axis_of_the_matrix(seed: int) -> None:
    signature = Process.drawn(seed).signature
    offsets = np.array(list(signature.values()))
    fields = np.array(list(signature), dtype=float) - (5, 3)
    assert offsets.std() == pytest.approx(0.25)
    for i in range(4):
        for j in range(3):
            basis = fields[:, 0] ** i * fields[:, 1] ** j
            assert abs(offsets @ basis) / np.linalg.norm(basis) < 1e-9


def test_what_moves_the_dose_to_size() -> None:
    process = Process.drawn(1)
    coat, bake = Coat("R", 90.0), Bake()
    nominal = process.effective(Optics(), coat, bake)
    thicker = process.effective(Optics(), Coat("R", 95.0), bake)
    hotter = process.effective(Optics(), coat, replace(bake, temperature=105.0))
    heated = process.effective(Optics(), coat, bake, focus_shift=2.0)
    narrower = process.effective(Optics(na=1.0), coat, bake)
    assert thicker.dose_to_size > nominal.dose_to_size > hotter.dose_to_size
    assert hotter.dose_to_size / nominal.dose_to_size == pytest.approx(math.exp(-0.06))
    assert heated.best_focus == nominal.best_focus - 2.0
    assert truth_of(narrower).exposure_latitude_pct < truth_of(nominal).exposure_latitude_pct
    assert narrower.curvature < nominal.curvature


# ---------------------------------------------------------------- wafers through the tools
def test_the_measured_lines_lie_on_the_surface() -> None:
    bench = Bench()
    bench.print_wafers()
    bench.process("cd_sem")
    rows = next(iter(bench.tools["cd_sem"].jobs.values())).data["rows"]
    wafer = bench.world.wafer("W1")
    surface = bench.world.surface(wafer)
    misses = []
    for column, row, _, _, cd, _, passes, resolved, _ in rows:
        dose, focus = 24 + 2 * row, -100 + 20 * column
        assert passes == 1
        if resolved:
            misses.append(cd - float(surface.cd(dose, focus)))
    assert len(rows) == 57
    assert abs(np.mean(misses)) < 0.2
    assert 0.2 < np.std(misses) < 0.8


def test_two_fabs_of_one_seed_print_the_same() -> None:
    lines = []
    for _ in range(2):
        bench = Bench(seed=8)
        bench.print_wafers()
        lines.append({at: line.cd for at, line in bench.world.wafer("W1").lines.items()})
    assert lines[0] == lines[1]
    assert len(lines[0]) == 57


def test_the_truth_of_a_wafer_knows_its_coat_and_the_lens() -> None:
    bench = Bench(wafers=8)
    bench.print_wafers(wafers=8)
    truths = [bench.world.truth(f"W{k}") for k in range(1, 9)]
    process = bench.world.truth("process")
    assert len({truth.best_dose_mj for truth in truths}) == 8
    for truth in truths:
        assert truth.best_dose_mj == pytest.approx(process.best_dose_mj, rel=0.01)
        assert truth.best_focus_nm == pytest.approx(process.best_focus_nm, abs=0.6)
        assert truth.dof_nm == pytest.approx(process.dof_nm, abs=1.1)


def test_the_lens_warms_and_cools() -> None:
    bench = Bench(wafers=3)
    bench.process("track", 'COAT:RES "R1"', wafers=3)
    bench.dock("scanner", 'EXP:RET "R1"')
    shifts = []
    for slot in (1, 2, 3):
        bench.say("scanner", f'JOB:STAR "t{slot}",{slot}')
        bench.clock.pass_(41)
        shifts.append(float(bench.say("scanner", "LENS:HEAT?")))
    assert 0 < shifts[0] < shifts[1] < shifts[2] < 0.5
    bench.clock.pass_(3000)
    assert float(bench.say("scanner", "LENS:HEAT?")) < 0.01 * shifts[2]


def test_the_exposure_takes_its_time_and_opens_the_shutter() -> None:
    bench = Bench()
    bench.process("track", 'COAT:RES "R1"')
    bench.dock("scanner", *FEM)
    bench.say("scanner", 'JOB:STAR "t",1')
    assert bench.say("scanner", "SHUT:STAT?") == "CLOSED"
    bench.clock.pass_(26)
    assert bench.say("scanner", "SHUT:STAT?") == "OPEN"
    done = len(bench.world.wafer("W1").shots)
    assert done == 28
    assert bench.say("scanner", 'JOB:STAT? "J000001"').startswith("RUNNING,0.6500,14.0000,0")
    bench.clock.pass_(14)
    assert bench.say("scanner", 'JOB:STAT? "J000001"').startswith("DONE,1.0000,0.0000,0")
    assert bench.say("scanner", "SHUT:STAT?") == "CLOSED"
    assert len(bench.world.wafer("W1").shots) == 57


def test_a_small_matrix_is_centred_and_faster() -> None:
    bench = Bench()
    bench.process("track", 'COAT:RES "R1"')
    bench.process("scanner", *FEM[:4], "LAY:DOSE:COUN 3", *FEM[5:7], "LAY:FOC:COUN 5")
    shots = bench.world.wafer("W1").shots
    assert set(shots) == {(column, row) for column in range(3, 8) for row in range(2, 5)}
    assert shots[3, 2].dose == pytest.approx(24, rel=0.01)
    assert shots[7, 4].focus == pytest.approx(-20, abs=8)
    job = next(iter(bench.tools["scanner"].jobs.values()))
    assert job.duration == pytest.approx(12 + 28 * 15 / 57)


def test_a_second_exposure_adds_its_dose_and_is_counted() -> None:
    bench = Bench()
    bench.process("track", 'COAT:RES "R1"')
    for _ in range(2):
        bench.process("scanner", 'EXP:RET "R1"')
    assert bench.world.double_exposures == 1
    assert bench.world.wafer("W1").shots[5, 3].dose == pytest.approx(60, rel=0.01)


def test_a_new_coat_is_a_new_layer_and_no_double_exposure() -> None:
    bench = Bench()
    for _ in range(2):
        bench.print_wafers()
    assert bench.world.double_exposures == 0
    assert bench.world.wafer("W1").layer == 2


def test_an_aborted_coat_leaves_the_wafer_bare() -> None:
    bench = Bench()
    bench.dock("track", 'COAT:RES "R1"')
    bench.say("track", 'JOB:STAR "t",1')
    bench.clock.pass_(50)
    bench.say("track", "JOB:ABOR")
    assert bench.world.wafer("W1").state() == "bare"
    assert bench.tools["track"].counters["wafers"] == 0
    assert bench.say("track", 'RES:THIC? "J000001"') == ""
    assert bench.say("track", "SYST:ERR?").startswith("-200")


def test_the_beam_shrinks_what_it_sees() -> None:
    bench = Bench()
    bench.print_wafers()
    for _ in range(3):
        bench.process("cd_sem", "SEM:DOSE 20")
    jobs = list(bench.tools["cd_sem"].jobs.values())
    rows = [job.data["rows"] for job in jobs]
    always = [k for k in range(len(rows[0])) if all(each[k][7] for each in rows)]
    means = [np.mean([each[k][4] for k in always]) for each in rows]
    assert means[0] - means[1] == pytest.approx(0.6, abs=0.15)
    assert means[1] - means[2] == pytest.approx(0.6, abs=0.15)
    assert jobs[2].data["rows"][0][6] == 3


def test_lines_far_from_the_target_are_not_resolved() -> None:
    bench = Bench()
    bench.print_wafers()
    bench.process("cd_sem", "MEAS:TARG 80")
    rows = next(iter(bench.tools["cd_sem"].jobs.values())).data["rows"]
    assert {row[4] for row in rows if not row[7]} == {-1.0}
    assert any(row[7] for row in rows)
    assert all(row[4] >= 40 for row in rows if row[7])


def test_the_landing_voltage_moves_in_steps() -> None:
    bench = Bench()
    bench.say("cd_sem", "SEM:LAND 1000")
    assert bench.say("cd_sem", "SYST:ERR?").startswith("-221")
    bench.say("cd_sem", "SEM:LAND 700", "SEM:LAND 900", "SEM:LAND 1000")
    assert bench.say("cd_sem", "SEM:LAND?") == "1000"


# ---------------------------------------------------------------- states, queue, port
def test_the_error_queue_overflows_in_its_last_place() -> None:
    bench = Bench()
    bench.say("scanner", *["NO:SUCH"] * 30)
    answers = [bench.say("scanner", "SYST:ERR?") for _ in range(21)]
    assert answers[0].startswith("-113")
    assert answers[19].startswith("-350")
    assert answers[20] == '0,"No error"'
    bench.say("scanner", "NO:SUCH", "*CLS")
    assert bench.say("scanner", "*STB?") == "0"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("LAY:DOSE:STAR", -109), ("LAY:DOSE:STAR ten", -224), ("LAY:DOSE:STAR nan", -222),
        ("LAY:DOSE:STAR 1", -222), ("LAY:DOSE:COUN 1.5", -222), ("LAY:KIND STAR", -224),
        ("ILL:SIGI 0.9", -221), ('EXP:RET "lower"', -224), ("EXP:RET R1", -224),
        ("CARR:MAP?", -241), ("CARR:WAF? 26", -222), ('CARR:DOCK "NOWHERE"', -241),
        ("CARR:DOCK", -109), ('JOB:STAR "t"', -109), ('JOB:STAR "t",1', -241),
        ('JOB:STAR t,1', -224), ('TRAC:DATA? "J9",DOSE', -241), ("TRAC:DATA?", -109),
        ("DIAG:BLOC? 1e9", -222), ("FOO?", -113), ("CARR:WAF?", -109), ("CARR:WAF? 1", -241),
        ("DIAG:BLOC?", -109),
        ("LOG:DATA?", -109), ("LOG:DATA? 4294967296", -222), ("LAY:DOSE:STAR 3_0", -224),
    ],
)  # fmt: skip
def test_refusals_change_nothing_and_leave_one_error(line: str, code: int) -> None:
    bench = Bench()
    tool = bench.tools["scanner"]
    before = (dict(tool.settings), tool.state(), dict(tool.counters))
    assert tool.execute(line) is None
    assert [error for error, _ in tool.errors] == [code]
    assert (dict(tool.settings), tool.state(), dict(tool.counters)) == before


def test_states_of_a_tool() -> None:
    bench = Bench()
    seen = [bench.tools["track"].state()]
    bench.dock("track", 'COAT:RES "R1"')
    seen.append(bench.tools["track"].state())
    bench.say("track", 'JOB:STAR "t",1')
    seen.append(bench.tools["track"].state())
    bench.say("track", "SAFE")
    seen.append(bench.tools["track"].state())
    bench.say("track", 'JOB:STAR "u",1')
    seen.append(bench.tools["track"].state())
    assert seen == ["IDLE", "READY", "RUNNING", "SAFE", "RUNNING"]
    bench.say("track", "CARR:UND")
    assert bench.say("track", "SYST:ERR?").startswith("-200")
    bench.say("track", 'JOB:STAR "v",1')
    assert bench.say("track", "SYST:ERR?").startswith("-221")


def test_rst_restores_settings_and_stops_nothing() -> None:
    bench = Bench()
    bench.dock("track", 'COAT:RES "R1"', "COAT:THIC 120")
    bench.say("track", 'JOB:STAR "t",1', "*RST")
    assert bench.tools["track"].state() == "RUNNING"
    assert bench.say("track", "COAT:THIC?") == "90"
    bench.clock.pass_(200)
    assert bench.say("track", 'JOB:STAT? "J000001"').startswith("DONE")
    assert bench.world.wafer("W1").coat == Coat("R1", pytest.approx(120, abs=1))


def test_the_carrier_is_brought_from_an_idle_tool() -> None:
    bench = Bench()
    bench.dock("track")
    bench.say("scanner", 'CARR:DOCK "F1"')
    assert bench.say("scanner", "CARR:STAT?") == 'DOCKING,"F1",12.0000'
    assert bench.say("track", "CARR:STAT?") == 'EMPTY,"",0'
    bench.clock.pass_(12)
    assert bench.say("scanner", "CARR:STAT?") == 'DOCKED,"F1",0.0000'
    assert bench.say("scanner", "CARR:MAP?") == '"O' + "." * 24 + '"'
    assert bench.say("scanner", "CARR:WAF? 1") == '"W1"'


def test_deliveries_are_checked() -> None:
    bench = Bench()
    with pytest.raises(ValueError, match="1 to 25"):
        bench.world.deliver("F2", {26: "W"})
    bench.dock("track")
    bench.world.deliver("F1", {1: "W1"})
    with pytest.raises(ValueError, match="stands at"):
        bench.world.deliver("F1", {2: "W2"})
    for call in (bench.world.carrier, bench.world.wafer, bench.world.truth):
        with pytest.raises(NoSuchThing):
            call("NOWHERE")


def test_a_power_cut_forgets_settings_and_keeps_the_job_log() -> None:
    bench = Bench()
    bench.process("track", 'COAT:RES "R1"')
    bench.dock("scanner", *FEM)
    bench.say("scanner", 'JOB:STAR "t",1')
    bench.clock.pass_(20)
    bench.tools["scanner"].restart()
    assert bench.say("scanner", 'JOB:FIND? "t"') == "J000001"
    assert bench.say("scanner", 'JOB:STAT? "J000001"').startswith("ABORTED,0.5000,0.0000,-240")
    assert bench.say("scanner", "LAY:KIND?") == "UNI"
    assert bench.say("scanner", "JOB:MEM?") == "KEPT"
    bench.tools["scanner"].restart(lose_memory=True)
    assert bench.say("scanner", 'JOB:FIND? "t"') == "NONE"
    assert bench.say("scanner", "JOB:MEM?") == "LOST"


@given(st.lists(st.sampled_from(
    ['JOB:STAR "a",1', 'JOB:STAR "b",1', "JOB:ABOR", "SAFE", "wait", "restart", "CARR:UND",
     'CARR:DOCK "F1"', "*RST", 'EXP:RET "R1"'],
), max_size=25))  # fmt: skip
@unhurried
def test_no_order_of_commands_exposes_under_one_token_twice(lines: list[str]) -> None:
    bench = Bench()
    bench.process("track", 'COAT:RES "R1"')
    bench.dock("scanner", 'EXP:RET "R1"')
    scanner = bench.tools["scanner"]
    for line in lines:
        if line == "wait":
            bench.clock.pass_(15)
        elif line == "restart":
            scanner.restart()
        else:
            bench.say("scanner", line)
    bench.clock.pass_(100)
    scanner.advance()
    wafer = bench.world.wafer("W1")
    assert wafer.exposures == scanner.counters["starts"] == len(scanner.jobs) <= 2
    assert bench.world.double_exposures == max(0, wafer.exposures - 1)
    assert scanner.counters["wafers"] <= scanner.counters["starts"]
    assert scanner.state() in ("IDLE", "READY", "SAFE")
    assert all(isinstance(shot, Shot) for shot in wafer.shots.values())


def test_the_clock_changes_speed_without_a_jump() -> None:
    clock = FabClock(10.0)
    before = clock.now()
    clock.rescale(1e6)
    assert clock.now() - before < 1e4
    clock.rescale(1.0)
    after = clock.now()
    assert after >= before
    for scale in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="positive"):
            clock.rescale(scale)
        with pytest.raises(ValueError, match="positive"):
            FabClock(scale)


# ---------------------------------------------------------------- looking, naming, moving
LOOKS = {
    "scanner": "SENS:TEMP?", "track": "PLAT:TEMP?", "cd_sem": "CHAM:PRES?", "film": "SPEC:INT?",
    "etcher": "CHAM:WALL?", "cvd": "GAS:LINE?", "clean": "BATH:NOW?", "overlay": "LAMP:POW?",
    "particles": "LAS:POW?",
}  # fmt: skip


def test_to_look_at_a_sensor_changes_no_wafer() -> None:
    found = []
    for times in (0, 3):
        bench = Bench(seed=8)
        for kind, head in LOOKS.items():
            bench.say(kind, *[head] * times)
        bench.print_wafers()
        for kind in ("cd_sem", "overlay", "film", "particles", "etcher"):
            bench.process(kind)
        rows = [job.data.get("rows") for k in LOOKS for job in bench.tools[k].jobs.values()]
        found.append((bench.world.wafer("W1"), rows))
    assert found[0] == found[1]


def test_a_wafer_is_in_one_carrier_at_a_time() -> None:
    bench = Bench(wafers=3)
    bench.world.deliver("F2", {7: "W2"})
    assert bench.world.carrier("F1").slots == {1: "W1", 3: "W3"}
    assert bench.world.carrier("F2").slots == {7: "W2"}


def test_a_name_that_no_tool_can_say_hangs_up_on_nobody() -> None:
    bench = Bench()
    bench.world.deliver("F1", {1: "웨이퍼"})
    bench.dock("scanner")
    assert bench.say("scanner", "CARR:WAF? 1") == '"???"'
    bench.say("scanner", 'JOB:STAR "t",1')
    assert bench.say("scanner", "SYST:ERR?").startswith("-221")
