"""The prober and its SMU: compliance, steps, the safe state, the usual dialect, and a run."""

from __future__ import annotations

import math
import socket
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import DTypeLike, NDArray

from instruments.errors import Garbled, LimitExceeded, Mismatch, Rejected
from instruments.fab.models.smu import Diode, Resistor, forced, plain_head
from instruments.jobs import NotStarted, StepOrder
from instruments.prober.driver import Prober
from instruments.prober.steps import PROGRAM
from tests.instruments.conftest import NAMES, WIRES, Fab, carry_out
from tests.instruments.test_meta import Foreign
from tests.instruments.test_models import Bench

few = settings(deadline=None, max_examples=30)
circuits = st.builds(Resistor, st.floats(1, 1e9)) | st.builds(
    Diode,
    saturation=st.floats(1e-15, 1e-12), ideality=st.floats(1, 2),
    series=st.floats(0.1, 100), shunt=st.floats(1e3, 1e10),
)  # fmt: skip


# ---------------------------------------------------------------- the unit
@given(circuits, st.floats(-20, 20), st.floats(1e-9, 0.1))
@few
def test_no_voltage_drives_more_than_the_compliance(
    circuit: Any, volts: float, limit: float
) -> None:
    point = forced(circuit, "VOLT", volts, limit)
    assert abs(point.amperes) <= limit * (1 + 1e-9)
    assert abs(point.volts) <= abs(volts) + 1e-3
    assert point.is_limited == (abs(circuit.current(volts)) > limit)


@given(circuits, st.floats(-0.05, 0.1), st.floats(0.2, 20))
@few
def test_no_current_raises_more_than_the_compliance(
    circuit: Any, amperes: float, limit: float
) -> None:
    point = forced(circuit, "CURR", amperes, limit)
    assert abs(point.volts) <= limit * (1 + 1e-9)
    assert point.is_limited == (abs(circuit.voltage(amperes)) > limit)


@given(st.floats(1e-15, 1e-12), st.floats(1, 2), st.floats(0.1, 100), st.floats(-1, 1.2))
@few
def test_a_diode_knows_both_ways(
    saturation: float, ideality: float, series: float, volts: float
) -> None:
    diode = Diode(saturation, ideality, series, 1e9)
    assert diode.voltage(diode.current(volts)) == pytest.approx(volts, abs=1e-6)


@pytest.mark.parametrize(
    ("head", "plain"),
    [
        (":SOURCE:VOLTAGE", "SOUR:VOLT"),
        ("SOUR1:VOLT:LEV:IMM:AMPL", "SOUR:VOLT"),
        (":SOURce:FUNCtion:MODE", "SOUR:FUNC"),
        ("OUTPUT:STATE", "OUTP"),
        (":SENSE:CURRENT:DC:PROTECTION:LEVEL", "SENS:CURR:PROT"),
        (":SENS:VOLT:NPLCYCLES", "SENS:NPLC"),
        (":SYSTEM:AZERO:STATE", "SYST:AZER"),
        ("STAT", "STAT"),
    ],
)
def test_long_and_short_spelling(head: str, plain: str) -> None:
    assert plain_head(head) == plain


def calibrated(bench: Bench, *lines: str) -> None:
    """Output on, needles down on the calibration resistor of 10 kΩ."""
    bench.say("prober", "*RST", "OUTP 1", "PRB:CONT DOWN", *lines)
    assert not bench.tools["prober"].errors


def test_ohms_law_on_the_calibration_substrate() -> None:
    bench = Bench()
    calibrated(bench, ":SOUR:VOLT 0.5")
    volts, amperes, ohms, _, status = map(float, bench.say("prober", "MEAS:RES?").split(","))
    assert (volts, amperes) == (pytest.approx(0.5, rel=1e-3), pytest.approx(5e-5, rel=1e-3))
    assert (ohms, status) == (pytest.approx(1e4, rel=1e-3), 0)
    bench.say("prober", "PRB:CONT UP", "OUTP 1", "SOUR:VOLT 0.5")
    assert abs(float(bench.say("prober", "MEAS:CURR?").split(",")[1])) < 1e-10


