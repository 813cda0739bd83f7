"""VISA resource names of the three network wires, checked when a tool is registered."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Wire = Literal["socket", "hislip", "vxi11"]
HISLIP_PORT = 4880

_SOCKET = re.compile(r"TCPIP\d*::(?P<host>[^:,\s]+)::(?P<port>\d+)::SOCKET", re.IGNORECASE)
_HISLIP = re.compile(
    r"TCPIP\d*::(?P<host>[^:,\s]+)::(?P<device>hislip\d+)(,(?P<port>\d+))?(::INSTR)?",
    re.IGNORECASE,
)
_VXI11 = re.compile(
    r"TCPIP\d*::(?P<host>[^:,\s]+)(,(?P<port>\d+))?(::(?P<device>[a-z]+\d+(,\d+)?))?::INSTR",
    re.IGNORECASE,
)
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
FORMS = (
    "TCPIP::host::hislip0[,port]::INSTR, TCPIP::host[,port]::inst0::INSTR "
    "or TCPIP::host::port::SOCKET"
)


class InvalidResource(ValueError):
    """A text that names no instrument we can talk to; the message is a sentence for people."""


@dataclass(frozen=True)
class Resource:
    """One parsed resource name; `port` is None where a VXI-11 portmapper must be asked."""

    text: str
    wire: Wire
    host: str
    port: int | None
    device: str = ""

    def __str__(self) -> str:
        return self.text


def parse_resource(text: str) -> Resource:
    """The parts of `text`, or `InvalidResource` with a sentence saying what is wrong.

    HiSLIP is preferred, then VXI-11, then a raw socket: only the first two keep a late answer
    apart from the next question.
    """
    text = text.strip()
    patterns: tuple[tuple[Wire, re.Pattern[str]], ...] = (
        ("socket", _SOCKET),
        ("hislip", _HISLIP),
        ("vxi11", _VXI11),
    )
    for wire, pattern in patterns:
        if found := pattern.fullmatch(text):
            return _checked(text, wire, found.groupdict())
    raise InvalidResource(f"{text!r} is not a VISA resource name of the form {FORMS}.")


def _checked(text: str, wire: Wire, parts: dict[str, str | None]) -> Resource:
    host = parts["host"] or ""
    if not _HOST.fullmatch(host):
        raise InvalidResource(f"{host!r} in {text!r} is not a host name or address.")
    port = int(parts["port"]) if parts["port"] else None
    if port is not None and not 1 <= port <= 65535:
        raise InvalidResource(f"Port {port} in {text!r} is outside 1 to 65535.")
    if wire == "hislip" and port is None:
        port = HISLIP_PORT
    return Resource(text, wire, host, port, parts.get("device") or ("inst0", "")[wire == "socket"])


def resource_text(wire: Wire, host: str, port: int) -> str:
    """The resource name of `port` on `host` over `wire`."""
    return {
        "socket": f"TCPIP::{host}::{port}::SOCKET",
        "hislip": f"TCPIP::{host}::hislip0,{port}::INSTR",
        "vxi11": f"TCPIP::{host},{port}::inst0::INSTR",
    }[wire]
