"""The simulated wet clean, written from `instruments/clean/manual.md`."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from instruments.fab.matter import Particle, scattered, take_off
from instruments.fab.models.base import Handler, Job, Name, Number, Word
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

LOAD_S = 10.0
STRENGTH = {"SC1": 2.5, "RCA": 2.5, "SPM": 0.6, "DHF": 0.3}
OXIDE_NM_S = {"DHF": 0.05, "RCA": 0.005}
PURE_MOHM_CM = 18.2
FREEZES_C, BOILS_C = 0.0, 180.0
"""Of whatever chemistry: no heater brings a bath beyond."""
CERTIFIED = "FEOL"
MOST_MARKS = 300.0
TORN_MARKS = 80.0
NOISE = {"TEMP": 0.05, "MEGA": 0.8, "COUP": 0.3, "RES": 0.02, "SPIN": 2.0, "HUM": 0.4}


def removal(size_nm: float, chemistry: str, seconds: float, celsius: float, watts: float) -> float:
    """Chance that a particle of `size_nm` is removed; grows with every argument but the second."""
    agitation = 0.4 + 0.6 * watts / 600
    warmth = 2 ** ((celsius - 65) / 20)
    reach = STRENGTH[chemistry] * (size_nm / 100) ** 1.2 * seconds / 300
    return float(1 - math.exp(-reach * agitation * warmth))


def resist_rate(celsius: float) -> float:
    """nm of resist that SPM takes in a second."""
    return float(5 * 2 ** ((celsius - 100) / 12))


def wet_marks(spin: float, seconds: float, chemistry: str) -> float:
    """Marks that drying leaves on average."""
    surface = 4.0 if chemistry == "DHF" else 1.0
    dry = math.exp(-(spin - 1500) / 800 - (seconds - 45) / 25)
    return min(surface * dry, MOST_MARKS)


def rinse_end(seconds: float) -> float:
    """MΩ·cm of the water after rinsing for `seconds`."""
    return PURE_MOHM_CM - 18 * math.exp(-seconds / 20)


class CleanModel(ProcessModel):
    """Takes particles and resist off, and leaves a mark where a drop dried."""

    model: ClassVar[str] = "WET-300"
    channels: ClassVar[tuple[str, ...]] = tuple(NOISE)
    process_faults: ClassVar[dict[str, str]] = {
        "megasonic": "W",
        "bath_temperature": "°C",
        "dryer": "rpm",
    }
    settings_table: ClassVar[dict[str, Number | Word | Name]] = {
        "CLEA:CHEM": Word(("SC1", "SPM", "DHF", "RCA"), "RCA"),
        "CLEA:TIME": Number(10, 900, 300),
        "BATH:TEMP": Number(20, 130, 65),
        "MEGA:POW": Number(0, 1000, 600),
        "RINS:TIME": Number(10, 600, 120),
        "DRY:SPIN": Number(300, 3000, 1500),
        "DRY:TIME": Number(10, 180, 45),
    }

    def own_handlers(self) -> dict[str, Handler]:
        """Readings and results of the manual."""
        return {
            "BATH:STAT?": lambda _: "WET" if self.running else "IDLE",
            "BATH:NOW?": lambda _: f"{self._bath() + 0.05 * self.flicker.normal():.3f}",
            "CLEA:CERT?": lambda a: str(self.ended_job(self._quoted(a)).data["certificate"]),
            "RINS:RES?": lambda a: f"{self.ended_job(self._quoted(a)).data['resistivity']:.4f}",
        }

    def _bath(self) -> float:
        return float(self.settings["BATH:TEMP"])

    def check_start(self, wafer: Wafer) -> None:
        """Only SPM takes resist."""
        if self.settings["CLEA:CHEM"] != "SPM":
            self.wrong_state(wafer, "bare", "etched")

    def duration_s(self, wafer: Wafer) -> float:
        """Load, chemistry, rinse, dry."""
        heads = ("CLEA:TIME", "RINS:TIME", "DRY:TIME")
        return LOAD_S + sum(float(self.settings[head]) for head in heads)

    def prepare(self, job: Job, wafer: Wafer) -> None:
        """What bath, megasonic and dryer really do."""
        celsius = setting(job, "BATH:TEMP") + fault(job, "bath_temperature")
        job.data.update(
            celsius=min(max(celsius, FREEZES_C), BOILS_C),
            watts=max(0.0, setting(job, "MEGA:POW") + fault(job, "megasonic")),
            spin=max(1.0, setting(job, "DRY:SPIN") + fault(job, "dryer")),
            before=len(wafer.particles),
            certificate="NONE",
            resistivity=0.0,
            marks=0,
        )

    def work(self, job: Job, wafer: Wafer, fraction: float) -> None:
        """When the bath is over, what it takes is gone."""
        if not job.data["done"] and fraction * job.duration >= LOAD_S + setting(job, "CLEA:TIME"):
            job.data["done"] = 1.0
            self._bathe(job, wafer)

    def _bathe(self, job: Job, wafer: Wafer) -> None:
        chemistry, seconds = str(job.settings["CLEA:CHEM"]), setting(job, "CLEA:TIME")
        celsius, watts = job.data["celsius"], job.data["watts"]
        wafer.particles = [
            one
            for one in wafer.particles
            if self.rng.uniform() >= removal(one.size_nm, chemistry, seconds, celsius, watts)
        ]
        if chemistry == "SPM" and wafer.coat is not None:
            self._take_resist(wafer, resist_rate(celsius) * seconds)
        oxide = OXIDE_NM_S.get(chemistry, 0.0)
        if oxide and wafer.films and wafer.films[-1].material == "oxide":
            top = wafer.films[-1:]
            take_off(top, np.full(len(top[0].nm), seconds), lambda _: oxide)
            wafer.films[-1:] = top

    def _take_resist(self, wafer: Wafer, nm: float) -> None:
        coat = wafer.coat
        if coat is None or nm >= coat.thickness:
            self.world.strip(wafer)
        else:
            wafer.coat = replace(coat, thickness=coat.thickness - nm)

    def on_end(self, job: Job, wafer: Wafer) -> None:
        """Drops dry where they are left."""
        wetted = job.fraction(job.ended) * job.duration > LOAD_S
        whole = job.state == "DONE"
        if wetted:
            self.counters["wafers"] += 1
            marks = TORN_MARKS
            if whole:
                chemistry = str(job.settings["CLEA:CHEM"])
                marks = wet_marks(job.data["spin"], setting(job, "DRY:TIME"), chemistry)
            self._leave_marks(job, wafer, marks)
        if whole:
            job.data["resistivity"] = rinse_end(setting(job, "RINS:TIME"))
            job.data["certificate"] = self._certificate(job)
            wafer.history.append(f"clean {job.settings['CLEA:CHEM']}")
        self.record(
            job, wafer, process="clean", particles_before=job.data["before"],
            particles_after=len(wafer.particles), wet_marks=job.data["marks"],
            certificate=job.data["certificate"],
        )  # fmt: skip

    def _leave_marks(self, job: Job, wafer: Wafer, mean: float) -> None:
        count = int(self.rng.poisson(mean))
        spots = scattered(count, "wet mark", self.rng)
        sizes = self.rng.uniform(200, 2000, count)
        wafer.particles += [
            Particle(spot.x_mm, spot.y_mm, float(size), spot.origin)
            for spot, size in zip(spots, sizes, strict=True)
        ]
        job.data["marks"] = count

    def _certificate(self, job: Job) -> str:
        earned = (
            job.settings["CLEA:CHEM"] == "RCA"
            and setting(job, "CLEA:TIME") >= 240
            and setting(job, "BATH:TEMP") >= 60
            and setting(job, "RINS:TIME") >= 60
            and job.data["resistivity"] > 16
        )
        return CERTIFIED if earned else "NONE"

    def trace(self, job: Job, channel: str) -> NDArray[np.float32]:
        """One sample a second."""
        at = moments(job, self.clock.now(), self.dt_s)
        rinse = LOAD_S + setting(job, "CLEA:TIME")
        dry = rinse + setting(job, "RINS:TIME")
        bath = ((at >= LOAD_S) & (at < rinse)).astype(float)
        asked = setting(job, "MEGA:POW")
        taken = 85 * (job.data["watts"] / asked if asked else 0.0)
        rinsed = np.clip(at - rinse, 0, setting(job, "RINS:TIME"))
        drying = np.maximum(at - dry, 0.0) * job.data["spin"] / 1500
        curves: dict[str, Floats] = {
            "TEMP": 22 + (setting(job, "BATH:TEMP") - 22) * bath,
            "MEGA": asked * bath,
            "COUP": taken * (1 - 0.004 * (job.data["celsius"] - 65)) * bath,
            "RES": np.where(at >= rinse, PURE_MOHM_CM - 18 * np.exp(-rinsed / 20), 0.2),
            "SPIN": 100 + (setting(job, "DRY:SPIN") - 100) * settling(at, dry, 2.0),
            "HUM": np.where(at >= dry, 40 + 55 * np.exp(-drying / 8), 95.0),
        }
        scale = NOISE[channel] * noise(job, self.channels.index(channel), at.size)
        return np.asarray(curves[channel] + scale, dtype=np.float32)
