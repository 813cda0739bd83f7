"""HiSLIP sessions with deadlines (IVI-6.1, protocol 1.0), over PyVISA-py's own message codec."""

from __future__ import annotations

import struct
from typing import Any

from pyvisa import constants
from pyvisa.constants import InterfaceType, ResourceAttribute, StatusCode
from pyvisa_py.protocols import hislip
from pyvisa_py.sessions import OpenError
from pyvisa_py.tcpip import TCPIPInstrHiSLIP

from instruments.honest_socket import connect

DEFAULT_PORT = 4880
_FAILURES = (OSError, RuntimeError, AssertionError, struct.error, MemoryError, OverflowError)


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

    def message_is_complete(self) -> bool:
        """Whether the last byte read was the last of its message."""
        return bool(self._rmt)

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
        try:
            self.interface = StrictHislipClient(*address, device, self.open_timeout)
        except _FAILURES as error:
            raise OpenError(_status_of(error)) from error
        self._set_constant_attributes(address[1])

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
        self.interface.arm(self.timeout)
        try:
            data = bytes(self.interface.receive(count))
        except _FAILURES as error:
            return b"", _status_of(error)
        if self.interface.message_is_complete():
            return data, StatusCode.success
        return data, StatusCode.success_max_count_read

    def write(self, data: bytes) -> tuple[int, StatusCode]:
        """One whole message."""
        self.interface.arm(self.timeout)
        try:
            return self.interface.send(data), StatusCode.success
        except _FAILURES as error:
            return 0, _status_of(error)

    def read_stb(self) -> tuple[int, StatusCode]:
        """The status byte, asked for on the asynchronous channel (IVI-6.1)."""
        self.interface.arm(self.timeout)
        try:
            return int(self.interface.async_status_query()), StatusCode.success
        except _FAILURES as error:
            return 0, _status_of(error)

    def clear(self) -> StatusCode:
        """Device clear on both channels."""
        self.interface.arm(self.timeout)
        try:
            self.interface.device_clear()
        except _FAILURES as error:
            return _status_of(error)
        return StatusCode.success


def _status_of(error: Exception) -> StatusCode:
    if isinstance(error, TimeoutError):
        return StatusCode.error_timeout
    if isinstance(error, OSError):
        return StatusCode.error_connection_lost
    return StatusCode.error_io
