"""The source-measure unit behind the needles, written from `instruments/prober/manual.md`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from instruments.fab.models.base import Number, Refuse, Word

NOT_A_NUMBER = 9.91e37
IN_COMPLIANCE = 8
LARGEST_STEP = {"SOUR:VOLT": 2.0, "SOUR:CURR": 0.02}
ELEMENTS = ("VOLT", "CURR", "RES", "TIME", "STAT")
OPTIONAL = ("LEV", "IMM", "AMPL", "STAT", "DC")
"""Nodes that may be left out; `STAT` only where something stands before it."""


class Circuit(Protocol):
    """What is between the needles."""

    def current(self, volts: float) -> float:
        """Amperes at `volts`."""

    def voltage(self, amperes: float) -> float:
        """Volts at `amperes`."""


@dataclass(frozen=True)
class Resistor:
    """Ohm's law."""

    ohms: float

    def current(self, volts: float) -> float:
        """Amperes at `volts`."""
        return volts / self.ohms

    def voltage(self, amperes: float) -> float:
        """Volts at `amperes`."""
        return amperes * self.ohms


OPEN = Resistor(1e12)


@dataclass(frozen=True)
class Diode:
    """Shockley's law with a series resistance and a shunt; A, -, Ω, Ω."""

    saturation: float
    ideality: float
    series: float
    shunt: float
    thermal: ClassVar[float] = 0.02585

    def _junction(self, volts: float) -> float:
        forward = min(volts / (self.ideality * self.thermal), 200.0)
        return self.saturation * math.expm1(forward) + volts / self.shunt

    def current(self, volts: float) -> float:
        """Amperes at `volts`, by bisection over the junction's own voltage."""
        low, high = min(volts, 0.0), max(volts, 0.0)
        for _ in range(60):
            middle = (low + high) / 2
            if middle + self.series * self._junction(middle) > volts:
                high = middle
            else:
                low = middle
        return self._junction((low + high) / 2)

    def voltage(self, amperes: float) -> float:
        """Volts at `amperes`."""
        low, high = -1e4, 1.5
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (low, middle) if self._junction(middle) > amperes else (middle, high)
        return (low + high) / 2 + self.series * amperes


@dataclass(frozen=True)
class Point:
    """What the terminals do: volts, amperes, and whether a compliance limits the source."""

    volts: float
    amperes: float
    is_limited: bool


def forced(circuit: Circuit, function: str, level: float, compliance: float) -> Point:
    """The working point of a source on a circuit; the compliance always wins."""
    if function == "VOLT":
        amperes = circuit.current(level)
        if abs(amperes) <= compliance:
            return Point(level, amperes, is_limited=False)
        amperes = math.copysign(compliance, amperes)
        return Point(circuit.voltage(amperes), amperes, is_limited=True)
    volts = circuit.voltage(level)
    if abs(volts) <= compliance:
        return Point(volts, level, is_limited=False)
    volts = math.copysign(compliance, volts)
    return Point(volts, circuit.current(volts), is_limited=True)


class Flag(Number):
    """0 or 1, ON or OFF."""

    def read(self, text: str) -> float:
        """1.0 or 0.0, or `Refuse`."""
        found = {"0": 0.0, "OFF": 0.0, "1": 1.0, "ON": 1.0}.get(text.upper())
        if found is None:
            raise Refuse(-224, "Illegal parameter value")
        return found


