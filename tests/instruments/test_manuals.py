"""A tool's manual, its driver and its model say the same: commands, limits, units and defaults."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

import instruments
from instruments.catalogue import TOOLS
from instruments.driver import Choice, ScpiTool, Setting, Text, Trace
from instruments.fab import world
from instruments.fab.clock import HandClock
from instruments.fab.kinds import MODELS
from instruments.fab.models import cd_sem, cvd, etcher, film, litho, overlay, scanner, smu
from instruments.fab.models.base import Name, Number, ToolModel, Word
from instruments.fab.world import World
from tests.instruments.conftest import KINDS
from tests.instruments.test_models import Bench

ROOT = Path(instruments.__file__).parent
COMMON = (ROOT / "common.md").read_text()
ROW = re.compile(r"^\| `([A-Z0-9:]+) (?:\w|\"\w+\")`[^|]*\|([^|]*)\|([^|]*)\|([^|]*)\|$", re.M)
HEADS = re.compile(r"`\*?[A-Z]+(?::[A-Z0-9]+)+\??|`\*?[A-Z]+\?")


@dataclass(frozen=True)
class Said:
    """One row of a manual's table of settings."""

    head: str
    unit: str
    limits: str
    default: str


def manual(kind: str) -> str:
    return (ROOT / kind / "manual.md").read_text()


def settings_of(text: str) -> list[Said]:
    return [Said(head, *(one.strip() for one in rest)) for head, *rest in ROW.findall(text)]


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"`([^`]+)`", text))


SAID = [pytest.param(kind, row, id=f"{kind}-{row.head}")
        for kind in KINDS for row in settings_of(manual(kind))]  # fmt: skip


def model_of(kind: str) -> ToolModel:
    return MODELS[kind](kind, f"S-{kind}", 3, World(3, HandClock()))


def row_of(kind: str, head: str) -> Number | Word | Name:
    table = MODELS[kind].settings_table
    return table[head] if head in table else smu.SETTINGS[smu.plain_head(head)]


@pytest.mark.parametrize(("kind", "said"), SAID)
def test_the_model_keeps_to_the_manual(kind: str, said: Said) -> None:
    row = row_of(kind, said.head)
    if isinstance(row, Word):
        assert set(row.words) == set(words(said.limits))
        assert (row.default,) == words(said.default) or row.default == said.default.strip("`")
    elif isinstance(row, Name):
        assert said.limits == "1–40 of `A–Z 0–9 . _ -`"
        assert said.default == f'`"{row.default}"`'
    else:
        low, high = re.split(r"–|, ", said.limits)
        assert (row.low, row.high) == (number(low), number(high))
        assert row.default == number(said.default)


@pytest.mark.parametrize(("kind", "said"), SAID)
def test_the_driver_keeps_to_the_manual(kind: str, said: Said) -> None:
    (entry,) = (one for one in TOOLS[kind].driver.settings() if one.head == said.head)
    if isinstance(entry, Setting):
        low, high = said.limits.split("–")
        assert (entry.low, entry.high) == (number(low), number(high))
        assert said.unit in ("", entry.unit)
        # A unit that the manual leaves out is a count, said by the driver in words.
        assert said.unit or entry.unit in ("", "rows", "columns", "points", "spectra", "PLC")
    elif isinstance(entry, Choice):
        assert set(entry.choices) == set(words(said.limits) or said.limits.split(", "))
    else:
        assert isinstance(entry, Text)
        assert entry.pattern.pattern == "[A-Z0-9._-]{1,40}"


@pytest.mark.parametrize("kind", KINDS)
def test_no_setting_is_left_out_of_the_manual(kind: str) -> None:
    said = {row.head for row in settings_of(manual(kind))}
    assert set(MODELS[kind].settings_table) <= said
    missing = {one.head for one in TOOLS[kind].driver.settings()} - said
    assert missing <= {"PRB:CONT"}, "moved by hand: in the manual's text"


@pytest.mark.parametrize("kind", KINDS)
def test_the_tool_knows_every_command_of_its_manual(kind: str) -> None:
    tool = model_of(kind)
    heads = {one.lstrip("`") for one in HEADS.findall(manual(kind) + COMMON)}
    assert len(heads) > 20
    for head in heads:
        tool.errors.clear()
        tool.execute(head)
        assert not any(code == -113 for code, _ in tool.errors), head


