"""One open VISA session and the shapes of message that travel on it.

Errors are PyVISA's own here; `Link` decides what they mean.
"""

from __future__ import annotations

import contextlib
import logging
import time
from typing import Any, Protocol, cast

import pyvisa
from pyvisa.constants import ResourceAttribute, StatusCode
from pyvisa.resources import MessageBasedResource

from instruments import strict_socket
from instruments.errors import Garbled
from instruments.resource_name import Resource

strict_socket.install()
logging.getLogger("pyvisa").setLevel(logging.CRITICAL)

# What PyVISA and PyVISA-py are known to raise. Not `Exception`: an exception thrown into the
# exchange by a signal handler must reach whoever set that handler.
VISA_FAILURES = (
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
_LINE = 4096
_BLOCK = 1 << 20
_LONGEST_LINE = 1 << 16
_LONGEST_BLOCK = 1 << 31


class _StrictSession(Protocol):
    """What the strict sessions offer beyond PyVISA's own methods."""

    timeout: float | None

    def speaks_unasked(self) -> bool: ...
    def left_over(self) -> bool: ...


class VisaWire:
    """An open session with `resource`; the constructor raises one of `VISA_FAILURES`."""

    def __init__(self, resource: Resource, open_timeout_s: float) -> None:
        # The manager is one per process and owns every session, so it is never closed.
        visa = pyvisa.ResourceManager("@py").open_resource(
            resource.text, open_timeout=int(open_timeout_s * 1e3)
        )
        self._visa = cast(MessageBasedResource, visa)
        self._handle = visa.session
        self._is_stream = resource.wire == "socket"
        self._ends = 0.0
        self._session: _StrictSession = cast(Any, visa.visalib).sessions[self._handle]
        self._quiet = contextlib.ExitStack()
        self._quiet.enter_context(self._visa.ignore_warning(StatusCode.success_max_count_read))
        self._end_at_line_feed(self._is_stream)

    def _end_at_line_feed(self, enabled: bool) -> None:
        if self._is_stream:
            self._visa.set_visa_attribute(ResourceAttribute.termchar_enabled, enabled)

    def speaks_unasked(self) -> bool:
        """Whether bytes, or the end of the connection, wait although nothing was asked."""
        return self._session.speaks_unasked()

    def write(self, line: str, timeout_s: float) -> None:
        """Send one message; `timeout_s` is for it and its whole answer, in however many pieces."""
        self._ends = time.monotonic() + timeout_s
        self._session.timeout = timeout_s
        self._visa.visalib.write(self._handle, line.encode("ascii") + b"\n")

    def read_line(self) -> str:
        """One line of printable ASCII, and nothing after it."""
        raw = self._message(_LINE, _LONGEST_LINE)
        if not raw.endswith(b"\n") or b"\n" in raw[:-1] or self._session.left_over():
            raise Garbled(f"not one line of text: {raw[:60]!r}")
        text = raw.rstrip(b"\r\n")
        if not text.isascii() or not text.decode("ascii").isprintable():
            raise Garbled(f"not text: {raw[:60]!r}")
        return text.decode("ascii")

    def read_block(self) -> bytes:
        """The contents of one definite-length block (IEEE 488.2 §8.7.9)."""
        if not self._is_stream:
            return _unwrapped(self._message(_BLOCK, _LONGEST_BLOCK))
        self._end_at_line_feed(False)
        try:
            return self._counted_block()
        finally:
            self._end_at_line_feed(True)

    def _message(self, chunk: int, limit: int) -> bytes:
        raw, status = bytearray(), StatusCode.success_max_count_read
        while status == StatusCode.success_max_count_read and len(raw) < limit:
            more, status = self._read(chunk)
            raw += more
        return bytes(raw)

    def _read(self, count: int) -> tuple[bytes, StatusCode]:
        left_s = self._ends - time.monotonic()
        if left_s <= 0:
            raise pyvisa.VisaIOError(StatusCode.error_timeout)
        self._session.timeout = left_s
        return self._visa.visalib.read(self._handle, count)

    def _counted_block(self) -> bytes:
        head = self._exactly(2)
        if head[:1] != b"#" or not head[1:].isdigit() or head == b"#0":
            raise Garbled(f"not a definite-length block: {head!r}")
        digits = self._exactly(int(head[1:]))
        if not digits.isdigit():
            raise Garbled(f"not the length of a block: {digits!r}")
        body = self._exactly(int(digits) + 1)
        if body[-1:] != b"\n" or self._session.left_over():
            raise Garbled("the block does not end where it says")
        return body[:-1]

    def _exactly(self, count: int) -> bytes:
        return self._read(count)[0]

    def clear(self, timeout_s: float) -> str:
        """Device clear, or what a raw socket has instead."""
        self._session.timeout = timeout_s
        self._visa.clear()
        return ""

    def status_byte(self, timeout_s: float) -> str:
        """The status byte in digits, asked for beside the messages; not on a raw socket."""
        self._session.timeout = timeout_s
        return str(int(self._visa.read_stb()))

    def close(self) -> None:
        """End the session."""
        self._visa.close()


def brief(error: BaseException) -> str:
    """A VISA error by its name, any other by its text."""
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
