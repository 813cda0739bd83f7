"""The contract of a link under faults, for any driver of the catalogue on any wire.

A trial asks one question while one fault strikes, and says what was wrong: another error than the
right one, one that came late, one that burned a processor, or a next answer that is not right.
Trials of different tools wait at the same time; those of one tool follow one another.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from instruments.driver import Reading, ScpiTool, Setting
from instruments.errors import (
    ConnectionLost,
    Garbled,
    InstrumentError,
    NotConnected,
    Rejected,
    Timeout,
)
from instruments.fab.kinds import NAMES
from tests.instruments.conftest import KINDS, WIRES, Fab

TIMEOUT_S = 0.16
LATE_S = 1.0
"""What an exchange may take beyond its timeout: VXI-11's grace and a busy machine."""
CPU_SHARE = 0.10
BLOCK = "DIAG:BLOC? 1000"
Error = type[InstrumentError] | None


@dataclass(frozen=True)
class Case:
    """A fault and the error it must give on each wire; `on` is what is asked for."""

    fault: str
    on: str = "number"
    seconds: float = 0.5
    socket: Error = None
    hislip: Error = None
    vxi11: Error = None

    def expected(self, wire: str) -> Error:
        found: Error = getattr(self, wire)
        return found


def everywhere(fault: str, error: Error, **more: Any) -> Case:
    """A case with the same error on all wires."""
    return Case(fault, socket=error, hislip=error, vxi11=error, **more)


CASES = (
    everywhere("delay", Timeout, seconds=0.45),
    everywhere("no_reply", Timeout),
    everywhere("close", ConnectionLost),
    everywhere("half_close", ConnectionLost),
    everywhere("reset", ConnectionLost),
    everywhere("garbage", Garbled),
    Case("bad_frame", socket=Timeout, hislip=Garbled, vxi11=Garbled),
    everywhere("wrong_type", Garbled),
    Case("duplicate", socket=Garbled),
    Case("stale", socket=Garbled),
    everywhere("drip", Timeout, seconds=0.2),
    Case("truncated_block", "block", socket=Timeout, hislip=Garbled, vxi11=Garbled),
    everywhere("error_queue", Rejected, on="command"),
    everywhere("never_opc", Timeout, on="command"),
    everywhere("close", ConnectionLost, on="command"),
    everywhere("no_reply", Timeout, on="block"),
    everywhere("freeze", Timeout, seconds=0.6),
    everywhere("restart", ConnectionLost),
    everywhere("memory_loss", ConnectionLost),
    everywhere("refuse", ConnectionLost, seconds=0.2),
)


@dataclass(frozen=True)
class Trial:
    """One cell of driver × wire × fault."""

    kind: str
    wire: str
    case: Case

    def __str__(self) -> str:
        return f"{self.case.fault}-{self.case.on}-{self.wire}-{self.kind}"


def every_trial() -> list[Trial]:
    """The whole product."""
    return [Trial(kind, wire, case) for kind in KINDS for wire in WIRES for case in CASES]


def covering_trials() -> list[Trial]:
    """Every fault on every wire once, every driver on every wire at least once."""
    chosen = []
    for shift, wire in enumerate(WIRES):
        for k in range(max(len(CASES), len(KINDS))):
            kind = KINDS[(k + shift) % len(KINDS)]
            chosen.append(Trial(kind, wire, CASES[k % len(CASES)]))
    return chosen


def carry_out_all(fab: Fab, trials: Iterable[Trial]) -> dict[Trial, str]:
    """What was wrong with each trial, "" where nothing was."""
    by_kind: dict[str, list[Trial]] = {}
    for trial in trials:
        by_kind.setdefault(trial.kind, []).append(trial)
    with ThreadPoolExecutor(len(by_kind)) as pool:
        found = list(pool.map(lambda some: [(t, verdict(fab, t)) for t in some], by_kind.values()))
    return {trial: words for some in found for trial, words in some}


