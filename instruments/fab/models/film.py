"""The simulated film tool, written from `instruments/film/manual.md`."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from instruments.fab.matter import RINGS, sites_49
from instruments.fab.models.base import Handler, Job, Name, Number, Refuse, Word
from instruments.fab.models.metrology import MeasuringModel
from instruments.fab.world import Wafer, World

SITE_S, SPECTRUM_S = 0.8, 0.2
NATIVE_OXIDE_NM = 1.2
DARK_LOSS_NM = 1.5
NOISE_NM, NOISE_SHARE = 0.02, 2e-4
CAPTURE_SHARE = 0.40
RINGS_IN = {"S1": 1, "S9": 2, "S25": 3, "S49": 4}
INDEX = {"oxide": 1.46, "resist": 1.70, "nitride": 2.0}
WAVELENGTHS = np.linspace(400.0, 800.0, 256)


class FilmModel(MeasuringModel):
    """Fits a thickness to a spectrum at each site."""

    model: ClassVar[str] = "FILM-300"
    align_s: ClassVar[float] = 6.0
    columns: ClassVar[int] = 6
    channels: ClassVar[tuple[str, ...]] = ("SPEC",)
    settings_table: ClassVar[dict[str, Number | Word | Name]] = {
        "MEAS:LAY": Word(("TOP", "RES"), "TOP"),
        "MEAS:PATT": Word(("S1", "S9", "S25", "S49"), "S49"),
        "MEAS:TARG": Number(1, 5000, 100),
        "MEAS:AVER": Number(1, 16, 1, whole=True),
    }

    def own_handlers(self) -> dict[str, Handler]:
        """Readings of the manual."""
        return super().own_handlers() | {
            "LAMP:HOUR?": lambda _: f"{120.0 + self.clock.now() / 3600:.3f}",
            "SPEC:INT?": lambda _: f"{78.0 + 0.2 * self.flicker.normal():.3f}",
        }

    def check_start(self, wafer: Wafer) -> None:
        """There must be resist to measure it."""
        if self.settings["MEAS:LAY"] == "RES" and wafer.coat is None:
            raise Refuse(-221, f"Settings conflict; wafer {wafer.wafer_id} has no resist")

    def places(self, wafer: Wafer) -> list[Any]:
        """Ring and place, ring by ring."""
        rings = RINGS[: RINGS_IN[str(self.settings["MEAS:PATT"])]]
        return [[ring, place] for ring, (count, _) in enumerate(rings) for place in range(count)]

    def seconds_each(self) -> float:
        """The stage's way, and the spectra."""
        return SITE_S + SPECTRUM_S * float(self.settings["MEAS:AVER"])

    def on_start(self, job: Job, wafer: Wafer) -> None:
        """The layer's thickness is what it is when the wafer comes."""
        super().on_start(job, wafer)
        is_resist = job.settings["MEAS:LAY"] == "RES"
        job.data["nm"] = resist_map(self.world, wafer) if is_resist else top_map(wafer)
        material = wafer.films[-1].material if wafer.films else "oxide"
        job.data["material"] = "resist" if is_resist else material

    def measure(self, job: Job, wafer: Wafer, place: Any) -> list[float]:
        """One site's fit."""
        ring, number = place
        index = sum(count for count, _ in RINGS[:ring]) + number
        x, y = sites_49()[index]
        truth, target = job.data["nm"][index], float(job.settings["MEAS:TARG"])
        spread = (NOISE_NM + NOISE_SHARE * truth) / math.sqrt(float(job.settings["MEAS:AVER"]))
        noise = self.rng.normal(0, spread)
        if abs(truth - target) > CAPTURE_SHARE * target:
            wrong = target * (1 + self.rng.uniform(-CAPTURE_SHARE, CAPTURE_SHARE))
            return [ring, number, x, y, wrong, float(self.rng.uniform(0.3, 0.8))]
        fit = 0.998 - 0.002 * abs(float(self.rng.normal()))
        return [ring, number, x, y, max(truth + noise, 0.0), fit]

    def trace(self, job: Job, channel: str) -> NDArray[np.float32]:
        """Interference of light from the film's two faces, on silicon."""
        if not job.data["rows"]:
            raise Refuse(-241, "Hardware missing; no site was measured")
        index = INDEX.get(job.data["material"], 1.8)
        phase = 4 * math.pi * index * job.data["nm"][0] / WAVELENGTHS
        return np.asarray(26.0 + 12.0 * np.cos(phase), dtype=np.float32)

    def trace_step(self, job: Job, channel: str) -> float:
        """Nanometres of wavelength between samples."""
        return float(WAVELENGTHS[1] - WAVELENGTHS[0])


def top_map(wafer: Wafer) -> list[float]:
    """Thickness of the top film at the 49 sites, nm; bare silicon has its native oxide."""
    return list(wafer.films[-1].nm) if wafer.films else [NATIVE_OXIDE_NM] * len(sites_49())


def resist_map(world: World, wafer: Wafer) -> list[float]:
    """Thickness of the resist at the 49 sites, nm: a bowl and a swirl, the same for each wafer."""
    if wafer.coat is None:
        return [0.0] * len(sites_49())
    rng = np.random.default_rng([world.seed, 37])
    bowl, swirl = rng.normal(0, 0.004), abs(rng.normal(0, 0.0015))
    turn = rng.uniform(0, 2 * math.pi)
    nm = wafer.coat.thickness - (DARK_LOSS_NM if wafer.bake is not None else 0.0)
    shape = (
        bowl * ((math.hypot(x, y) / 147) ** 2 - 0.6) + swirl * math.cos(math.atan2(y, x) + turn)
        for x, y in sites_49()
    )
    return [nm * (1 + part) for part in shape]
