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
    Connected("etch-ox", "etcher", "ETC-4001", "hislip"),
    Connected("etch-poly", "etcher", "ETC-4002", "vxi11"),
    Connected("cvd", "cvd", "CVD-5001", "socket"),
    Connected("cmp", "cmp", "CMP-6001", "vxi11"),
    Connected("clean", "clean", "WET-7001", "socket"),
    Connected("overlay", "overlay", "OVL-3101", "hislip"),
    Connected("film", "film", "FLM-3201", "vxi11"),
    Connected("particles", "particles", "PRT-3301", "hislip"),
    Connected("prober", "prober", "PRB-8001", "socket"),
)


class ToolEntry(TypedDict):
    """One tool in the fab's configuration; a port for each wire."""

    kind: str
    name: str
    serial: str
    seed: int
    wires: dict[str, int]


class Configuration(TypedDict):
    """What `python -m instruments.fab --config` reads."""

    control_port: int
    memory_file: str
    scale: float
    seed: int
    tools: list[ToolEntry]


def config_path(data: Path) -> Path:
    """Where the fab's configuration is kept."""
    return data / "fab.json"


def configure(data: Path, *, scale: float) -> Configuration:
    """Write the fab's configuration and return it, with last time's ports where still free.

    scale: how many times faster than a real clock the tools run. Raises Trouble.
    """
    make_data_folder(data)
    ports = _Ports(read(data))
    tools = [_tool_entry(tool, index, ports) for index, tool in enumerate(CONNECTED)]
    configuration: Configuration = {
        "control_port": ports.take("control"),
        # Wafers and job logs outlive the fab's process, as they would a power cut.
        "memory_file": str(data / "fab-memory.json"),
        "scale": scale,
        "seed": SEED,
        "tools": tools,
    }
    write_json(config_path(data), configuration)
    return configuration


def read(data: Path) -> Configuration | None:
    """The fab's configuration, or None before the first `make up`."""
    try:
        configuration: Configuration = json.loads(config_path(data).read_text())
    except (OSError, json.JSONDecodeError):
        return None
    return configuration


def control_address(configuration: Configuration) -> str:
    """host:port of the fab's control channel."""
    return f"127.0.0.1:{configuration['control_port']}"


def resources(configuration: Configuration) -> dict[str, str]:
    """The VISA resource name of each connected tool, by its code in the catalogue."""
    wires = {entry["name"]: entry["wires"] for entry in configuration["tools"]}
    return {tool.code: resource(tool.wire, wires[tool.code][tool.wire]) for tool in CONNECTED}


def resource(wire: str, port: int) -> str:
    """The VISA resource name of a wire on a port of this machine."""
    return {
        "hislip": f"TCPIP::127.0.0.1::hislip0,{port}::INSTR",
        "vxi11": f"TCPIP::127.0.0.1,{port}::inst0::INSTR",
        "socket": f"TCPIP::127.0.0.1::{port}::SOCKET",
    }[wire]


class _Ports:
    """Ports by name: last time's where still free, others chosen anew, none twice."""

    def __init__(self, earlier: Configuration | None) -> None:
        self._earlier = dict(_named_ports(earlier)) if earlier else {}
        self._taken: set[int] = set()

    def take(self, name: str) -> int:
        before = self._earlier.get(name, 0)
        port = before if before and port_is_free(before) else free_port()
        while port in self._taken:
            port = free_port()
        self._taken.add(port)
        return port


def _named_ports(configuration: Configuration) -> list[tuple[str, int]]:
    named = [("control", configuration["control_port"])]
    for entry in configuration["tools"]:
        named += [(f"{entry['name']}.{wire}", port) for wire, port in entry["wires"].items()]
    return named


def _tool_entry(tool: Connected, index: int, ports: _Ports) -> ToolEntry:
    return {
        "kind": tool.kind,
        "name": tool.code,
        "serial": tool.serial,
        "seed": SEED + index,
        "wires": {wire: ports.take(f"{tool.code}.{wire}") for wire in WIRES},
    }
