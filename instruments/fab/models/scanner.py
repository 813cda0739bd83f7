"""The simulated scanner, written from `instruments/scanner/manual.md`."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from instruments.fab.models.base import Handler, Job, Name, Number, Refuse, ToolModel, Word
from instruments.fab.models.litho import COLUMNS, ROWS, Field, Optics, full_fields
from instruments.fab.models.registration import Stage
from instruments.fab.world import Shot, Wafer, World

ALIGN_S = 12.0
FIELDS_S = 28.0
SAMPLES_PER_FIELD = 64
PULSES_PER_MJ = 6.0
DOSE_ERROR = 0.0015
FOCUS_ERROR_NM = 1.5
HEAT_TAU_S = 300.0
HEAT_FOCUS_NM = 0.5
"""Focus shift that is left at saturation after the lens model's own correction."""

MOST_DEFECTS = 1000.0
"""Times the usual; a hood that loses more water than that wets the whole wafer."""


class ScannerModel(ToolModel):
    """Prints a dose and a focus into each field, with the small errors a real stage has."""

    model: ClassVar[str] = "SCANNER-193I"
    channels: ClassVar[tuple[str, ...]] = ("DOSE", "FOC", "STX", "STY")
    settings_table: ClassVar[dict[str, Number | Word | Name]] = {
        "EXP:RET": Name(),
        "ILL:NA": Number(0.85, 1.35, 1.35),
        "ILL:SIGO": Number(0.30, 0.98, 0.90),
        "ILL:SIGI": Number(0.0, 0.90, 0.70),
        "ILL:MODE": Word(("CONV", "ANN", "DIP"), "ANN"),
        "LAY:KIND": Word(("FEM", "UNI"), "UNI"),
        "LAY:DOSE:STAR": Number(5, 100, 30),
        "LAY:DOSE:STEP": Number(0, 10, 0),
        "LAY:DOSE:COUN": Number(1, ROWS, 1, whole=True),
        "LAY:FOC:STAR": Number(-500, 500, 0),
        "LAY:FOC:STEP": Number(0, 100, 0),
        "LAY:FOC:COUN": Number(1, COLUMNS, 1, whole=True),
    }
    process_faults: ClassVar[dict[str, str]] = {
        "overlay_x": "nm",
        "overlay_y": "nm",
        "immersion": "times the defects",
    }
    own_counters: ClassVar[tuple[str, ...]] = ("pulses",)
    heat: float = 0.0
    heat_at: float = 0.0
    shutter_open: bool = False
    stage: str = "READY"

    def __init__(self, name: str, serial: str, seed: int, world: World) -> None:
        self.grid = Stage(seed)
        super().__init__(name, serial, seed, world)

    def own_handlers(self) -> dict[str, Handler]:
        """Readings of the manual."""
        return {
            "SHUT:STAT?": lambda _: "OPEN" if self.shutter_open else "CLOSED",
            "STAG:STAT?": lambda _: self.stage,
            "LENS:HEAT?": lambda _: f"{self._heat_now() * HEAT_FOCUS_NM:.6g}",
            "SENS:TEMP?": lambda _: f"{22.0 + 0.003 * self.flicker.normal():.4f}",
            "COUN:PULS?": lambda _: str(self.counters["pulses"]),
            "TRAC:PULS?": lambda a: str(self.ended_job(self._quoted(a)).data["pulses"]),
        }

    def check_setting(self, head: str, value: float | str) -> None:
        """The inner sigma stays below the outer."""
        after = {**self.settings, head: value}
        if float(after["ILL:SIGI"]) >= float(after["ILL:SIGO"]):
            raise Refuse(-221, "Settings conflict; inner sigma not below outer")

    def check_start(self, wafer: Wafer) -> None:
        """Coated and not developed, a reticle, and every field within the dose and focus range."""
        if wafer.state() not in ("coated", "exposed"):
            raise Refuse(-221, f"Settings conflict; wafer {wafer.wafer_id} is {wafer.state()}")
        if self.settings["EXP:RET"] == "NONE":
            raise Refuse(-221, "Settings conflict; no reticle is loaded")
        for dose, focus in self.layout().values():
            if not 5 <= dose <= 100 or abs(focus) > 600:
                raise Refuse(-221, "Settings conflict; a field leaves the dose or focus range")

    def layout(self) -> dict[Field, tuple[float, float]]:
        """Dose and focus of each field that is exposed, in the order of the meander."""
        value = {head: v for head, v in self.settings.items() if isinstance(v, (int, float))}
        is_fem = self.settings["LAY:KIND"] == "FEM"
        columns = int(value["LAY:FOC:COUN"]) if is_fem else COLUMNS
        rows = int(value["LAY:DOSE:COUN"]) if is_fem else ROWS
        first_column, first_row = (COLUMNS - columns) // 2, (ROWS - rows) // 2
        plan: dict[Field, tuple[float, float]] = {}
        for column, row in _meander():
            c, r = column - first_column, row - first_row
            if 0 <= c < columns and 0 <= r < rows:
                dose = value["LAY:DOSE:STAR"] + (r * value["LAY:DOSE:STEP"] if is_fem else 0)
                focus = value["LAY:FOC:STAR"] + (c * value["LAY:FOC:STEP"] if is_fem else 0)
                plan[column, row] = (dose, focus)
        return plan

    def duration_s(self, wafer: Wafer) -> float:
        """Alignment, then the fields."""
        return ALIGN_S + FIELDS_S * len(self.layout()) / len(full_fields())

    def on_start(self, job: Job, wafer: Wafer) -> None:
        """Draw the errors of every field, so that trace and wafer agree."""
        plan = self.layout()
        count = len(plan)
        job.data.update(
            plan=list(plan.items()),
            dose_error=self.rng.normal(0, DOSE_ERROR, count),
            focus_error=self.rng.normal(0, FOCUS_ERROR_NM, count),
            done=0,
            pulses=0,
            noise_seed=int(self.rng.integers(2**31)),
        )
        self.stage = "MOVING"
        optics = Optics(
            float(self.settings["ILL:NA"]),
            float(self.settings["ILL:SIGO"]),
            float(self.settings["ILL:SIGI"]),
            str(self.settings["ILL:MODE"]),
        )
        wafer.focus_shift = self._heat_now() * HEAT_FOCUS_NM
        job.data["faults"] = faults = dict(self.disturbances)
        shift = faults.get("overlay_x", 0.0), faults.get("overlay_y", 0.0)
        wafer.registration = self.grid.align(self._heat_now(), shift)
        self.world.begin_exposure(wafer, optics)

    def work(self, job: Job, wafer: Wafer, fraction: float) -> None:
        """Expose the fields whose time has come."""
        seconds = fraction * job.duration - ALIGN_S
        per_field = FIELDS_S / len(full_fields())
        plan: list[tuple[Field, tuple[float, float]]] = job.data["plan"]
        due = min(len(plan), max(0, math.floor(seconds / per_field + 1e-6)))
        self.shutter_open = seconds > 0 and due < len(plan)
        for k in range(job.data["done"], due):
            self._expose_one(job, wafer, k)
        job.data["done"] = max(due, job.data["done"])

    def _expose_one(self, job: Job, wafer: Wafer, k: int) -> None:
        field, (dose, focus) = job.data["plan"][k]
        real_dose = dose * (1 + job.data["dose_error"][k])
        # Lens heating is not added here: it moves the wafer's surface (`World.surface`).
        real_focus = focus + job.data["focus_error"][k]
        self.world.expose(wafer, field, Shot(real_dose, real_focus))
        pulses = round(real_dose * PULSES_PER_MJ)
        job.data["pulses"] += pulses
        self.counters["pulses"] += pulses
        self._warm(real_dose / (30.0 * len(full_fields())))

    def on_end(self, job: Job, wafer: Wafer) -> None:
        """Close the shutter; a wafer with one exposed field has been processed.

        The water that the lens drags along leaves bubbles and watermarks behind.
        """
        self.shutter_open = False
        self.stage = "READY"
        self.counters["wafers"] += 1 if job.data["done"] else 0
        wafer.exposed_at = job.ended
        exposed = [at for at, _ in job.data["plan"][: job.data["done"]]]
        more = job.data["faults"].get("immersion", 1.0)
        times = min(max(more, 0.0), MOST_DEFECTS)
        wafer.particles.extend(self.grid.defects(exposed, times))

    def make_safe(self) -> None:
        """Shutter closed, stage parked."""
        self.shutter_open = False
        self.stage = "PARKED"

    def _heat_now(self) -> float:
        return self.heat * math.exp(-(self.clock.now() - self.heat_at) / HEAT_TAU_S)

    def _warm(self, wafers: float) -> None:
        self.heat = self._heat_now() + wafers * (1 - math.exp(-(ALIGN_S + FIELDS_S) / HEAT_TAU_S))
        self.heat_at = self.clock.now()

    # ------------------------------------------------------------------ traces
    def trace(self, job: Job, channel: str) -> NDArray[np.float32]:
        """64 samples for each exposed field, in the order of exposure."""
        done = job.data["done"]
        rng = np.random.default_rng([job.data["noise_seed"], self.channels.index(channel)])
        noise = rng.normal(0, 1, (done, SAMPLES_PER_FIELD))
        ramp = np.linspace(-1, 1, SAMPLES_PER_FIELD)
        if channel == "DOSE":
            set_dose = np.array([dose for _, (dose, _) in job.data["plan"][:done]])
            mean = set_dose * (1 + job.data["dose_error"][:done])
            values = mean[:, None] * (1 + 0.002 * noise)
        elif channel == "FOC":
            values = job.data["focus_error"][:done, None] + 1.0 * noise + 0.5 * ramp
        else:
            settling = 2.5 * np.exp(-(ramp + 1) * 6)
            values = 0.6 * noise + settling
        return np.asarray(values, dtype=np.float32).reshape(-1)

    def trace_step(self, job: Job, channel: str) -> float:
        """Physical seconds between samples."""
        return FIELDS_S / len(full_fields()) / SAMPLES_PER_FIELD


def _meander() -> list[Field]:
    return sorted(full_fields(), key=lambda f: (f[1], f[0] if f[1] % 2 == 0 else -f[0]))
