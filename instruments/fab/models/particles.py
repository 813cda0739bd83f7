"""The simulated particle inspector, written from `instruments/particles/manual.md`."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from instruments.fab.matter import EDGE_MM, Particle
from instruments.fab.models.base import (
    Handler,
    Job,
    Name,
    Number,
    Refuse,
    ToolModel,
    Word,
    block,
)
from instruments.fab.world import Wafer

ALIGN_S, SCAN_S = 15.0, 45.0
HALF_CAUGHT_NM = {"STD": 45.0, "HIGH": 34.0}
CAPTURE_WIDTH_NM = 4.0
SIZE_ERROR = 0.05
PLACE_ERROR_MM = 0.03
SAME_MM = 0.2
FALSE_DEFECTS = 1 / 3
MOST = 5000
COLUMNS = 5


class ParticlesModel(ToolModel):
    """Sees most of the larger particles and few of the smallest."""

    model: ClassVar[str] = "PARTICLES-300"
    settings_table: ClassVar[dict[str, Number | Word | Name]] = {
        "SCAN:SIZE": Number(30, 1000, 40),
        "SCAN:SENS": Word(("HIGH", "STD"), "STD"),
        "SCAN:EDGE": Number(1, 20, 3),
        "SCAN:REF": Word(("NONE", "LAST"), "NONE"),
    }

    def own_handlers(self) -> dict[str, Handler]:
        """Readings and results of the manual."""
        return {
            "LAS:POW?": lambda _: f"{250.0 + 0.3 * self.flicker.normal():.3f}",
            "CHUC:SPE?": lambda _: "1200" if self.running else "0",
            "DATA:SITE?": self._defects,
            "DATA:HAZE?": lambda a: f"{self._scan(a).data['haze']:.6g}",
        }

    def check_start(self, wafer: Wafer) -> None:
        """A comparison needs something to compare with."""
        if self.settings["SCAN:REF"] == "LAST" and self._last_scan(wafer) is None:
            raise Refuse(-221, f"Settings conflict; no earlier scan of {wafer.wafer_id}")

    def duration_s(self, wafer: Wafer) -> float:
        """Alignment and scan."""
        return ALIGN_S + SCAN_S * (2 if self.settings["SCAN:SENS"] == "HIGH" else 1)

    def on_start(self, job: Job, wafer: Wafer) -> None:
        """Keep what is to be compared with, as it is now."""
        before = self._last_scan(wafer) if job.settings["SCAN:REF"] == "LAST" else None
        job.data.update(rows=[], haze=0.0, before=before)

    def on_end(self, job: Job, wafer: Wafer) -> None:
        """Only a whole scan reports."""
        if job.state != "DONE":
            return
        self.counters["wafers"] += 1
        seen = [self._seen(one, job) for one in wafer.particles if self._is_caught(one, job)]
        seen += self._false(job)
        floor = float(job.settings["SCAN:SIZE"])
        shown = sorted((one for one in seen if one[2] >= floor), key=lambda one: -one[2])[:MOST]
        before = job.data.pop("before")
        job.data["rows"] = [
            [number, x, y, size, _class_of(x, y, before)]
            for number, (x, y, size) in enumerate(shown, start=1)
        ]
        job.data["haze"] = 0.05 + 0.01 * len(wafer.films) + abs(0.001 * float(self.rng.normal()))

    def _is_caught(self, one: Particle, job: Job) -> bool:
        if math.hypot(one.x_mm, one.y_mm) > EDGE_MM - float(job.settings["SCAN:EDGE"]):
            return False
        half = HALF_CAUGHT_NM[str(job.settings["SCAN:SENS"])]
        above = min((one.size_nm - half) / CAPTURE_WIDTH_NM, 50.0)
        return bool(self.rng.random() < 1 / (1 + math.exp(-above)))

    def _seen(self, one: Particle, job: Job) -> tuple[float, float, float]:
        dx, dy = self.rng.normal(0, PLACE_ERROR_MM, 2)
        size = one.size_nm * (1 + self.rng.normal(0, SIZE_ERROR))
        return float(one.x_mm + dx), float(one.y_mm + dy), float(size)

    def _false(self, job: Job) -> list[tuple[float, float, float]]:
        if job.settings["SCAN:SENS"] != "HIGH":
            return []
        count = int(self.rng.poisson(FALSE_DEFECTS))
        reach = EDGE_MM - float(job.settings["SCAN:EDGE"])
        radius = reach * np.sqrt(self.rng.random(count))
        angle = self.rng.uniform(0, 2 * math.pi, count)
        sizes = self.rng.uniform(30, 45, count)
        places = zip(radius * np.cos(angle), radius * np.sin(angle), sizes, strict=True)
        return [(float(x), float(y), float(size)) for x, y, size in places]

    def _last_scan(self, wafer: Wafer) -> list[Any] | None:
        """x, y of the defects of this tool's last finished scan of `wafer`."""
        for job in reversed(self.jobs.values()):
            if job.wafer_id == wafer.wafer_id and job.state == "DONE" and "rows" in job.data:
                return [[row[1], row[2]] for row in job.data["rows"]]
        return None

    def _scan(self, argument: str) -> Job:
        job = self.ended_job(self._quoted(argument))
        if job.state != "DONE" or "rows" not in job.data:
            raise Refuse(-200, "Execution error; not a finished scan")
        return job

    def _defects(self, argument: str) -> bytes:
        rows: NDArray[np.float32] = np.array(self._scan(argument).data["rows"], dtype=np.float32)
        return block(rows.reshape(-1))


def _class_of(x: float, y: float, before: list[Any] | None) -> float:
    if before is None:
        return -1.0
    known = any(math.hypot(x - other_x, y - other_y) <= SAME_MM for other_x, other_y in before)
    return 0.0 if known else 1.0
