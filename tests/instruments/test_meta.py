"""Laws over every driver of the catalogue, whichever comes next: no way around its limits."""

from __future__ import annotations

import ast
import contextlib
import math
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as few
from hypothesis import strategies as st

import instruments
from instruments.catalogue import TOOLS, open_tool
from instruments.driver import Choice, Ramp, Reading, ScpiTool, Setting, Text
from instruments.errors import Garbled, LimitExceeded, Timeout, WrongInstrument
from instruments.gate import Gate, plain
from instruments.link import Link
from tests.instruments.conftest import KINDS, NAMES, WIRES, Fab
from tests.instruments.fault_contract import own_reading

ROOT = Path(instruments.__file__).parent
NOWHERE = "TCPIP::127.0.0.1::1::SOCKET"
NO_NUMBERS: tuple[Any, ...] = (
    math.nan, math.inf, -math.inf, 10**400, -(10**400), None, "5", True, [], 1j,
)  # fmt: skip
SETTINGS = [
    pytest.param(kind, entry, id=f"{kind}-{entry.name}")
    for kind in KINDS
    for entry in TOOLS[kind].driver.settings()
]


def unopened(kind: str) -> ScpiTool:
    """A driver whose every attempt to reach a tool would fail, and be logged."""
    return open_tool(kind, NOWHERE, "SN")


def forbidden(entry: Setting | Choice | Text) -> list[str]:
    """Arguments that no command of this setting may carry."""
    if isinstance(entry, Choice):
        return ["BANANA", "", '"', "1e3"]
    if isinstance(entry, Text):
        return ['"a b"', '""', '"' + "x" * 200 + '"']
    assert entry.low is not None
    assert entry.high is not None
    beyond = 0.001 * (entry.high - entry.low)
    numbers = [entry.low - beyond, entry.high + beyond, math.nan, math.inf, -math.inf]
    return [*(f"{number:.12g}" for number in numbers), "MAX", "", "1,2"]


def spellings(head: str) -> Iterator[str]:
    """The same command as a careless or cunning caller may write it."""
    yield from (head, head.lower(), ":" + head, "  " + head)
    words = head.split(":")
    yield from (f"{head}:LEV:IMMediate:AMPL", ":".join([words[0] + "1", *words[1:]]))
    if len(words) > 1:
        # A compound command: what follows the semicolon goes on from the path before it.
        yield f"{':'.join(words[:-1])}:OTHER 1;{words[-1]}"
    if all(len(word) == 4 and word[3] not in "AEIOU" for word in words):
        yield ":".join(word + "xyz" for word in words)


@pytest.mark.parametrize(("kind", "entry"), SETTINGS)
def test_no_value_that_is_none_reaches_the_wire(kind: str, entry: Any) -> None:
    tool = unopened(kind)
    values = NO_NUMBERS if isinstance(entry, Setting) else (math.nan, None, 5, "", "no such", [])
    if isinstance(entry, Setting):
        values += (entry.low - 1e-3 * abs(entry.high), entry.high * 1.001 + 1e-9)  # type: ignore[operator]
    for value in values:
        if isinstance(entry, Text) and isinstance(value, str) and entry.pattern.fullmatch(value):
            continue
        with pytest.raises(LimitExceeded):
            setattr(tool, entry.name, value)
    assert tool.link.exchanges == ()


@pytest.mark.parametrize(("kind", "entry"), SETTINGS)
def test_no_line_carries_a_setting_past_its_limits(kind: str, entry: Any) -> None:
    tool = unopened(kind)
    for argument in forbidden(entry):
        for head in spellings(entry.head):
            line = f"{head} {argument}"
            for spelled in (line, f"{head}\t{argument}", f"*OPC?\n{line}", f"STAT?;{line}"):
                with pytest.raises(LimitExceeded):
                    tool.link.command(spelled)
                with pytest.raises(LimitExceeded):
                    tool.link.ask(f"{spelled}\n*OPC?")
                with pytest.raises(LimitExceeded):
                    tool.link.block(spelled)
    assert tool.link.exchanges == ()


@pytest.mark.parametrize("kind", KINDS)
def test_a_query_is_no_setting(kind: str) -> None:
    gate = unopened(kind).gate
    for entry in TOOLS[kind].driver.entries():
        gate(entry.head if entry.head.endswith("?") else f"{entry.head}?")
    gate("STAT?;*OPC?\nSYST:ERR?")


