"""What exists in the fab apart from the tools: carriers, wafers, and the truth about them.

A wafer carries its state from tool to tool: the track coats it, the scanner exposes fields, the
track develops them into lines, the CD-SEM measures those lines and shrinks them a little. Etcher,
CVD and CMP change the films below, and every process may leave particles for the clean to take.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from instruments.fab.clock import FabClock
from instruments.fab.matter import Film, Particle, Registration, grown_film, scattered
from instruments.fab.models.litho import (
    Bake,
    Coat,
    Field,
    Optics,
    Process,
    Surface,
    Truth,
    full_fields,
    truth_of,
)

SLOTS = 25
STOCKER = "stocker"
FIELD_NOISE_NM = 0.25
LWR_NM = 3.4
INCOMING = (("oxide", 100.0),)
INCOMING_PARTICLES = 12.0


class NoSuchThing(LookupError):
    """A carrier or wafer nobody has delivered."""


@dataclass
class Line:
    """One field's pattern after development, nm, and what electron beams did to it.

    `shrunk` nm are gone; `charge` is what was left on it, V, negative electrons counted positive,
    at the physical time `charged_at`.
    """

    cd: float
    lwr: float
    slope: float
    passes: int = 0
    shrunk: float = 0.0
    charge: float = 0.0
    charged_at: float = 0.0


@dataclass(frozen=True)
class Shot:
    """One exposed field: dose in mJ/cm², focus in nm, as set plus the errors of dose and stage."""

    dose: float
    focus: float


@dataclass
class Wafer:
    """One wafer and everything that was done to it; `films` from the bottom up."""

    wafer_id: str
    layer: int = 0
    coat: Coat | None = None
    optics: Optics = field(default_factory=Optics)
    bake: Bake | None = None
    shots: dict[Field, Shot] = field(default_factory=dict)
    focus_shift: float = 0.0
    exposures: int = 0
    exposed_at: float | None = None
    lines: dict[Field, Line] = field(default_factory=dict)
    films: list[Film] = field(default_factory=list)
    particles: list[Particle] = field(default_factory=list)
    registration: Registration | None = None
    history: list[str] = field(default_factory=list)
    etched_nm: float = 0.0
    density: float = 0.0
    records: list[dict[str, Any]] = field(default_factory=list)

    def state(self) -> str:
        """bare, coated, exposed, developed, or etched (its lines stand in the film, no resist)."""
        if self.coat is None and self.lines:
            return "etched"
        if self.bake is not None:
            return "developed"
        if self.shots:
            return "exposed"
        return "coated" if self.coat is not None else "bare"


@dataclass
class Carrier:
    """A FOUP: wafer ID by slot, what a mapper sees in odd slots, and where it stands."""

    carrier_id: str
    slots: dict[int, str]
    marks: dict[int, str] = field(default_factory=dict)
    place: str = STOCKER

    def slot_map(self) -> str:
        """25 characters, slot 1 first."""
        seen = ("O" if slot in self.slots else "." for slot in range(1, SLOTS + 1))
        return "".join(self.marks.get(k, mark) for k, mark in enumerate(seen, start=1))


class World:
    """Carriers and wafers, the process's truth, and the count of what must never happen."""

    def __init__(self, seed: int, clock: FabClock) -> None:
        self.seed = seed
        self.clock = clock
        self.process = Process.drawn(seed)
        self.carriers: dict[str, Carrier] = {}
        self.wafers: dict[str, Wafer] = {}
        self.double_exposures = 0
        self._rng = np.random.default_rng([seed, 57])
        self._shedding = np.random.default_rng([seed, 58])

    # ------------------------------------------------------------------ carriers
    def deliver(
        self,
        carrier_id: str,
        slots: Mapping[int, str],
        marks: Mapping[int, str] | None = None,
        films: Sequence[tuple[str, float]] = INCOMING,
        *,
        is_printed: bool = False,
    ) -> None:
        """Put a carrier into the stocker; known wafers keep their state.

        Wafers nobody knew bring `films`: material and mean thickness in nm, from the bottom up;
        if `is_printed`, they bring developed lines in resist too, printed at dose to size.

        A carrier of that name is replaced unless it stands at a tool. The wafers leave whatever
        carrier they were in.
        """
        if any(not 1 <= slot <= SLOTS for slot in (*slots, *(marks or {}))):
            raise ValueError(f"slots are 1 to {SLOTS}")
        known = self.carriers.get(carrier_id)
        if known is not None and known.place != STOCKER:
            if known.slots == dict(slots) and known.marks == dict(marks or {}):
                return
            raise ValueError(f"{carrier_id} stands at {known.place}")
        moved = set(slots.values())
        for other in self.carriers.values():
            other.slots = {slot: one for slot, one in other.slots.items() if one not in moved}
        self.carriers[carrier_id] = Carrier(carrier_id, dict(slots), dict(marks or {}))
        for wafer_id in slots.values():
            if wafer_id not in self.wafers:
                self.wafers[wafer_id] = self._incoming(wafer_id, films)
                if is_printed:
                    self._print(self.wafers[wafer_id])

    def _incoming(self, wafer_id: str, films: Sequence[tuple[str, float]]) -> Wafer:
        """A wafer as its maker ships it; drawn from its name, whatever came before."""
        rng = np.random.default_rng([self.seed, *wafer_id.encode()])
        stack = [grown_film(material, nm, rng) for material, nm in films]
        found = scattered(int(rng.poisson(INCOMING_PARTICLES)), "incoming", rng)
        return Wafer(wafer_id, films=stack, particles=found)

    def _print(self, wafer: Wafer) -> None:
        """Lines from somebody else's scanner."""
        self.coat(wafer, Coat("SUPPLIED", self.process.best_thickness))
        best = self.surface(wafer)
        wafer.shots = {at: Shot(best.dose_to_size, best.best_focus) for at in full_fields()}
        wafer.exposures, wafer.registration = 1, Registration()
        self.develop(wafer, Bake())

    def carrier(self, carrier_id: str) -> Carrier:
        """The carrier, or `NoSuchThing`."""
        try:
            return self.carriers[carrier_id]
        except KeyError as error:
            raise NoSuchThing(f"no carrier {carrier_id}") from error

    def wafer(self, wafer_id: str) -> Wafer:
        """The wafer, or `NoSuchThing`."""
        try:
            return self.wafers[wafer_id]
        except KeyError as error:
            raise NoSuchThing(f"no wafer {wafer_id}") from error

    # ------------------------------------------------------------------ what tools do to wafers
    def coat(self, wafer: Wafer, coat: Coat) -> None:
        """Spin a new layer on: patterns of the layer below stay history."""
        wafer.layer += 1
        wafer.coat, wafer.bake, wafer.etched_nm = coat, None, 0.0
        wafer.shots, wafer.lines, wafer.exposures = {}, {}, 0
        wafer.focus_shift, wafer.registration, wafer.exposed_at = 0.0, None, None
        wafer.history.append(f"coat {coat.resist} {coat.thickness:.1f} nm")

    def begin_exposure(self, wafer: Wafer, optics: Optics) -> None:
        """A job starts on `wafer`; the same layer twice is what must never happen."""
        if wafer.exposures:
            self.double_exposures += 1
        wafer.exposures += 1
        wafer.optics = optics
        wafer.history.append(f"expose, time {wafer.exposures} in layer {wafer.layer}")

    def expose(self, wafer: Wafer, at: Field, shot: Shot) -> None:
        """Expose one field; what is exposed twice gets both doses."""
        before = wafer.shots.get(at)
        dose = shot.dose + (before.dose if before else 0.0)
        wafer.shots[at] = Shot(dose, shot.focus)

    def develop(self, wafer: Wafer, bake: Bake) -> None:
        """Turn exposed fields into lines of the width the surface says, plus field noise."""
        wafer.bake = bake
        surface = self.surface(wafer)
        for at, shot in wafer.shots.items():
            noise = self._rng.normal(0, FIELD_NOISE_NM)
            dose = shot.dose * self.process.warmed(at, bake)
            width = float(surface.cd(dose, shot.focus))
            width += self.process.signature[at] + noise
            wafer.lines[at] = Line(max(width, 0.0), *self._edges(surface, shot))
        wafer.history.append("develop")

    def strip(self, wafer: Wafer) -> None:
        """Take the resist off; lines that were never etched go with it (rework)."""
        if not wafer.etched_nm:
            wafer.shots, wafer.lines, wafer.exposures = {}, {}, 0
            wafer.registration = None
        wafer.coat, wafer.bake = None, None
        wafer.history.append("strip")

    def bury(self, wafer: Wafer) -> None:
        """A film was laid over the lines: nobody sees them any more, the polisher feels them."""
        wafer.lines, wafer.shots, wafer.exposures = {}, {}, 0
        wafer.registration, wafer.etched_nm = None, 0.0

    def shed(self, wafer: Wafer, mean: float, origin: str) -> None:
        """Leave particles: about `mean` of them, scattered over the wafer."""
        wafer.particles += scattered(int(self._shedding.poisson(mean)), origin, self._shedding)

    def _edges(self, surface: Surface, shot: Shot) -> tuple[float, float]:
        blur = 1 + ((shot.focus - surface.best_focus) / 120.0) ** 2
        return float(LWR_NM * blur * self._rng.normal(1, 0.05)), 4.0 * blur

    # ------------------------------------------------------------------ the truth
    def surface(self, wafer: Wafer) -> Surface:
        """The noise-free surface this wafer's fields lie on, over the focus that was *set*."""
        coat = wafer.coat or Coat("NONE", self.process.best_thickness)
        return self.process.effective(wafer.optics, coat, wafer.bake or Bake(), wafer.focus_shift)

    def truth(self, of: str) -> Truth:
        """The truth about a wafer, or about the process at default settings (`process`)."""
        if of == "process":
            return truth_of(self.process.nominal())
        return truth_of(self.surface(self.wafer(of)))

    def describe(self, wafer_id: str) -> dict[str, Any]:
        """A wafer's state for the control channel."""
        wafer = self.wafer(wafer_id)
        return {
            "wafer_id": wafer_id,
            "state": wafer.state(),
            "layer": wafer.layer,
            "exposures": wafer.exposures,
            "fields": len(wafer.shots),
            "coat": asdict(wafer.coat) if wafer.coat else None,
            "films": [{"material": one.material, "mean_nm": one.mean()} for one in wafer.films],
            "particles": len(wafer.particles),
            "registration": asdict(wafer.registration) if wafer.registration else None,
            "history": list(wafer.history),
        }
