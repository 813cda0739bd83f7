"""The whole fab at a glance, for the operator's page: what each tool does and what ails it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from instruments.fab.faults import Faults
    from instruments.fab.models.base import ToolModel
    from instruments.fab.wires.channel import ToolPower


def overview(powers: Mapping[str, ToolPower], faults: Faults) -> list[dict[str, Any]]:
    """One row a tool, in the order of the configuration; plain data only.

    name, serial, state, carrier, counters, job (None, or handle, slot, wafer, fraction and host's
    seconds left), ports by wire, frozen, memory_kept, faults (armed for it or for any tool),
    disturbances and process_faults (kind to amount and to unit).
    """
    armed = [asdict(fault) for fault in faults.armed()]
    rows = []
    for name, power in powers.items():
        model = power.tool
        model.advance()
        rows.append({
            "name": name, "serial": model.serial, "state": model.state(),
            "carrier": model.carrier_id, "counters": dict(model.counters), "job": _job(model),
            "ports": {channel.wire: channel.port for channel in power.channels},
            "frozen": power.is_frozen, "memory_kept": model.memory_kept,
            "faults": [fault for fault in armed if fault["tool"] in ("", name)],
            "disturbances": dict(model.disturbances),
            "process_faults": dict(model.process_faults),
        })  # fmt: skip
    return rows


def _job(model: ToolModel) -> dict[str, Any] | None:
    job = model.running
    if job is None:
        return None
    now = model.clock.now()
    left = max(0.0, job.started + job.duration - now)
    return {
        "handle": job.handle, "slot": job.slot, "wafer": job.wafer_id,
        "fraction": job.fraction(now), "seconds_left": model.clock.host_seconds(left),
    }  # fmt: skip
