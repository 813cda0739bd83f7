"""The simulated track (coater and developer), written from `instruments/track/manual.md`."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from instruments.fab.models.base import Handler, Job, Name, Number, Refuse, ToolModel, Word
from instruments.fab.models.litho import Bake, Coat
from instruments.fab.world import Wafer

THICKNESS_ERROR_NM = 0.15
SPIN_RPM, SOFT_C, SOFT_S = 1500.0, 110.0, 60.0
THINNER_PER_C = 2e-4
DULLER_PER_C, DULLER_PER_S = 1e-3, 1e-4
"""Change of ln(dose to size) by the soft bake."""
COAT_BASE_S = 45.0
DEVELOP_BASE_S = 25.0


class TrackModel(ToolModel):
    """Coats wafers with resist, and bakes and develops them after exposure."""

    model: ClassVar[str] = "TRACK-12"
    channels: ClassVar[tuple[str, ...]] = ("TEMP", "SPIN")
    settings_table: ClassVar[dict[str, Number | Word | Name]] = {
        "TRK:OPER": Word(("COAT", "DEV"), "COAT"),
        "COAT:RES": Name(),
        "COAT:SPIN": Number(500, 5000, 1500),
        "COAT:THIC": Number(40, 400, 90),
        "BAKE:TEMP": Number(60, 180, 110),
        "BAKE:TIME": Number(10, 180, 60),
        "PEB:TEMP": Number(60, 160, 100),
        "PEB:TIME": Number(10, 180, 60),
        "PEB:DEL": Number(0, 600, 30),
        "DEV:TIME": Number(5, 120, 30),
    }

    def own_handlers(self) -> dict[str, Handler]:
        """Readings of the manual."""
        return {
            "PLAT:TEMP?": lambda _: f"{self._plate() + 0.02 * self.flicker.normal():.3f}",
            "CUP:STAT?": lambda _: "SPINNING" if self.running else "IDLE",
            "RES:THIC?": self._thickness,
            "RES:PEBD?": self._peb_delay,
        }

    def _plate(self) -> float:
        coats = self.settings["TRK:OPER"] == "COAT"
        return float(self.settings["BAKE:TEMP" if coats else "PEB:TEMP"])

    def check_start(self, wafer: Wafer) -> None:
        """Bare, developed or etched for a coat; coated and exposed for a development."""
        allowed = {"COAT": ("bare", "developed", "etched"), "DEV": ("exposed",)}
        if wafer.state() not in allowed[str(self.settings["TRK:OPER"])]:
            raise Refuse(-221, f"Settings conflict; wafer {wafer.wafer_id} is {wafer.state()}")
        if self.settings["TRK:OPER"] == "COAT" and self.settings["COAT:RES"] == "NONE":
            raise Refuse(-221, "Settings conflict; no resist is chosen")

    def duration_s(self, wafer: Wafer) -> float:
        """Spin and bakes."""
        value = self.settings
        if value["TRK:OPER"] == "COAT":
            return COAT_BASE_S + float(value["BAKE:TIME"])
        times = (float(value[head]) for head in ("PEB:DEL", "PEB:TIME", "DEV:TIME"))
        return DEVELOP_BASE_S + sum(times)

    def on_start(self, job: Job, wafer: Wafer) -> None:
        """Draw this wafer's thickness and the traces' noise."""
        value = job.settings
        spun = float(value["COAT:THIC"]) * math.sqrt(SPIN_RPM / float(value["COAT:SPIN"]))
        baked = spun * (1 - THINNER_PER_C * (float(value["BAKE:TEMP"]) - SOFT_C))
        job.data["thickness"] = baked + float(self.rng.normal(0, THICKNESS_ERROR_NM))
        job.data["noise_seed"] = int(self.rng.integers(2**31))
        waited = 0.0 if wafer.exposed_at is None else job.started - wafer.exposed_at
        job.data["peb_delay"] = max(0.0, waited) + float(job.settings["PEB:DEL"])

    def on_end(self, job: Job, wafer: Wafer) -> None:
        """Only a whole coat coats and only a whole development develops."""
        if job.state != "DONE":
            return
        self.counters["wafers"] += 1
        value = job.settings
        if value["TRK:OPER"] == "COAT":
            duller = DULLER_PER_C * (float(value["BAKE:TEMP"]) - SOFT_C)
            duller += DULLER_PER_S * (float(value["BAKE:TIME"]) - SOFT_S)
            coat = Coat(str(value["COAT:RES"]), job.data["thickness"], duller)
            self.world.coat(wafer, coat)
            return
        temperature, time, develop = (
            float(value[head]) for head in ("PEB:TEMP", "PEB:TIME", "DEV:TIME")
        )
        bake = Bake(temperature, time, job.data["peb_delay"], develop)
        self.world.develop(wafer, bake)

    def _thickness(self, argument: str) -> str:
        job = self.ended_job(self._quoted(argument))
        if job.state != "DONE" or job.settings["TRK:OPER"] != "COAT":
            raise Refuse(-200, "Execution error; not a finished coat")
        return f"{job.data['thickness']:.3f}"

    def _peb_delay(self, argument: str) -> str:
        job = self.ended_job(self._quoted(argument))
        if job.state != "DONE" or job.settings["TRK:OPER"] != "DEV" or "peb_delay" not in job.data:
            raise Refuse(-200, "Execution error; not a finished development")
        return f"{job.data['peb_delay']:.2f}"

    def trace(self, job: Job, channel: str) -> NDArray[np.float32]:
        """One sample a second."""
        count = max(1, int(job.fraction(self.clock.now()) * job.duration))
        at = np.arange(count, dtype=float)
        rng = np.random.default_rng([job.data["noise_seed"], self.channels.index(channel)])
        coats = job.settings["TRK:OPER"] == "COAT"
        if channel == "TEMP":
            goal = float(job.settings["BAKE:TEMP" if coats else "PEB:TEMP"])
            values = 23 + (goal - 23) * (1 - np.exp(-at / 6)) + rng.normal(0, 0.03, count)
        else:
            goal = float(job.settings["COAT:SPIN"]) if coats else 800.0
            values = goal * (1 - np.exp(-at / 1.5)) * (at < 40) + rng.normal(0, 2, count)
        return np.asarray(values, dtype=np.float32)
