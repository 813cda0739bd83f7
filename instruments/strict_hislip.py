"""HiSLIP sessions with deadlines (IVI-6.1, protocol 1.0), over PyVISA-py's own message codec."""

from __future__ import annotations

import struct
from typing import Any

from pyvisa import constants
from pyvisa.constants import InterfaceType, ResourceAttribute, StatusCode
from pyvisa_py.protocols import hislip
from pyvisa_py.sessions import OpenError
from pyvisa_py.tcpip import TCPIPInstrHiSLIP

from instruments.honest_socket import HonestSocket, connect

DEFAULT_PORT = 4880
_VERSION_AND_VENDOR = (0x0100 << 16) | int.from_bytes(b"xx", "big")
_UNASKED = ("AsyncServiceRequest", "AsyncInterrupted", "Interrupted")
_UNDER_WAY = ("Data", "DataEnd", "Interrupted", "Error")
_FAILURES = (OSError, RuntimeError, AssertionError, struct.error, MemoryError, OverflowError)


class StrictHislipClient(hislip.Instrument):  # type: ignore[misc]
    """PyVISA-py's HiSLIP client on two sockets that keep their deadline."""

    _rmt: int

    def __init__(self, host: str, port: int, device: str, open_timeout_ms: int | None) -> None:
        self._keepalive = True
        self._message_id = 0xFFFF_FF00
        self.last_message_id = None
        self._sync = connect(host, port, open_timeout_ms)
        hislip.send_msg(self._sync, "Initialize", 0, _VERSION_AND_VENDOR, device.encode("ascii"))
        init = self._told(self._sync, "InitializeResponse")
        self._async = connect(host, port, open_timeout_ms)
        hislip.send_msg(self._async, "AsyncInitialize", 0, init.message_parameter & 0xFFFF)
        self._told(self._async, "AsyncInitializeResponse")
        self._agree_on_size()
        if init.control_code & 1:
            # It would rather overlap, and then numbers its answers by a count of its own.
            self.device_clear()

    def _agree_on_size(self) -> None:
        wanted = struct.pack("!Q", hislip.DEFAULT_MAX_MSG_SIZE)
        hislip.send_msg(self._async, "AsyncMaxMsgSize", 0, 0, wanted)
        self._told(self._async, "AsyncMaxMsgSizeResponse", length=8)
        (self._max_msg_size,) = struct.unpack("!Q", hislip.receive_exact(self._async, 8))
        if self._max_msg_size <= hislip.HEADER_SIZE:
            raise RuntimeError(f"the tool takes no message longer than {self._max_msg_size} bytes")

    def _told(
        self, channel: HonestSocket, kind: str, beside: tuple[str, ...] = _UNASKED, length: int = 0
    ) -> hislip.RxHeader:
        """The head of the next message of `kind`; those of `beside` may come before it."""
        while True:
            head = hislip.RxHeader(channel)
            if head.msg_type == kind and head.payload_length == length:
                return head
            if head.msg_type not in beside:
                raise RuntimeError(f"{head.msg_type} instead of {kind}")
            hislip.receive_flush(channel, head.payload_length)

    def _next_data_header(self) -> tuple[str, int]:
        while True:
            head = hislip.RxHeader(self._sync)
            if head.msg_type in ("Error", "FatalError"):
                raise RuntimeError(f"{head.msg_type} {head.control_code}")
            is_data = head.msg_type in ("Data", "DataEnd")
            if is_data and head.message_parameter in (self.last_message_id, 0xFFFF_FFFF):
                return head.msg_type, head.payload_length
            hislip.receive_flush(self._sync, head.payload_length)

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
        """Clear the tool's buffers and start message numbers anew (IVI-6.1 §6.12).

        Answers that were under way are dropped, and synchronised mode is asked for: every answer
        then bears its question's number.
        """
        hislip.send_msg(self._async, "AsyncDeviceClear", 0, 0)
        self._told(self._async, "AsyncDeviceClearAcknowledge")
        hislip.send_msg(self._sync, "DeviceClearComplete", 0, 0)
        if self._told(self._sync, "DeviceClearAcknowledge", _UNDER_WAY).control_code & 1:
            raise RuntimeError("the tool insists on overlapped mode")
        self._message_id = 0xFFFF_FF00
        self.last_message_id = None

    def async_status_query(self) -> int:
        """The status byte; clears the mark that says an answer was delivered (§6.14)."""
        hislip.send_msg(self._async, "AsyncStatusQuery", self._rmt, self._message_id)
        self._rmt = 0
        return int(self._told(self._async, "AsyncStatusResponse").control_code)


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