@pytest.mark.parametrize("kind", KINDS)
def test_every_setting_has_a_head_of_its_own(kind: str) -> None:
    heads = [plain(entry.head) for entry in TOOLS[kind].driver.settings()]
    assert len(set(heads)) == len(heads)


@pytest.mark.parametrize(("kind", "entry"), SETTINGS)
def test_a_limit_itself_is_allowed_as_it_travels(kind: str, entry: Any) -> None:
    gate = unopened(kind).gate
    if isinstance(entry, Setting) and entry.ramp is None:
        for limit in (entry.low, entry.high):
            gate(f"{entry.head} {limit:.9g}")
    elif isinstance(entry, Choice):
        for word in entry.choices:
            gate(f"{entry.head} {word}")
            gate(f"{entry.head} {word.lower()}")


class Board(Link):
    """A tool that takes every setting and reads it back; remembers what was sent."""

    def __init__(self, start: float) -> None:
        super().__init__(NOWHERE)
        self.value = start
        self.sent: list[float] = []

    def ask(self, line: str, timeout_s: float | None = None) -> str:
        return f"{self.value:.9g}"

    def command(self, line: str, timeout_s: float | None = None) -> None:
        assert self.permit is not None
        self.permit(line)
        self.value = float(line.split()[1])
        self.sent.append(self.value)


RAMPED = [(kind, entry) for kind in KINDS for entry in TOOLS[kind].driver.settings()
          if isinstance(entry, Setting) and entry.ramp is not None]  # fmt: skip


@pytest.mark.parametrize(("kind", "entry"), RAMPED, ids=lambda x: getattr(x, "name", x))
@given(start=st.floats(0, 1), end=st.floats(0, 1))
@few(max_examples=8, deadline=None)
def test_a_ramp_takes_no_step_too_far(kind: str, entry: Setting, start: float, end: float) -> None:
    low, high, ramp = entry.low, entry.high, entry.ramp
    assert low is not None
    assert high is not None
    assert ramp is not None
    near = min(1.0, 20 * ramp.step / (high - low))
    begin = low + start * (high - low)
    aim = min(high, max(low, begin + (end - 0.5) * near * (high - low)))
    board = Board(float(f"{begin:.9g}"))
    tool = TOOLS[kind].driver(board)
    setattr(tool, entry.name, aim)
    way = [begin, *board.sent]
    assert board.sent[-1] == pytest.approx(aim, rel=1e-6, abs=1e-9)
    assert all(abs(b - a) <= ramp.step * (1 + 1e-5) + 1e-6 for a, b in pairwise(way))
    with pytest.raises(LimitExceeded):
        board.command(f"{entry.head} {aim:.9g}")


def test_there_is_a_ramp_to_try() -> None:
    assert RAMPED


def test_a_tool_that_says_it_stands_outside_its_limits_is_not_ramped_from_there() -> None:
    kind, entry = RAMPED[0]
    board = Board(1e12)
    with pytest.raises(Garbled):
        setattr(TOOLS[kind].driver(board), entry.name, entry.low)
    assert board.sent == []


def test_a_ramp_that_fails_half_way_leaves_no_door_open() -> None:
    entry = Setting("V", unit="V", low=0, high=10, doc="A.", ko="가.", ramp=Ramp(1, 0))
    gate = Gate([entry])
    with contextlib.suppress(RuntimeError), gate.approaching(entry, 0.0):
        gate("V 1")
        raise RuntimeError
    with pytest.raises(LimitExceeded):
        gate("V 2")


@pytest.mark.parametrize(
    ("written", "short"),
    [(":SOURce:VOLTage", "SOUR:VOLT"), ("lay:dose:star", "LAY:DOSE:STAR"), ("*rst", "*RST"),
     ("OUTPut", "OUTP"), ("CURRent:PROTection", "CURR:PROT"), ("MEASure", "MEAS"),
     ("POWer", "POW"), ("", ""), (":SOURce1:VOLTage:LEVel:IMMediate:AMPLitude", "SOUR:VOLT"),
     ("GAS:CL2", "GAS:CL2"), ("STAT", "STAT")],
)  # fmt: skip
def test_long_spellings_are_the_short_ones(written: str, short: str) -> None:
    assert plain(written) == short


