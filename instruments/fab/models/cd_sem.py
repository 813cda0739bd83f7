"""The simulated CD-SEM, written from `instruments/cd_sem/manual.md`."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

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
from instruments.fab.models.litho import COLUMNS, ROWS, Field, field_centre
from instruments.fab.world import Line, Wafer

ALIGN_S = 8.0
SITE_S = 1.2
REPEATABILITY_NM = 0.12
SHRINK_NM = 0.30
LARGEST_STEP_V = 200.0
SITE_COLUMNS = 9


class CdSemModel(ToolModel):
    """Measures line widths, with noise, and shrinks what it looks at."""

    model: ClassVar[str] = "CDSEM-300"
    channels: ClassVar[tuple[str, ...]] = ("PROF",)
    settings_table: ClassVar[dict[str, Number | Word | Name]] = {
        "MEAS:TARG": Number(10, 500, 40),
        "SEM:LAND": Number(300, 1600, 500),
        "SEM:DOSE": Number(1, 50, 10),
        "MEAS:FIEL": Word(("FULL", "CENT"), "FULL"),
    }
    beam_on: bool = False

    def own_handlers(self) -> dict[str, Handler]:
        """Readings and results of the manual."""
        return {
            "BEAM:STAT?": lambda _: "ON" if self.beam_on else "OFF",
            "BEAM:CURR?": lambda _: f"{8.0 * self.beam_on + 0.01 * self.rng.normal():.4f}",
            "CHAM:PRES?": lambda _: f"{2.1e-5 * (1 + 0.02 * self.rng.normal()):.4e}",
            "DATA:SITE?": self._sites,
        }

    def check_setting(self, head: str, value: float | str) -> None:
        """The landing voltage moves in steps."""
        if head == "SEM:LAND":
            step = abs(float(value) - float(self.settings["SEM:LAND"]))
            if step > LARGEST_STEP_V + 1e-6:
                raise Refuse(-221, "Settings conflict; landing voltage step above 200 V")

    def check_start(self, wafer: Wafer) -> None:
        """Developed or etched wafers only."""
        if wafer.state() not in ("developed", "etched"):
            raise Refuse(-221, f"Settings conflict; wafer {wafer.wafer_id} is {wafer.state()}")

    def _plan(self, wafer: Wafer) -> list[Field]:
        if self.settings["MEAS:FIEL"] == "CENT":
            centre = (COLUMNS // 2, ROWS // 2)
            return [centre] if centre in wafer.lines else []
        return sorted(wafer.lines, key=lambda at: (at[1], at[0]))

    def duration_s(self, wafer: Wafer) -> float:
        """Alignment, then the sites."""
        return ALIGN_S + SITE_S * len(self._plan(wafer))

    def on_start(self, job: Job, wafer: Wafer) -> None:
        """Fix the order of the sites."""
        job.data.update(plan=self._plan(wafer), rows=[], is_resist=wafer.coat is not None)

    def work(self, job: Job, wafer: Wafer, fraction: float) -> None:
        """Measure the sites whose time has come."""
        seconds = fraction * job.duration - ALIGN_S
        plan: list[Field] = job.data["plan"]
        due = min(len(plan), max(0, math.floor(seconds / SITE_S + 1e-6)))
        self.beam_on = seconds > 0 and due < len(plan)
        for at in plan[len(job.data["rows"]) : due]:
            job.data["rows"].append(self._measure(at, wafer.lines[at], job))

    def _measure(self, at: Field, line: Line, job: Job) -> list[float]:
        value = job.settings
        # Shrink grows with electron dose and landing energy; the first pass is corrected for it.
        shrink = SHRINK_NM * (float(value["SEM:DOSE"]) / 10) * (float(value["SEM:LAND"]) / 500)
        shrink *= job.data["is_resist"]
        width = line.cd - shrink * line.passes
        line.passes += 1
        noise = REPEATABILITY_NM * math.sqrt(10 / float(value["SEM:DOSE"]))
        width += self.rng.normal(0, noise)
        target = float(value["MEAS:TARG"])
        resolved = 0.5 * target <= width <= 1.6 * target
        x, y = field_centre(at)
        cd, lwr = (width, line.lwr + self.rng.normal(0, 0.05)) if resolved else (-1.0, -1.0)
        return [*at, x, y, cd, lwr, line.passes, float(resolved), line.slope]

    def on_end(self, job: Job, wafer: Wafer) -> None:
        """Beam off; a wafer with one measured site has been processed."""
        self.beam_on = False
        self.counters["wafers"] += 1 if job.data["rows"] else 0

    def make_safe(self) -> None:
        """Beam off."""
        self.beam_on = False

    def _sites(self, argument: str) -> bytes:
        job = self.ended_job(self._quoted(argument))
        rows = np.array(job.data["rows"], dtype=np.float32).reshape(-1, SITE_COLUMNS)
        return block(rows.reshape(-1))

    def trace(self, job: Job, channel: str) -> NDArray[np.float32]:
        """Mean profile of the site nearest the centre: two bright edges around the line."""
        rows = job.data["rows"]
        if not rows:
            raise Refuse(-241, "Hardware missing; no site was measured")
        row = min(rows, key=lambda r: math.hypot(r[2], r[3]))
        width = max(row[4], 0.0)
        x = np.linspace(-64, 64, 256)
        edges = sum(np.exp(-(((x - side * width / 2) / row[8]) ** 2)) for side in (-1, 1))
        return np.asarray(0.3 + edges, dtype=np.float32)

    def trace_step(self, job: Job, channel: str) -> float:
        """Nanometres between samples."""
        return 128.0 / 255.0
