"""The simulated overlay tool, written from `instruments/overlay/manual.md`."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from instruments.fab.models.base import Handler, Job, Name, Number, Refuse, Word
from instruments.fab.models.litho import COLUMNS, ROWS, field_centre
from instruments.fab.models.metrology import MeasuringModel
from instruments.fab.models.registration import offset
from instruments.fab.world import Line, Wafer, World

LOOK_S = 0.5
NOISE_NM = 0.15
BEST_WAVELENGTH_NM = 550.0
SHARP_NM = 4.0
"""Edge slope of a line printed in focus."""
LEAST_CONTRAST = 0.3
NOT_MEASURED = -999.0
MARK_X_MM, MARK_Y_MM = 11.5, 15.0
MARKS = {
    "ONE": [(0.0, 0.0)],
    "FOUR": [(x, y) for y in (-MARK_Y_MM, MARK_Y_MM) for x in (-MARK_X_MM, MARK_X_MM)],
    "NINE": [(x, y) for y in (-MARK_Y_MM, 0.0, MARK_Y_MM) for x in (-MARK_X_MM, 0.0, MARK_X_MM)],
}


class OverlayModel(MeasuringModel):
    """Sees where the marks lie, through its own asymmetry and noise."""

    model: ClassVar[str] = "OVERLAY-300"
    align_s: ClassVar[float] = 10.0
    columns: ClassVar[int] = 11
    settings_table: ClassVar[dict[str, Number | Word | Name]] = {
        "MEAS:FIEL": Word(("FULL", "HALF", "CENT"), "FULL"),
        "MEAS:MARK": Word(("ONE", "FOUR", "NINE"), "FOUR"),
        "MEAS:TIS": Word(("ON", "OFF"), "ON"),
        "MEAS:WAVE": Number(400, 800, BEST_WAVELENGTH_NM),
    }
    stage: str = "READY"

    def __init__(self, name: str, serial: str, seed: int, world: World) -> None:
        self.asymmetry = np.random.default_rng([seed, 31]).uniform(-1.5, 1.5, 2)
        super().__init__(name, serial, seed, world)

    def own_handlers(self) -> dict[str, Handler]:
        """Readings of the manual."""
        return super().own_handlers() | {
            "STAG:STAT?": lambda _: "MOVING" if self.running else self.stage,
            "LAMP:POW?": lambda _: f"{12.0 + 0.02 * self.flicker.normal():.4f}",
        }

    def check_start(self, wafer: Wafer) -> None:
        """Developed wafers only."""
        if wafer.state() != "developed":
            raise Refuse(-221, f"Settings conflict; wafer {wafer.wafer_id} is {wafer.state()}")

    def places(self, wafer: Wafer) -> list[Any]:
        """Column, row, and mark in the field."""
        fields = sorted(wafer.lines, key=lambda at: (at[1], at[0]))
        marks = MARKS[str(self.settings["MEAS:MARK"])]
        return [[c, r, x, y] for c, r in fields if self._wants(c, r) for x, y in marks]

    def _wants(self, column: int, row: int) -> bool:
        which = self.settings["MEAS:FIEL"]
        if which == "CENT":
            return (column, row) == (COLUMNS // 2, ROWS // 2)
        return which == "FULL" or (column + row) % 2 == 0

    def seconds_each(self) -> float:
        """Two looks at a mark with TIS correction, one without."""
        return LOOK_S * (2 if self.settings["MEAS:TIS"] == "ON" else 1)

    def on_start(self, job: Job, wafer: Wafer) -> None:
        """The stage leaves its place."""
        super().on_start(job, wafer)
        self.stage = "READY"

    def measure(self, job: Job, wafer: Wafer, place: Any) -> list[float]:
        """One mark: the offset that the scanner printed, as this tool sees it."""
        column, row, x, y = place
        far_x, far_y = field_centre((column, row))
        where = [column, row, far_x + x, far_y + y, x, y]
        blur, contrast = _sharpness(wafer.lines[column, row])
        if contrast < LEAST_CONTRAST or wafer.registration is None:
            return [*where, NOT_MEASURED, NOT_MEASURED, 0.0, 0.0, contrast]
        truth = np.array(offset(wafer.registration, (column, row), x, y))
        detune = (float(job.settings["MEAS:WAVE"]) - BEST_WAVELENGTH_NM) / 150.0
        shift = self.asymmetry * (1 + 0.5 * detune)
        noise = self.rng.normal(0, NOISE_NM * (1 + detune**2) * blur, (2, 2))
        if job.settings["MEAS:TIS"] == "OFF":
            return [*where, *(truth + shift + noise[0]), 0.0, 0.0, contrast]
        at_0, at_180 = truth + shift + noise[0], truth - shift + noise[1]
        return [*where, *((at_0 + at_180) / 2), *((at_0 - at_180) / 2), contrast]

    def make_safe(self) -> None:
        """Stage parked."""
        self.stage = "PARKED"


def _sharpness(line: Line) -> tuple[float, float]:
    """How much wider the noise is than in focus, and the mark's contrast."""
    blur = max(1.0, line.slope / SHARP_NM)
    return blur, 0.9 * math.exp(-(blur - 1) / 2) if line.cd > 0 else 0.0
