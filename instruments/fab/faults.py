"""Faults of the wire: what goes wrong between a healthy tool and its host.

A fault is armed for one tool and one wire (or any), waits for a line that contains `match`, skips
`skip` of those, and strikes `count` times. What travels beside the messages on HiSLIP and VXI-11
is met under the names `(clear)` and `(status)`, and only by a fault that asks for it by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from instruments.resource_name import Wire

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
    "memory_loss",
    "refuse",
]
KINDS: tuple[str, ...] = get_args(FaultKind)
GARBAGE = b"\xfe\xffG\x00\x9b\xc3!\x07"
WRONG_TYPE = b"BANANA\n"
LONGEST = 10_000


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
        if line.startswith("(") and not wanted:
            return False
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
        """Add a fault; `ValueError` for a kind or a number that makes no sense."""
        if fault.kind not in KINDS:
            raise ValueError(f"{fault.kind!r} is none of {', '.join(KINDS)}")
        if not 1 <= fault.count <= LONGEST or not 0 <= fault.skip <= LONGEST:
            raise ValueError(f"count is 1 to {LONGEST}, skip 0 to {LONGEST}")
        if not 0 <= fault.seconds <= LONGEST:
            raise ValueError(f"seconds are 0 to {LONGEST}")
        if fault.wire not in ("", *get_args(Wire)):
            raise ValueError(f"no wire is called {fault.wire}")
        if not isinstance(fault.match, str):
            raise ValueError(f"{fault.match!r} is no text")
        self._armed.append(fault)

    def clear(self, tool: str = "") -> None:
        """Disarm what is armed for `tool`, or everything."""
        self._armed = [fault for fault in self._armed if tool and fault.tool != tool]

    def armed(self) -> list[Fault]:
        """What still waits, in the order in which it was armed."""
        return list(self._armed)

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
