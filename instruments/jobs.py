"""What a recipe may ask of a tool, and what the tool may answer.

A program turns an approved recipe and a carrier of wafers into steps. Every step says what is
to be done when its outcome is unknown, so that whoever runs it never has to guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from instruments.driver import ScpiTool

AfterUnknown = Literal["repeat", "verify", "ask_tool", "hold"]
Quality = Literal["GOOD", "NOT_RESOLVED", "RESHOT"]


@dataclass(frozen=True)
class WaferOrder:
    """One wafer to process: its slot (1 to 25, 1 at the bottom) and its ID."""

    slot: int
    wafer_id: str


@dataclass(frozen=True)
class StepOrder:
    """One step of a run.

    `token` is unique per step and goes to the tool as its idempotency key; the one who stores
    the steps fills it in. `is_process` marks what changes a wafer and must never happen twice.
    """

    kind: str
    title: str
    params: dict[str, Any]
    after_unknown: AfterUnknown
    is_process: bool = False
    token: str = ""
    slot: int | None = None
    wafer_id: str | None = None
    tool_kind: str = ""
    """Which tool does it, in a plan for several; empty: the only one."""


@dataclass(frozen=True)
class ReadingValue:
    """One number that belongs to the step as a whole."""

    key: str
    value: float
    unit: str


@dataclass(frozen=True)
class SiteValue:
    """One number measured at one field; `x_mm`, `y_mm` from the wafer's centre.

    `value` is NaN when `quality` is NOT_RESOLVED.
    """

    key: str
    value: float
    unit: str
    field_col: int
    field_row: int
    x_mm: float
    y_mm: float
    quality: Quality


@dataclass(frozen=True, eq=False)
class TraceBlock:
    """One sampled curve: `samples[k]` was taken at `t0_s + k * dt_s` of the tool's clock."""

    key: str
    unit: str
    t0_s: float
    dt_s: float
    samples: NDArray[np.float32]


@dataclass(frozen=True)
class Progress:
    """Still going; ask again with `handle` in `poll_after_s` seconds of the host's clock."""

    fraction: float
    poll_after_s: float
    message: str
    handle: str


@dataclass(frozen=True, eq=False)
class Done:
    """Finished, with whatever was read."""

    readings: tuple[ReadingValue, ...] = ()
    sites: tuple[SiteValue, ...] = ()
    traces: tuple[TraceBlock, ...] = ()


@dataclass(frozen=True)
class Failed:
    """Finished without success; the outcome is known and `message` is a sentence."""

    code: str
    message: str


@dataclass(frozen=True)
class NotStarted:
    """The tool never saw this step's token: it is safe to begin it."""


Outcome: TypeAlias = Progress | Done | Failed | NotStarted


@dataclass(frozen=True)
class RecipeProblem:
    """One thing wrong with a recipe, in both languages, tied to its field."""

    field: str
    sentence_en: str
    sentence_ko: str


class Planner(Protocol):
    """How one kind of recipe becomes steps, on one tool or on several together."""

    def plan(
        self, recipe: Mapping[str, Any], wafers: Sequence[WaferOrder], carrier_id: str
    ) -> list[StepOrder]:
        """The steps of the whole run, in order; raises `ValueError` for a bad recipe."""
        ...

    def problems(self, recipe: Mapping[str, Any]) -> list[RecipeProblem]:
        """Everything wrong with the recipe; empty when it may be planned."""
        ...

    def schema(self) -> dict[str, Any]:
        """JSON Schema of the recipe."""
        ...


@runtime_checkable
class PlansEachWafer(Protocol):
    """A planner whose wafers go from tool to tool one by one, and so lays their recipes itself."""

    def plan_each(
        self,
        recipe: Mapping[str, Any],
        own: Mapping[int, Mapping[str, Any]],
        wafers: Sequence[WaferOrder],
        carrier_id: str,
    ) -> list[StepOrder]:
        """As `plan`; the wafers in the slots of `own` have recipes of their own."""
        ...


class Program(Planner, Protocol):
    """How one kind of tool carries out a recipe."""

    def begin(self, tool: ScpiTool, order: StepOrder) -> Outcome:
        """Start the step; a step already begun under the same token is picked up."""
        ...

    def poll(self, tool: ScpiTool, order: StepOrder, handle: str) -> Outcome:
        """How far the step is; reads only."""
        ...

    def reconcile(self, tool: ScpiTool, order: StepOrder) -> Outcome:
        """After an unknown outcome: what the tool says about the step's token; reads only."""
        ...
