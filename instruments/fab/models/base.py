"""What every simulated tool does, written from `instruments/common.md`.

A model has no timers. It is told the time by its clock and works out, whenever somebody looks,
how far its job has come; so a test can move the clock by hand and nothing runs behind its back.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from instruments.fab.housekeeping import CHANNELS as HOUSEKEEPING
from instruments.fab.housekeeping import LAST_SAMPLE, Housekeeping
from instruments.fab.world import STOCKER, NoSuchThing, Wafer, World

DOCK_S = 12.0
QUEUE = 20
JOBS_WITH_DATA = 200
"""Older jobs keep their token and state, and lose their results and traces."""
Reply = str | bytes | None
Handler = Callable[[str], Reply]


class Refuse(Exception):
    """A command is refused with an error code and text (common.md)."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclass(frozen=True)
class Number:
    """A numeric setting with its limits."""

    low: float
    high: float
    default: float
    whole: bool = False

    def read(self, text: str) -> float:
        """The value in `text`, or `Refuse`."""
        if not text:
            raise Refuse(-109, "Missing parameter")
        try:
            # Python would read an underscore as nothing; no instrument does.
            value = float(text.replace("_", "?"))
        except ValueError as error:
            raise Refuse(-224, "Illegal parameter value") from error
        if not (math.isfinite(value) and self.low <= value <= self.high):
            raise Refuse(-222, "Data out of range")
        if self.whole and not value.is_integer():
            raise Refuse(-222, "Data out of range")
        return value

    def show(self, value: object) -> str:
        """The value as it stands on the wire."""
        return f"{value:.9g}"


@dataclass(frozen=True)
class Word:
    """A setting that takes one of a few words."""

    words: tuple[str, ...]
    default: str

    def read(self, text: str) -> str:
        """The word in `text`, or `Refuse`."""
        if not text:
            raise Refuse(-109, "Missing parameter")
        if text.upper() not in self.words:
            raise Refuse(-224, "Illegal parameter value")
        return text.upper()

    def show(self, value: object) -> str:
        """The word as it stands on the wire."""
        return str(value)


@dataclass(frozen=True)
class Name:
    """A quoted name."""

    default: str = "NONE"

    def read(self, text: str) -> str:
        """The name in `text`, or `Refuse`."""
        if not re.fullmatch(r'"[A-Z0-9._-]{1,40}"', text):
            raise Refuse(-224, "Illegal parameter value")
        return text[1:-1]

    def show(self, value: object) -> str:
        """The name as it stands on the wire."""
        return f'"{value}"'


@dataclass
class Job:
    """One wafer's processing; `data` is the tool's own working state."""

    handle: str
    token: str
    slot: int
    wafer_id: str
    settings: dict[str, Any]
    started: float
    duration: float
    state: str = "RUNNING"
    ended: float = 0.0
    code: int = 0
    text: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    is_forgotten: bool = False
    """What it found is no longer kept."""

    def forget(self) -> None:
        """Keep no more than what became of it."""
        self.data, self.is_forgotten = {}, True

    def fraction(self, now: float) -> float:
        """How much of the job's time has passed, 0 to 1."""
        until = now if self.state == "RUNNING" else self.ended
        return min(1.0, max(0.0, (until - self.started) / self.duration))


