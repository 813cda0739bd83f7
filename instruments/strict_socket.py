"""PyVISA sessions that tell the truth, registered in place of PyVISA-py's own.

The PyVISA programming interface stays as it is. What changes is behind it: a refused port fails
to open, an ended connection is reported at once instead of spinning until the timeout, and a
timeout bounds the whole read instead of each packet. `install()` is called once, on import of
`instruments.link`; every `TCPIP` session opened afterwards is one of these.
"""

from __future__ import annotations

from typing import Any

from pyvisa.constants import InterfaceType, ResourceAttribute, StatusCode
from pyvisa_py.sessions import Session
from pyvisa_py.tcpip import TCPIPSocketSession

from instruments.honest_socket import connect
from instruments.strict_hislip import StrictHislipSession
from instruments.strict_vxi11 import StrictVxi11Session

_CHUNK = 1 << 20


class StrictSocketSession(TCPIPSocketSession):  # type: ignore[misc]
    """`TCPIP::host::port::SOCKET`, strictly."""

    session_type = (InterfaceType.tcpip, "SOCKET")

    def _connect(self) -> StatusCode:
        self._lost = False
        self.interface = connect(self.parsed.host_address, int(self.parsed.port), self.open_timeout)
        return StatusCode.success

    def speaks_unasked(self) -> bool:
        """Whether anything waits to be read although nothing was asked."""
        return bool(self._pending_buffer) or self.interface.speaks_unasked()

    def left_over(self) -> bool:
        """Whether bytes followed the answer that has just been read."""
        return bool(self._pending_buffer)

    def read(self, count: int) -> tuple[bytes, StatusCode]:
        """Up to `count` bytes, ending at the termination character when it is enabled."""
        stop = self.attrs[ResourceAttribute.termchar]
        stops = self.attrs[ResourceAttribute.termchar_enabled]
        pending: bytearray = self._pending_buffer
        self.interface.arm(self.timeout)
        while True:
            if stops and 0 <= (at := pending.find(stop)) < count:
                return self._take(at + 1), StatusCode.success_termination_character_read
            if len(pending) >= count:
                return self._take(count), StatusCode.success_max_count_read
            try:
                pending += self.interface.recv(max(4096, min(count, _CHUNK)))
            except TimeoutError:
                return self._take(len(pending)), StatusCode.error_timeout
            except OSError:
                return self._lose(), StatusCode.error_connection_lost

    def _take(self, count: int) -> bytes:
        taken = bytes(self._pending_buffer[:count])
        del self._pending_buffer[:count]
        return taken

    def _lose(self) -> bytes:
        self._lost = True
        self._pending_buffer.clear()
        return b""

    def write(self, data: bytes) -> tuple[int, StatusCode]:
        """All of `data`, in one segment where it fits."""
        if self._lost:
            return 0, StatusCode.error_connection_lost
        try:
            self.interface.arm(self.timeout)
            self.interface.sendall(data)
        except TimeoutError:
            return 0, StatusCode.error_timeout
        except OSError:
            self._lose()
            return 0, StatusCode.error_connection_lost
        return len(data), StatusCode.success

    def clear(self) -> StatusCode:
        """Drop what has been received; a raw socket has no device clear of its own."""
        self._pending_buffer.clear()
        self.interface.arm(0.05)
        while self.interface.speaks_unasked():
            try:
                self.interface.recv(_CHUNK)
            except TimeoutError:
                return StatusCode.error_timeout
            except OSError:
                self._lose()
                return StatusCode.error_connection_lost
        return StatusCode.success


class StrictInstrSession(Session):  # type: ignore[misc]
    """`TCPIP…::INSTR`: HiSLIP or VXI-11, by the device's name, as VISA has it."""

    session_type = (InterfaceType.tcpip, "INSTR")

    def __new__(cls, manager: int, name: str, parsed: Any, open_timeout: int | None = None) -> Any:
        """An instance of the session class that the device's name asks for."""
        is_hislip = parsed.lan_device_name.lower().startswith("hislip")
        kind = StrictHislipSession if is_hislip else StrictVxi11Session
        return kind(manager, name, parsed, open_timeout)


def install() -> None:
    """Put the strict sessions in the place of PyVISA-py's; calling it again changes nothing."""
    classes = Session._session_classes  # noqa: SLF001  # its `register` only warns and logs
    classes[(InterfaceType.tcpip, "SOCKET")] = StrictSocketSession
    classes[(InterfaceType.tcpip, "INSTR")] = StrictInstrSession
