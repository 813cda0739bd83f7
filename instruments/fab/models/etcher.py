"""The simulated dry etcher, written from `instruments/etcher/manual.md`."""

from __future__ import annotations

from dataclasses import asdict
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from instruments.fab.matter import radial
from instruments.fab.models.base import Handler, Job, Name, Number, Refuse, Word
from instruments.fab.models.etcher_traces import CHANNELS, Scene, sample
from instruments.fab.models.etching import (
    Course,
    Plasma,
    drift,
    etch,
    fouled,
    main_etch,
    rate_of,
)
from instruments.fab.models.process import ProcessModel, moments, noise
from instruments.fab.world import Wafer

PUMP_S = 10.0
BOOST = 1.3**0.5
PITCH_NM = 80.0
GAUGE_ERROR = 0.004
CONDITIONS = {
    "bcl3": ("GAS:BCL3", "bcl3_flow"),
    "cl2": ("GAS:CL2", "cl2_flow"),
    "pressure": ("CHAM:PRES", "pressure"),
    "tcp": ("TCP:POW", "tcp_power"),
    "rf": ("RF:POW", "rf_power"),
    "helium": ("HE:PRES", "he_chuck"),
}
"""Field of `Plasma`: the setting that asks for it and the fault that moves it."""


class EtcherModel(ProcessModel):
    """Etches the top film with a plasma that drifts, ages, and may be wrong."""

    model: ClassVar[str] = "ETCH-300"
    dt_s: ClassVar[float] = 0.5
    channels: ClassVar[tuple[str, ...]] = CHANNELS
    own_counters: ClassVar[tuple[str, ...]] = ("since_clean",)
    process_faults: ClassVar[dict[str, str]] = {
        "rf_power": "W",
        "tcp_power": "W",
        "pressure": "mTorr",
        "bcl3_flow": "sccm",
        "cl2_flow": "sccm",
        "he_chuck": "Torr",
    }
    settings_table: ClassVar[dict[str, Number | Word | Name]] = {
        "ETCH:FILM": Word(("OXIDE", "NITRIDE", "POLY", "METAL"), "OXIDE"),
        "STAB:TIME": Number(5, 60, 15),
        "BREA:TIME": Number(0, 30, 5),
        "MAIN:TIME": Number(5, 300, 150),
        "ENDP:LEV": Number(20, 80, 50),
        "OVER:PCT": Number(0, 100, 20),
        "GAS:BCL3": Number(0, 200, 50),
        "GAS:CL2": Number(10, 200, 100),
        "CHAM:PRES": Number(2, 50, 10),
        "TCP:POW": Number(100, 1000, 400),
        "RF:POW": Number(20, 400, 150),
        "HE:PRES": Number(2, 20, 10),
        "CHUC:TEMP": Number(20, 90, 60),
    }

    def own_handlers(self) -> dict[str, Handler]:
        """Readings and results of the manual."""
        return {
            "PLAS:STAT?": lambda _: "ON" if self._burns() else "OFF",
            "CHAM:WAF?": lambda _: str(self.counters["since_clean"]),
            "CHAM:WALL?": lambda _: f"{65 + 0.05 * self.flicker.normal():.3f}",
            "CHAM:CLE": lambda _: self._wet_clean(),
            "ETCH:DEPT?": lambda a: self._result(a, "depth"),
            "ENDP:TIME?": lambda a: self._result(a, "endpoint"),
        }

    def _wet_clean(self) -> None:
        self.refuse_while_running()
        self.counters["since_clean"] = 0

    def _burns(self) -> bool:
        job = self.running
        if job is None:
            return False
        lit, _, _, off, _ = Course(**job.data["course"]).ends()
        return lit <= job.fraction(self.clock.now()) * job.duration < off

    def _result(self, argument: str, key: str) -> str:
        return f"{self.ended_job(self._quoted(argument)).data[key]:.4f}"

    # ------------------------------------------------------------------ a job
    def check_start(self, wafer: Wafer) -> None:
        """Bare or developed, and the right film on top."""
        self.wrong_state(wafer, "bare", "developed")
        top = wafer.films[-1].material if wafer.films else "silicon"
        wanted = str(self.settings["ETCH:FILM"]).lower()
        if top != wanted:
            raise Refuse(-221, f"Settings conflict; the top film is {top} instead of {wanted}")

    def _plasma(self) -> Plasma:
        real = {
            field: max(0.1, float(self.settings[head]) + self.disturbances.get(kind, 0.0))
            for field, (head, kind) in CONDITIONS.items()
        }
        return Plasma(**real, chuck=float(self.settings["CHUC:TEMP"]))

    def _bow(self) -> float:
        """Edge less centre of the rate: the chamber's own, and more at high pressure."""
        own = np.random.default_rng([len(self.serial), *self.serial.encode()]).normal(0.01, 0.005)
        return float(own + 0.02 * (float(self.settings["CHAM:PRES"]) / 10 - 1))

    def _clear_tau(self, wafer: Wafer) -> list[float]:
        film = wafer.films[-1]
        return [float(v) for v in np.array(film.nm) / rate_of(film.material) / radial(self._bow())]

    def _course(self, wafer: Wafer) -> Course:
        value = {head: float(v) for head, v in self.settings.items() if not isinstance(v, str)}
        speed = self._plasma().speed() * drift(self.counters["since_clean"])
        before = value["BREA:TIME"] * BOOST * speed
        main, endpoint = main_etch(
            self._clear_tau(wafer), before, speed, value["MAIN:TIME"], value["ENDP:LEV"] / 100
        )
        over = main * value["OVER:PCT"] / 100
        return Course(
            value["STAB:TIME"], value["BREA:TIME"], main, over, PUMP_S, speed, BOOST, endpoint
        )

    def duration_s(self, wafer: Wafer) -> float:
        """All five steps; the main etch is as long as the film asks for."""
        return self._course(wafer).ends()[-1]

    def prepare(self, job: Job, wafer: Wafer) -> None:
        """Fix the course of the job and what its traces will follow."""
        job.data.update(
            course=asdict(self._course(wafer)),
            clear_tau=self._clear_tau(wafer),
            plasma=asdict(self._plasma()),
            age=self.counters["since_clean"],
            bow=self._bow(),
            depth_by_site=[0.0] * 49,
            endpoint=-1.0,
            depth=0.0,
        )

    def work(self, job: Job, wafer: Wafer, fraction: float) -> None:
        """Etch for the time that has passed since somebody looked last."""
        course = Course(**job.data["course"])
        tau = float(course.tau(fraction * job.duration))
        due = max(0.0, tau - job.data["done"])
        job.data["done"] = max(tau, job.data["done"])
        if due:
            taken, silicon = etch(wafer.films, due * radial(job.data["bow"]))
            depth = np.array(job.data["depth_by_site"]) + taken + silicon
            job.data["depth_by_site"] = [float(v) for v in depth]
        main_start = course.stabilise + course.breakthrough
        if 0 <= course.endpoint_s <= fraction * job.duration - main_start:
            job.data["endpoint"] = course.endpoint_s

    def on_end(self, job: Job, wafer: Wafer) -> None:
        """Lines lose width, walls gain film, and the truth is kept."""
        depth = float(np.mean(job.data["depth_by_site"]))
        job.data["depth"] = depth * (1 + GAUGE_ERROR * float(self.rng.normal()))
        lost = Plasma(**job.data["plasma"]).lateral() * job.data["done"] if depth else 0.0
        self.record(
            job, wafer, process="etch", depth_nm=depth, cd_loss_nm=lost,
            endpoint_s=job.data["endpoint"], wafers_since_clean=job.data["age"],
        )  # fmt: skip
        if not depth:
            return
        self.counters["wafers"] += 1
        self.counters["since_clean"] += 1
        wafer.etched_nm += depth
        wafer.history.append(f"etch {depth:.1f} nm")
        for line in wafer.lines.values():
            line.cd = max(line.cd - lost, 0.0)
        if wafer.lines:
            wafer.density = float(np.mean([line.cd for line in wafer.lines.values()])) / PITCH_NM
        self.world.shed(wafer, 2.0 + 0.01 * self.counters["since_clean"], "etcher")

    # ------------------------------------------------------------------ traces
    def trace(self, job: Job, channel: str) -> NDArray[np.float32]:
        """Two samples a second."""
        at = moments(job, self.clock.now(), self.dt_s)
        scene = Scene(
            at,
            Course(**job.data["course"]),
            Plasma(**{field: float(job.settings[head]) for field, (head, _) in CONDITIONS.items()}),
            Plasma(**job.data["plasma"]),
            job.data["clear_tau"],
            fouled(job.data["age"]),
            job.data["age"],
        )
        return sample(scene, channel, noise(job, CHANNELS.index(channel), at.size))