class ToolModel:
    """State machine, error queue, load port and jobs; the subclasses add the physics."""

    model: ClassVar[str] = ""
    settings_table: ClassVar[dict[str, Number | Word | Name]] = {}
    channels: ClassVar[tuple[str, ...]] = ()
    process_faults: ClassVar[dict[str, str]] = {}
    """What may be wrong with the process while every wire works, and the unit of its amount."""
    own_counters: ClassVar[tuple[str, ...]] = ()
    """Counters beyond the common ones; they outlive a power cut like those."""

    def __init__(self, name: str, serial: str, seed: int, world: World) -> None:
        self.name = name
        self.serial = serial
        self.world = world
        self.clock = world.clock
        self.neighbours: dict[str, ToolModel] = {}
        self.rng = np.random.default_rng([seed, 11])
        # Of what only the sensors show: to look at one changes no wafer.
        self.flicker = np.random.default_rng([seed, 13])
        self.housekeeping = Housekeeping(seed)
        self.firmware = "2.4.1"
        self.errors: deque[tuple[int, str]] = deque()
        self.settings = {head: row.default for head, row in self.settings_table.items()}
        self.carrier_id = ""
        self.docked_at = 0.0
        self.jobs: dict[str, Job] = {}
        self.by_token: dict[str, str] = {}
        self.running: Job | None = None
        self.is_safe = False
        self.memory_kept = True
        self.counters = {"starts": 0, "wafers": 0, "safes": 0, "restarts": 0}
        self.counters |= dict.fromkeys(self.own_counters, 0)
        self.disturbances: dict[str, float] = {}
        self.handlers: dict[str, Handler] = self._common_handlers() | self.own_handlers()

    # ------------------------------------------------------------------ what subclasses say
    def own_handlers(self) -> dict[str, Handler]:
        """The tool's own commands by head."""
        return {}

    def check_start(self, wafer: Wafer) -> None:
        """Raise `Refuse` when the wafer or the settings do not allow a start."""

    def duration_s(self, wafer: Wafer) -> float:
        """Physical seconds one job takes."""
        raise AssertionError(f"{type(self).__name__} does not say how long its jobs take")

    def on_start(self, job: Job, wafer: Wafer) -> None:
        """A job begins."""

    def work(self, job: Job, wafer: Wafer, fraction: float) -> None:
        """Bring the wafer to where `fraction` of the job's time leaves it."""

    def on_end(self, job: Job, wafer: Wafer) -> None:
        """A job has ended, whichever way; `job.state` says which."""

    def trace(self, job: Job, channel: str) -> NDArray[np.float32]:
        """The samples of one channel of a job that has ended."""
        raise Refuse(-224, "Illegal parameter value")

    def trace_step(self, job: Job, channel: str) -> float:
        """Seconds between samples."""
        return 1.0

    def make_safe(self) -> None:
        """Close and park what the tool has."""

    def carrier_leaves(self) -> None:
        """The carrier is about to go, with every wafer of it."""

    def reset_volatile(self) -> None:
        """Power was lost: forget what no battery keeps."""

    # ------------------------------------------------------------------ faults of the process
    def disturb(self, kind: str, amount: float) -> None:
        """From the next job on the process is off by `amount`; 0 ends it.

        `ValueError` for a kind this tool does not know or a number that is none.
        """
        if kind not in self.process_faults:
            known = ", ".join(self.process_faults) or "nothing"
            raise ValueError(f"{kind!r} cannot go wrong on {self.name}; this can: {known}")
        if not math.isfinite(amount):
            raise ValueError(f"{amount} is no amount")
        self.disturbances.pop(kind, None)
        if amount:
            self.disturbances[kind] = float(amount)

    def record(self, job: Job, wafer: Wafer, **found: object) -> None:
        """Keep the truth about a job aside, with what was wrong with the process."""
        wafer.records.append({
            "tool": self.name, "handle": job.handle, "state": job.state,
            "faults": dict(job.data.get("faults", {})), **found,
        })  # fmt: skip

    # ------------------------------------------------------------------ executing a line
    def execute(self, line: str) -> bytes | None:
        """Carry out one command line; the answer with its line feed, or None."""
        self.advance()
        line = line.strip()
        if not line:
            return None
        head, _, argument = line.partition(" ")
        try:
            answer = self._dispatch(head.upper(), argument.strip())
        except Refuse as refusal:
            self.push_error(refusal.code, refusal.text)
            return None
        if answer is None:
            return None
        # A name that was delivered may be one that no tool can say.
        return (answer if isinstance(answer, bytes) else answer.encode("ascii", "replace")) + b"\n"

    def _dispatch(self, head: str, argument: str) -> Reply:
        handler = self.handlers.get(head)
        if handler is not None:
            return handler(argument)
        row = self.settings_table.get(head.removesuffix("?"))
        if row is None:
            raise Refuse(-113, "Undefined header")
        if head.endswith("?"):
            return row.show(self.settings[head[:-1]])
        if not argument:
            raise Refuse(-109, "Missing parameter")
        value = row.read(argument)
        self.check_setting(head, value)
        self.settings[head] = value
        return None

    def check_setting(self, head: str, value: float | str) -> None:
        """Raise `Refuse` when a setting conflicts with another."""

    def push_error(self, code: int, text: str) -> None:
        """Add to the error queue; the last place says that it overflowed."""
        if len(self.errors) < QUEUE:
            self.errors.append((code, text))
        else:
            self.errors[-1] = (-350, "Queue overflow")

    def status_byte(self) -> int:
        """Bit 2: the error queue is not empty."""
        return 4 if self.errors else 0

    def _common_handlers(self) -> dict[str, Handler]:
        return {
            "*IDN?": lambda _: f"SIMFAB,{self.model},{self.serial},{self.firmware}",
            "*OPC?": lambda _: "1",
            "*STB?": lambda _: str(self.status_byte()),
            "*CLS": lambda _: self.errors.clear(),
            "*RST": lambda _: self._reset_settings(),
            "SYST:ERR?": lambda _: self._next_error(),
            "STAT?": lambda _: self._status(),
            "SAFE": lambda _: self.safe(),
            "CARR:DOCK": self._dock,
            "CARR:STAT?": lambda _: self._port(),
            "CARR:MAP?": lambda _: f'"{self._docked().slot_map()}"',
            "CARR:WAF?": lambda a: self._wafer_in(self._slot(a)),
            "CARR:UND": lambda _: self._undock(),
            "JOB:STAR": self._start,
            "JOB:FIND?": lambda a: self.by_token.get(self._quoted(a), "NONE"),
            "JOB:LAST?": self._last_job,
            "JOB:STAT?": self._job_status,
            "JOB:ABOR": lambda _: self.end_running("ABORTED", "aborted by the host"),
            "JOB:MEM?": lambda _: "KEPT" if self.memory_kept else "LOST",
            "COUN:STAR?": lambda _: str(self.counters["starts"]),
            "COUN:WAF?": lambda _: str(self.counters["wafers"]),
            "COUN:SAFE?": lambda _: str(self.counters["safes"]),
            "DIAG:BLOC?": self._ramp,
            "LOG:CHAN?": lambda _: ",".join(f"{name}:{unit}" for name, unit in HOUSEKEEPING),
            "LOG:DATA?": self._log_data,
            "TRAC:DATA?": self._trace_data,
            "TRAC:DT?": self._trace_dt,
        }

    def _reset_settings(self) -> None:
        self.settings = {head: row.default for head, row in self.settings_table.items()}

    def _next_error(self) -> str:
        code, text = self.errors.popleft() if self.errors else (0, "No error")
        return f'{code},"{text}"'

    def state(self) -> str:
        """IDLE, READY, RUNNING or SAFE."""
        if self.running is not None:
            return "RUNNING"
        if self.is_safe:
            return "SAFE"
        return "READY" if self._is_docked() else "IDLE"

    def _status(self) -> str:
        text = f"slot {self.running.slot}" if self.running else ""
        numbers = ",".join(str(self.counters[k]) for k in ("starts", "wafers", "safes"))
        return f'{self.state()},"{text}","{self.carrier_id}",{numbers}'

    # ------------------------------------------------------------------ load port
    def _dock(self, argument: str) -> None:
        wanted = self._quoted(argument)
        if self.carrier_id == wanted:
            return
        if self.carrier_id:
            raise Refuse(-221, f"Settings conflict; {self.carrier_id} is docked")
        try:
            carrier = self.world.carrier(wanted)
        except NoSuchThing as error:
            raise Refuse(-241, f"Hardware missing; {error}") from error
        holder = self.neighbours.get(carrier.place)
        if holder is not None:
            holder.advance()
            if holder.running is not None:
                raise Refuse(-221, f"Settings conflict; {wanted} is in use at {holder.name}")
            holder.carrier_leaves()
            holder.carrier_id = ""
        carrier.place = self.name
        self.carrier_id, self.docked_at = wanted, self.clock.now() + DOCK_S

    def _is_docked(self) -> bool:
        return bool(self.carrier_id) and self.clock.now() >= self.docked_at

    def _port(self) -> str:
        if not self.carrier_id:
            return 'EMPTY,"",0'
        left = max(0.0, self.docked_at - self.clock.now())
        state = "DOCKING" if left else "DOCKED"
        return f'{state},"{self.carrier_id}",{self.clock.host_seconds(left):.4f}'

    def _docked(self) -> Any:
        if not self._is_docked():
            raise Refuse(-241, "Hardware missing; no carrier is docked")
        return self.world.carrier(self.carrier_id)

    def _wafer_in(self, slot: int) -> str:
        return f'"{self._docked().slots.get(slot, "")}"'

    def _undock(self) -> None:
        if self.running is not None:
            raise Refuse(-200, "Execution error; a job runs")
        if self.carrier_id:
            self.carrier_leaves()
            self.world.carrier(self.carrier_id).place = STOCKER
        self.carrier_id = ""

    # ------------------------------------------------------------------ jobs
    def _start(self, argument: str) -> None:
        token, slot = self._token_and_slot(argument)
        if token in self.by_token:
            return
        carrier = self._docked()
        if self.running is not None:
            raise Refuse(-221, "Settings conflict; a job runs")
        if carrier.marks.get(slot, "O") != "O" or slot not in carrier.slots:
            raise Refuse(-241, f"Hardware missing; slot {slot} holds no wafer to take")
        wafer = self.world.wafer(carrier.slots[slot])
        self.check_start(wafer)
        self._begin(token, slot, wafer)

    def _begin(self, token: str, slot: int, wafer: Wafer) -> None:
        self.counters["starts"] += 1
        handle = f"J{len(self.jobs) + 1:06d}"
        job = Job(
            handle, token, slot, wafer.wafer_id, dict(self.settings),
            self.clock.now(), self.duration_s(wafer),
        )  # fmt: skip
        self.jobs[handle] = self.running = job
        if old := self.jobs.get(f"J{len(self.jobs) - JOBS_WITH_DATA:06d}"):
            old.forget()
        self.by_token[token] = handle
        self.is_safe = False
        self.on_start(job, wafer)

    def advance(self) -> None:
        """Bring the running job to the present."""
        job = self.running
        if job is None:
            return
        now = self.clock.now()
        wafer = self.world.wafer(job.wafer_id)
        self.work(job, wafer, job.fraction(now))
        if now >= job.started + job.duration:
            self._end(job, "DONE", "", job.started + job.duration)

    def end_running(self, state: str, text: str, code: int = 0) -> None:
        """End the running job now, if there is one."""
        self.advance()
        if self.running is not None:
            self.running.code = code
            self._end(self.running, state, text, self.clock.now())

    def _end(self, job: Job, state: str, text: str, at: float) -> None:
        job.state, job.text, job.ended = state, text, at
        self.running = None
        self.on_end(job, self.world.wafer(job.wafer_id))

    def _last_job(self, argument: str) -> str:
        wafer_id = self._quoted(argument)
        handles = [job.handle for job in self.jobs.values() if job.wafer_id == wafer_id]
        return handles[-1] if handles else "NONE"

    def _job_status(self, argument: str) -> str:
        job = self.jobs.get(self._quoted(argument))
        if job is None:
            return 'UNKNOWN,0,0,0,"no such job"'
        now = self.clock.now()
        left = max(0.0, job.started + job.duration - now) if job.state == "RUNNING" else 0.0
        seconds = self.clock.host_seconds(left)
        text = job.text or "-"
        return f'{job.state},{job.fraction(now):.4f},{seconds:.4f},{job.code},"{text}"'

    def ended_job(self, handle: str) -> Job:
        """A job that has ended, or `Refuse`."""
        job = self.jobs.get(handle)
        if job is None:
            raise Refuse(-241, "Hardware missing; no such job")
        if job.state == "RUNNING":
            raise Refuse(-200, "Execution error; the job runs")
        if job.is_forgotten:
            raise Refuse(-241, "Hardware missing; the job's results are no longer kept")
        return job

    def _ramp(self, argument: str) -> bytes:
        count = int(Number(0, 1_000_000, 0, whole=True).read(argument))
        return block(np.arange(count, dtype=np.float32))

    def _log_data(self, argument: str) -> bytes:
        first = int(Number(0, LAST_SAMPLE, 0, whole=True).read(argument))
        return framed(self.housekeeping.rows(first).tobytes())

    def _trace_data(self, argument: str) -> bytes:
        job, channel = self._job_and_channel(argument)
        return block(self.trace(job, channel))

    def _trace_dt(self, argument: str) -> str:
        job, channel = self._job_and_channel(argument)
        return f"{self.trace_step(job, channel):.9g}"

    # ------------------------------------------------------------------ safety and power
    def safe(self) -> None:
        """Bring the tool to its safe state; every call counts."""
        self.end_running("ABORTED", "made safe")
        self.make_safe()
        self.is_safe = True
        self.counters["safes"] += 1

    def restart(self, *, lose_memory: bool = False) -> None:
        """Cut the power and boot again; the carrier stays where it is."""
        self.end_running("ABORTED", "power was lost", -240)
        self.make_safe()
        self.errors.clear()
        self._reset_settings()
        self.reset_volatile()
        self.counters["restarts"] += 1
        self.is_safe = False
        if lose_memory:
            self.jobs, self.by_token, self.memory_kept = {}, {}, False

    def restore_memory(self) -> None:
        """The tool was reinstalled: its job log counts again from here."""
        self.memory_kept = True

    # ------------------------------------------------------------------ reading arguments
    def _quoted(self, argument: str) -> str:
        if not argument:
            raise Refuse(-109, "Missing parameter")
        found = re.fullmatch(r'"([A-Za-z0-9][A-Za-z0-9._:\-/]{0,79})"', argument)
        if not found:
            raise Refuse(-224, "Illegal parameter value")
        return found[1]

    def _slot(self, argument: str) -> int:
        return int(Number(1, 25, 1, whole=True).read(argument))

    def _token_and_slot(self, argument: str) -> tuple[str, int]:
        token, comma, slot = argument.rpartition(",")
        if not comma:
            raise Refuse(-109, "Missing parameter")
        return self._quoted(token.strip()), self._slot(slot.strip())

    def _job_and_channel(self, argument: str) -> tuple[Job, str]:
        handle, comma, channel = argument.rpartition(",")
        if not comma:
            raise Refuse(-109, "Missing parameter")
        job = self.ended_job(self._quoted(handle.strip()))
        name = channel.strip().upper()
        if name not in self.channels:
            raise Refuse(-224, "Illegal parameter value")
        return job, name


def block(samples: NDArray[np.float32]) -> bytes:
    """A definite-length block of little-endian float32 (IEEE 488.2 §8.7.9)."""
    return framed(np.asarray(samples, dtype="<f4").tobytes())


def framed(raw: bytes) -> bytes:
    """A definite-length block of `raw`."""
    length = str(len(raw)).encode("ascii")
    return b"#%d%s" % (len(length), length) + raw
