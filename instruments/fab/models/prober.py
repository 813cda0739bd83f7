"""The simulated prober with its SMU, written from `instruments/prober/manual.md`."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from instruments.fab.matter import chance_of
from instruments.fab.models.base import Handler, Job, Name, Number, Refuse, Reply, Word
from instruments.fab.models.litho import COLUMNS, ROWS, Field, field_centre, full_fields
from instruments.fab.models.metrology import MeasuringModel
from instruments.fab.models.smu import (
    LARGEST_STEP,
    OPEN,
    Circuit,
    Diode,
    Resistor,
    SourceMeter,
    forced,
    noisy,
)
from instruments.fab.world import Wafer, World

DIE_S, POINT_S, CYCLE_S = 2.0, 0.025, 0.020
CALIBRATION = Resistor(10e3)
SHEET_OHMS, LINE_LENGTH_NM, UNPRINTED_NM = 0.4, 1e6, 40.0
SHORTED = 0.02


class ProberModel(MeasuringModel):
    """Brings dies under the needles; the SMU does the rest."""

    model: ClassVar[str] = "PROBER-SMU"
    align_s: ClassVar[float] = 20.0
    columns: ClassVar[int] = 8
    channels: ClassVar[tuple[str, ...]] = ("VOLT", "CURR")
    settings_table: ClassVar[dict[str, Number | Word | Name]] = {
        "PRB:DEV": Word(("DIOD", "RES"), "DIOD"),
        "PRB:DIES": Word(("FULL", "HALF", "CENT"), "HALF"),
        "SWE:STAR": Number(-20, 20, -1),
        "SWE:STOP": Number(-20, 20, 1),
        "SWE:POIN": Number(2, 201, 41, whole=True),
        "SWE:COMP": Number(1e-9, 0.1, 1e-3),
        "SWE:NPLC": Number(0.01, 10, 1),
    }
    loaded: str = ""
    die: Field = (COLUMNS // 2, ROWS // 2)
    is_down: bool = False

    def __init__(self, name: str, serial: str, seed: int, world: World) -> None:
        super().__init__(name, serial, seed, world)
        noise = np.random.default_rng([seed, 41])
        self.smu = SourceMeter(noise, self.clock.now, self._circuit, lambda: self.is_down)

    def own_handlers(self) -> dict[str, Handler]:
        """The prober's own commands; what nobody knows is the SMU's."""
        return super().own_handlers() | {
            "PRB:LOAD": self._load,
            "PRB:UNL": lambda _: self._unload(),
            "PRB:WAF?": lambda _: f'"{self._on_chuck()}"',
            "PRB:MOVE": self._move,
            "PRB:POS?": lambda _: f"{self.die[0]},{self.die[1]}",
            "PRB:CONT": self._contact,
            "PRB:CONT?": lambda _: "DOWN" if self.is_down else "UP",
            "*RST": lambda _: self._reset_all(),
        }

    # ------------------------------------------------------------------ lines
    def execute(self, line: str) -> bytes | None:
        """Several commands may stand in one line, separated by semicolons."""
        if ";" not in line:
            return super().execute(line)
        answers = [super(ProberModel, self).execute(part) for part in line.split(";")]
        given = [answer.rstrip(b"\n") for answer in answers if answer is not None]
        return b";".join(given) + b"\n" if given else None

    def _dispatch(self, head: str, argument: str) -> Reply:
        head = head.lstrip(":")
        if head in self.handlers or head.removesuffix("?") in self.settings_table:
            return super()._dispatch(head, argument)
        if not head.endswith("?"):
            self._refuse_while_running()
        return self.smu.execute(head, argument)

    def _refuse_while_running(self) -> None:
        if self.running is not None:
            raise Refuse(-221, "Settings conflict; a job runs")

    def _reset_all(self) -> None:
        self._reset_settings()
        if self.running is None:
            self.smu.reset()

    # ------------------------------------------------------------------ by hand
    def _load(self, argument: str) -> None:
        self._refuse_while_running()
        slot, carrier = self._slot(argument), self._docked()
        if slot not in carrier.slots:
            raise Refuse(-241, f"Hardware missing; slot {slot} holds no wafer to take")
        self._lift()
        self.loaded = carrier.slots[slot]

    def _unload(self) -> None:
        self._refuse_while_running()
        self._lift()
        self.loaded = ""

    def _on_chuck(self) -> str:
        """The wafer loaded by hand, "" when there is none or it was delivered elsewhere."""
        stays = self._is_docked() and self.loaded in self._docked().slots.values()
        return self.loaded if stays else ""

    def _move(self, argument: str) -> None:
        self._refuse_while_running()
        if self.is_down or not self._on_chuck():
            raise Refuse(-221, "Settings conflict; needles down or no wafer on the chuck")
        column, comma, row = argument.partition(",")
        if not comma:
            raise Refuse(-109, "Missing parameter")
        whole = Number(0, max(COLUMNS, ROWS), 0, whole=True)
        wanted = int(whole.read(column)), int(whole.read(row))
        if wanted not in full_fields():
            raise Refuse(-222, "Data out of range")
        self.die = wanted

    def _contact(self, argument: str) -> None:
        self._refuse_while_running()
        if Word(("UP", "DOWN"), "UP").read(argument) == "UP":
            self._lift()
            return
        if self.smu.is_on and not self.is_down:
            self.smu.check_gentle()
        self.is_down = True

    def _lift(self) -> None:
        """Nothing arcs: the source is off before the needles leave the pads."""
        self.smu.make_safe()
        self.is_down = False

    def _circuit(self) -> Circuit:
        if not self.is_down:
            return OPEN
        if not self._on_chuck():
            return CALIBRATION
        wafer = self.world.wafer(self.loaded)
        return circuit_of(self.world.seed, wafer, self.die, str(self.settings["PRB:DEV"]))

    # ------------------------------------------------------------------ jobs
    def check_start(self, wafer: Wafer) -> None:
        """The chuck is free, and the sweep climbs in steps the needles may take."""
        if self._on_chuck():
            raise Refuse(-221, f"Settings conflict; {self.loaded} is on the chuck")
        span = abs(float(self.settings["SWE:STOP"]) - float(self.settings["SWE:STAR"]))
        if span / (float(self.settings["SWE:POIN"]) - 1) > LARGEST_STEP["SOUR:VOLT"]:
            raise Refuse(-221, "Settings conflict; points of the sweep more than 2 V apart")

    def places(self, wafer: Wafer) -> list[Any]:
        """Column and row of the dies."""
        which = self.settings["PRB:DIES"]
        if which == "CENT":
            return [[COLUMNS // 2, ROWS // 2]]
        return [[c, r] for c, r in full_fields() if which == "FULL" or (c + r) % 2 == 0]

    def _point_s(self) -> float:
        return POINT_S + CYCLE_S * float(self.settings["SWE:NPLC"])

    def seconds_each(self) -> float:
        """Step, contact, sweep."""
        return DIE_S + self._point_s() * float(self.settings["SWE:POIN"])

    def on_start(self, job: Job, wafer: Wafer) -> None:
        """The SMU is the job's from here."""
        super().on_start(job, wafer)
        self._lift()
        job.data.update(volts=[], amperes=[], point_s=self._point_s())

    def measure(self, job: Job, wafer: Wafer, place: Any) -> list[float]:
        """One die's sweep."""
        column, row = place
        value = job.settings
        circuit = circuit_of(self.world.seed, wafer, (column, row), str(value["PRB:DEV"]))
        ends = float(value["SWE:STAR"]), float(value["SWE:STOP"])
        compliance, cycles = float(value["SWE:COMP"]), float(value["SWE:NPLC"])
        levels = np.linspace(*ends, int(value["SWE:POIN"]))
        points = [forced(circuit, "VOLT", float(level), compliance) for level in levels]
        seen = [noisy(point, cycles, self.rng) for point in points]
        job.data["volts"] += [volts for volts, _ in seen]
        job.data["amperes"] += [amperes for _, amperes in seen]
        limited = float(any(point.is_limited for point in points))
        largest = max((amperes for _, amperes in seen), key=abs)
        x, y = field_centre((column, row))
        return [column, row, x, y, seen[0][1], seen[-1][1], largest, limited]

    def on_end(self, job: Job, wafer: Wafer) -> None:
        """Source off, needles up, whichever way it ended."""
        super().on_end(job, wafer)
        self._lift()

    def make_safe(self) -> None:
        """Levels 0, output off, needles up."""
        self._lift()

    def carrier_leaves(self) -> None:
        """No wafer goes from under needles that are down."""
        if self.loaded:
            self._lift()
        self.loaded = ""

    def reset_volatile(self) -> None:
        """After a power cut the SMU has its defaults and the chuck is empty."""
        self.smu.reset()
        self.loaded, self.is_down = "", False

    def trace(self, job: Job, channel: str) -> NDArray[np.float32]:
        """Die after die, point after point."""
        return np.asarray(job.data[{"VOLT": "volts", "CURR": "amperes"}[channel]], np.float32)

    def trace_step(self, job: Job, channel: str) -> float:
        """Seconds a point takes."""
        return float(job.data["point_s"])


def circuit_of(seed: int, wafer: Wafer, at: Field, device: str) -> Circuit:
    """What a die's test structure is; a wafer has the same ones whoever asks."""
    rng = chance_of(seed, wafer.wafer_id, 1000 + 10 * at[0] + at[1])
    if device == "RES":
        line = wafer.lines.get(at)
        width = line.cd if line is not None else UNPRINTED_NM
        if width < 1.0:
            return OPEN
        return Resistor(SHEET_OHMS * LINE_LENGTH_NM / width * float(rng.normal(1, 0.01)))
    is_shorted = rng.random() < SHORTED
    return Diode(
        saturation=1e-14 * math.exp(0.2 * float(rng.normal())),
        ideality=1.05 + 0.01 * float(rng.normal()),
        series=12.0 + float(rng.normal()),
        shunt=1e3 if is_shorted else 1e9 * math.exp(0.5 * float(rng.normal())),
    )