def verdict(fab: Fab, trial: Trial) -> str:
    """Carry out one trial; what was wrong with it."""
    tool = fab.tool(trial.kind, trial.wire, TIMEOUT_S)
    name = NAMES[trial.kind]
    try:
        patient(tool.connect)
        subject = Subject(tool)
        problem = struck(fab, trial, subject)
        fab.control.clear_faults(name)
        return problem or next_answers(fab, trial, subject)
    except InstrumentError as error:
        return f"outside the fault: {type(error).__name__}: {error}"
    finally:
        fab.control.clear_faults(name)
        fab.control.restore_memory(name)
        tool.link.close()


class Subject:
    """A tool with a reading and a setting of its own, found in its driver's table."""

    def __init__(self, tool: ScpiTool) -> None:
        self.tool = tool
        self.setting = next(s for s in tool.settings() if isinstance(s, Setting) and not s.ramp)
        self.reading = own_reading(type(tool))
        assert self.setting.low is not None
        assert self.setting.high is not None
        step = 1.0 if self.setting.whole else (self.setting.high - self.setting.low) / 1024
        present = tool.number(f"{self.setting.head}?")
        up = present + 2 * step <= self.setting.high
        self.values = [present + k * (step if up else -step) for k in (1, 2)]

    def question(self, on: str) -> tuple[Callable[[], object], str]:
        """What is asked while the fault strikes, and the words the fault waits for."""
        if on == "command":
            line = f"{self.setting.head} {self.values[0]:.9g}"
            return lambda: self.tool.link.command(line), line
        if on == "block":
            return lambda: self.tool.link.block(BLOCK), BLOCK
        return lambda: self.tool.number(self.reading), self.reading


def own_reading(driver: type[ScpiTool]) -> str:
    """A query of the driver's own that answers with a number."""
    common = set(vars(ScpiTool))
    rows = [e.head for e in driver.entries() if isinstance(e, Reading) and e.name not in common]
    return rows[0] if rows else "COUN:STAR?"


def struck(fab: Fab, trial: Trial, subject: Subject) -> str:
    """Ask once in good times and once under the fault."""
    case, expected = trial.case, trial.case.expected(trial.wire)
    call, words = subject.question(case.on)
    call()
    match = "" if case.fault == "never_opc" else words
    fab.control.fault(NAMES[trial.kind], trial.wire, case.fault, seconds=case.seconds, match=match)
    wall, cpu = time.monotonic(), time.thread_time()
    raised: BaseException | None = None
    try:
        call()
    except Exception as error:
        raised = error
    cpu, wall = time.thread_time() - cpu, time.monotonic() - wall
    if (type(raised) if raised else None) is not expected:
        return f"expected {expected}, got {raised!r}"
    if wall > TIMEOUT_S + LATE_S:
        return f"took {wall:.2f} s"
    if cpu > CPU_SHARE * max(wall, TIMEOUT_S):
        return f"burned {cpu * 1e3:.0f} ms of processor in {wall:.2f} s"
    return ""


def next_answers(fab: Fab, trial: Trial, subject: Subject) -> str:
    """Different questions, each with its own answer: an answer late by one would show."""
    tool, head, value = subject.tool, subject.setting.head, subject.values[1]
    serial = fab.serial(trial.kind)
    if patient(tool.connect).serial != serial:
        return "another identity"
    tool.link.command(f"{head} {value:.9g}")
    if abs(tool.number(f"{head}?") - value) > 1e-6 * max(1.0, abs(value)):
        return f"{head}? does not read {value}"
    if tool.link.ask("SYST:ERR?") != '0,"No error"':
        return "an error is left over"
    if tool.status().state not in ("IDLE", "READY", "SAFE"):
        return f"state {tool.status().state}"
    return "" if tool.connect().serial == serial else "another identity"


def patient(call: Callable[[], Any], limit_s: float = 3.0) -> Any:
    """`call` again while the tool cannot be reached: nothing was sent, so it may be repeated."""
    ends = time.monotonic() + limit_s
    while True:
        try:
            return call()
        except NotConnected as error:
            if time.monotonic() > ends or not error.retryable:
                raise
            time.sleep(0.02)
