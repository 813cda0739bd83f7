"""The simulated CD-SEM, written from `instruments/cd_sem/manual.md`."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from instruments.fab.models.base import Handler, Job, Name, Number, Refuse, Word
from instruments.fab.models.litho import COLUMNS, ROWS, field_centre
from instruments.fab.models.metrology import MeasuringModel
from instruments.fab.world import Line, Wafer

SITE_S = 1.2
REPEATABILITY_NM = 0.12
SHRINK_NM = 0.30
NEUTRAL_V = 500.0
CHARGE_V = 10.0
CHARGE_TAU_S = 300.0
SHIFT_NM_V, BLUR_V, GLARE_V = 0.05, 0.02, 0.01
"""Of a line's width, its edges' steepness and brightness, for each volt."""
INSULATORS = ("oxide", "nitride")
LARGEST_STEP_V = 200.0


class CdSemModel(MeasuringModel):
    """Measures line widths, with noise, and shrinks and charges what it looks at."""

    model: ClassVar[str] = "CDSEM-300"
    columns: ClassVar[int] = 9
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
        return super().own_handlers() | {
            "BEAM:STAT?": lambda _: "ON" if self.beam_on else "OFF",
            "BEAM:CURR?": lambda _: f"{8.0 * self.beam_on + 0.01 * self.flicker.normal():.4f}",
            "CHAM:PRES?": lambda _: f"{2.1e-5 * (1 + 0.02 * self.flicker.normal()):.4e}",
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

    def places(self, wafer: Wafer) -> list[Any]:
        """The fields with a pattern, row by row from the bottom, or the centre alone."""
        if self.settings["MEAS:FIEL"] == "CENT":
            centre = (COLUMNS // 2, ROWS // 2)
            return [centre] if centre in wafer.lines else []
        return sorted(wafer.lines, key=lambda at: (at[1], at[0]))

    def seconds_each(self) -> float:
        """The stage's way and the scan."""
        return SITE_S

    def work(self, job: Job, wafer: Wafer, fraction: float) -> None:
        """Measure the sites whose time has come; the beam is on from the first to the last."""
        super().work(job, wafer, fraction)
        has_begun = fraction * job.duration > self.align_s
        self.beam_on = has_begun and len(job.data["rows"]) < len(job.data["plan"])

    def measure(self, job: Job, wafer: Wafer, place: Any) -> list[float]:
        """One field's line."""
        column, row = place
        line, dose = wafer.lines[column, row], float(job.settings["SEM:DOSE"])
        volts = self._charge(job, wafer, line)
        width = line.cd - line.shrunk + SHIFT_NM_V * volts
        if wafer.coat is not None:
            line.shrunk += SHRINK_NM * (dose / 10) * (float(job.settings["SEM:LAND"]) / 500)
        line.passes += 1
        width += self.rng.normal(0, REPEATABILITY_NM * math.sqrt(10 / dose))
        target = float(job.settings["MEAS:TARG"])
        resolved = 0.5 * target <= width <= 1.6 * target
        x, y = field_centre((column, row))
        cd, lwr = (width, line.lwr + self.rng.normal(0, 0.05)) if resolved else (-1.0, -1.0)
        slope = line.slope * (1 + BLUR_V * abs(volts))
        job.data.setdefault("volts", []).append(volts)
        return [column, row, x, y, cd, lwr, line.passes, float(resolved), slope]

    def _charge(self, job: Job, wafer: Wafer, line: Line) -> float:
        """Volts of negative charge that this pass sees; what it leaves stays on `line`."""
        now = job.started + self.align_s + SITE_S * (len(job.data["rows"]) + 1)
        left = line.charge * math.exp(-max(0.0, now - line.charged_at) / CHARGE_TAU_S)
        gained = 0.0
        if wafer.coat is not None or (wafer.films and wafer.films[-1].material in INSULATORS):
            unbalanced = float(job.settings["SEM:LAND"]) / NEUTRAL_V - 1
            gained = CHARGE_V * unbalanced * float(job.settings["SEM:DOSE"]) / 10
        line.charge, line.charged_at = left + gained, now
        return left + gained / 2

    def on_end(self, job: Job, wafer: Wafer) -> None:
        """Beam off."""
        self.beam_on = False
        super().on_end(job, wafer)

    def make_safe(self) -> None:
        """Beam off."""
        self.beam_on = False

    def trace(self, job: Job, channel: str) -> NDArray[np.float32]:
        """Mean profile of the site nearest the centre: two bright edges around the line."""
        rows = job.data["rows"]
        if not rows:
            raise Refuse(-241, "Hardware missing; no site was measured")
        nearest = min(range(len(rows)), key=lambda k: math.hypot(rows[k][2], rows[k][3]))
        width, slope = max(rows[nearest][4], 0.0), rows[nearest][8]
        glare = float(np.clip(GLARE_V * job.data["volts"][nearest], -0.9, 0.9))
        x = np.linspace(-64, 64, 256)
        edges = sum(
            (1 - side * glare) * np.exp(-(((x - side * width / 2) / slope) ** 2))
            for side in (-1, 1)
        )
        return np.asarray(0.3 + edges, dtype=np.float32)

    def trace_step(self, job: Job, channel: str) -> float:
        """Nanometres between samples."""
        return 128.0 / 255.0
