"""A module on two tools: coat and expose on the cell, then CD within four hours."""

from __future__ import annotations

import pytest

from testbed.booking.models import WishedDocument
from testbed.booking.target import Target
from testbed.process.models import Operation, Recipe, Route
from testbed.services.models import Module
from testbed.tools.models import Cell, Tool


@pytest.fixture
def module(litho_cell: Cell, track: Tool, scanner: Tool, cd_sem: Tool) -> Module:
    recipe = Recipe.objects.create(code="r", title="R", tool_kind="track")
    route = Route.objects.create(code="fem", name_ko="평가", name_en="Evaluation")
    laid = (("track", 30, None), ("scanner", 30, 30), ("cd_sem", 60, 240))
    for position, (kind, minutes, limit) in enumerate(laid, start=1):
        Operation.objects.create(
            route=route, position=position, name_ko=kind, name_en=kind, tool_kind=kind,
            recipe=recipe, minutes=minutes, within_minutes=limit,
        )  # fmt: skip
    return Module.objects.create(
        code="arf", name_ko="레지스트 평가", name_en="Resist evaluation",
        description_ko="평가", description_en="Evaluation", route=route, wafers_min=1,
        wafers_max=5, price_won=1_000_000, turnaround_days=3,
        document=WishedDocument.TEST_REPORT,
    )  # fmt: skip


@pytest.fixture
def cell_target(litho_cell: Cell) -> Target:
    return Target(cell=litho_cell)
