"""The declared table a driver is made of.

A driver lists its commands as descriptors, each described in English and Korean. Forms,
documentation, limits, the JSON schema of a recipe and the tests over every driver come from that
one table, and a type checker sees the types. What must happen in a sequence is an ordinary method.
"""

from __future__ import annotations

import contextlib
import math
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, overload

import numpy as np
from numpy.typing import NDArray

from instruments.errors import Garbled, InstrumentError, LimitExceeded, Mismatch
from instruments.gate import Gate
from instruments.link import Link

Kind = Literal["recipe", "config", "setting", "reading", "trace", "action"]
RECIPE: Kind = "recipe"
CONFIG: Kind = "config"
SETTING: Kind = "setting"
TOOL_STATES = ("IDLE", "READY", "RUNNING", "SAFE")
JOB_STATES = ("RUNNING", "DONE", "ABORTED", "FAILED", "UNKNOWN")


@dataclass(frozen=True)
class Parameter:
    """One row of a driver's table; `low`, `high` in `unit`, None where there is no limit."""

    name: str
    head: str
    unit: str
    low: float | None
    high: float | None
    kind: Kind
    doc: str
    doc_ko: str
    type: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Identification:
    """The four fields of `*IDN?` (IEEE 488.2 §10.14)."""

    vendor: str
    model: str
    serial: str
    firmware: str


@dataclass(frozen=True)
class ToolStatus:
    """What the tool says about itself now."""

    state: str
    text: str
    carrier: str
    starts: int
    wafers: int
    safes: int


@dataclass(frozen=True)
class JobState:
    """A job as the tool reports it; `remaining_s` in seconds of the host's clock."""

    handle: str
    state: str
    fraction: float
    remaining_s: float
    code: int
    text: str


@dataclass(frozen=True)
class Ramp:
    """Approach a value in steps of at most `step` (its unit), one every `every_s` seconds."""

    step: float
    every_s: float

    def towards(self, start: float, end: float) -> list[float]:
        """The values to set one after another, ending with `end`."""
        count = max(1, math.ceil(abs(end - start) / self.step - 1e-9))
        return [start + (end - start) * k / count for k in range(1, count)] + [end]


class Identity:
    """The pattern `*IDN?` must begin with for this driver to be the right one."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern


class Entry:
    """Common part of every descriptor; `doc` and `ko` say what it is, in English and Korean."""

    kind: Kind = "reading"
    type_name = "number"

    def __init__(self, head: str, *, unit: str = "", doc: str, ko: str) -> None:
        self.head = head
        self.unit = unit
        self.doc = doc
        self.ko = ko
        self.name = ""
        self.low: float | None = None
        self.high: float | None = None
        self.choices: tuple[str, ...] = ()
        self.ramp: Ramp | None = None

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def parameter(self) -> Parameter:
        """This entry as a row of the table."""
        return Parameter(
            self.name, self.head, self.unit, self.low, self.high, self.kind, self.doc, self.ko,
            self.type_name, self.choices,
        )  # fmt: skip


class Reading(Entry):
    """A number the tool reports; `tool.name` asks for it."""

    @overload
    def __get__(self, tool: None, owner: type) -> Reading: ...
    @overload
    def __get__(self, tool: ScpiTool, owner: type) -> float: ...
    def __get__(self, tool: ScpiTool | None, owner: type) -> Reading | float:
        """The present value in `unit`."""
        return self if tool is None else tool.number(self.head)


class Setting(Entry):
    """A number that can be set and read back, within strict limits.

    Nothing is ever clipped: a value outside raises `LimitExceeded` before the wire. `verify`
    reads back and raises `Mismatch` beyond that tolerance; `whole` allows integers only.
    """

    def __init__(
        self,
        head: str,
        *,
        unit: str,
        low: float,
        high: float,
        doc: str,
        ko: str,
        kind: Kind = SETTING,
        verify: float | None = None,
        ramp: Ramp | None = None,
        whole: bool = False,
    ) -> None:
        super().__init__(head, unit=unit, doc=doc, ko=ko)
        self.low, self.high, self.kind = low, high, kind
        self.verify, self.ramp, self.whole = verify, ramp, whole
        self.type_name = "integer" if whole else "number"

    @overload
    def __get__(self, tool: None, owner: type) -> Setting: ...
    @overload
    def __get__(self, tool: ScpiTool, owner: type) -> float: ...
    def __get__(self, tool: ScpiTool | None, owner: type) -> Setting | float:
        """The present value in `unit`."""
        return self if tool is None else tool.number(self.head + "?")

    def __set__(self, tool: ScpiTool, value: float) -> None:
        self.check(value)
        if self.ramp is None:
            tool.link.command(f"{self.head} {value:.9g}")
        else:
            self._approach(tool, value, self.ramp)
        if self.verify is not None:
            got = tool.number(self.head + "?")
            if abs(got - value) > self.verify:
                raise Mismatch(self.name, value, got, self.unit)

    def _approach(self, tool: ScpiTool, value: float, ramp: Ramp) -> None:
        start = tool.number(self.head + "?")
        try:
            self.check(start)
        except LimitExceeded as error:
            # No way leads from where the tool says it is; how long it would be nobody knows.
            tool.link.distrust()
            raise Garbled(f"{self.head}? answered {start:g}, outside its own limits") from error
        with tool.gate.approaching(self, start):
            for step in ramp.towards(start, value):
                tool.link.command(f"{self.head} {step:.9g}")
                if step != value:
                    time.sleep(ramp.every_s)

    def read(self, text: str) -> object:
        """The number a command's argument stands for, or the text where it is none."""
        try:
            return plain_number(text)
        except ValueError:
            return text

    def check(self, value: object) -> None:
        """Raise `LimitExceeded` unless `value` is a finite number within the limits."""
        fits = (
            isinstance(value, (int, float))
            and not isinstance(value, bool)
            and self.low is not None
            and self.high is not None
            # Neither NaN nor an infinity lies between two numbers.
            and self.low <= value <= self.high
            and (not self.whole or float(value).is_integer())
        )
        if not fits:
            raise LimitExceeded(self.name, value, self.low, self.high, self.unit)


