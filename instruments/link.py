"""One VISA session to one tool, honest about failure.

The rule that carries everything: a link is *dirty* from before each exchange until a full good
answer is in. A dirty link is never used again. The next call closes it, opens a new one, clears
the tool's buffers, makes sure that the registered tool still answers there, and empties its
error queue. That one rule holds through timeouts, signals, garbage and late answers alike.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar, cast

import numpy as np
import pyvisa
from numpy.typing import NDArray
from pyvisa.constants import ResourceAttribute, StatusCode
from pyvisa.resources import MessageBasedResource

from instruments import strict_socket
from instruments.errors import (
    ConnectionLost,
    Garbled,
    InstrumentError,
    NotConnected,
    Rejected,
    Timeout,
    WrongInstrument,
)
from instruments.resource_name import InvalidResource, Resource, Wire, parse_resource

__all__ = ["Exchange", "InvalidResource", "Link", "Resource", "Wire", "parse_resource"]

strict_socket.install()
logging.getLogger("pyvisa").setLevel(logging.CRITICAL)

OPEN_TIMEOUT_S = 2.0
ERROR_QUEUE_BOUND = 20
_LINE = 4096
_BLOCK = 1 << 20
_LONGEST_LINE = 1 << 16
_Answer = TypeVar("_Answer")
_inherited: list[object] = []
"""Sessions of a parent process, kept alive so that no finaliser ever touches their wire."""


class _Session(Protocol):
    """What the strict sessions offer beyond PyVISA's own methods."""

    timeout: float | None

    def speaks_unasked(self) -> bool: ...
    def left_over(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question and its answer, as they were on the wire.

    `at` is UTC, `ms` the time from first byte out to last byte in, `error` empty when good.
    """

    at: datetime
    tx: str
    rx: str
    ms: float
    error: str = ""


class Link:
    """A lazily opened, self-healing session with one instrument.

    `serial` and `idn` (a regular expression) are checked against `*IDN?` at each opening.
    `may_write` is called before every write and may raise `Halted`. `keep` bounds the wire log.
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
        self.identity = ""
        self._log: deque[tuple[float, str, str, float, str]] = deque(maxlen=keep)
        self._visa: MessageBasedResource | None = None
        self._session: _Session | None = None
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._dirty = False
        self._was_lost = False

    # ------------------------------------------------------------------ what callers use
    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """The last exchanges, oldest first."""
        return tuple(
            Exchange(datetime.fromtimestamp(at, UTC), tx, rx, ms, error)
            for at, tx, rx, ms, error in tuple(self._log)
        )

    def ask(self, line: str, timeout_s: float | None = None) -> str:
        """The answer to one query, without its line ending.

        Raises any `InstrumentError`; after one, the next call starts from a clean session.
        """
        self._notice_fork()
        with self._lock:
            self._ready()
            return self._exchange(line, timeout_s or self.timeout_s, self._read_line)

    def command(self, line: str, timeout_s: float | None = None) -> None:
        """Carry out one command, wait until it is done, and raise `Rejected` if it was refused.

        Command and `*OPC?` travel as one message; then the error queue is read to its end, so
        that an error belongs to the command that caused it.
        """
        self._notice_fork()
        with self._lock:
            self._ready()
            done = self._exchange(f"{line}\n*OPC?", timeout_s or self.timeout_s, self._read_line)
            if done != "1":
                self._dirty = True
                raise Garbled(f"{line}: *OPC? answered {done!r}")
            errors = self._drain_errors()
            if errors:
                raise Rejected(*errors[0], command=line)

    def block(
        self, line: str, dtype: str = "<f4", timeout_s: float | None = None
    ) -> NDArray[Any]:
        """The array of one definite-length binary block (IEEE 488.2 §8.7.9).

        One dimension, of `dtype`; raises `Garbled` when the block is not whole.
        """
        self._notice_fork()
        with self._lock:
            self._ready()
            raw = self._exchange(line, timeout_s or self.timeout_s, self._read_block)
            try:
                return np.frombuffer(raw, dtype=dtype).copy()
            except ValueError as error:
                self._dirty = True
                raise Garbled(f"{line}: {len(raw)} bytes are no array of {dtype}") from error

    def clear(self) -> None:
        """Make the tool forget pending input and output."""
        self._notice_fork()
        with self._lock:
            self._ready()
            self._clear()

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
            if self._visa is not None:
                _inherited.append(self._visa)
            self._visa = self._session = None
            self._lock = threading.RLock()
            self._pid = os.getpid()
            self._dirty = False

    def _ready(self) -> None:
        if self._session is not None and not self._dirty and not self._session.speaks_unasked():
            return
        recovering = self._visa is not None or self._was_lost
        self._drop()
        self._allowed_to_write()
        self._open()
        try:
            self._recover() if recovering else self._check_identity()
        except (Timeout, Garbled, ConnectionLost) as error:
            self._drop()
            self._was_lost = True
            raise NotConnected(f"{self.resource} does not identify itself: {error}") from error
        except InstrumentError:
            self._drop()
            raise
        self._was_lost = False

    def _open(self) -> None:
        # Never close the manager: there is one per process and it owns every session.
        started = time.time()
        try:
            visa = pyvisa.ResourceManager("@py").open_resource(
                self.resource.text, open_timeout=int(OPEN_TIMEOUT_S * 1e3)
            )
        except _PYVISA_FAILURES as error:
            self._note(started, "(open)", "", error)
            raise NotConnected(f"{self.resource} cannot be opened: {_brief(error)}") from error
        self._visa = cast(MessageBasedResource, visa)
        self._session = cast(Any, visa.visalib).sessions[visa.session]
        if self.resource.wire == "socket":
            visa.set_visa_attribute(ResourceAttribute.termchar_enabled, True)
        self._dirty = False

    def _recover(self) -> None:
        self._clear()
        self._check_identity()
        self._drain_errors()

    def _check_identity(self) -> None:
        self.identity = self._exchange("*IDN?", self.timeout_s, self._read_line)
        fields = [field.strip() for field in self.identity.split(",")]
        right_kind = self.idn.match(self.identity)
        if len(fields) != 4:
            raise Garbled(f"*IDN? answered {self.identity!r}")
        if not right_kind or (self.serial is not None and fields[2] != self.serial):
            raise WrongInstrument(
                f"{self.resource} is {self.identity!r}, expected serial {self.serial or 'any'} "
                f"of {self.idn.pattern or 'any kind'}"
            )

    def _drop(self) -> None:
        visa, self._visa, self._session = self._visa, None, None
        if visa is None:
            return
        try:
            visa.close()
        except _PYVISA_FAILURES as error:
            self._note(time.time(), "(close)", "", error)

    # ------------------------------------------------------------------ one exchange
    def _allowed_to_write(self) -> None:
        if self.may_write is not None:
            self.may_write()

    def _exchange(self, line: str, timeout_s: float, read: Callable[[], _Answer]) -> _Answer:
        self._allowed_to_write()
        assert self._visa is not None and self._session is not None
        self._dirty = True
        self._session.timeout = timeout_s
        began, clock = time.time(), time.perf_counter()
        try:
            self._visa.visalib.write(self._visa.session, line.encode("ascii") + b"\n")
            answer = read()
        except InstrumentError as error:
            self._note(began, line, "", error, clock)
            raise
        except _PYVISA_FAILURES as error:
            self._note(began, line, "", error, clock)
            raise self._translated(line, timeout_s, error) from error
        received = answer if isinstance(answer, str) else f"({len(cast(bytes, answer))} bytes)"
        self._log.append((began, line, received, (time.perf_counter() - clock) * 1e3, ""))
        self._dirty = False
        return answer

    def _translated(self, line: str, timeout_s: float, error: Exception) -> InstrumentError:
        code = getattr(error, "error_code", None)
        if code == StatusCode.error_timeout:
            return Timeout(f"{line}: no answer within {timeout_s:g} s")
        if code == StatusCode.error_connection_lost or isinstance(error, OSError):
            return ConnectionLost(f"{line}: the connection ended before the answer")
        if code == StatusCode.error_resource_locked:
            return NotConnected(f"{line}: another client holds the instrument's lock")
        return Garbled(f"{line}: {_brief(error)}")

    def _read_line(self) -> str:
        assert self._visa is not None and self._session is not None
        raw = self._read_message(_LINE, _LONGEST_LINE)
        if not raw.endswith(b"\n") or b"\n" in raw[:-1] or self._session.left_over():
            raise Garbled(f"not one line of text: {raw[:60]!r}")
        text = raw.rstrip(b"\r\n")
        if not text.isascii() or not text.decode("ascii").isprintable():
            raise Garbled(f"not text: {raw[:60]!r}")
        return text.decode("ascii")

    def _read_message(self, chunk: int, limit: int) -> bytes:
        assert self._visa is not None
        read, session = self._visa.visalib.read, self._visa.session
        raw, status = read(session, chunk)
        while status == StatusCode.success_max_count_read and len(raw) < limit:
            more, status = read(session, chunk)
            raw += more
        return raw

    def _read_block(self) -> bytes:
        if self.resource.wire == "socket":
            return self._read_block_by_count()
        return _unwrapped(self._read_message(_BLOCK, 1 << 31))

    def _read_block_by_count(self) -> bytes:
        assert self._visa is not None and self._session is not None
        self._visa.set_visa_attribute(ResourceAttribute.termchar_enabled, False)
        try:
            head = self._read_exactly(2)
            if head[:1] != b"#" or not head[1:].isdigit() or head == b"#0":
                raise Garbled(f"not a definite-length block: {head!r}")
            digits = self._read_exactly(int(head[1:]))
            if not digits.isdigit():
                raise Garbled(f"not the length of a block: {digits!r}")
            body = self._read_exactly(int(digits) + 1)
            if body[-1:] != b"\n" or self._session.left_over():
                raise Garbled("the block does not end where it says")
            return body[:-1]
        finally:
            self._visa.set_visa_attribute(ResourceAttribute.termchar_enabled, True)

    def _read_exactly(self, count: int) -> bytes:
        assert self._visa is not None
        return self._visa.visalib.read(self._visa.session, count)[0]

    def _clear(self) -> None:
        self._allowed_to_write()
        assert self._visa is not None and self._session is not None
        self._dirty = True
        self._session.timeout = self.timeout_s
        began, clock = time.time(), time.perf_counter()
        try:
            self._visa.clear()
        except _PYVISA_FAILURES as error:
            self._note(began, "(clear)", "", error, clock)
            raise self._translated("(clear)", self.timeout_s, error) from error
        self._dirty = False

    def _drain_errors(self) -> list[tuple[int, str]]:
        found: list[tuple[int, str]] = []
        for _ in range(ERROR_QUEUE_BOUND):
            answer = self._exchange("SYST:ERR?", self.timeout_s, self._read_line)
            code, _, text = answer.partition(",")
            if not re.fullmatch(r"[+-]?\d+", code):
                self._dirty = True
                raise Garbled(f"SYST:ERR? answered {answer!r}")
            if int(code) == 0:
                break
            found.append((int(code), text.strip().strip('"')))
        return found

    def _note(
        self, began: float, tx: str, rx: str, error: Exception, clock: float | None = None
    ) -> None:
        ms = 0.0 if clock is None else (time.perf_counter() - clock) * 1e3
        self._log.append((began, tx, rx, ms, f"{type(error).__name__}: {_brief(error)}"))


# What PyVISA and PyVISA-py are known to raise. Not `Exception`: an exception thrown into the
# exchange by a signal handler must reach whoever set that handler.
_PYVISA_FAILURES = (
    pyvisa.errors.Error,
    OSError,
    RuntimeError,
    AssertionError,
    ValueError,
    EOFError,
    KeyError,
    AttributeError,
    TypeError,
)


def _brief(error: BaseException) -> str:
    return str(getattr(error, "abbreviation", "") or error)


def _unwrapped(raw: bytes) -> bytes:
    digits = int(raw[1:2]) if raw[:1] == b"#" and raw[1:2].isdigit() else 0
    length = raw[2 : 2 + digits]
    if digits == 0 or not length.isdigit():
        raise Garbled(f"not a definite-length block: {raw[:20]!r}")
    body = raw[2 + digits :]
    if len(body) != int(length) + 1 or body[-1:] != b"\n":
        raise Garbled(f"a block of {int(length)} bytes came with {len(body)}")
    return body[:-1]
