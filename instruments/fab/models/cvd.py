"""The simulated CVD, written from `instruments/cvd/manual.md`.

Surface reaction and supply are in series: 1/rate = 1/surface + 1/supply. The surface follows
Arrhenius and the root of the pressure, the supply the flows (Middleman and Hochberg, *Process
Engineering Analysis in Semiconductor Device Fabrication*, 1993, ch. 10).
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from instruments.fab.matter import EDGE_MM, Film, radial, sites_49
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

BOLTZMANN_EV = 8.617e-5
REFERENCE_K = 673.15
ROOM_C = 22.0
SURFACE = {"oxide": (2.0, 0.55), "nitride": (0.71, 0.80), "poly": (1.24, 0.70)}
"""nm/s at the reference, and activation energy in eV."""
SUPPLY = 40.0
HEAT_S = 30.0
PURGE_S = 20.0
GAUGE_ERROR = 0.003
NOISE = {"TEMP": 0.1, "PRES": 0.003, "PREC": 0.2, "CARR": 1.5, "VAT": 0.1, "RATE": 0.004}


def deposition_rate(
    film: str, temperature_c: float, pressure: float, precursor: float, carrier: float
) -> float:
    """Mean rate in nm/s; °C, Torr and sccm."""
    at_reference, energy = SURFACE[film]
    cold = 1 / (temperature_c + 273.15) - 1 / REFERENCE_K
    surface = at_reference * math.exp(-energy / BOLTZMANN_EV * cold) * math.sqrt(pressure / 3)
    supply = SUPPLY * (precursor / 120) * (1500 / carrier) ** 0.2
    return float(1 / (1 / surface + 1 / supply))


def thickness_map(pressure: float, precursor: float, bow: float, lean: float) -> Floats:
    """Relative thickness at the 49 sites, mean 1; `bow` and `lean` are the chamber's own."""
    x = np.array([at[0] for at in sites_49()]) / EDGE_MM
    depleted = bow + 0.02 * math.log(pressure / 3) - 0.03 * math.log(precursor / 120)
    return np.asarray(radial(depleted) + lean * (x - x.mean()))


class CvdModel(ProcessModel):
    """Lays films whose rate and map follow the chamber's real conditions."""

    model: ClassVar[str] = "CVD-300"
    channels: ClassVar[tuple[str, ...]] = tuple(NOISE)
    own_counters: ClassVar[tuple[str, ...]] = ("wall_nm",)
    process_faults: ClassVar[dict[str, str]] = {
        "heater": "°C",
        "pressure": "Torr",
        "precursor_flow": "sccm",
    }
    settings_table: ClassVar[dict[str, Number | Word | Name]] = {
        "DEP:FILM": Word(("OXIDE", "NITRIDE", "POLY"), "OXIDE"),
        "DEP:TIME": Number(5, 900, 60),
        "HEAT:TEMP": Number(300, 700, 400),
        "CHAM:PRES": Number(0.5, 10, 3),
        "GAS:PREC": Number(10, 500, 120),
        "GAS:CARR": Number(100, 5000, 1500),
    }

    def own_handlers(self) -> dict[str, Handler]:
        """Readings and results of the manual."""
        return {
            "HEAT:STAT?": lambda _: "HOT" if self.running else "WARM",
            "CHAM:WALL?": lambda _: str(self.counters["wall_nm"]),
            "GAS:LINE?": lambda _: f"{210 + 0.5 * self.flicker.normal():.3f}",
            "DEP:THIC?": lambda a: f"{self.ended_job(self._quoted(a)).data['measured']:.4f}",
            "CHAM:CLE": lambda _: self._clean_chamber(),
        }

    def _clean_chamber(self) -> None:
        self.refuse_while_running()
        self.counters["wall_nm"] = 0

    def check_start(self, wafer: Wafer) -> None:
        """No resist may get hot."""
        self.wrong_state(wafer, "bare", "etched")

    def duration_s(self, wafer: Wafer) -> float:
        """Heat, deposit, purge."""
        return HEAT_S + float(self.settings["DEP:TIME"]) + PURGE_S

    def prepare(self, job: Job, wafer: Wafer) -> None:
        """The rate and the map that this job's real conditions give."""
        own = np.random.default_rng([len(self.serial), *self.serial.encode()])
        pressure = max(0.1, setting(job, "CHAM:PRES") + fault(job, "pressure"))
        precursor = max(1.0, setting(job, "GAS:PREC") + fault(job, "precursor_flow"))
        temperature = max(ROOM_C, setting(job, "HEAT:TEMP") + fault(job, "heater"))
        film = str(job.settings["DEP:FILM"]).lower()
        shape = thickness_map(
            pressure, precursor, float(own.normal(0.01, 0.004)), float(own.normal(0, 0.003))
        )
        job.data.update(
            film=film,
            rate=deposition_rate(film, temperature, pressure, precursor, setting(job, "GAS:CARR")),
            shape=[float(v) for v in shape],
            pressure=pressure,
            precursor=precursor,
            measured=0.0,
        )

    def work(self, job: Job, wafer: Wafer, fraction: float) -> None:
        """Lay what the time that has passed gives."""
        seconds = min(fraction * job.duration - HEAT_S, setting(job, "DEP:TIME"))
        laid = max(0.0, seconds) * job.data["rate"]
        due = laid - job.data["done"]
        if due <= 0:
            return
        if not job.data["done"]:
            self.world.bury(wafer)
            wafer.films.append(Film(job.data["film"], [0.0] * len(sites_49())))
        film = wafer.films[-1]
        film.nm = [nm + due * at for nm, at in zip(film.nm, job.data["shape"], strict=True)]
        job.data["done"] = laid

    def on_end(self, job: Job, wafer: Wafer) -> None:
        """Walls grow too, and shed."""
        laid = float(job.data["done"])
        job.data["measured"] = laid * (1 + GAUGE_ERROR * float(self.rng.normal()))
        self.record(
            job, wafer, process="deposit", film=job.data["film"], thickness_nm=laid,
            rate_nm_s=job.data["rate"], wall_nm=self.counters["wall_nm"],
        )  # fmt: skip
        if not laid:
            return
        self.counters["wafers"] += 1
        self.counters["wall_nm"] += round(laid)
        wafer.history.append(f"deposit {laid:.1f} nm of {job.data['film']}")
        self.world.shed(wafer, 3.0 + self.counters["wall_nm"] / 500, "cvd")

    def trace(self, job: Job, channel: str) -> NDArray[np.float32]:
        """One sample a second."""
        at = moments(job, self.clock.now(), self.dt_s)
        off = HEAT_S + setting(job, "DEP:TIME")
        gas = settling(at, 5.0, 3.0) * (at < off)
        flow = job.data["precursor"] + setting(job, "GAS:CARR")
        valve = float(np.clip(20 * (flow / 1620) / (job.data["pressure"] / 3), 1, 98))
        curves: dict[str, Floats] = {
            "TEMP": setting(job, "HEAT:TEMP") - 15 * np.exp(-at / 8),
            "PRES": setting(job, "CHAM:PRES") * gas,
            "PREC": setting(job, "GAS:PREC") * gas,
            "CARR": setting(job, "GAS:CARR") * gas,
            "VAT": np.where(gas > 0, valve, 100.0),
            "RATE": np.where((at >= HEAT_S) & (at < off), job.data["rate"], 0.0),
        }
        scale = NOISE[channel] * noise(job, self.channels.index(channel), at.size)
        return np.asarray(curves[channel] + scale, dtype=np.float32)
