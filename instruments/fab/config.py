"""What a fab is made of, read from JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from instruments.fab.kinds import MODELS, NAMES

WIRES = ("socket", "hislip", "vxi11")


class BadConfig(ValueError):
    """The configuration names something that cannot be built; the message says what."""


@dataclass(frozen=True)
class ToolConfig:
    """One tool: its kind, names, and the port of each wire (0 picks a free one)."""

    kind: str
    name: str
    serial: str
    seed: int = 0
    wires: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(WIRES, 0))


@dataclass(frozen=True)
class FabConfig:
    """The whole fab; `scale` is physical seconds per second of the host.

    `memory_file` is where wafers and job logs outlive the process; None forgets them.
    """

    tools: tuple[ToolConfig, ...]
    seed: int = 1
    scale: float = 1.0
    control_port: int = 0
    memory_file: Path | None = None


def default_config(seed: int = 1, scale: float = 1.0) -> FabConfig:
    """One tool of each kind on free ports."""
    tools = (
        ToolConfig(kind, name, f"{name.replace('-', '')}00{k}", seed=k)
        for k, (kind, name) in enumerate(NAMES.items(), start=1)
    )
    return FabConfig(tuple(tools), seed, scale)


def read_config(path: Path) -> FabConfig:
    """The fab described in the JSON file at `path`; raises `BadConfig` or `OSError`."""
    try:
        return parse_config(json.loads(path.read_text()))
    except json.JSONDecodeError as error:
        raise BadConfig(f"{path} is not JSON: {error}") from error


def parse_config(raw: Mapping[str, Any]) -> FabConfig:
    """The fab described by `raw`; raises `BadConfig`."""
    try:
        tools = tuple(_tool(entry) for entry in raw["tools"])
        config = FabConfig(
            tools,
            int(raw.get("seed", 1)),
            float(raw.get("scale", 1.0)),
            int(raw.get("control_port", 0)),
            Path(raw["memory_file"]) if raw.get("memory_file") else None,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise BadConfig(f"the configuration lacks or mistypes {error}") from error
    if len({tool.name for tool in tools}) != len(tools):
        raise BadConfig("two tools share a name")
    if not 0 < config.scale < math.inf:
        raise BadConfig(f"scale must be positive, not {config.scale}")
    return config


def _tool(entry: Mapping[str, Any]) -> ToolConfig:
    wires = {str(wire): int(port) for wire, port in entry["wires"].items()}
    tool = ToolConfig(
        str(entry["kind"]),
        str(entry["name"]),
        str(entry["serial"]),
        int(entry.get("seed", 0)),
        wires,
    )
    if tool.kind not in MODELS:
        raise BadConfig(f"{tool.name}: {tool.kind!r} is none of {', '.join(MODELS)}")
    unknown = set(wires) - set(WIRES)
    if unknown:
        raise BadConfig(f"{tool.name}: no wire is called {', '.join(sorted(unknown))}")
    return tool