def test_compliance_is_honoured_and_reported() -> None:
    bench = Bench()
    calibrated(bench, "SENS:CURR:PROT 2e-5", "FORM:ELEM VOLT,CURR,STAT", "SOUR:VOLT 1")
    volts, amperes, status = map(float, bench.say("prober", "READ?").split(","))
    assert (volts, amperes) == (pytest.approx(0.2, rel=1e-3), pytest.approx(2e-5, rel=1e-3))
    assert status == 8
    assert bench.say("prober", "SENS:CURR:PROT:TRIP?") == "1"
    assert bench.say("prober", "SENS:VOLT:PROT:TRIP?") == "0"
    bench.say("prober", "SENS:CURR:PROT 1e-3")
    assert bench.say("prober", "SENS:CURR:PROT:TRIP?") == "0"


def test_a_sweep_of_several_commands_in_one_line() -> None:
    bench = Bench()
    calibrated(bench)
    sweep = ":SOUR:VOLT:MODE SWE;:SOUR:VOLT:STAR -1;:SOUR:VOLT:STOP 1;:TRIG:COUN 5"
    bench.say("prober", sweep, ":FORM:ELEM CURR")
    found = [float(one) for one in bench.say("prober", "READ?").split(",")]
    assert found == pytest.approx([-1e-4, -5e-5, 0, 5e-5, 1e-4], abs=1e-7)
    assert bench.say("prober", ":SOUR:VOLT?;*OPC?") == "1;1"


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (("READ?",), 803),
        (("OUTP 1", "PRB:CONT DOWN", "SOUR:VOLT 5"), -221),
        (("SOUR:VOLT 5", "PRB:CONT DOWN", "OUTP 1"), -221),
        (("SOUR:VOLT 5", "OUTP 1", "PRB:CONT DOWN"), -221),
        (("SOUR:CURR 0.05", "PRB:CONT DOWN", "OUTP 1", "SOUR:FUNC CURR"), -221),
        (("SOUR:VOLT 1.9", "PRB:CONT DOWN", "OUTP 1", "SOUR:FUNC CURR"), 0),
        (("SOUR:VOLT 5", "PRB:CONT DOWN", "OUTP 0", "SOUR:FUNC CURR", "OUTP 1"), 0),
        (("PRB:CONT",), -109),
        (("PRB:CONT ASIDE",), -224),
        (("FORM:ELEM",), -109),
        (("SOUR:VOLT 25",), -222),
        (("SENS:CURR:PROT 1",), -222),
        (("SENS:RES:MODE AUTO",), -224),
        (("OUTP MAYBE",), -224),
        (("SOUR:VOLT",), -109),
        (("SOUR:POW 3",), -113),
        (("PRB:MOVE 5,3",), -221),
        (("SWE:POIN 2", "SWE:STAR -20", "SWE:STOP 20", 'CARR:DOCK "F1"'), 0),
    ],
)
def test_what_the_prober_refuses(lines: tuple[str, ...], code: int) -> None:
    bench = Bench()
    bench.say("prober", *lines)
    assert bench.say("prober", "SYST:ERR?").startswith(f"{code},")


def test_points_too_far_apart_do_not_start() -> None:
    bench = Bench()
    bench.dock("prober", "SWE:POIN 2", "SWE:STAR -20", "SWE:STOP 20")
    bench.say("prober", 'JOB:STAR "t",1')
    assert bench.say("prober", "SYST:ERR?").startswith("-221")
    assert bench.tools["prober"].counters["starts"] == 0


def test_by_hand_on_a_die_and_safe_at_once() -> None:
    bench = Bench()
    bench.dock("prober", "PRB:LOAD 1", "PRB:MOVE 5,3", "PRB:CONT DOWN", "OUTP 1", "SOUR:VOLT 0.6")
    assert bench.say("prober", "PRB:WAF?") == '"W1"'
    forward = float(bench.say("prober", "MEAS:CURR?").split(",")[1])
    assert 1e-6 < forward < 1e-3
    bench.say("prober", 'JOB:STAR "t",1')
    assert bench.say("prober", "SYST:ERR?").startswith("-221")
    bench.say("prober", "SAFE")
    state = [bench.say("prober", line) for line in ("OUTP?", "SOUR:VOLT?", "PRB:CONT?")]
    assert state == ["0", "0", "UP"]


