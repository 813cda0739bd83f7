"""What the measuring tools share: a list of places, one after another, a row of numbers each."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from instruments.fab.models.base import Handler, Job, ToolModel, block
from instruments.fab.world import Wafer


class MeasuringModel(ToolModel):
    """Aligns, then measures place after place; `job.data["rows"]` holds what it found."""

    align_s: ClassVar[float] = 8.0
    columns: ClassVar[int] = 0

    def own_handlers(self) -> dict[str, Handler]:
        """The table of results."""
        return {"DATA:SITE?": self._sites}

    # ------------------------------------------------------------------ what subclasses say
    def places(self, wafer: Wafer) -> list[Any]:
        """Where the present settings measure, in order; JSON-able."""
        return []

    def seconds_each(self) -> float:
        """Physical seconds a place takes with the present settings."""
        return 1.0

    def measure(self, job: Job, wafer: Wafer, place: Any) -> list[float]:
        """The row of one place, `columns` long."""
        raise AssertionError(f"{type(self).__name__} measures nothing")

    # ------------------------------------------------------------------ the job
    def duration_s(self, wafer: Wafer) -> float:
        """Alignment, then the places."""
        return self.align_s + self.seconds_each() * len(self.places(wafer))

    def on_start(self, job: Job, wafer: Wafer) -> None:
        """Fix the places and their order."""
        job.data.update(plan=self.places(wafer), rows=[], each=self.seconds_each())

    def work(self, job: Job, wafer: Wafer, fraction: float) -> None:
        """Measure the places whose time has come."""
        seconds = fraction * job.duration - self.align_s
        plan = job.data["plan"]
        due = min(len(plan), max(0, math.floor(seconds / job.data["each"] + 1e-6)))
        for place in plan[len(job.data["rows"]) : due]:
            job.data["rows"].append(self.measure(job, wafer, place))

    def on_end(self, job: Job, wafer: Wafer) -> None:
        """A wafer with one measured place has been processed."""
        self.counters["wafers"] += 1 if job.data["rows"] else 0

    def _sites(self, argument: str) -> bytes:
        job = self.ended_job(self._quoted(argument))
        rows = np.array(job.data["rows"], dtype=np.float32).reshape(-1, self.columns)
        return block(rows.reshape(-1))
