"""VXI-11 sessions with deadlines, over PyVISA-py's own RPC packing."""

from __future__ import annotations

import contextlib
import os
import struct
import time
from collections.abc import Callable
from typing import Any

from pyvisa.constants import InterfaceType, ResourceAttribute, StatusCode
from pyvisa_py.protocols import rpc, vxi11, xdrlib
from pyvisa_py.sessions import OpenError
from pyvisa_py.tcpip import TCPIPInstrVxi11, Vxi11CoreClient

from instruments.honest_socket import HonestSocket, connect

_GRACE_S = 0.25
"""How long after its own io_timeout the tool may take to say that it timed out."""
_CLOSE_S = 0.3
_FOREVER_S = 3600.0
_PIECE = 1 << 20
_LONGEST_RECORD = _PIECE + 1024
"""The most that is ever asked for, and what the protocol puts around it."""
_CODES = {
    vxi11.ErrorCodes.no_error: StatusCode.success,
    vxi11.ErrorCodes.io_timeout: StatusCode.error_timeout,
    vxi11.ErrorCodes.device_locked_by_another_link: StatusCode.error_resource_locked,
    vxi11.ErrorCodes.operation_not_supported: StatusCode.error_nonsupported_operation,
}


class CallTimedOut(Exception):
    """A remote call ran out of time.

    Not a `TimeoutError`: PyVISA-py's client turns those into an ordinary I/O error.
    """


_FAILURES = (
    CallTimedOut,
    OSError,
    rpc.RPCError,
    xdrlib.Error,
    EOFError,
    struct.error,
    ValueError,
    MemoryError,
)


class StrictCalls(rpc.RawTCPClient):  # type: ignore[misc]
    """Remote calls on a socket that keeps its deadline."""

    sock: HonestSocket

    def connect(self, timeout: float) -> None:
        """Connect within `timeout` seconds; raises `OpenError`."""
        self.sock = connect(self.host, self.port, int(timeout * 1e3))
        self._received = bytearray()
        self.budget_s: float | None = timeout

    def make_call(
        self, proc: int, args: Any, pack: Callable[..., Any], unpack: Callable[..., Any]
    ) -> Any:
        """One remote call within `budget_s` plus the tool's grace."""
        self.sock.arm(None if self.budget_s is None else self.budget_s + _GRACE_S)
        try:
            return rpc.Client.make_call(self, proc, args, pack, unpack)
        except TimeoutError as error:
            raise CallTimedOut(f"remote procedure {proc}") from error

    def do_call(self) -> None:
        """Send the packed call; read records until the one that answers it."""
        call = self.packer.get_buf()
        self.sock.sendall(struct.pack(">I", 0x8000_0000 | len(call)) + call)
        while True:
            self.unpacker.reset(self._record())
            number, _ = self.unpacker.unpack_replyheader()
            if number == self.lastxid:
                return
            if number > self.lastxid:
                raise rpc.RPCError(f"answer {number} to a call that was never made")

    def _record(self) -> bytes:
        record, last = b"", False
        while not last:
            (mark,) = struct.unpack(">I", self._take(4))
            last = bool(mark & 0x8000_0000)
            if len(record) + (mark & 0x7FFF_FFFF) > _LONGEST_RECORD:
                raise rpc.RPCError("a record longer than any that was asked for")
            record += self._take(mark & 0x7FFF_FFFF)
        return record

    def _take(self, count: int) -> bytes:
        while len(self._received) < count:
            self._received += self.sock.recv(max(4096, min(count, 1 << 20)))
        taken = bytes(self._received[:count])
        del self._received[:count]
        return taken

    def speaks_unasked(self) -> bool:
        """Whether the tool sent something, or hung up, before it was asked."""
        return bool(self._received) or self.sock.speaks_unasked()


class StrictPortMapper(StrictCalls, rpc.TCPPortMapperClient):  # type: ignore[misc]
    """Knows on which port a host's core channel listens."""


class StrictVxi11Client(StrictCalls, Vxi11CoreClient):  # type: ignore[misc]
    """The core channel; where no port is given the host's portmapper is asked."""

    def __init__(self, host: str, port: int | None, open_timeout_ms: int) -> None:
        super().__init__(host, port or _core_port(host, open_timeout_ms), open_timeout_ms)


def _core_port(host: str, open_timeout_ms: int) -> int:
    mapper = StrictPortMapper(host, open_timeout_ms)
    core = (vxi11.DEVICE_CORE_PROG, vxi11.DEVICE_CORE_VERS, rpc.IPPROTO_TCP, 0)
    try:
        port = int(mapper.get_port(core))
    finally:
        mapper.close()
    if not 0 < port < 1 << 16:
        raise rpc.RPCError("the portmapper knows no core channel")
    return port


