"""The simulated polisher, written from `instruments/cmp/manual.md`.

Removal follows Preston (*J. Soc. Glass Technol.* 11, 1927): rate = K · pressure · speed, times what
slurry supply and pad give.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from instruments.fab.matter import radial, take_off
from instruments.fab.models.base import Handler, Job, Name, Number, Refuse, Word
from instruments.fab.models.process import (
    Floats,
    ProcessModel,
    fault,
    moments,
    noise,
    setting,
    settling,
)
from instruments.fab.world import Wafer

PRESTON = {"oxide": 3.0, "nitride": 1.2, "poly": 4.0, "metal": 5.0}
OTHER_RATE = 2.0
FRICTION = {"oxide": 1.0, "nitride": 0.8, "poly": 1.1, "metal": 1.3}
LOAD_S = 8.0
RINSE_S = 15.0
PAD_WAFERS = 300.0
GLAZE_WAFERS = 25.0
DISH_NM = 60.0
DISH_S = 60.0
NOISE = {"HPRE": 0.05, "PSPE": 0.1, "HSPE": 0.1, "SLUR": 0.5, "MCUR": 0.06, "PTEM": 0.1}


def removal_rate(material: str) -> float:
    """nm/s at 20 kPa, 90 rpm, 200 mL/min on a new pad."""
    return PRESTON.get(material, OTHER_RATE)


def preston(pressure: float, platen: float) -> float:
    """Pressure × speed relative to 20 kPa and 90 rpm."""
    return pressure / 20 * platen / 90


def wetted(slurry: float) -> float:
    """Share of the full rate that a slurry flow (mL/min) gives; 1 at 200."""
    return 1.15 * (slurry / 200) / (slurry / 200 + 0.15)


def pad_factor(wafers: int, glaze: int) -> float:
    """What a pad gives after `wafers`, the last `glaze` of them not conditioned."""
    worn = 0.6 + 0.4 * math.exp(-wafers / PAD_WAFERS)
    return worn * math.exp(-glaze / GLAZE_WAFERS)


def dishing(density: float, seconds: float) -> float:
    """nm that dense lines dish after polishing for `seconds` at the reference rate."""
    return DISH_NM * density * (1 - math.exp(-seconds / DISH_S))


class CmpModel(ProcessModel):
    """Polishes films, wears its pad, and dishes dense patterns."""

    model: ClassVar[str] = "CMP-300"
    channels: ClassVar[tuple[str, ...]] = tuple(NOISE)
    own_counters: ClassVar[tuple[str, ...]] = ("pad_wafers", "glaze")
    process_faults: ClassVar[dict[str, str]] = {
        "head_pressure": "kPa",
        "slurry_flow": "mL/min",
        "conditioner": "%",
    }
    settings_table: ClassVar[dict[str, Number | Word | Name]] = {
        "POL:TIME": Number(5, 300, 60),
        "HEAD:PRES": Number(5, 50, 20),
        "PLAT:SPE": Number(20, 120, 90),
        "HEAD:SPE": Number(20, 120, 87),
        "SLUR:FLOW": Number(50, 300, 200),
        "COND:MODE": Word(("ON", "OFF"), "ON"),
    }

    def own_handlers(self) -> dict[str, Handler]:
        """Readings and results of the manual."""
        return {
            "HEAD:STAT?": lambda _: "DOWN" if self.running else "UP",
            "PAD:WAF?": lambda _: str(self.counters["pad_wafers"]),
            "PAD:GLAZ?": lambda _: str(self.counters["glaze"]),
            "PAD:NEW": lambda _: self._new_pad(),
            "POL:REM?": lambda a: self._result(a, "removed"),
            "POL:LEFT?": lambda a: self._result(a, "left"),
            "POL:DISH?": lambda a: self._result(a, "dishing"),
        }

    def _new_pad(self) -> None:
        self.refuse_while_running()
        self.counters["pad_wafers"] = self.counters["glaze"] = 0

    def _result(self, argument: str, key: str) -> str:
        return f"{self.ended_job(self._quoted(argument)).data[key]:.4f}"

    def check_start(self, wafer: Wafer) -> None:
        """No resist, and something to polish."""
        self.wrong_state(wafer, "bare", "etched")
        if not wafer.films:
            raise Refuse(-221, f"Settings conflict; wafer {wafer.wafer_id} has no film")

    def duration_s(self, wafer: Wafer) -> float:
        """Load, polish, rinse."""
        return LOAD_S + float(self.settings["POL:TIME"]) + RINSE_S

    def prepare(self, job: Job, wafer: Wafer) -> None:
        """What pressure, slurry and pad really give."""
        pressure = max(0.5, setting(job, "HEAD:PRES") + fault(job, "head_pressure"))
        slurry = max(1.0, setting(job, "SLUR:FLOW") + fault(job, "slurry_flow"))
        lost = min(max(fault(job, "conditioner"), 0.0), 100.0) / 100
        pad = pad_factor(self.counters["pad_wafers"], self.counters["glaze"]) * (1 - 0.3 * lost)
        unequal = setting(job, "HEAD:SPE") / setting(job, "PLAT:SPE") - 1
        job.data.update(
            force=preston(pressure, setting(job, "PLAT:SPE")),
            wet=wetted(slurry),
            pad=pad,
            bow=0.02 + 0.3 * abs(unequal),
            material=wafer.films[-1].material,
            removed=0.0,
            left=0.0,
            dishing=0.0,
        )

    def work(self, job: Job, wafer: Wafer, fraction: float) -> None:
        """Polish for the time that has passed since somebody looked last."""
        seconds = max(0.0, min(fraction * job.duration - LOAD_S, setting(job, "POL:TIME")))
        tau = seconds * job.data["force"] * job.data["wet"] * job.data["pad"]
        due = tau - job.data["done"]
        if due <= 0:
            return
        taken, _ = take_off(wafer.films, due * radial(job.data["bow"]), removal_rate)
        job.data["removed"] += float(taken.mean())
        job.data["done"] = tau

    def on_end(self, job: Job, wafer: Wafer) -> None:
        """The pad is a wafer older."""
        spent = float(job.data["done"])
        job.data["left"] = wafer.films[-1].mean() if wafer.films else 0.0
        job.data["dishing"] = dishing(wafer.density, spent)
        self.record(
            job, wafer, process="polish", removed_nm=job.data["removed"],
            left_nm=job.data["left"], dishing_nm=job.data["dishing"],
            pad_factor=job.data["pad"], pad_wafers=self.counters["pad_wafers"],
        )  # fmt: skip
        if not spent:
            return
        self.counters["wafers"] += 1
        self.counters["pad_wafers"] += 1
        conditioned = job.settings["COND:MODE"] == "ON"
        self.counters["glaze"] = 0 if conditioned else self.counters["glaze"] + 1
        if job.data["removed"] > 0 and wafer.lines:
            self.world.bury(wafer)
        wafer.history.append(f"polish {job.data['removed']:.1f} nm")
        self.world.shed(wafer, 40.0, "slurry")

    def trace(self, job: Job, channel: str) -> NDArray[np.float32]:
        """One sample a second."""
        at = moments(job, self.clock.now(), self.dt_s)
        down = settling(at, LOAD_S, 2.0) * (at < LOAD_S + setting(job, "POL:TIME"))
        work = job.data["force"] * FRICTION.get(job.data["material"], 1.0) * job.data["pad"]
        warm = settling(at, LOAD_S, 20.0)
        curves: dict[str, Floats] = {
            "HPRE": setting(job, "HEAD:PRES") * down,
            "PSPE": setting(job, "PLAT:SPE") * down,
            "HSPE": setting(job, "HEAD:SPE") * down,
            "SLUR": setting(job, "SLUR:FLOW") * down,
            "MCUR": 4 + 12 * work * (0.7 + 0.3 * job.data["wet"]) * down,
            "PTEM": 25 + 15 * work * (1.5 - 0.5 * job.data["wet"]) * warm,
        }
        scale = NOISE[channel] * noise(job, self.channels.index(channel), at.size)
        return np.asarray(curves[channel] + scale, dtype=np.float32)
