"""A TCP socket that keeps its deadline and says so when the peer is gone.

PyVISA-py's sessions treat an ended connection as "no data yet" and start the clock again at
every byte. This wrapper has the few methods those sessions call, and none of those habits.
"""

from __future__ import annotations

import select
import socket
import time

from pyvisa.constants import StatusCode
from pyvisa_py.sessions import OpenError

DEFAULT_OPEN_S = 2.0

_KEEPALIVE = (
    ("TCP_KEEPIDLE", 5),
    ("TCP_KEEPINTVL", 2),
    ("TCP_KEEPCNT", 3),
    ("TCP_USER_TIMEOUT", 10_000),
)


class HonestSocket:
    """One connected TCP socket with a deadline for a whole exchange.

    `arm(seconds)` starts the clock; every later call ends by then with `TimeoutError`.
    The end of the connection raises `ConnectionResetError` at once.
    """

    def __init__(self, host: str, port: int, open_timeout_s: float) -> None:
        self._socket = socket.create_connection((host, port), timeout=open_timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE:
            if hasattr(socket, name):
                self._socket.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        self._deadline: float | None = None
        self.arm(open_timeout_s)

    def arm(self, seconds: float | None) -> None:
        """Allow `seconds` from now for everything that follows; None means no limit."""
        self._deadline = None if seconds is None else time.monotonic() + seconds
        self._socket.settimeout(seconds)

    def settimeout(self, seconds: float | None) -> None:
        """Same as `arm`; the name PyVISA-py's HiSLIP client uses."""
        self.arm(seconds)

    def _tighten(self) -> None:
        if self._deadline is None:
            return
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline of this exchange has passed")
        self._socket.settimeout(left)

    def recv(self, count: int) -> bytes:
        """Up to `count` bytes; never b""."""
        self._tighten()
        data = self._socket.recv(count)
        if not data:
            raise ConnectionResetError("the tool closed the connection")
        return data

    def recv_into(self, buffer: memoryview, count: int) -> int:
        """Fill up to `count` bytes of `buffer`; never 0 unless `count` is 0."""
        if count == 0:
            return 0
        self._tighten()
        got = self._socket.recv_into(buffer, count)
        if got == 0:
            raise ConnectionResetError("the tool closed the connection")
        return got

    def sendall(self, data: bytes | bytearray) -> None:
        """Send everything before the deadline."""
        self._tighten()
        self._socket.sendall(data)

    def speaks_unasked(self) -> bool:
        """Whether bytes, or the end of the connection, are waiting before we asked anything."""
        return bool(self._poll.poll(0))

    def setsockopt(self, level: int, option: int, value: int) -> None:
        """Passed on; PyVISA-py's attributes use it."""
        self._socket.setsockopt(level, option, value)

    def getsockopt(self, level: int, option: int) -> int:
        """Passed on; PyVISA-py's attributes use it."""
        return self._socket.getsockopt(level, option)

    def fileno(self) -> int:
        """For `select`."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close this process's end."""
        self._socket.close()


def connect(host: str, port: int, open_timeout_ms: int | None) -> HonestSocket:
    """A connected socket, or PyVISA-py's `OpenError` with the code that says why not."""
    try:
        return HonestSocket(host, port, (open_timeout_ms or DEFAULT_OPEN_S * 1e3) / 1e3)
    except TimeoutError as error:
        raise OpenError(StatusCode.error_timeout) from error
    except OSError as error:
        raise OpenError(StatusCode.error_resource_not_found) from error
