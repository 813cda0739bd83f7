"""One VISA session to one tool, honest about failure.

The rule that carries everything: a link is *dirty* from before each exchange until a full good
answer is in. A dirty link is never used again. The next call closes it, opens a new one, clears
the tool's buffers, makes sure that the registered tool still answers there, and empties its
error queue. That one rule holds through timeouts, signals, garbage and late answers alike.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray
from pyvisa.constants import StatusCode

from instruments.errors import (
    ConnectionLost,
    Garbled,
    InstrumentError,
    LimitExceeded,
    NotConnected,
    Rejected,
    Timeout,
    WrongInstrument,
)
from instruments.resource_name import InvalidResource, Resource, Wire, parse_resource
from instruments.visa_wire import VISA_FAILURES, VisaWire, brief

__all__ = ["Exchange", "InvalidResource", "Link", "Resource", "Wire", "parse_resource"]

OPEN_TIMEOUT_S = 2.0
ERROR_QUEUE_BOUND = 20
_Answer = TypeVar("_Answer", bound="str | bytes")
_inherited: list[VisaWire] = []
"""Sessions of a parent process, kept alive so that no finaliser ever touches their wire."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question and its answer, as they were on the wire.

    `at` is UTC, `ms` the time from first byte out to last byte in, `error` empty when good,
    `about` what the caller was doing (`Link.about`), `number` how many exchanges of this link came
    before: what came after what is told by it, never by a clock that can be set.
    """

    at: datetime
    tx: str
    rx: str
    ms: float
    error: str = ""
    about: str = ""
    number: int = 0


class Link:
    """A lazily opened, self-healing session with one instrument.

    `serial` and `idn` (a regular expression) are checked against `*IDN?` at each opening.
    `may_write` is called before every write and may raise `Halted`; `permit` with every line that
    a caller wants sent, and may raise `LimitExceeded`. `keep` bounds the wire log; each exchange
    is logged with what `about` is at that time.
    A link may be shared by threads (exchanges are serialised) and survives a fork: the child
    opens its own session and leaves the parent's alone.
    """

    def __init__(
        self,
        resource: str,
        *,
        serial: str | None = None,
        idn: str = "",
        timeout_s: float = 2.0,
        may_write: Callable[[], None] | None = None,
        keep: int = 500,
    ) -> None:
        self.resource = parse_resource(resource)
        self.serial = serial
        self.idn = re.compile(idn)
        self.timeout_s = timeout_s
        self.may_write = may_write
        self.permit: Callable[[str], None] | None = None
        self.about = ""
        self.identity = ""
        self.logged = 0
        self._log: deque[tuple[float, str, str, float, str, str, int]] = deque(maxlen=keep)
        self._wire: VisaWire | None = None
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._dirty = False
        self._recovering = False

    # ------------------------------------------------------------------ what callers use
    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """The last exchanges, oldest first."""
        return tuple(
            Exchange(datetime.fromtimestamp(at, UTC), tx, rx, ms, error, about, number)
            for at, tx, rx, ms, error, about, number in tuple(self._log)
        )

    def ask(self, line: str, timeout_s: float | None = None) -> str:
        """The answer to one query, without its line ending.

        Raises any `InstrumentError`; after one, the next call starts from a clean session.
        """
        self._permitted(line)
        self._notice_fork()
        with self._lock:
            wire = self._ready()
            return self._exchange(wire, line, wire.read_line, timeout_s)

    def command(self, line: str, timeout_s: float | None = None) -> None:
        """Carry out one command, wait until it is done, and raise `Rejected` if it was refused.

        Command and `*OPC?` travel as one message; then the error queue is read to its end, so
        that an error belongs to the command that caused it.
        """
        self._permitted(line)
        self._notice_fork()
        with self._lock:
            wire = self._ready()
            done = self._exchange(wire, f"{line}\n*OPC?", wire.read_line, timeout_s)
            if done != "1":
                self._dirty = True
                raise Garbled(f"{line}: *OPC? answered {done!r}")
            errors = self._drain_errors(wire)
            if errors:
                raise Rejected(*errors[0], command=line)

    def block(
        self, line: str, dtype: DTypeLike = "<f4", timeout_s: float | None = None
    ) -> NDArray[Any]:
        """The array of one definite-length binary block (IEEE 488.2 §8.7.9).

        One dimension, of `dtype`; raises `Garbled` when the block is not whole.
        """
        self._permitted(line)
        self._notice_fork()
        with self._lock:
            wire = self._ready()
            raw = self._exchange(wire, line, wire.read_block, timeout_s)
            try:
                return np.frombuffer(raw, dtype=dtype).copy()
            except ValueError as error:
                self._dirty = True
                raise Garbled(f"{line}: {len(raw)} bytes are no array of {dtype}") from error

    def clear(self) -> None:
        """Make the tool forget pending input and output."""
        self._notice_fork()
        with self._lock:
            self._clear(self._ready())

    def status_byte(self) -> int:
        """The status byte (IEEE 488.2 §11.2): beside the messages, or by `*STB?` on a raw socket.

        HiSLIP and VXI-11 answer it while the tool still works on a message.
        """
        if self.resource.wire == "socket":
            return self._byte(self.ask("*STB?"))
        self._notice_fork()
        with self._lock:
            wire = self._ready()
            return self._byte(self._aside("(status)", lambda: wire.status_byte(self.timeout_s)))

    def _byte(self, answer: str) -> int:
        if not re.fullmatch(r"\d{1,3}", answer) or int(answer) > 255:
            self._dirty = True
            raise Garbled(f"{answer!r} is no status byte")
        return int(answer)

    def distrust(self) -> None:
        """Treat the session as dirty: its last answer made no sense to the caller."""
        self._dirty = True

    def close(self) -> None:
        """End the session; the next call opens another. Never raises."""
        self._notice_fork()
        with self._lock:
            self._drop()

    # ------------------------------------------------------------------ opening
    def _notice_fork(self) -> None:
        if self._pid != os.getpid():
            if self._wire is not None:
                _inherited.append(self._wire)
            self._wire = None
            self._lock = threading.RLock()
            self._pid = os.getpid()
            self._dirty = self._recovering = False

    def _ready(self) -> VisaWire:
        wire = self._wire
        if wire is not None and not self._dirty and not wire.speaks_unasked():
            return wire
        self._recovering = self._recovering or wire is not None
        self._drop()
        self._allowed_to_write()
        wire = self._open()
        try:
            if self._recovering:
                self._clear(wire)
            self._check_identity(wire)
            # What a session before us left behind must not be blamed on our first command.
            self._drain_errors(wire)
        except (Timeout, Garbled, ConnectionLost) as error:
            self._drop()
            raise NotConnected(f"{self.resource} does not identify itself: {error}") from error
        except InstrumentError:
            self._drop()
            raise
        self._recovering = False
        return wire

    def _open(self) -> VisaWire:
        began = time.time()
        try:
            wire = VisaWire(self.resource, min(OPEN_TIMEOUT_S, self.timeout_s))
        except VISA_FAILURES as error:
            self._note(began, "(open)", error)
            raise NotConnected(f"{self.resource} cannot be opened: {brief(error)}") from error
        self._wire, self._dirty = wire, False
        return wire

    def _check_identity(self, wire: VisaWire) -> None:
        self.identity = self._exchange(wire, "*IDN?", wire.read_line, None)
        fields = [field.strip() for field in self.identity.split(",")]
        if len(fields) != 4:
            raise Garbled(f"*IDN? answered {self.identity!r}")
        right_kind = self.idn.match(self.identity)
        if not right_kind or (self.serial is not None and fields[2] != self.serial):
            raise WrongInstrument(
                f"{self.resource} is {self.identity!r}, expected serial {self.serial or 'any'} "
                f"of {self.idn.pattern or 'any kind'}"
            )

    def _drop(self) -> None:
        wire, self._wire = self._wire, None
        if wire is None:
            return
        began = time.time()
        try:
            wire.close()
        except VISA_FAILURES as error:
            self._note(began, "(close)", error)

    # ------------------------------------------------------------------ one exchange
    def _permitted(self, line: str) -> None:
        if self.permit is not None:
            self.permit(line)

    def _allowed_to_write(self) -> None:
        if self.may_write is not None:
            self.may_write()

    def _exchange(
        self, wire: VisaWire, line: str, read: Callable[[], _Answer], timeout_s: float | None
    ) -> _Answer:
        if self.may_write is not None:
            self.may_write()
        if not line.isascii():
            raise LimitExceeded("command", line, None, None, "ASCII")
        allowed_s = timeout_s or self.timeout_s
        self._dirty = True
        began, clock = time.time(), time.perf_counter()
        try:
            wire.write(line, allowed_s)
            answer = read()
        except Garbled as error:
            self._note(began, line, error, clock)
            raise
        except VISA_FAILURES as error:
            self._note(began, line, error, clock)
            raise _translated(line, allowed_s, error) from error
        received = answer if isinstance(answer, str) else f"({len(answer)} bytes)"
        ms = (time.perf_counter() - clock) * 1e3
        self._log.append((began, line, received, ms, "", self.about, self.logged))
        self.logged += 1
        self._dirty = False
        return answer

    def _clear(self, wire: VisaWire) -> None:
        self._aside("(clear)", lambda: wire.clear(self.timeout_s))

    def _aside(self, what: str, call: Callable[[], str]) -> str:
        """What travels beside the messages: device clear and status."""
        self._allowed_to_write()
        self._dirty = True
        began, clock = time.time(), time.perf_counter()
        try:
            answer = call()
        except VISA_FAILURES as error:
            self._note(began, what, error, clock)
            raise _translated(what, self.timeout_s, error) from error
        ms = (time.perf_counter() - clock) * 1e3
        self._log.append((began, what, answer, ms, "", self.about, self.logged))
        self.logged += 1
        self._dirty = False
        return answer

    def _drain_errors(self, wire: VisaWire) -> list[tuple[int, str]]:
        found: list[tuple[int, str]] = []
        for _ in range(ERROR_QUEUE_BOUND):
            answer = self._exchange(wire, "SYST:ERR?", wire.read_line, None)
            code, _, text = answer.partition(",")
            # A number alone is the answer to another question, come twice.
            if not re.fullmatch(r"[+-]?\d{1,9}", code) or not text:
                self._dirty = True
                raise Garbled(f"SYST:ERR? answered {answer!r}")
            if int(code) == 0:
                break
            found.append((int(code), text.strip().strip('"')))
        return found

    def _note(self, began: float, tx: str, error: Exception, clock: float | None = None) -> None:
        ms = 0.0 if clock is None else (time.perf_counter() - clock) * 1e3
        words = f"{type(error).__name__}: {brief(error)}"
        self._log.append((began, tx, "", ms, words, self.about, self.logged))
        self.logged += 1


def _translated(line: str, timeout_s: float, error: Exception) -> InstrumentError:
    code = getattr(error, "error_code", None)
    if code == StatusCode.error_timeout:
        return Timeout(f"{line}: no answer within {timeout_s:g} s")
    if code == StatusCode.error_connection_lost or isinstance(error, OSError):
        return ConnectionLost(f"{line}: the connection ended before the answer")
    if code == StatusCode.error_resource_locked:
        return NotConnected(f"{line}: another client holds the instrument's lock")
    return Garbled(f"{line}: {brief(error)}")
