"""The demo's recipes suit their tools, and its tools on a wire are the ones on the floor."""

from __future__ import annotations

from typing import Any

import pytest

from instruments.catalogue import PLANS, TOOLS
from instruments.fab.kinds import MODELS
from testbed.ops.demo.floor import SPECS
from testbed.ops.demo.recipes import RECIPES
from testbed.ops.demo.services import ROUTES
from testbed.ops.fab import CONNECTED, WIRES
from testbed.process.vary import settings_of, wrong_ranges


@pytest.mark.parametrize(
    ("kind", "body"), [pytest.param(kind, body, id=code) for code, _, kind, body in RECIPES]
)
def test_a_demo_recipe_has_no_problem(kind: str, body: dict[str, Any]) -> None:
    planner = PLANS.get(kind)
    if planner is not None:
        assert planner.program.problems(settings_of(body)) == []
        assert wrong_ranges(kind, body) == {}


@pytest.mark.parametrize("connected", CONNECTED, ids=lambda one: one.code)
def test_a_tool_on_a_wire_is_the_one_on_the_floor(connected: Any) -> None:
    spec = next(one for one in SPECS if one.code == connected.code)
    assert (spec.kind, spec.serial) == (connected.kind, connected.serial)
    assert connected.kind in TOOLS
    assert connected.kind in MODELS
    assert connected.wire in WIRES


def test_the_measuring_operations_have_signed_recipes() -> None:
    signed = {code: kind for code, _, kind, _ in RECIPES}
    measuring = [op for _, _, _, ops in ROUTES for op in ops if op.is_measurement]
    assert {op.kind for op in measuring} >= {"overlay", "film", "particles", "prober"}
    assert all(signed[op.recipe] == op.kind for op in measuring)