OFF, ON = Flag(0, 1, 0), Flag(0, 1, 1)
SETTINGS: dict[str, Number | Word] = {
    "SOUR:FUNC": Word(("VOLT", "CURR"), "VOLT"),
    "SOUR:VOLT": Number(-20, 20, 0),
    "SOUR:CURR": Number(-0.1, 0.1, 0),
    "SOUR:VOLT:MODE": Word(("FIX", "SWE"), "FIX"),
    "SOUR:VOLT:STAR": Number(-20, 20, 0),
    "SOUR:VOLT:STOP": Number(-20, 20, 0),
    "SOUR:VOLT:RANG": Number(-20, 20, 20),
    "SOUR:VOLT:RANG:AUTO": ON,
    "SOUR:CURR:RANG": Number(-0.1, 0.1, 0.1),
    "SOUR:CURR:RANG:AUTO": ON,
    "SOUR:DEL": Number(0, 999.9999, 0),
    "SOUR:DEL:AUTO": ON,
    "SOUR:CLE:AUTO": OFF,
    "SENS:CURR:PROT": Number(1e-9, 0.1, 1e-4),
    "SENS:VOLT:PROT": Number(0.2, 20, 2),
    "SENS:NPLC": Number(0.01, 10, 1),
    "SENS:CURR:RANG": Number(-0.1, 0.1, 1e-4),
    "SENS:CURR:RANG:AUTO": ON,
    "SENS:VOLT:RANG": Number(-20, 20, 20),
    "SENS:VOLT:RANG:AUTO": ON,
    "SENS:RES:RANG": Number(0, 2.1e8, 2.1e5),
    "SENS:RES:RANG:AUTO": ON,
    "SENS:RES:MODE": Word(("MAN",), "MAN"),
    "SENS:AVER": OFF,
    "SENS:AVER:TCON": Word(("REP", "MOV"), "REP"),
    "SENS:AVER:COUN": Number(1, 100, 10, whole=True),
    "OUTP": OFF,
    "OUTP:SMOD": Word(("HIMP", "NORM", "ZERO", "GUAR"), "NORM"),
    "SYST:AZER": ON,
    "SYST:RSEN": OFF,
    "ROUT:TERM": Word(("FRON", "REAR"), "REAR"),
    "TRIG:COUN": Number(1, 2500, 1, whole=True),
}