@pytest.mark.parametrize("kind", KINDS)
def test_the_manual_has_every_command_of_the_tool(kind: str) -> None:
    text = manual(kind) + COMMON
    assert [head for head in model_of(kind).handlers if head.removesuffix("?") not in text] == []
    channels = [e.channel for e in TOOLS[kind].driver.entries() if isinstance(e, Trace)]
    assert sorted(channels) == sorted(MODELS[kind].channels)
    assert [name for name in channels if f"`{name}`" not in text] == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_manual_names_identity_and_own_units(kind: str) -> None:
    text, driver = manual(kind), TOOLS[kind].driver
    found = re.search(r"`\*IDN\?` → `(SIMFAB,[A-Z0-9-]+),", text)
    assert found
    assert re.match(driver.identity.pattern, found[1] + ",")
    assert found[1] == f"SIMFAB,{MODELS[kind].model}"
    common = {one.name for one in ScpiTool.entries()}
    counted = ("", "rows", "columns", "pulses", "wafers", "points", "spectra", "a.u.")
    for row in driver.parameters():
        assert row.name in common or row.unit in counted or row.unit in text, row


DURATIONS = [
    ("track", ('COAT:RES "R1"',), 45 + 60),
    ("scanner", ('EXP:RET "R1"',), 40),
    ("track", ("TRK:OPER DEV",), 25 + 30 + 60 + 30),
    ("cd_sem", (), 8 + 1.2 * 57),
    ("overlay", (), 10 + 2 * 0.5 * 4 * 57),
    ("film", (), 6 + 49 * (0.8 + 0.2)),
    ("particles", (), 15 + 45),
    ("particles", ("SCAN:SENS HIGH",), 15 + 2 * 45),
    ("prober", ("PRB:DIES CENT",), 20 + 2 + 41 * (0.025 + 0.020)),
    ("clean", ("CLEA:CHEM SPM", "BATH:TEMP 120"), 10 + 300 + 120 + 45),
    ("cvd", (), 30 + 60 + 20),
    ("cmp", (), 8 + 60 + 15),
]


def test_a_job_takes_as_long_as_the_manual_says() -> None:
    bench = Bench()
    for kind, lines, seconds in DURATIONS:
        bench.dock(kind, *lines)
        token = f"t{len(bench.tools[kind].jobs)}"
        bench.say(kind, f'JOB:STAR "{token}",1')
        assert not bench.tools[kind].errors, kind
        handle = bench.say(kind, f'JOB:FIND? "{token}"')
        bench.clock.pass_(seconds - 0.01)
        assert bench.say(kind, f'JOB:STAT? "{handle}"').startswith("RUNNING"), kind
        bench.clock.pass_(0.02)
        assert bench.say(kind, f'JOB:STAT? "{handle}"').startswith("DONE"), kind
        bench.say(kind, "CARR:UND")


PRECISION = [
    ("cd_sem", cd_sem.REPEATABILITY_NM, "Repeatability {:g} nm (1 σ)"),
    ("cd_sem", world.LWR_NM, "about {:g} nm in focus"),
    ("scanner", 100 * scanner.DOSE_ERROR, "within {:g} % (1 σ) of its dose"),
    ("scanner", scanner.FOCUS_ERROR_NM, "within {:g} nm of its focus"),
    ("scanner", scanner.HEAT_FOCUS_NM, "{:g} nm of focus are left"),
    ("scanner", scanner.HEAT_TAU_S, "time constant of {:g} s"),
    ("scanner", litho.CD_SIGNATURE_NM, "{:g} nm (1 σ) of line width"),
    ("etcher", 100 * etcher.GAUGE_ERROR, "within {:g} % (1 σ)"),
    ("cvd", 100 * cvd.GAUGE_ERROR, "within {:g} % (1 σ)"),
    ("overlay", overlay.NOISE_NM, "Repeatability {:g} nm"),
    ("film", film.NOISE_NM, "Repeatability (1 σ) is {:g} nm"),
]


@pytest.mark.parametrize(("kind", "value", "words"), PRECISION)
def test_the_manual_says_how_good_a_tool_is(kind: str, value: float, words: str) -> None:
    assert words.format(value) in " ".join(manual(kind).split())


def test_the_readme_names_every_fault_of_a_process_at_its_own_tool() -> None:
    table = (ROOT / "README.md").read_text().partition("| tool | kind (unit) |")[2]
    said: dict[str, set[str]] = {}
    tool = ""
    for row in re.findall(r"^\| ?([^|]*) \| (`[^|]+) \|", table, re.M):
        tool = row[0].strip().lower() or tool
        said.setdefault(tool, set()).update(words(row[1]))
    known = {kind: set(model.process_faults) for kind, model in MODELS.items()}
    assert said == {kind: faults for kind, faults in known.items() if faults}
