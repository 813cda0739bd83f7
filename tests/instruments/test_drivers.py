"""What must hold for every driver, whichever comes next."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

import instruments
from instruments.catalogue import TOOLS, open_tool
from instruments.driver import Action, Choice, Parameter, Ramp, Reading, Setting, Text, Trace
from instruments.errors import (
    Garbled,
    LimitExceeded,
    Mismatch,
    Rejected,
    Timeout,
    WrongInstrument,
)
from instruments.link import Link
from instruments.prober.driver import Prober
from instruments.site_tool import SiteTool
from tests.instruments.conftest import KINDS, Fab

UNITS = {
    "", "nm", "mJ/cm²", "rows", "columns", "°C", "pulses", "rpm", "s", "V", "pC", "pA", "Pa",
    "a.u.", "sccm", "mTorr", "Torr", "%", "W", "°", "Ω", "wafers", "nm/s", "kPa", "mL/min", "A",
    "MΩ·cm", "mm", "mW", "h", "spectra", "points", "PLC",
}  # fmt: skip
ROWS = [pytest.param(kind, row, id=f"{kind}-{row.name}")
        for kind in TOOLS for row in TOOLS[kind].driver.parameters()]  # fmt: skip
ROOT = Path(instruments.__file__).parent
HANGUL = re.compile("[가-힣]")


def test_the_catalogue_and_the_folders_are_the_same() -> None:
    folders = {path.parent.name for path in ROOT.glob("*/driver.py")}
    assert folders == set(TOOLS) == set(KINDS)
    for kind in TOOLS:
        for name in ("manual.md", "driver.py", "steps.py", "__init__.py"):
            assert (ROOT / kind / name).is_file()


@pytest.mark.parametrize(("kind", "row"), ROWS)
def test_every_row_is_documented_and_within_reason(kind: str, row: Parameter) -> None:
    assert row.doc.endswith(".")
    assert row.doc[0].isupper()
    # The tables are read in both languages; no row is so technical that it has no Korean word.
    assert row.doc_ko.endswith(".")
    assert HANGUL.search(row.doc_ko)
    assert row.unit in UNITS
    assert re.fullmatch(r"[a-z_]+", row.name)
    if row.low is not None:
        assert row.high is not None
        assert row.low < row.high


@pytest.mark.parametrize(("kind", "row"), ROWS)
def test_every_command_stands_in_the_manual(kind: str, row: Parameter) -> None:
    manual = (ROOT / kind / "manual.md").read_text() + (ROOT / "common.md").read_text()
    assert row.head.removesuffix("?") in manual


@pytest.mark.parametrize("kind", KINDS)
def test_class_and_methods_are_documented(kind: str) -> None:
    driver = TOOLS[kind].driver
    methods = [v for k, v in vars(driver).items() if callable(v) and not k.startswith("_")]
    for thing in (driver, *methods):
        assert (thing.__doc__ or "").strip()


@pytest.mark.parametrize(("kind", "row"), ROWS)
def test_the_tool_agrees_about_every_row(no_faults: Fab, kind: str, row: Parameter) -> None:
    """Readable where it reads, settable to both limits, and refused by the tool beyond them."""
    tool = no_faults.tool(kind)
    entry = getattr(type(tool), row.name)
    try:
        if isinstance(entry, Reading):
            assert isinstance(getattr(tool, row.name), float)
        elif isinstance(entry, Choice):
            assert getattr(tool, row.name) in row.choices
        elif isinstance(entry, Text):
            setattr(tool, row.name, "A.B-C_9")
            assert getattr(tool, row.name) == "A.B-C_9"
        elif isinstance(entry, Setting):
            limits_hold(tool, entry)
    finally:
        tool.link.command("*RST")
        tool.link.close()


def limits_hold(tool: Any, entry: Setting) -> None:
    """The driver's limits are the tool's own."""
    low, high = entry.low, entry.high
    assert low is not None
    assert high is not None
    step = 1 if entry.whole else 1e-3 * (high - low)
    if entry.name == "sigma_in":
        high = 0.9 - step
    for value in (low, high):
        if entry.name == "sigma_out" and value <= 0.7:
            continue
        setattr(tool, entry.name, value)
        assert getattr(tool, entry.name) == pytest.approx(value)
    for value in (entry.low - step, entry.high + step):  # type: ignore[operator]
        with pytest.raises(LimitExceeded):
            setattr(tool, entry.name, value)
        with pytest.raises(Rejected) as caught:
            # A bare link has no gate: only so does a value reach the tool's own limits.
            Link(str(tool.link.resource)).command(f"{entry.head} {value:.9g}")
        assert caught.value.code == -222


@pytest.mark.parametrize("kind", KINDS)
def test_every_choice_can_be_set(no_faults: Fab, kind: str) -> None:
    tool = no_faults.tool(kind)
    for entry in type(tool).entries():
        if isinstance(entry, Choice) and entry.kind != "reading":
            for word in entry.choices:
                setattr(tool, entry.name, word)
                assert getattr(tool, entry.name) == word
            with pytest.raises(LimitExceeded):
                setattr(tool, entry.name, "OTHER")
    tool.link.command("*RST")


@pytest.mark.parametrize("kind", KINDS)
def test_safe_is_idempotent(no_faults: Fab, kind: str) -> None:
    tool = no_faults.tool(kind)
    before = tool.status().safes
    for _ in range(3):
        tool.safe()
    after = tool.status()
    assert (after.state, after.safes) == ("SAFE", before + 3)


@pytest.mark.parametrize("kind", KINDS)
def test_identity_is_checked(no_faults: Fab, kind: str) -> None:
    found = no_faults.tool(kind).connect()
    assert found.serial == no_faults.serial(kind)
    for other in set(KINDS) - {kind}:
        with pytest.raises(WrongInstrument):
            open_tool(kind, no_faults.resource(other, "hislip"), None).connect()


def test_what_an_entry_is_on_the_class_and_on_a_tool(no_faults: Fab) -> None:
    tool = no_faults.tool("scanner")
    driver = type(tool)
    kinds = {"starts": Reading, "na": Setting, "mode": Choice, "reticle": Text,
             "dose_trace": Trace, "undock": Action}  # fmt: skip
    for name, kind in kinds.items():
        assert isinstance(getattr(driver, name), kind)
        assert not isinstance(getattr(tool, name), kind)


class ScriptedLink(Link):
    """Answers from a table; remembers commands."""

    def __init__(self, answers: dict[str, str]) -> None:
        super().__init__("TCPIP::127.0.0.1::1::SOCKET")
        self.answers = answers
        self.commands: list[str] = []
        self.distrusted = False

    def ask(self, line: str, timeout_s: float | None = None) -> str:
        return self.answers[line]

    def command(self, line: str, timeout_s: float | None = None) -> None:
        self.commands.append(line)

    def distrust(self) -> None:
        self.distrusted = True


def test_a_setting_that_reads_back_otherwise_is_a_mismatch() -> None:
    tool: Any = TOOLS["scanner"].driver(ScriptedLink({"ILL:NA?": "1.30"}))
    with pytest.raises(Mismatch) as caught:
        tool.na = 1.35
    assert (caught.value.wanted, caught.value.got) == (1.35, 1.30)


def test_a_ramp_approaches_in_steps() -> None:
    link = ScriptedLink({"SEM:LAND?": "500"})
    tool: Any = TOOLS["cd_sem"].driver(link)
    with pytest.raises(Mismatch):
        tool.landing_voltage = 1000
    assert link.commands == ["SEM:LAND 666.666667", "SEM:LAND 833.333333", "SEM:LAND 1000"]
    assert Ramp(5, 0).towards(3, 3) == [3]


@pytest.mark.parametrize("answer", ["nan", "inf", "", "1,2", "BANANA", "0x10", "1_0"])
def test_no_nonsense_becomes_a_number(answer: str) -> None:
    link = ScriptedLink({"LENS:HEAT?": answer})
    tool: Any = TOOLS["scanner"].driver(link)
    with pytest.raises(Garbled):
        _ = tool.lens_heating
    assert link.distrusted


@pytest.mark.parametrize(
    ("query", "answer", "call"),
    [
        ("STAT?", "IDLE", "status"),
        ("STAT?", 'IDLE,"","",x,0,0', "status"),
        ("STAT?", 'RESTING,"","",0,0,0', "status"),
        ("CARR:MAP?", "O" * 25, "slot_map"),
        ("CARR:STAT?", 'SOMEWHERE,"",0', "port"),
        ("CARR:STAT?", 'DOCKED,"F"', "port"),
        ("CARR:MAP?", '"OOO"', "slot_map"),
        ("JOB:MEM?", "1", "job_log_kept"),
        ("*IDN?", "me", "connect"),
    ],
)
def test_structured_answers_are_checked(query: str, answer: str, call: str) -> None:
    link = ScriptedLink({query: answer})
    with pytest.raises(Garbled):
        getattr(TOOLS["scanner"].driver(link), call)()
    assert link.distrusted


@pytest.mark.parametrize("answer", ["J1,RUNNING", "", "yes", 'RESTING,0,0,0,"-"'])
def test_job_answers_are_checked(answer: str) -> None:
    link = ScriptedLink({
        'JOB:FIND? "t"': answer, 'JOB:LAST? "w"': answer, 'JOB:STAT? "J1"': answer,
    })  # fmt: skip
    tool = TOOLS["scanner"].driver(link)
    for call in (lambda: tool.find_job("t"), lambda: tool.last_job("w"), lambda: tool.job("J1")):
        with pytest.raises(Garbled):
            call()


@pytest.mark.parametrize("name", ['a"b', "a\nb", "", "é", "x" * 81, '";SAFE'])
def test_no_name_can_smuggle_a_command(name: str) -> None:
    link = ScriptedLink({})
    tool = TOOLS["scanner"].driver(link)
    for call in (lambda: tool.dock(name), lambda: tool.start_job(name, 1)):
        with pytest.raises(LimitExceeded):
            call()
    assert link.commands == []


@pytest.mark.parametrize(
    "answer",
    ["", "1,2", "1,2,3,4", "1,2,nan", "1,2,inf", "nan,2,8", "1,2,-1", "1,2,1e300", "a,b,c"],
)
def test_a_reading_of_the_smu_is_three_numbers_or_garbled(answer: str) -> None:
    link = ScriptedLink({"READ?": answer})
    with pytest.raises(Garbled):
        cast(Prober, TOOLS["prober"].driver(link)).measure()
    assert link.distrusted


class Deaf(ScriptedLink):
    """A tool that takes commands and no longer listens to device clear."""

    def clear(self) -> None:
        raise Timeout("(clear): no answer within 1 s")


def test_an_abort_says_safe_whatever_became_of_the_clear() -> None:
    link = Deaf({})
    TOOLS["scanner"].driver(link).abort()
    assert link.commands == ["SAFE"]
    link = ScriptedLink({})
    link.clear = lambda: None  # type: ignore[method-assign]
    TOOLS["scanner"].driver(link).abort()
    assert link.commands == ["JOB:ABOR", "SAFE"]


def test_a_table_with_values_that_are_no_numbers_is_garbled() -> None:
    link = ScriptedLink({})
    link.block = lambda *_: np.array([1, 2, math.nan, 4, 5, 6], "<f4")  # type: ignore[method-assign]
    with pytest.raises(Garbled):
        cast(SiteTool, TOOLS["film"].driver(link)).rows("J1")
    assert link.distrusted