class SourceMeter:
    """Sources one quantity, limits the other, measures both.

    `circuit` says what is between the needles now, `is_touching` whether a step would reach it.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        now: Callable[[], float],
        circuit: Callable[[], Circuit],
        is_touching: Callable[[], bool],
    ) -> None:
        self._rng, self._now = rng, now
        self._circuit, self._is_touching = circuit, is_touching
        self.reset()

    def reset(self) -> None:
        """The state after `*RST`: off, at 0."""
        self.settings: dict[str, float | str] = {h: row.default for h, row in SETTINGS.items()}
        self.elements: tuple[str, ...] = ELEMENTS
        self.functions = {"VOLT", "CURR"}

    def make_safe(self) -> None:
        """Levels 0, output off."""
        self.settings.update({"SOUR:VOLT": 0.0, "SOUR:CURR": 0.0, "OUTP": 0.0})

    # ------------------------------------------------------------------ commands
    def execute(self, head: str, argument: str) -> str | None:
        """The answer to one command; raises `Refuse`, -113 for what the SMU does not know."""
        plain, is_query = plain_head(head.removesuffix("?")), head.endswith("?")
        if is_query:
            return self._asked(plain)
        if not argument and (plain in SETTINGS or plain in ("FORM:ELEM", "SENS:FUNC")):
            raise Refuse(-109, "Missing parameter")
        if plain == "FORM:ELEM":
            self._choose_elements(argument)
        elif plain.startswith("SENS:FUNC"):
            self._choose_functions(plain, argument)
        else:
            self._set(plain, argument)
        return None

    def _set(self, plain: str, argument: str) -> None:
        row = SETTINGS.get(plain)
        if row is None:
            raise Refuse(-113, "Undefined header")
        value = row.read(argument)
        self._check_step(plain, value)
        self.settings[plain] = value

    def _asked(self, plain: str) -> str:
        if plain == "READ":
            return self._read()
        if plain.startswith("MEAS:") and plain[5:] in ("VOLT", "CURR", "RES"):
            self.functions = {plain[5:]}
            return self._read()
        if plain.endswith(":PROT:TRIP") and plain[:9] in ("SENS:CURR", "SENS:VOLT"):
            sourced = "VOLT" if plain[5:9] == "CURR" else "CURR"
            limited = self.settings["SOUR:FUNC"] == sourced and self._point().is_limited
            return str(int(limited))
        if plain == "FORM:ELEM":
            return ",".join(self.elements)
        row = SETTINGS.get(plain)
        if row is None:
            raise Refuse(-113, "Undefined header")
        return row.show(self.settings[plain])

    def _choose_elements(self, argument: str) -> None:
        chosen = [plain_head(word.strip()) for word in argument.split(",")]
        if not set(chosen) <= set(ELEMENTS):
            raise Refuse(-224, "Illegal parameter value")
        self.elements = tuple(one for one in ELEMENTS if one in chosen)

    def _choose_functions(self, plain: str, argument: str) -> None:
        if plain == "SENS:FUNC:ALL":
            self.functions = {"VOLT", "CURR", "RES"}
            return
        chosen = {plain_head(word.strip(" '\"").partition(":")[0]) for word in argument.split(",")}
        if plain not in ("SENS:FUNC", "SENS:FUNC:ON") or not chosen <= {"VOLT", "CURR", "RES"}:
            raise Refuse(-224, "Illegal parameter value")
        self.functions = chosen

    def _check_step(self, head: str, value: float | str) -> None:
        if not self._is_touching():
            return
        if head == "OUTP" and value and not self.settings["OUTP"]:
            self.check_gentle()
        if not self.settings["OUTP"]:
            return
        if head == "SOUR:FUNC" and value != self.settings["SOUR:FUNC"]:
            self.check_gentle("VOLT", "CURR")
        if head in LARGEST_STEP:
            _check_size(head, float(value) - float(self.settings[head]))

    def check_gentle(self, *functions: str) -> None:
        """Raise `Refuse` where the source, or each of `functions`, is more than a step from 0."""
        for one in functions or (str(self.settings["SOUR:FUNC"]),):
            _check_size(f"SOUR:{one}", float(self.settings[f"SOUR:{one}"]))

    @property
    def is_on(self) -> bool:
        """Whether the output is on."""
        return bool(self.settings["OUTP"])

    # ------------------------------------------------------------------ measuring
    def _point(self) -> Point:
        if not self.settings["OUTP"]:
            return Point(0.0, 0.0, is_limited=False)
        function = str(self.settings["SOUR:FUNC"])
        other = "CURR" if function == "VOLT" else "VOLT"
        level = float(self.settings[f"SOUR:{function}"])
        compliance = float(self.settings[f"SENS:{other}:PROT"])
        return forced(self._circuit(), function, level, compliance)

    def _read(self) -> str:
        if not self.settings["OUTP"]:
            raise Refuse(803, "Not permitted with OUTPUT off")
        count = int(float(self.settings["TRIG:COUN"]))
        return ",".join(self._reading(level) for level in self._levels(count))

    def _levels(self, count: int) -> list[float | None]:
        if self.settings["SOUR:VOLT:MODE"] != "SWE" or self.settings["SOUR:FUNC"] != "VOLT":
            return [None] * count
        ends = (float(self.settings["SOUR:VOLT:STAR"]), float(self.settings["SOUR:VOLT:STOP"]))
        return [float(level) for level in np.linspace(*ends, count)]

    def _reading(self, level: float | None) -> str:
        if level is not None:
            self._check_step("SOUR:VOLT", level)
            self.settings["SOUR:VOLT"] = level
        point = self._point()
        volts, amperes = noisy(point, float(self.settings["SENS:NPLC"]), self._rng)
        ohms = volts / amperes if "RES" in self.functions and amperes else NOT_A_NUMBER
        status = IN_COMPLIANCE if point.is_limited else 0
        values = dict(
            zip(ELEMENTS, (volts, amperes, ohms, self._now(), float(status)), strict=True)
        )
        return ",".join(f"{values[one]:+.6E}" for one in self.elements)


def _check_size(head: str, step: float) -> None:
    largest = LARGEST_STEP[head]
    if abs(step) > largest * (1 + 1e-9):
        raise Refuse(-221, f"Settings conflict; a step above {largest:g} on the needles")


def noisy(point: Point, cycles: float, rng: np.random.Generator) -> tuple[float, float]:
    """Volts and amperes as they are measured within `cycles` of the power line."""
    calm = math.sqrt(cycles)
    volts = point.volts + rng.normal(0, (1e-5 + 1e-5 * abs(point.volts)) / calm)
    amperes = point.amperes + rng.normal(0, (1e-12 + 1e-5 * abs(point.amperes)) / calm)
    return float(volts), float(amperes)


def plain_head(head: str) -> str:
    """Short spelling without optional nodes: `:SOURce:VOLTage:LEVel` is `SOUR:VOLT`."""
    words = [_short(re.sub(r"\d+$", "", word)) for word in head.upper().lstrip(":").split(":")]
    kept = [w for place, w in enumerate(words) if place == 0 or w not in OPTIONAL]
    if kept[:2] == ["SOUR", "FUNC"]:
        kept = kept[:2]
    if len(kept) == 3 and kept[0] == "SENS" and kept[2] == "NPLC":
        kept = ["SENS", "NPLC"]
    return ":".join(kept)


def _short(word: str) -> str:
    if len(word) <= 4:
        return word
    return word[:3] if word[3] in "AEIOU" else word[:4]
