"""HiSLIP sessions with deadlines (IVI-6.1, protocol 1.0), over PyVISA-py's own message codec."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from typing import Any

from pyvisa import constants
from pyvisa.constants import InterfaceType, ResourceAttribute, StatusCode
from pyvisa_py.protocols import hislip  # type: ignore[import-untyped]
from pyvisa_py.sessions import OpenError  # type: ignore[import-untyped]
from pyvisa_py.tcpip import TCPIPInstrHiSLIP  # type: ignore[import-untyped]

from instruments.honest_socket import connect

DEFAULT_PORT = 4880
_BROKEN = (RuntimeError, AssertionError, struct.error, MemoryError, OverflowError)


class StrictHislipClient(hislip.Instrument):  # type: ignore[misc]
    """PyVISA-py's HiSLIP client on two sockets that keep their deadline."""

    def __init__(self, host: str, port: int, device: str, open_timeout_ms: int | None) -> None:
        self._sync = connect(host, port, open_timeout_ms)
        init = self.initialize(sub_address=device.encode("ascii"))
        self._async = connect(host, port, open_timeout_ms)
        self.async_initialize(session_id=init.session_id)
        self.max_msg_size = hislip.DEFAULT_MAX_MSG_SIZE
        self._keepalive = True
        self._rmt = 0
        self._message_id = 0xFFFF_FF00
        self._last_message_id: int | None = None
        self._msg_type = ""
        self._payload_remaining = 0

    def arm(self, seconds: float | None) -> None:
        """Start the clock of one exchange on both channels."""
        self._sync.arm(seconds)
        self._async.arm(seconds)

    def speaks_unasked(self) -> bool:
        """Whether the tool sent something, or hung up, before it was asked."""
        return self._sync.speaks_unasked()

    def device_clear(self) -> None:
        """Clear the tool's buffers and start message numbers anew (IVI-6.1 §6.12)."""
        self.device_clear_complete(self.async_device_clear())
        self._message_id = 0xFFFF_FF00
        self.last_message_id = None


class StrictHislipSession(TCPIPInstrHiSLIP):  # type: ignore[misc]
    """`TCPIP::host::hislip0[,port]::INSTR`, strictly."""

    session_type = (InterfaceType.tcpip, "INSTR")

    def after_parsing(self) -> None:
        """Connect both channels within the open timeout."""
        device, _, port = self.parsed.lan_device_name.partition(",")
        address = (self.parsed.host_address, int(port or DEFAULT_PORT))
        with _as_open_error():
            self.interface = StrictHislipClient(*address, device, self.open_timeout)
        self._set_constant_attributes(address[1])
        self._status = StatusCode.success

    def _set_constant_attributes(self, port: int) -> None:
        attribute = ResourceAttribute
        self.attrs[attribute.interface_number] = 0
        self.attrs[attribute.send_end_enabled] = constants.VI_TRUE
        self.attrs[attribute.suppress_end_enabled] = constants.VI_FALSE
        self.attrs[attribute.tcpip_address] = self.parsed.host_address
        self.attrs[attribute.tcpip_device_name] = self.parsed.lan_device_name
        self.attrs[attribute.tcpip_hostname] = self.parsed.host_address
        self.attrs[attribute.tcpip_is_hislip] = constants.VI_TRUE
        self.attrs[attribute.tcpip_nodelay] = constants.VI_TRUE
        self.attrs[attribute.tcpip_port] = port
        self.attrs[attribute.termchar] = ord("\n")
        self.attrs[attribute.termchar_enabled] = constants.VI_FALSE

    def _set_timeout(self, attribute: ResourceAttribute, value: int) -> Any:
        # The grandparent's: the clock is armed per exchange, not by the attribute.
        return super(TCPIPInstrHiSLIP, self)._set_timeout(attribute, value)

    def speaks_unasked(self) -> bool:
        """Whether anything waits to be read although nothing was asked."""
        return bool(self.interface.speaks_unasked())

    def left_over(self) -> bool:
        """Never: message numbers keep answers apart on this wire."""
        return False

    def read(self, count: int) -> tuple[bytes, StatusCode]:
        """Up to `count` bytes of one message."""
        with self._exchange():
            data = bytes(self.interface.receive(count))
            if self.interface._rmt:
                return data, StatusCode.success
            return data, StatusCode.success_max_count_read
        return b"", self._status

    def write(self, data: bytes) -> tuple[int, StatusCode]:
        """One whole message."""
        with self._exchange():
            return self.interface.send(data), StatusCode.success
        return 0, self._status

    def clear(self) -> StatusCode:
        """Device clear on both channels."""
        with self._exchange():
            self.interface.device_clear()
            return StatusCode.success
        return self._status

    @contextlib.contextmanager
    def _exchange(self) -> Iterator[None]:
        self.interface.arm(self.timeout)
        try:
            yield
        except TimeoutError:
            self._status = StatusCode.error_timeout
        except OSError:
            self._status = StatusCode.error_connection_lost
        except _BROKEN:
            self._status = StatusCode.error_io


@contextlib.contextmanager
def _as_open_error() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise OpenError(StatusCode.error_timeout) from error
    except OSError as error:
        raise OpenError(StatusCode.error_connection_lost) from error
    except _BROKEN as error:
        raise OpenError(StatusCode.error_io) from error
