"""The run every carrier tool shares: dock, set, one job a wafer, undock.

A tool's `steps.py` adds its recipe fields, its settings and what a finished job leaves to read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from instruments.driver import ScpiTool
from instruments.errors import HistoryLost, Interlock, Mismatch, Rejected
from instruments.jobs import (
    AfterUnknown,
    Done,
    Failed,
    NotStarted,
    Outcome,
    Progress,
    ReadingValue,
    RecipeProblem,
    StepOrder,
    WaferOrder,
)
from instruments.recipe_fields import RecipeField, field_problems, fields_schema, filled
from instruments.trace_reading import all_traces

SHORTEST_POLL_S = 0.02
LONGEST_POLL_S = 1.0
INTERLOCKS = (-221, -241)
"""Error codes by which a tool says that material or settings forbid a start."""
Settings = list[tuple[str, Any]]


class CarrierProgram:
    """Plans and carries out runs on a tool with a load port."""

    process_kind: ClassVar[str]
    process_title: ClassVar[str]
    process_after_unknown: ClassVar[AfterUnknown] = "ask_tool"
    is_process: ClassVar[bool] = True
    reads_traces: ClassVar[bool] = True
    recipe: ClassVar[tuple[RecipeField, ...]] = ()

    # ------------------------------------------------------------------ what a tool adds
    def fields(self, recipe: Mapping[str, Any]) -> tuple[RecipeField, ...]:
        """The fields of this recipe: `recipe` of the class, unless they depend on its kind."""
        return self.recipe

    def settings(self, recipe: Mapping[str, Any]) -> Settings:
        """Attribute of the driver and value, in the order they are set: that of the fields."""
        value = self.values(recipe)
        return [(one.entry.name, value[one.path]) for one in self.fields(recipe)]

    def further_problems(self, recipe: Mapping[str, Any]) -> list[RecipeProblem]:
        """Problems between fields; called only when each field is right by itself."""
        return []

    def finished(self, tool: ScpiTool, order: StepOrder, handle: str) -> Done:
        """What a finished job leaves to read at once."""
        return Done()

    def traces(self, tool: ScpiTool, order: StepOrder, handle: str) -> Done:
        """The curves of a wafer's last job: all that the driver's table has."""
        return Done(traces=all_traces(tool, handle))

    # ------------------------------------------------------------------ recipe
    def problems(self, recipe: Mapping[str, Any]) -> list[RecipeProblem]:
        """Everything wrong with the recipe; empty when it may be planned."""
        found = field_problems(recipe, self.fields(recipe))
        return found or self.further_problems(recipe)

    def schema(self) -> dict[str, Any]:
        """JSON Schema of the recipe."""
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **fields_schema(self.fields({})),
        }

    def values(self, recipe: Mapping[str, Any]) -> dict[str, Any]:
        """The recipe's values by path in the driver's words, gaps filled."""
        fields = self.fields(recipe)
        values = filled(recipe, fields)
        return {one.path: one.wire_value(values[one.path]) for one in fields}

    def plan(
        self, recipe: Mapping[str, Any], wafers: Sequence[WaferOrder], carrier_id: str
    ) -> list[StepOrder]:
        """Dock, set, one job (and its traces) a wafer, undock; `ValueError` for a bad recipe."""
        problems = self.problems(recipe)
        if problems:
            raise ValueError("; ".join(problem.sentence_en for problem in problems))
        if len({wafer.slot for wafer in wafers}) != len(wafers):
            raise ValueError("two wafers in one slot")
        expected = {str(wafer.slot): wafer.wafer_id for wafer in wafers}
        settings = [list(pair) for pair in self.settings(recipe)]
        docking = {"carrier_id": carrier_id, "wafers": expected}
        steps = [
            StepOrder("dock", f"Dock {carrier_id} and read its slot map", docking, "verify"),
            StepOrder("settings", "Load the recipe", {"settings": settings}, "verify"),
        ]
        for wafer in sorted(wafers, key=lambda one: one.slot):
            steps += self._wafer_steps(recipe, wafer)
        undock = StepOrder("undock", f"Undock {carrier_id}", {"carrier_id": carrier_id}, "verify")
        return [*steps, undock]

    def _wafer_steps(self, recipe: Mapping[str, Any], wafer: WaferOrder) -> list[StepOrder]:
        process = StepOrder(
            self.process_kind,
            f"{self.process_title} {wafer.wafer_id} (slot {wafer.slot})",
            {"recipe": dict(recipe)},
            self.process_after_unknown,
            is_process=self.is_process,
            slot=wafer.slot,
            wafer_id=wafer.wafer_id,
        )
        trace = StepOrder(
            "trace",
            f"Read the traces of {wafer.wafer_id}",
            {"recipe": dict(recipe)},
            "repeat",
            slot=wafer.slot,
            wafer_id=wafer.wafer_id,
        )
        return [process, trace] if self.reads_traces else [process]

    # ------------------------------------------------------------------ carrying out
    def begin(self, tool: ScpiTool, order: StepOrder) -> Outcome:
        """Start the step; a step already begun under the same token is picked up."""
        ways: dict[str, Callable[[ScpiTool, StepOrder], Outcome]] = {
            "dock": self._begin_docking,
            "settings": self._set,
            "trace": self._read_traces,
            "undock": self._undock,
            self.process_kind: self._begin_process,
        }
        return ways[order.kind](tool, order)

    def poll(self, tool: ScpiTool, order: StepOrder, handle: str) -> Outcome:
        """How far the step is; reads only."""
        if order.kind == "dock":
            return self._docking(tool, order)
        if order.kind != self.process_kind:
            return self.reconcile(tool, order)
        return self._job(tool, order, handle)

    def reconcile(self, tool: ScpiTool, order: StepOrder) -> Outcome:
        """What became of the step, by the tool's own account; reads only.

        Raises `HistoryLost` when the tool does not know the token but has lost its job log.
        """
        if order.kind == "dock":
            state, carrier, _ = tool.port()
            docks = state != "EMPTY" and carrier == order.params["carrier_id"]
            return self._docking(tool, order) if docks else NotStarted()
        if order.kind == "undock":
            return Done() if tool.port()[0] == "EMPTY" else NotStarted()
        if order.kind == "settings":
            return NotStarted() if self._deviation(tool, order) else Done()
        if order.kind == "trace":
            return NotStarted()
        handle = tool.find_job(order.token)
        if handle:
            return self._job(tool, order, handle)
        if not tool.job_log_kept():
            raise HistoryLost(f"the tool lost its job log and does not know {order.token}")
        return NotStarted()

    # ------------------------------------------------------------------ carrier
    def _begin_docking(self, tool: ScpiTool, order: StepOrder) -> Outcome:
        wanted = order.params["carrier_id"]
        state, carrier, _ = tool.port()
        if state != "EMPTY" and carrier != wanted:
            # Whoever starts a run holds the tool; what stands on the port was left behind.
            tool.undock()
        try:
            tool.dock(wanted)
        except Rejected as refusal:
            raise _as_interlock(refusal) from refusal
        return self._docking(tool, order)

    def _docking(self, tool: ScpiTool, order: StepOrder) -> Outcome:
        wanted = order.params["carrier_id"]
        state, carrier, left = tool.port()
        if state == "DOCKING":
            return Progress(0.5, _pause(left), f"{carrier} on its way", "dock")
        if state == "EMPTY" or carrier != wanted:
            return Failed("carrier_missing", f"{wanted} is not on the load port.")
        return self._compared(tool, order.params["wafers"])

    def _compared(self, tool: ScpiTool, expected: Mapping[str, str]) -> Outcome:
        seen = tool.slot_map()
        odd = [str(k) for k, mark in enumerate(seen, start=1) if mark in "DX?"]
        if odd:
            return Failed(
                "slot_map_mismatch",
                f"Slots {', '.join(odd)} are double, crossed or unreadable: {seen}.",
            )
        for slot, wafer_id in expected.items():
            found = tool.wafer_at(int(slot))
            if found != wafer_id:
                return Failed(
                    "slot_map_mismatch",
                    f"Slot {slot} should hold {wafer_id} and holds {found or 'nothing'}.",
                )
        return Done((ReadingValue("wafers_in_carrier", float(seen.count("O")), ""),))

    def _undock(self, tool: ScpiTool, order: StepOrder) -> Outcome:
        tool.undock()
        return Done()

    # ------------------------------------------------------------------ settings
    def _set(self, tool: ScpiTool, order: StepOrder) -> Outcome:
        for name, value in order.params["settings"]:
            setattr(tool, name, value)
        deviation = self._deviation(tool, order)
        if deviation is not None:
            raise deviation
        return Done()

    def _deviation(self, tool: ScpiTool, order: StepOrder) -> Mismatch | None:
        wanted = dict(order.params["settings"])
        for name, value in wanted.items():
            got = getattr(tool, name)
            same = got == value
            if isinstance(value, (int, float)):
                # A nanoampere is not a microampere: what is small has a small tolerance too.
                same = math.isclose(got, value, rel_tol=1e-6, abs_tol=1e-12)
            if not same:
                unit = next(row.unit for row in tool.parameters() if row.name == name)
                return Mismatch(name, value, got, unit)
        return None

    # ------------------------------------------------------------------ jobs
    def _begin_process(self, tool: ScpiTool, order: StepOrder) -> Outcome:
        if order.slot is None or not order.token:
            raise ValueError(f"{order.kind} needs a slot and a token")
        handle = tool.find_job(order.token)
        if not handle:
            found = tool.wafer_at(order.slot)
            if found != order.wafer_id:
                raise Interlock(
                    f"slot {order.slot} holds {found or 'nothing'} instead of {order.wafer_id}"
                )
            handle = self._started(tool, order, order.slot)
        return self._job(tool, order, handle)

    def _started(self, tool: ScpiTool, order: StepOrder, slot: int) -> str:
        try:
            handle = tool.start_job(order.token, slot)
        except Rejected as refusal:
            raise _as_interlock(refusal) from refusal
        if not handle:
            raise HistoryLost(f"the tool accepted {order.token} and does not know it")
        return handle

    def _job(self, tool: ScpiTool, order: StepOrder, handle: str) -> Outcome:
        job = tool.job(handle)
        if job.state == "RUNNING":
            return Progress(job.fraction, _pause(job.remaining_s), job.text, handle)
        if job.state == "DONE":
            return self.finished(tool, order, handle)
        if job.state in ("ABORTED", "FAILED"):
            return Failed(job.state.lower(), f"{job.text} ({job.fraction:.0%} done).")
        raise HistoryLost(f"the tool does not know its own job {handle}")

    def _read_traces(self, tool: ScpiTool, order: StepOrder) -> Outcome:
        handle = tool.last_job(order.wafer_id or "")
        if not handle:
            return Failed("no_job", f"The tool has no job of {order.wafer_id}.")
        return self.traces(tool, order, handle)


def _pause(remaining_s: float) -> float:
    return min(LONGEST_POLL_S, max(SHORTEST_POLL_S, remaining_s + 0.005))


def _as_interlock(refusal: Rejected) -> Exception:
    if refusal.code in INTERLOCKS:
        return Interlock(f"{refusal.code}, {refusal.text}")
    return refusal
