"""Faults of the wire: what goes wrong between a healthy tool and its host.

A fault is armed for one tool and one wire (or any), waits for a line that contains `match`, skips
`skip` of those, and strikes `count` times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

FaultKind = Literal[
    "delay",
    "no_reply",
    "close",
    "half_close",
    "reset",
    "garbage",
    "bad_frame",
    "wrong_type",
    "duplicate",
    "stale",
    "drip",
    "truncated_block",
    "error_queue",
    "never_opc",
    "freeze",
    "restart",
    "refuse",
]
KINDS: tuple[str, ...] = get_args(FaultKind)
GARBAGE = b"\xfe\xffG\x00\x9b\xc3!\x07"
WRONG_TYPE = b"BANANA\n"


@dataclass
class Fault:
    """One armed fault; `seconds` of the host's clock where the kind has a length."""

    kind: FaultKind
    tool: str = ""
    wire: str = ""
    count: int = 1
    seconds: float = 0.5
    match: str = ""
    skip: int = 0

    def fits(self, tool: str, wire: str, line: str) -> bool:
        """Whether this fault is waiting for that line."""
        wanted = "*OPC?" if self.kind == "never_opc" and not self.match else self.match
        return (
            self.count > 0
            and self.tool in ("", tool)
            and self.wire in ("", wire)
            and wanted.upper() in line.upper()
        )


class Faults:
    """Every armed fault of the fab."""

    def __init__(self) -> None:
        self._armed: list[Fault] = []

    def arm(self, fault: Fault) -> None:
        """Add a fault; `ValueError` for a kind that does not exist."""
        if fault.kind not in KINDS:
            raise ValueError(f"{fault.kind!r} is none of {', '.join(KINDS)}")
        self._armed.append(fault)

    def clear(self) -> None:
        """Disarm everything."""
        self._armed.clear()

    def any_armed(self) -> bool:
        """Whether any fault waits at all; the fast path of every wire."""
        return bool(self._armed)

    def take(self, tool: str, wire: str, line: str) -> Fault | None:
        """The fault that strikes on this line, if one does."""
        for fault in self._armed:
            if not fault.fits(tool, wire, line):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.count -= 1
            if fault.count == 0:
                self._armed.remove(fault)
            return fault
        return None