class Choice(Entry):
    """A setting that takes one of a few words."""

    type_name = "choice"

    def __init__(
        self, head: str, choices: tuple[str, ...], *, doc: str, ko: str, kind: Kind = SETTING
    ) -> None:
        super().__init__(head, doc=doc, ko=ko)
        self.choices, self.kind = choices, kind

    @overload
    def __get__(self, tool: None, owner: type) -> Choice: ...
    @overload
    def __get__(self, tool: ScpiTool, owner: type) -> str: ...
    def __get__(self, tool: ScpiTool | None, owner: type) -> Choice | str:
        """The present word; `Garbled` when the tool answers with another."""
        if tool is None:
            return self
        answer = tool.link.ask(self.head + "?")
        if answer not in self.choices:
            tool.link.distrust()
            raise Garbled(f"{self.head}? answered {answer!r}")
        return answer

    def __set__(self, tool: ScpiTool, value: str) -> None:
        self.check(value)
        tool.link.command(f"{self.head} {value}")

    def read(self, text: str) -> object:
        """The word a command's argument stands for; tools do not care about its case."""
        return text if text in self.choices else text.upper()

    def check(self, value: object) -> None:
        """Raise `LimitExceeded` unless `value` is one of the words."""
        if not isinstance(value, str) or value not in self.choices:
            raise LimitExceeded(self.name, value, None, None, "|".join(self.choices))


class Text(Entry):
    """A quoted name that can be set and read back."""

    type_name = "text"

    def __init__(self, head: str, *, pattern: str, doc: str, ko: str, kind: Kind = SETTING) -> None:
        super().__init__(head, doc=doc, ko=ko)
        self.pattern, self.kind = re.compile(pattern), kind

    @overload
    def __get__(self, tool: None, owner: type) -> Text: ...
    @overload
    def __get__(self, tool: ScpiTool, owner: type) -> str: ...
    def __get__(self, tool: ScpiTool | None, owner: type) -> Text | str:
        """The present name, without its quotes; `Garbled` when the answer is no such name."""
        if tool is None:
            return self
        name = tool.quoted(self.head + "?")
        if not self.pattern.fullmatch(name):
            tool.link.distrust()
            raise Garbled(f"{self.head}? answered {name!r}")
        return name

    def __set__(self, tool: ScpiTool, value: str) -> None:
        self.check(value)
        tool.link.command(f'{self.head} "{value}"')

    def read(self, text: str) -> object:
        """The name a command's argument stands for."""
        return unquoted(text)

    def check(self, value: object) -> None:
        """Raise `LimitExceeded` unless `value` is a name of the allowed form."""
        if not isinstance(value, str) or not self.pattern.fullmatch(value):
            raise LimitExceeded(self.name, value, None, None, self.pattern.pattern)


class Trace(Entry):
    """A sampled curve of one job; `tool.name(handle)` reads it as float32 samples."""

    kind: Kind = "trace"
    type_name = "float32[]"

    def __init__(self, head: str, channel: str, *, unit: str, doc: str, ko: str) -> None:
        super().__init__(head, unit=unit, doc=doc, ko=ko)
        self.channel = channel

    @overload
    def __get__(self, tool: None, owner: type) -> Trace: ...
    @overload
    def __get__(self, tool: ScpiTool, owner: type) -> Callable[[str], NDArray[np.float32]]: ...
    def __get__(
        self, tool: ScpiTool | None, owner: type
    ) -> Trace | Callable[[str], NDArray[np.float32]]:
        """A function from job handle to samples in `unit`."""
        if tool is None:
            return self
        return lambda handle: tool.link.block(f'{self.head} "{handle}",{self.channel}')