class Foreign(Link):
    """Answers everything in the words of a tool of another make."""

    def __init__(self, words: str) -> None:
        super().__init__(NOWHERE)
        self.words = words
        self.distrusted = 0

    def ask(self, line: str, timeout_s: float | None = None) -> str:
        return self.words

    def distrust(self) -> None:
        self.distrusted += 1


@pytest.mark.parametrize("words", ["REMOTE IDLE", "ERR 17", "0;1;2", "+OVLD", '"OK"', "1_0"])
@pytest.mark.parametrize("kind", KINDS)
def test_another_tools_words_are_never_taken_for_an_answer(kind: str, words: str) -> None:
    link = Foreign(words)
    tool: Any = TOOLS[kind].driver(link)
    # A word in quotes is a name like any other: no driver can know it for another tool's.
    kinds = (Reading, Setting, Choice) if words == '"OK"' else (Reading, Setting, Choice, Text)
    names = [e.name for e in tool.entries() if isinstance(e, kinds)]
    for k, name in enumerate(names, start=1):
        with pytest.raises(Garbled):
            getattr(tool, name)
        assert link.distrusted == k
    calls = [tool.connect, tool.status, tool.port, tool.slot_map, tool.job_log_kept]
    calls += [lambda: tool.find_job("t"), lambda: tool.last_job("w"), lambda: tool.job("J1")]
    if words != '"OK"':
        calls.append(lambda: tool.wafer_at(1))
    for call in calls:
        with pytest.raises(Garbled):
            call()


@pytest.mark.parametrize("kind", KINDS)
def test_a_serial_that_is_not_the_registered_one_is_told_nothing(no_faults: Fab, kind: str) -> None:
    for wire in WIRES:
        tool = open_tool(kind, no_faults.resource(kind, wire), "SN-OTHER")
        for call in (tool.safe, tool.status, lambda t=tool: t.number(own_reading(type(t)))):
            with pytest.raises(WrongInstrument):
                call()
        assert {one.tx for one in tool.link.exchanges} == {"*IDN?"}


@pytest.mark.parametrize("jump_s", [-86_400.0, 86_400.0])
@pytest.mark.parametrize("wire", WIRES)
def test_a_clock_that_is_set_moves_no_deadline(
    no_faults: Fab, wire: str, jump_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool, real, calls = no_faults.tool("cd_sem", wire, 0.15), time.time, iter(range(10**6))
    tool.connect()
    # The clock is set anew each time somebody looks at it.
    monkeypatch.setattr(time, "time", lambda: real() + jump_s * (next(calls) % 2))
    no_faults.control.fault(NAMES["cd_sem"], wire, "no_reply", match="CHAM:PRES?")
    began = time.monotonic()
    with pytest.raises(Timeout):
        tool.number("CHAM:PRES?")
    assert 0.14 < time.monotonic() - began < 1.2
    assert tool.number("CHAM:PRES?") > 0
    assert all(0 <= one.ms < 1500 for one in tool.link.exchanges)


def test_only_the_log_looks_at_the_wall_clock() -> None:
    """Deadlines and physics count monotonic seconds."""
    walls = {("time", "time"), ("datetime", "now"), ("datetime", "today"), ("datetime", "utcnow")}
    found = set()
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
                continue
            if (node.value.id, node.attr) in walls:
                found.add(path.name)
    assert found == {"link.py"}


@pytest.mark.parametrize("white", ["\x00", "\x08", "\x0b", "\x1b", "\x7f", "\x85", "\u2003"])
def test_what_an_instrument_takes_for_white_space_hides_no_setting(white: str) -> None:
    """IEEE 488.2 counts every control character but the line feed as white space."""
    tool = unopened("prober")
    for line in (
        f"SOUR:VOLT{white}12",
        f"{white}SOUR:VOLT 12",
        f"SOUR{white}:VOLT 12",
        f"A?{white}",
    ):
        with pytest.raises(LimitExceeded):
            tool.link.command(line)
    assert tool.link.exchanges == ()


def test_two_ramps_of_one_setting_end_without_harm() -> None:
    entry = Setting("V", unit="V", low=0, high=10, doc="A.", ko="가.", ramp=Ramp(1, 0))
    gate = Gate([entry])
    with gate.approaching(entry, 0.0):
        with gate.approaching(entry, 0.0):
            gate("V 1")
        with pytest.raises(LimitExceeded):
            gate("V 2")
