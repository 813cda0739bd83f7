"""How track and scanner carry out one recipe together: coat, expose, bake and develop.

Recipe: `coat`, `expose` and `develop`, each as the track's or the scanner's own recipe (without
`operation`, which the part's name gives). The whole lot is coated first. Then each wafer is
exposed and goes at once to the track for its bake and development, before the next is exposed:
the delay between exposure and bake is the same carrier move for every wafer, and not longer for
the first wafer of the lot than for the last. Traces are read when the wafer waits for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from instruments.each_wafer import Standing, planned
from instruments.jobs import Program, RecipeProblem, StepOrder, WaferOrder
from instruments.scanner import steps as scanner_steps
from instruments.track import steps as track_steps

TRACK, SCANNER = "track", "scanner"
KINDS = (TRACK, SCANNER)
PARTS: dict[str, tuple[str, Program]] = {
    "coat": (TRACK, track_steps.PROGRAM),
    "expose": (SCANNER, scanner_steps.PROGRAM),
    "develop": (TRACK, track_steps.PROGRAM),
}
NAMES = {"coat": ("Coat", "도포"), "expose": ("Expose", "노광"), "develop": ("Develop", "현상")}


class LithoCellProgram:
    """Plans the work of the cell; each tool's own program carries its steps out."""

    # ------------------------------------------------------------------ recipe
    def problems(self, recipe: Mapping[str, Any]) -> list[RecipeProblem]:
        """Everything wrong with the recipe, part by part; empty when it may be planned."""
        found = [
            RecipeProblem(
                name,
                f"{name} is no part of a litho cell's recipe.",
                f"{name}은(는) 노광 셀 레시피의 항목이 아닙니다.",
            )
            for name in recipe
            if name not in PARTS
        ]
        for name in PARTS:
            found += _part_problems(name, recipe.get(name))
        return found

    def schema(self) -> dict[str, Any]:
        """JSON Schema (2020-12) of the recipe: one object a part."""
        coat, develop = track_steps.PROGRAM.schema()["oneOf"]
        expose = scanner_steps.PROGRAM.schema()
        expose.pop("$schema", None)
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "coat": _titled("coat", _without_operation(coat)),
                "expose": _titled("expose", expose),
                "develop": _titled("develop", _without_operation(develop)),
            },
            "required": list(PARTS),
        }

    # ------------------------------------------------------------------ plan
    def plan(
        self, recipe: Mapping[str, Any], wafers: Sequence[WaferOrder], carrier_id: str
    ) -> list[StepOrder]:
        """Coat all, then expose and develop wafer by wafer; `ValueError` for a bad recipe."""
        self._refuse(recipe)
        coat, expose, develop = (_planned(name, recipe[name], wafers, carrier_id) for name in PARTS)
        linked = [*_settings(expose), *_settings(develop)]
        for wafer in sorted(wafers, key=lambda one: one.slot):
            linked += _link(expose, develop, wafer)
        return [*coat, *linked]

    def plan_each(
        self,
        recipe: Mapping[str, Any],
        own: Mapping[int, Mapping[str, Any]],
        wafers: Sequence[WaferOrder],
        carrier_id: str,
    ) -> list[StepOrder]:
        """As `plan`; before a wafer with other values only the tool that differs is set anew."""
        for body in (recipe, *own.values()):
            self._refuse(body)
        steps = planned(
            lambda body, some: _planned("coat", body["coat"], some, carrier_id),
            recipe, own, wafers,
        )  # fmt: skip
        standing = Standing()
        for wafer in sorted(wafers, key=lambda one: one.slot):
            body = own.get(wafer.slot, recipe)
            # Of all wafers: a carrier is docked with its whole map.
            expose, develop = (
                _planned(name, body[name], wafers, carrier_id) for name in ("expose", "develop")
            )
            steps += standing.changed([*_settings(expose), *_settings(develop)], wafer)
            steps += _link(expose, develop, wafer)
        return steps

    def _refuse(self, recipe: Mapping[str, Any]) -> None:
        """`ValueError` for a bad recipe."""
        problems = self.problems(recipe)
        if problems:
            raise ValueError("; ".join(problem.sentence_en for problem in problems))


def _own(name: str, part: Mapping[str, Any]) -> dict[str, Any]:
    """The part as its tool's program reads it."""
    return dict(part) if name == "expose" else {**part, "operation": name}


def _part_problems(name: str, part: object) -> list[RecipeProblem]:
    if not isinstance(part, Mapping):
        _en, ko = NAMES[name]
        return [RecipeProblem(name, f"The part {name} is missing.", f"{ko} 항목이 없습니다.")]
    if "operation" in part:
        return [
            RecipeProblem(
                f"{name}.operation",
                "The part's name says the operation; leave it out.",
                "작업은 항목 이름으로 정해지므로 적지 않습니다.",
            )
        ]
    _kind, program = PARTS[name]
    return [
        replace(problem, field=f"{name}.{problem.field}")
        for problem in program.problems(_own(name, part))
    ]


def _without_operation(schema: dict[str, Any]) -> dict[str, Any]:
    """The track's schema of one operation, with the operation itself taken out."""
    properties = {key: one for key, one in schema["properties"].items() if key != "operation"}
    required = [key for key in schema["required"] if key != "operation"]
    return {**schema, "properties": properties, "required": required}


def _titled(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    en, ko = NAMES[name]
    return {"title": en, "title_ko": ko, **schema}


def _planned(
    name: str, part: Mapping[str, Any], wafers: Sequence[WaferOrder], carrier_id: str
) -> list[StepOrder]:
    kind, program = PARTS[name]
    plan = program.plan(_own(name, part), wafers, carrier_id)
    return [replace(order, tool_kind=kind) for order in plan]


def _settings(plan: Sequence[StepOrder]) -> list[StepOrder]:
    return [order for order in plan if order.kind == "settings"]


def _link(
    expose: Sequence[StepOrder], develop: Sequence[StepOrder], wafer: WaferOrder
) -> list[StepOrder]:
    """One wafer from the scanner's stage to the end of its development, then both traces."""
    work: list[StepOrder] = []
    traces: list[StepOrder] = []
    for plan in (expose, develop):
        own = [order for order in plan if order.slot == wafer.slot]
        traces += [order for order in own if order.kind == "trace"]
        work += [
            *(order for order in plan if order.kind == "dock"),
            *(order for order in own if order.kind != "trace"),
            *(order for order in plan if order.kind == "undock"),
        ]
    return [*work, *traces]


PROGRAM = LithoCellProgram()
