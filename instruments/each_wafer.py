"""Recipes that differ from wafer to wafer: the tool is set anew before a wafer that differs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from instruments.jobs import StepOrder, WaferOrder

Recipe = Mapping[str, Any]
PlanOf = Callable[[Recipe, Sequence[WaferOrder]], list[StepOrder]]
"""One tool's plan: its first step docks, its last undocks, and setting-up names no slot."""


def planned(
    plan: PlanOf, recipe: Recipe, own: Mapping[int, Recipe], wafers: Sequence[WaferOrder]
) -> list[StepOrder]:
    """The tool's plan of all wafers, where slot `own` has a recipe of its own by that one."""
    whole = plan(recipe, wafers)
    steps, standing = [whole[0]], Standing()
    for wafer in sorted(wafers, key=lambda one: one.slot):
        mine = plan(own.get(wafer.slot, recipe), [wafer])[1:-1]
        steps += standing.changed([one for one in mine if one.slot is None], wafer)
        steps += [one for one in mine if one.slot is not None]
    return [*steps, whole[-1]]


class Standing:
    """What each tool of a plan was set to last."""

    def __init__(self) -> None:
        self._params: dict[tuple[str, str], dict[str, Any]] = {}

    def changed(self, setup: Sequence[StepOrder], wafer: WaferOrder) -> list[StepOrder]:
        """Of the setting-up before this wafer, what is not set so already; named after it."""
        new = [one for one in setup if self._params.get((one.tool_kind, one.kind)) != one.params]
        self._params.update({(one.tool_kind, one.kind): one.params for one in new})
        return [replace(one, title=f"{one.title} ({wafer.wafer_id})") for one in new]
