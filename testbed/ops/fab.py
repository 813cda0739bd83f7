"""The simulated fab of a data folder: which tools it plays, on which ports, under which names.

The ports are chosen once and kept, because the tools' VISA resource names contain them; a
port that somebody else has taken meanwhile is chosen anew.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from testbed.ops.embedded import make_data_folder, write_json
from testbed.ops.processes import free_port, port_is_free

WIRES = ("hislip", "vxi11", "socket")
SEED = 20_250_301


@dataclass(frozen=True)
class Connected:
    """A tool of the demo facility that answers on a wire.

    code: the tool's code in the catalogue; kind: its driver folder in `instruments`;
    wire: the one the product talks on (the fab listens on all three).
    """

    code: str
    kind: str
    serial: str
    wire: str


CONNECTED = (
    Connected("scanner", "scanner", "SCN-1001", "hislip"),
    Connected("track", "track", "TRK-2001", "vxi11"),
    Connected("cd-sem", "cd_sem", "CDS-3001", "socket"),
)


class ToolEntry(TypedDict):
    """One tool in the fab's configuration."""

    kind: str
    name: str
    serial: str
    seed: int
    wires: dict[str, int]


class Configuration(TypedDict):
    """What `python -m instruments.fab --config` reads."""

    control: int
    scale: float
    seed: int
    tools: list[ToolEntry]


def config_path(data: Path) -> Path:
    """Where the fab's configuration is kept."""
    return data / "fab.json"


def configure(data: Path, *, scale: float, keep_ports: bool = False) -> Configuration:
    """Write the fab's configuration and return it; ports kept from last time where still free.

    keep_ports: the fab is running and holds them itself. Raises Trouble.
    """
    make_data_folder(data)
    earlier = _earlier_ports(data)
    chosen: set[int] = set()

    def port(name: str) -> int:
        before = earlier.get(name, 0)
        usable = before and before not in chosen and (keep_ports or port_is_free(before))
        number = before if usable else free_port()
        while number in chosen:
            number = free_port()
        chosen.add(number)
        return number

    configuration: Configuration = {
        "control": port("control"),
        "scale": scale,
        "seed": SEED,
        "tools": [_tool(tool, index, port) for index, tool in enumerate(CONNECTED)],
    }
    write_json(config_path(data), configuration)
    return configuration
