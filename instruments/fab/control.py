"""The control channel: what the world outside the wires may do, as JSON lines over loopback TCP.

Each line is `{"do": name, ...arguments}`; each answer `{"ok": true, "result": …}` or
`{"ok": false, "error": sentence}`. `FabControl` is the client for tests, demos and set-up.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Self

from instruments.fab.faults import Fault, Faults
from instruments.fab.overview import overview
from instruments.fab.world import INCOMING

if TYPE_CHECKING:
    from instruments.fab.wires.channel import ToolPower
    from instruments.fab.world import World

_HOST = "127.0.0.1"


class ControlError(Exception):
    """The fab could not do what was asked, or could not be reached; the text is a sentence."""


class ControlServer:
    """The fab's side."""

    def __init__(
        self, world: World, faults: Faults, powers: Mapping[str, ToolPower], port: int
    ) -> None:
        self._world = world
        self._faults = faults
        self._powers = powers
        self.port = port
        self._server: asyncio.Server | None = None
        self._verbs: dict[str, Callable[..., Any]] = {
            "deliver": self._deliver,
            "truth": self._truth,
            "wafer": lambda wafer_id: self._now().describe(wafer_id),
            "fault": self._arm,
            "process_fault": lambda tool, kind, amount: self._power(tool).tool.disturb(
                kind, float(amount)
            ),
            "process_faults": lambda tool: dict(self._power(tool).tool.process_faults),
            "clear_faults": self._clear_faults,
            "faults": lambda: [asdict(fault) for fault in self._faults.armed()],
            "counters": self._counters,
            "state": self._state,
            "overview": lambda: overview(self._powers, self._faults),
            "restart": lambda tool, lose_memory=False: self._power(tool).restart(
                lose_memory=lose_memory
            ),
            "restore_memory": lambda tool: self._power(tool).tool.restore_memory(),
            "freeze": lambda tool, seconds: self._power(tool).freeze(seconds),
            "refuse": lambda tool, seconds: self._power(tool).refuse(seconds),
            "double_exposures": lambda: self._now().double_exposures,
            "rescale": lambda scale: self._now().clock.rescale(scale),
            "ping": lambda: "pong",
        }

    async def listen(self) -> None:
        """Open the control port; 0 picks a free one."""
        self._server = await asyncio.start_server(self._serve, _HOST, self.port, limit=1 << 20)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(self._answer(line)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            return
        finally:
            writer.close()

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            verb = self._verbs[request.pop("do")]
            return {"ok": True, "result": verb(**request)}
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            return {"ok": False, "error": f"{type(error).__name__}: {error}"}

    def _now(self) -> World:
        for power in self._powers.values():
            power.tool.advance()
        return self._world

    def _power(self, tool: str) -> ToolPower:
        if tool not in self._powers:
            raise LookupError(f"no tool is called {tool}")
        return self._powers[tool]

    def _arm(self, **fields: Any) -> None:
        fault = Fault(**fields)
        if fault.tool:
            self._power(fault.tool)
        self._faults.arm(fault)

    def _deliver(
        self,
        carrier_id: str,
        wafers: Mapping[str, str],
        marks: Mapping[str, str] | None = None,
        films: Sequence[tuple[str, float]] | None = None,
        is_printed: bool = False,
    ) -> None:
        world = self._now()
        for power in self._powers.values():
            # Someone at the load port takes off what an idle tool no longer needs.
            if power.tool.carrier_id == carrier_id and power.tool.running is None:
                power.tool.execute("CARR:UND")
            job = power.tool.running
            if job and job.wafer_id in wafers.values() and power.tool.carrier_id != carrier_id:
                raise ValueError(f"{power.tool.name} works on {job.wafer_id}")
        world.deliver(
            carrier_id,
            {int(slot): wafer_id for slot, wafer_id in wafers.items()},
            {int(slot): mark for slot, mark in (marks or {}).items()},
            INCOMING if films is None else [(str(name), float(nm)) for name, nm in films],
            is_printed=bool(is_printed),
        )

    def _clear_faults(self, tool: str = "") -> None:
        if tool:
            self._power(tool)
        self._faults.clear(tool)
        for name, power in self._powers.items():
            if tool in ("", name):
                power.tool.disturbances.clear()

    def _truth(self, of: str) -> dict[str, Any]:
        world = self._now()
        found = asdict(world.truth(of))
        return found if of == "process" else found | {"processes": world.wafer(of).records}

    def _counters(self, tool: str) -> dict[str, int]:
        model = self._power(tool).tool
        world = self._now()
        return {
            **model.counters,
            "wafers_exposed": model.counters["wafers"],
            "double_exposures": world.double_exposures,
        }

    def _state(self, tool: str) -> dict[str, Any]:
        model = self._power(tool).tool
        self._now()
        return {
            "state": model.state(),
            "carrier": model.carrier_id,
            "settings": dict(model.settings),
            "shutter_open": bool(getattr(model, "shutter_open", False)),
            "stage": str(getattr(model, "stage", "")),
            "errors": len(model.errors),
            "jobs": {job.handle: job.state for job in model.jobs.values()},
            "tokens": dict(model.by_token),
        }


class FabControl:
    """The client's side; one connection a call, so that it may be used from anywhere."""

    def __init__(self, host: str, port: int, timeout_s: float = 5.0) -> None:
        self._address = (host, port)
        self._timeout_s = timeout_s

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close: every call has its own connection."""

    def _call(self, verb: str, **arguments: Any) -> Any:
        request = json.dumps({"do": verb, **arguments}).encode() + b"\n"
        try:
            with socket.create_connection(self._address, self._timeout_s) as connection:
                connection.sendall(request)
                with connection.makefile("rb") as lines:
                    answer = json.loads(lines.readline() or b"{}")
        except (OSError, ValueError) as error:
            raise ControlError(f"the simulated fab does not answer: {error}") from error
        if not answer.get("ok"):
            raise ControlError(answer.get("error", "the simulated fab hung up"))
        return answer["result"]

    def ping(self) -> None:
        """Raise `ControlError` unless the fab is there."""
        self._call("ping")

    def deliver(
        self,
        carrier_id: str,
        wafers: Mapping[int, str],
        marks: Mapping[int, str] | None = None,
        films: Sequence[tuple[str, float]] | None = None,
        *,
        is_printed: bool = False,
    ) -> None:
        """Put a carrier into the stocker, with wafers by slot; `marks` are map characters D X ?.

        Wafers known by their ID keep their state; the others bring `films` (material and mean
        thickness in nm, from the bottom up; 100 nm of oxide unless told) and, if `is_printed`,
        developed lines in resist. `ControlError` while a tool works on the carrier.
        """
        self._call(
            "deliver", carrier_id=carrier_id, wafers=dict(wafers), marks=dict(marks or {}),
            films=None if films is None else [list(one) for one in films], is_printed=is_printed,
        )  # fmt: skip

    def truth(self, of: str = "process") -> dict[str, Any]:
        """The truth about a wafer ID, or about the process: the fields of `litho.Truth`.

        A wafer's has `processes` too: what etcher, CVD, CMP and clean did to it, in order, each
        with the `faults` (kind and amount) its process had.
        """
        result: dict[str, Any] = self._call("truth", of=of)
        return result

    def wafer(self, wafer_id: str) -> dict[str, Any]:
        """What has become of a wafer: state, layer, exposures, fields, history."""
        result: dict[str, Any] = self._call("wafer", wafer_id=wafer_id)
        return result

    def fault(
        self,
        tool: str,
        wire: str,
        kind: str,
        *,
        count: int = 1,
        seconds: float = 0.5,
        match: str = "",
        skip: int = 0,
    ) -> None:
        """Arm a fault (see `instruments/fab/faults.py`); "" is any tool, any wire, any line."""
        self._call(
            "fault", tool=tool, wire=wire, kind=kind,
            count=count, seconds=seconds, match=match, skip=skip,
        )  # fmt: skip

    def process_fault(self, tool: str, kind: str, amount: float) -> None:
        """Let a tool's process be off by `amount` from its next job on; 0 ends it.

        `process_faults(tool)` names the kinds. The wire stays sound, and so do the readings of
        whatever the tool controls by them: only what follows from it shows the fault.
        """
        self._call("process_fault", tool=tool, kind=kind, amount=amount)

    def process_faults(self, tool: str) -> dict[str, str]:
        """What may go wrong with a tool's process, and the unit of each amount."""
        result: dict[str, str] = self._call("process_faults", tool=tool)
        return result

    def clear_faults(self, tool: str = "") -> None:
        """Disarm what is armed for `tool`, or every fault, of wires and processes alike."""
        self._call("clear_faults", tool=tool)

    def faults(self) -> list[dict[str, Any]]:
        """Every fault that still waits, with the fields of `faults.Fault`."""
        result: list[dict[str, Any]] = self._call("faults")
        return result

    def counters(self, tool: str) -> dict[str, int]:
        """starts, wafers, wafers_exposed, safes, restarts, double_exposures (of the world)."""
        result: dict[str, int] = self._call("counters", tool=tool)
        return result

    def state(self, tool: str) -> dict[str, Any]:
        """State, carrier, settings, shutter, stage, errors, jobs and tokens of a tool."""
        result: dict[str, Any] = self._call("state", tool=tool)
        return result

    def overview(self) -> list[dict[str, Any]]:
        """Every tool with its state, job, ports and faults (`instruments/fab/overview.py`)."""
        result: list[dict[str, Any]] = self._call("overview")
        return result

    def restart(self, tool: str, *, lose_memory: bool = False) -> None:
        """Cut a tool's power; with `lose_memory` its job log is gone too."""
        self._call("restart", tool=tool, lose_memory=lose_memory)

    def restore_memory(self, tool: str) -> None:
        """The tool was reinstalled: its job log counts again from here."""
        self._call("restore_memory", tool=tool)

    def freeze(self, tool: str, seconds: float) -> None:
        """Hang a tool's controller for `seconds` of the host's clock."""
        self._call("freeze", tool=tool, seconds=seconds)

    def refuse(self, tool: str, seconds: float) -> None:
        """Drop a tool's connections and refuse new ones for `seconds`."""
        self._call("refuse", tool=tool, seconds=seconds)

    def rescale(self, scale: float) -> None:
        """Let `scale` physical seconds pass in one second of the host from now on."""
        self._call("rescale", scale=scale)

    def double_exposures(self) -> int:
        """How often a wafer was exposed again in the same layer: what must stay 0."""
        return int(self._call("double_exposures"))