def test_an_aborted_job_leaves_nothing_on_the_needles() -> None:
    bench = Bench()
    bench.dock("prober", "PRB:DIES FULL")
    bench.say("prober", 'JOB:STAR "t",1')
    bench.clock.pass_(60)
    bench.say("prober", "SOUR:VOLT 1")
    assert bench.say("prober", "SYST:ERR?").startswith("-221")
    bench.say("prober", "JOB:ABOR")
    assert bench.say("prober", "OUTP?;PRB:CONT?") == "0;UP"
    rows = bench.tools["prober"].jobs["J000001"].data["rows"]
    assert 0 < len(rows) < 57


def test_a_line_resists_by_its_printed_width() -> None:
    bench = Bench()
    bench.print_wafers()
    bench.process("prober", "PRB:DEV RES", "PRB:DIES FULL", "SWE:COMP 0.1")
    wafer = bench.world.wafer("W1")
    for column, row, _, _, _, stop, _, _ in bench.tools["prober"].jobs["J000001"].data["rows"]:
        width = wafer.lines[column, row].cd
        if width >= 1:
            assert 1 / stop == pytest.approx(0.4e6 / width, rel=0.06)


# ---------------------------------------------------------------- over the wire
@pytest.fixture
def prober(fab: Fab) -> Iterator[Prober]:
    """The driver, its needles down on the calibration substrate."""
    tool = cast(Prober, fab.tool("prober"))
    tool.needles = "DOWN"
    yield tool
    tool.link.close()


def test_a_level_climbs_in_steps_that_the_wire_log_shows(prober: Prober) -> None:
    prober.output = "1"
    prober.compliance_current = 0.01
    prober.source_voltage = 12.0
    sent = [one.tx for one in prober.link.exchanges if one.tx.startswith("SOUR:VOLT ")]
    levels = [float(line.split()[1]) for line in sent]
    assert np.diff([0.0, *levels]) == pytest.approx(0.5)
    found = prober.measure()
    assert (found.volts, found.amperes) == (
        pytest.approx(12, rel=1e-3),
        pytest.approx(1.2e-3, rel=1e-3),
    )
    assert not found.is_limited
    prober.compliance_current = 1e-4
    assert prober.measure().is_limited
    assert prober.current_tripped == 1.0
    prober.safe()
    assert (prober.output, prober.source_voltage, prober.needles) == ("0", 0.0, "UP")


def test_no_way_around_the_ramp_and_the_limits(prober: Prober) -> None:
    prober.output = "1"
    before = len(prober.link.exchanges)
    lines = ("SOUR:VOLT 5", ":SOURce:VOLTage 5", "OUTP 1;SOUR:VOLT 5", "SOUR:VOLT NAN")
    for line in lines:
        with pytest.raises(LimitExceeded):
            prober.link.command(line)
    for value in (math.nan, math.inf, 20.5, -21.0):
        with pytest.raises(LimitExceeded):
            prober.source_voltage = value
    assert len(prober.link.exchanges) == before


def test_the_tool_itself_refuses_a_jump(prober: Prober, fab: Fab) -> None:
    """A client that is not our driver meets the tool's own interlock."""
    prober.output = "1"
    port = fab.ports["tools"][NAMES["prober"]]["ports"]["socket"]
    with socket.create_connection(("127.0.0.1", port), timeout=5) as raw:
        raw.sendall(b"SOUR:VOLT 15\nSYST:ERR?\n")
        assert raw.recv(100).startswith(b"-221")
    assert prober.source_voltage == 0.0


def test_reading_with_the_output_off_is_rejected_in_the_tools_words(prober: Prober) -> None:
    with pytest.raises(Rejected) as caught:
        prober.link.command("READ?")
    assert caught.value.code == 803


def test_a_wafer_is_probed(fab: Fab) -> None:
    carrier, orders = fab.carrier()
    tool = fab.tool("prober")
    recipe = {"device": "resistor", "dies": "half", "start_v": -0.5, "stop_v": 0.5, "points": 11}
    done = carry_out(tool, "prober", recipe, orders, carrier)[2]
    tool.link.close()
    readings = {one.key: one.value for one in done.readings}
    assert readings["resistance_median"] == pytest.approx(1e4, rel=0.03)
    assert readings["dies"] == len({(s.field_col, s.field_row) for s in done.sites})
    assert [len(trace.samples) for trace in done.traces] == [11 * readings["dies"]] * 2


def test_points_too_far_apart_are_said_in_both_languages() -> None:
    (problem,) = PROGRAM.problems({"start_v": -20.0, "stop_v": 20.0, "points": 5})
    assert "10 V apart" in problem.sentence_en
    assert "10 V" in problem.sentence_ko


