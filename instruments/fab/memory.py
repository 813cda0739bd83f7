"""What the fab keeps when it is stopped: wafers, carriers, job logs and counters.

The physical things outlive a power cut, and so do the tools' job logs. A job that was running is
ABORTED afterwards, its wafer left as the last save found it; lenses are cold, settings default.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from instruments.fab.matter import Film, Particle, Registration
from instruments.fab.models.base import JOBS_WITH_DATA, Job, ToolModel
from instruments.fab.models.litho import Bake, Coat, Optics
from instruments.fab.world import Carrier, Line, Shot, Wafer, World

FORMAT = 1


class NoMemory(ValueError):
    """The file holds nothing this fab can remember; the message says why."""


class Memory:
    """Saves a fab into one file when something has changed, and recalls it."""

    def __init__(self, path: Path, world: World, tools: Mapping[str, ToolModel]) -> None:
        self._path = path
        self._world = world
        self._tools = tools
        self._saved: object = None
        self._wafers: dict[str, str] = {}
        self._jobs: dict[tuple[str, str], tuple[Job, bool, str]] = {}
        """What was written last, by wafer and by tool and handle: most of it stays as it was."""

    def recall(self) -> None:
        """Take up where the file left off; raises `NoMemory` and then changes nothing."""
        if not self._path.exists():
            return
        try:
            raw = json.loads(self._path.read_text(), object_hook=_revived)
            wanted = (FORMAT, self._world.seed)
            if (raw["format"], raw["seed"]) != wanted:
                raise NoMemory("it belongs to a fab of another format or seed")
            wafers = {w["wafer_id"]: _wafer(w) for w in raw["wafers"]}
            carriers = {c["carrier_id"]: _carrier(c) for c in raw["carriers"]}
            jobs = {
                name: [Job(**job) for job in tool["jobs"]] for name, tool in raw["tools"].items()
            }
            clock = float(raw.get("clock", 0.0))
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise NoMemory(f"{self._path} is not used: {error}") from error
        self._world.clock.go_on_from(clock)
        self._world.wafers, self._world.carriers = wafers, carriers
        self._world.double_exposures = raw["double_exposures"]
        for name, tool in self._tools.items():
            if name in raw["tools"]:
                _switch_on(tool, raw["tools"][name], jobs[name])

    def save(self) -> None:
        """Write the file if anything has changed since the last time."""
        for tool in self._tools.values():
            tool.advance()
        now = self._mark()
        if now == self._saved:
            return
        partial = self._path.with_suffix(".partial")
        partial.write_text(self._document())
        partial.replace(self._path)
        self._saved = now

    def _mark(self) -> object:
        """Something that differs whenever the fab's lasting state does."""
        tools = tuple(
            (tuple(t.counters.values()), len(t.jobs), t.carrier_id, t.memory_kept, _done(t))
            for t in self._tools.values()
        )
        places = tuple(
            (c.carrier_id, c.place, tuple(c.slots)) for c in self._world.carriers.values()
        )
        return tools, places, len(self._world.wafers)

    def _document(self) -> str:
        world = self._world
        touched = self._touched()
        head = {
            "format": FORMAT,
            "seed": world.seed,
            "double_exposures": world.double_exposures,
            "clock": world.clock.now(),
            "carriers": [asdict(carrier) for carrier in world.carriers.values()],
        }
        wafers = (self._wafer_text(one, touched) for one in world.wafers.values())
        tools = (
            _members(
                _lasting(tool),
                '"jobs":' + _array(self._job_text(name, job) for job in tool.jobs.values()),
            )
            for name, tool in self._tools.items()
        )
        named = (f"{_text(name)}:{tool}" for name, tool in zip(self._tools, tools, strict=True))
        return _members(head, f'"wafers":{_array(wafers)},"tools":{{{",".join(named)}}}')

    def _touched(self) -> set[str]:
        """The wafers that a job has worked on since they were written last.

        A tool's jobs follow one another: before one that was written when it had ended lie others.
        """
        found = set()
        for name, tool in self._tools.items():
            for job in reversed(tool.jobs.values()):
                if self._kept(name, job) is not None:
                    break
                found.add(job.wafer_id)
        return found

    def _wafer_text(self, wafer: Wafer, touched: set[str]) -> str:
        if wafer.wafer_id in touched or wafer.wafer_id not in self._wafers:
            self._wafers[wafer.wafer_id] = _text(_flat(wafer))
        return self._wafers[wafer.wafer_id]

    def _kept(self, name: str, job: Job) -> str | None:
        """What was written of a job that had ended; a tool that lost its log counts anew."""
        known, forgotten, text = self._jobs.get((name, job.handle), (None, False, ""))
        return text if known is job and forgotten == job.is_forgotten else None

    def _job_text(self, name: str, job: Job) -> str:
        text = self._kept(name, job)
        if text is None:
            text = _text(vars(job))
            if job.state != "RUNNING":
                self._jobs[name, job.handle] = (job, job.is_forgotten, text)
        return text