class Action(Entry):
    """A command without a value; `tool.name()` carries it out."""

    kind: Kind = "action"
    type_name = "action"

    @overload
    def __get__(self, tool: None, owner: type) -> Action: ...
    @overload
    def __get__(self, tool: ScpiTool, owner: type) -> Callable[[], None]: ...
    def __get__(self, tool: ScpiTool | None, owner: type) -> Action | Callable[[], None]:
        """A function that carries the command out and waits for it."""
        return self if tool is None else lambda: tool.link.command(self.head)


class ScpiTool:
    """What every tool of the testbed understands; see `instruments/common.md`."""

    identity: ClassVar[Identity] = Identity(r"[^,]+,")

    safe_action = Action(
        "SAFE",
        doc="Bring the tool to its safe state; harmless to repeat.",
        ko="장비를 안전 상태로 보냄. 되풀이해도 무해함.",
    )  # fmt: skip
    abort_action = Action(
        "JOB:ABOR",
        doc="End the running job at once; harmless when idle.",
        ko="진행 중인 작업을 바로 끝냄. 작업이 없을 때도 무해함.",
    )  # fmt: skip
    undock = Action(
        "CARR:UND",
        doc="Release the carrier from the load port.", ko="로드 포트에서 캐리어를 놓아줌.",
    )  # fmt: skip
    starts = Reading(
        "COUN:STAR?",
        doc="Jobs started since the tool was installed.", ko="설치 이후 시작한 작업 수.",
    )  # fmt: skip
    wafers = Reading(
        "COUN:WAF?",
        doc="Wafers processed since the tool was installed.", ko="설치 이후 처리한 웨이퍼 수.",
    )  # fmt: skip
    safes = Reading(
        "COUN:SAFE?",
        doc="Times the tool was brought to its safe state.", ko="설치 이후 안전 상태로 간 횟수.",
    )  # fmt: skip

    def __init__(self, link: Link) -> None:
        self.link = link
        self.gate = Gate(self.settings())
        link.permit = self.gate

    # ------------------------------------------------------------------ the table
    @classmethod
    def entries(cls) -> Iterator[Entry]:
        """Every descriptor of this driver, the common ones first."""
        seen: dict[str, Entry] = {}
        for layer in reversed(cls.__mro__):
            seen.update({k: v for k, v in vars(layer).items() if isinstance(v, Entry)})
        return iter(seen.values())

    @classmethod
    def settings(cls) -> Iterator[Setting | Choice | Text]:
        """Every descriptor that sets something on the tool."""
        for entry in cls.entries():
            if isinstance(entry, (Setting, Choice, Text)) and entry.kind != "reading":
                yield entry

    @classmethod
    def parameters(cls) -> tuple[Parameter, ...]:
        """The driver's table."""
        return tuple(entry.parameter() for entry in cls.entries())

    # ------------------------------------------------------------------ what every tool does
    def connect(self) -> Identification:
        """Open the link if need be and return who answers; raises `WrongInstrument`."""
        answer = self.link.ask("*IDN?")
        fields = [field.strip() for field in answer.split(",")]
        if len(fields) != 4:
            self.link.distrust()
            raise Garbled(f"*IDN? answered {answer!r}")
        return Identification(*fields)

    def status(self) -> ToolStatus:
        """State, carrier and counters in one exchange."""
        answer = self.link.ask("STAT?")
        parts = split_fields(answer)
        counted = all(re.fullmatch(r"\d{1,18}", part) for part in parts[3:])
        if len(parts) != 6 or parts[0] not in TOOL_STATES or not counted:
            self.link.distrust()
            raise Garbled(f"STAT? answered {answer!r}")
        return ToolStatus(parts[0], parts[1], parts[2], *(int(part) for part in parts[3:]))

    def safe(self) -> None:
        """Bring the tool to its safe state; may be repeated at will."""
        self.safe_action()

    def abort(self) -> None:
        """End the running job, if any, and make the tool safe.

        Only the last word decides: `SAFE` ends a job too, so that it is sent whatever became of
        the two before it. Raises what `safe` raises.
        """
        with contextlib.suppress(InstrumentError):
            self.link.clear()
            self.abort_action()
        self.safe()

    # ------------------------------------------------------------------ carrier and jobs
    def dock(self, carrier_id: str) -> None:
        """Have `carrier_id` brought to the load port; returns before it has arrived."""
        self.link.command(f'CARR:DOCK "{checked_name(carrier_id)}"')

    def port(self) -> tuple[str, str, float]:
        """Load port state (EMPTY, DOCKING, DOCKED), carrier ID and seconds remaining."""
        answer = self.link.ask("CARR:STAT?")
        parts = split_fields(answer)
        if len(parts) != 3 or parts[0] not in ("EMPTY", "DOCKING", "DOCKED"):
            self.link.distrust()
            raise Garbled(f"CARR:STAT? answered {answer!r}")
        return parts[0], parts[1], self.finite(parts[2])

    def slot_map(self) -> str:
        """25 characters, slot 1 first: O occupied, . empty, D double, X crossed, ? unknown."""
        answer = self.quoted("CARR:MAP?")
        if not re.fullmatch(r"[O.DX?]{25}", answer):
            self.link.distrust()
            raise Garbled(f"CARR:MAP? answered {answer!r}")
        return answer

    def wafer_at(self, slot: int) -> str:
        """The wafer ID the tool reads in `slot`, "" when there is none."""
        return self.quoted(f"CARR:WAF? {slot}")

    def start_job(self, token: str, slot: int) -> str:
        """Start processing `slot` under `token`, and return the job's handle.

        A token the tool has seen before starts nothing: its existing job is returned.
        """
        self.link.command(f'JOB:STAR "{checked_name(token)}",{slot}')
        return self.find_job(token)

    def find_job(self, token: str) -> str:
        """The handle of the job started under `token`, "" when the tool never saw it."""
        answer = self.link.ask(f'JOB:FIND? "{checked_name(token)}"')
        if not re.fullmatch(r"NONE|J\d+", answer):
            self.link.distrust()
            raise Garbled(f"JOB:FIND? answered {answer!r}")
        return "" if answer == "NONE" else answer

    def last_job(self, wafer_id: str) -> str:
        """The handle of the last job that worked on a wafer, "" when there was none."""
        answer = self.link.ask(f'JOB:LAST? "{checked_name(wafer_id)}"')
        if not re.fullmatch(r"NONE|J\d+", answer):
            self.link.distrust()
            raise Garbled(f"JOB:LAST? answered {answer!r}")
        return "" if answer == "NONE" else answer

    def job_log_kept(self) -> bool:
        """False when the tool's job log was lost, so that an unknown token proves nothing."""
        answer = self.link.ask("JOB:MEM?")
        if answer not in ("KEPT", "LOST"):
            self.link.distrust()
            raise Garbled(f"JOB:MEM? answered {answer!r}")
        return answer == "KEPT"

    def job(self, handle: str) -> JobState:
        """How far the job is."""
        answer = self.link.ask(f'JOB:STAT? "{checked_name(handle)}"')
        parts = split_fields(answer)
        if len(parts) != 5 or parts[0] not in JOB_STATES:
            self.link.distrust()
            raise Garbled(f"JOB:STAT? answered {answer!r}")
        fraction, remaining, code = (self.finite(part) for part in parts[1:4])
        return JobState(handle, parts[0], fraction, remaining, int(code), parts[4])

    def number(self, query: str) -> float:
        """The finite number a query answers with; anything else is `Garbled`."""
        return self.finite(self.link.ask(query))

    def quoted(self, query: str) -> str:
        """The text between the quotes a query answers with; anything else is `Garbled`."""
        answer = self.link.ask(query)
        if not re.fullmatch(r'"[^"]*"', answer):
            self.link.distrust()
            raise Garbled(f"{query} answered {answer!r}")
        return answer[1:-1]

    def finite(self, text: str) -> float:
        """The finite number that `text` stands for; anything else is `Garbled`."""
        try:
            value = plain_number(text)
        except ValueError as error:
            self.link.distrust()
            raise Garbled(f"{text!r} is not a number") from error
        if not math.isfinite(value):
            self.link.distrust()
            raise Garbled(f"{text!r} is not a finite number")
        return value


def checked_name(name: str) -> str:
    """`name` if it can stand between quotes on the wire, else `LimitExceeded`."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:\-/]{0,79}", name):
        raise LimitExceeded("name", name, None, None, "letters, digits and . _ : - /")
    return name


def plain_number(text: str) -> float:
    """`float`, but for what only Python takes for a number; raises `ValueError`."""
    if "_" in text:
        raise ValueError(f"{text!r} is not a number")
    return float(text)


def unquoted(text: str) -> str:
    """`text` without the double quotes around it."""
    return text[1:-1] if len(text) >= 2 and text[0] == text[-1] == '"' else text


def split_fields(text: str) -> list[str]:
    """The comma-separated fields of an answer; commas inside quotes do not split."""
    return [unquoted(field.strip()) for field in re.findall(r'"[^"]*"|[^,]+', text)]