# ---------------------------------------------------------------- a driver we did not write
@pytest.mark.parametrize("wire", WIRES)
def test_pymeasures_own_driver_talks_to_it(fab: Fab, wire: str) -> None:
    """Optional: PyMeasure is not among our packages."""
    pytest.importorskip("pymeasure")
    from pymeasure.instruments.keithley import Keithley2400

    smu = Keithley2400(
        fab.resource("prober", wire),
        visa_library="@py", read_termination="\n", write_termination="\n",
    )  # fmt: skip
    try:
        smu.reset()
        smu.write("PRB:CONT DOWN")
        smu.source_mode = "voltage"
        smu.compliance_current = 1e-3
        smu.current_nplc = 1
        smu.current_range_auto_enabled = True
        smu.enable_source()
        assert smu.source_enabled
        smu.ramp_to_voltage(1.5, steps=4, pause=0)
        assert smu.source_voltage == 1.5
        assert smu.current == pytest.approx(1.5e-4, rel=1e-3)
        assert smu.voltage == pytest.approx(1.5, rel=1e-3)
        everything = smu.measure_all()
        assert everything["resistance"] == pytest.approx(1e4, rel=1e-3)
        assert everything["status"] == 0
        smu.compliance_current = 1e-5
        assert smu.measure_all()["status"] == 8
        smu.source_voltage = 0
        smu.source_mode = "current"
        smu.compliance_voltage = 2
        smu.ramp_to_current(1e-4, steps=3, pause=0)
        assert smu.voltage == pytest.approx(1.0, rel=1e-3)
        assert smu.check_errors() == []
        smu.shutdown()
        assert not smu.source_enabled
    finally:
        smu.adapter.close()


# ---------------------------------------------------------------- small currents
class Stuck(Foreign):
    """Takes every command, and its compliance is always this."""

    def command(self, line: str, timeout_s: float | None = None) -> None:
        """Nothing happens."""


def test_a_compliance_of_another_size_is_seen() -> None:
    """A step that was never carried out must not pass for done because amperes are small."""
    tool = Prober(Stuck("5e-07"))
    wanted = {"settings": [["sweep_compliance", 1e-9]]}
    found = PROGRAM.reconcile(tool, StepOrder("settings", "Set", wanted, "verify"))
    assert isinstance(found, NotStarted)
    for row in ("sweep_compliance", "compliance_current"):
        with pytest.raises(Mismatch):
            setattr(Prober(Stuck("1.9e-9")), row, 1e-9)
        setattr(Prober(Stuck("0.0123456789")), row, 0.01234567891)


# ---------------------------------------------------------------- what leaves, and what is wrong
@pytest.mark.parametrize("how", ["undocked", "fetched"])
def test_no_wafer_leaves_from_under_needles_that_are_down(how: str) -> None:
    bench = Bench()
    bench.dock("prober", "PRB:LOAD 1", "PRB:MOVE 5,3", "PRB:CONT DOWN", "OUTP 1", "SOUR:VOLT 0.6")
    bench.say(*(("prober", "CARR:UND") if how == "undocked" else ("film", 'CARR:DOCK "F1"')))
    state = bench.say("prober", "PRB:CONT?;OUTP?;SOUR:VOLT?;PRB:WAF?")
    assert state == 'UP;0;0;""'
    bench.say("film", "CARR:UND")
    bench.dock("prober")
    assert bench.say("prober", "PRB:WAF?") == '""'


class Tabled(Foreign):
    """A prober whose table has three dies, and whose curves are `length` samples long."""

    def __init__(self, length: int) -> None:
        super().__init__("0.5")
        self.length = length

    def block(
        self, line: str, dtype: DTypeLike = "<f4", timeout_s: float | None = None
    ) -> NDArray[Any]:
        count = 3 * Prober.columns if line.startswith("DATA:SITE?") else self.length
        return np.ones(count, dtype="<f4")


def test_curves_that_do_not_belong_to_the_table_are_garbled() -> None:
    order = StepOrder("measure", "Probe", {}, "repeat")
    assert len(PROGRAM.finished(Prober(Tabled(33)), order, "J1").sites) == 12
    link = Tabled(32)
    with pytest.raises(Garbled):
        PROGRAM.finished(Prober(link), order, "J1")
    assert link.distrusted