class StrictVxi11Session(TCPIPInstrVxi11):  # type: ignore[misc]
    """`TCPIP::host[,port]::inst0::INSTR`, strictly."""

    session_type = (InterfaceType.tcpip, "INSTR")
    interface: Any

    def after_parsing(self) -> None:
        """Connect and create the link within the open timeout."""
        host, _, port = self.parsed.host_address.partition(",")
        self._owner = os.getpid()
        self._broken = False
        self.keepalive = True
        self.client_id = os.getpid() & 0x7FFF_FFFF
        try:
            self.interface = StrictVxi11Client(
                host, int(port) if port else None, self.open_timeout or 2000
            )
            self._create_link()
        except _FAILURES as failure:
            raise OpenError(_status_of(failure)) from failure
        self.attrs[ResourceAttribute.tcpip_is_hislip] = False
        self.attrs[ResourceAttribute.tcpip_address] = self.parsed.host_address
        self.attrs[ResourceAttribute.tcpip_hostname] = ""
        self.attrs[ResourceAttribute.tcpip_device_name] = self.parsed.lan_device_name
        self.attrs[ResourceAttribute.send_end_enabled] = True
        self.attrs[ResourceAttribute.termchar] = ord("\n")
        self.attrs[ResourceAttribute.termchar_enabled] = False

    def _create_link(self) -> None:
        error, link, _, size = self.interface.create_link(
            self.client_id, 0, 0, self.parsed.lan_device_name
        )
        if error:
            raise OpenError(_CODES.get(error, StatusCode.error_resource_not_found))
        self.link = link
        self.max_recv_size = min(size, _PIECE)

    def speaks_unasked(self) -> bool:
        """Whether anything waits to be read although nothing was asked."""
        return bool(self.interface.speaks_unasked())

    def left_over(self) -> bool:
        """Never: call numbers keep answers apart on this wire."""
        return False

    def read(self, count: int) -> tuple[bytes, StatusCode]:
        """Up to `count` bytes of one message, all calls together within the timeout."""
        parts: list[bytes] = []
        ends = time.monotonic() + (self.timeout or _FOREVER_S)
        try:
            while count > 0:
                error, reason, data = self._device_read(count, ends - time.monotonic())
                if error:
                    return b"".join(parts), self._unread(error)
                parts.append(data)
                count -= len(data)
                if reason & (vxi11.RX_END | vxi11.RX_CHR):
                    return b"".join(parts), StatusCode.success
        except _FAILURES as failure:
            return b"".join(parts), self._failed(failure)
        return b"".join(parts), StatusCode.success_max_count_read

    def _device_read(self, count: int, left_s: float) -> tuple[int, int, bytes]:
        milliseconds = self._allow(left_s)
        answer: tuple[int, int, bytes] = self.interface.device_read(
            self.link, min(count, _PIECE), milliseconds, 0, 0, 0
        )
        return answer

    def _allow(self, left_s: float) -> int:
        """Give the next call what is left of the time; as the tool's own io_timeout in ms."""
        if left_s <= 0:
            raise CallTimedOut("a message without end")
        self.interface.budget_s = left_s
        return int(left_s * 1e3)

    def _unread(self, error: int) -> StatusCode:
        """A lock met when the message is already with the tool does not mean: nothing was sent."""
        locked = error == vxi11.ErrorCodes.device_locked_by_another_link
        return self._refused(vxi11.ErrorCodes.io_error if locked else error)

    def write(self, data: bytes) -> tuple[int, StatusCode]:
        """One whole message, in pieces of the size the tool accepts."""
        ends = time.monotonic() + (self.timeout or _FOREVER_S)
        try:
            for start in range(0, len(data), self.max_recv_size):
                milliseconds = self._allow(ends - time.monotonic())
                piece = data[start : start + self.max_recv_size]
                is_last = start + len(piece) >= len(data)
                flags = vxi11.OP_FLAG_END if is_last else 0
                error, size = self.interface.device_write(self.link, milliseconds, 0, flags, piece)
                if error or size < len(piece):
                    return start, self._refused(error)
        except _FAILURES as failure:
            return 0, self._failed(failure)
        return len(data), StatusCode.success

    def read_stb(self) -> tuple[int, StatusCode]:
        """The status byte, by its own remote call (`device_readstb`)."""
        self.interface.budget_s = self.timeout
        milliseconds = int((self.timeout or _FOREVER_S) * 1e3)
        try:
            error, byte = self.interface.device_read_stb(self.link, 0, 0, milliseconds)
        except _FAILURES as failure:
            return 0, self._failed(failure)
        return byte, self._refused(error) if error else StatusCode.success

    def clear(self) -> StatusCode:
        """Device clear."""
        self.interface.budget_s = self.timeout
        milliseconds = int((self.timeout or _FOREVER_S) * 1e3)
        try:
            error = self.interface.device_clear(self.link, 0, 0, milliseconds)
        except _FAILURES as failure:
            return self._failed(failure)
        return self._refused(error) if error else StatusCode.success

    def close(self) -> StatusCode:
        """Destroy the link when it is ours and works; always close our end of the socket.

        A forked child shares the socket with its parent: what it sends there would end the
        parent's link, so it only closes its own descriptor.
        """
        if not self._broken and os.getpid() == self._owner:
            self.interface.budget_s = _CLOSE_S
            with contextlib.suppress(*_FAILURES):
                self.interface.destroy_link(self.link)
        self.interface.close()
        self.interface = None
        return StatusCode.success

    def _refused(self, error: int) -> StatusCode:
        self._broken = True
        return StatusCode.error_io if error == 0 else _CODES.get(error, StatusCode.error_io)

    def _failed(self, failure: Exception) -> StatusCode:
        self._broken = True
        return _status_of(failure)


def _status_of(failure: Exception) -> StatusCode:
    if isinstance(failure, CallTimedOut):
        return StatusCode.error_timeout
    if isinstance(failure, OSError):
        return StatusCode.error_connection_lost
    return StatusCode.error_io