def _done(tool: ToolModel) -> object:
    """How far the running job is: counts of fields and sites, not seconds."""
    if tool.running is None:
        return None
    data = tool.running.data
    return data.get("done"), len(data.get("rows", ()))


def _flat(wafer: Wafer) -> dict[str, Any]:
    flat = asdict(wafer)
    flat["shots"] = [[*at, shot.dose, shot.focus] for at, shot in wafer.shots.items()]
    flat["lines"] = [
        [*at, *(getattr(line, one.name) for one in fields(Line))]
        for at, line in wafer.lines.items()
    ]
    return flat


def _wafer(flat: Mapping[str, Any]) -> Wafer:
    rebuilt = dict(flat)
    rebuilt["coat"] = Coat(**flat["coat"]) if flat["coat"] else None
    rebuilt["bake"] = Bake(**flat["bake"]) if flat["bake"] else None
    rebuilt["optics"] = Optics(**flat["optics"])
    rebuilt["shots"] = {(c, r): Shot(dose, focus) for c, r, dose, focus in flat["shots"]}
    rebuilt["lines"] = {(c, r): Line(*line) for c, r, *line in flat["lines"]}
    rebuilt["films"] = [Film(**one) for one in flat.get("films", ())]
    rebuilt["particles"] = [Particle(**one) for one in flat.get("particles", ())]
    found = flat.get("registration")
    rebuilt["registration"] = _registration(found) if found else None
    return Wafer(**rebuilt)


def _registration(flat: Mapping[str, Any]) -> Registration:
    residual = {at: (float(dx), float(dy)) for at, (dx, dy) in flat["residual"].items()}
    return Registration(**{**flat, "residual": residual})


def _carrier(flat: Mapping[str, Any]) -> Carrier:
    slots = {int(slot): wafer_id for slot, wafer_id in flat["slots"].items()}
    marks = {int(slot): mark for slot, mark in flat["marks"].items()}
    return Carrier(flat["carrier_id"], slots, marks, flat["place"])


def _lasting(tool: ToolModel) -> dict[str, Any]:
    return {
        "counters": tool.counters,
        "carrier_id": tool.carrier_id,
        "memory_kept": tool.memory_kept,
    }


def _text(value: object) -> str:
    return json.dumps(value, default=_plain)


def _array(texts: Iterable[str]) -> str:
    return f"[{','.join(texts)}]"


def _members(first: Mapping[str, Any], more: str) -> str:
    """An object of `first` and of members that are text already."""
    return f"{_text(first)[:-1]},{more}}}"


def _switch_on(tool: ToolModel, raw: Mapping[str, Any], jobs: list[Job]) -> None:
    for job in jobs:
        if job.state == "RUNNING":
            job.state, job.code, job.text = "ABORTED", -240, "power was lost"
            job.ended = job.started
    for job in jobs[:-JOBS_WITH_DATA]:
        job.forget()
    tool.jobs = {job.handle: job for job in jobs}
    tool.by_token = {job.token: job.handle for job in jobs}
    tool.counters.update(raw["counters"])
    tool.carrier_id = raw["carrier_id"]
    tool.memory_kept = raw["memory_kept"]


def _plain(value: object) -> object:
    if isinstance(value, np.ndarray):
        return {"float64": value.tolist()}
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be kept")


def _revived(found: dict[str, Any]) -> Any:
    return np.array(found["float64"]) if set(found) == {"float64"} else found
