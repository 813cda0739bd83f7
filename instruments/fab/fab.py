"""The fab put together: world, tools, wires and control channel in one event loop."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from instruments.fab.clock import FabClock
from instruments.fab.config import FabConfig
from instruments.fab.control import ControlServer
from instruments.fab.faults import Faults
from instruments.fab.kinds import MODELS
from instruments.fab.memory import Memory, NoMemory
from instruments.fab.wires.channel import HOST, Channel, ToolPower
from instruments.fab.wires.hislip import HislipChannel
from instruments.fab.wires.raw_socket import SocketChannel
from instruments.fab.wires.vxi11 import Vxi11Channel
from instruments.fab.world import World
from instruments.resource_name import Wire, resource_text

SAVE_EVERY_S = 1.0
SAVE_SHARE = 0.05
"""Of its time that the fab spends on saving at most: nobody is answered meanwhile."""
CHANNELS: dict[Wire, type[Channel]] = {
    "socket": SocketChannel,
    "hislip": HislipChannel,
    "vxi11": Vxi11Channel,
}


class Fab:
    """Every simulated tool on its wires."""

    def __init__(self, config: FabConfig) -> None:
        self.config = config
        self.clock = FabClock(config.scale)
        self.world = World(config.seed, self.clock)
        self.faults = Faults()
        self.powers: dict[str, ToolPower] = {}
        for entry in config.tools:
            tool = MODELS[entry.kind](entry.name, entry.serial, entry.seed, self.world)
            self.powers[entry.name] = power = ToolPower(tool)
            for wire, channel in CHANNELS.items():
                if wire in entry.wires:
                    channel(power, self.faults, entry.wires[wire])
        tools = {name: power.tool for name, power in self.powers.items()}
        for tool in tools.values():
            tool.neighbours = {name: t for name, t in tools.items() if t is not tool}
        self.memory = Memory(config.memory_file, self.world, tools) if config.memory_file else None
        self.control = ControlServer(self.world, self.faults, self.powers, config.control_port)

    async def start(self) -> None:
        """Recall what is remembered and open every port; raises `OSError` when one is taken."""
        if self.memory is not None:
            try:
                self.memory.recall()
            except NoMemory as reason:
                print(f"The simulated fab begins anew: {reason}", file=sys.stderr, flush=True)
        for power in self.powers.values():
            for channel in power.channels:
                await channel.listen()
        await self.control.listen()

    def save(self) -> None:
        """Keep what outlives the process; a full disk is reported and the fab goes on."""
        if self.memory is None:
            return
        try:
            self.memory.save()
        except OSError as error:
            print(f"The simulated fab could not save: {error}", file=sys.stderr, flush=True)

    def end(self) -> None:
        """The event loop is about to cancel every connection; that is no error."""
        for power in self.powers.values():
            for channel in power.channels:
                channel.is_ending = True

    def ports(self) -> dict[str, Any]:
        """Where everything listens, with the VISA resource name of each tool and wire."""
        tools = {}
        for entry in self.config.tools:
            channels = self.powers[entry.name].channels
            by_wire = {c.wire: c.port for c in channels}
            tools[entry.name] = {
                "kind": entry.kind,
                "serial": entry.serial,
                "ports": by_wire,
                "resources": {w: resource_text(w, HOST, port) for w, port in by_wire.items()},
            }
        return {"host": HOST, "control_port": self.control.port, "tools": tools}


async def run(config: FabConfig, ports_file: Path | None) -> None:
    """Serve until cancelled; the ports file appears whole, once every port is open."""
    fab = Fab(config)
    await fab.start()
    if ports_file is not None:
        partial = ports_file.with_suffix(".partial")
        partial.write_text(json.dumps(fab.ports(), indent=1))
        partial.replace(ports_file)
    try:
        pause = SAVE_EVERY_S
        while True:
            await asyncio.sleep(pause)
            began = time.monotonic()
            fab.save()
            pause = max(SAVE_EVERY_S, (time.monotonic() - began) / SAVE_SHARE)
    finally:
        fab.save()
        fab.end()
