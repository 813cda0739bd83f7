"""Particles, film and I–V over real sockets and through the engine: what the run's page shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from testbed.people.models import User
from testbed.results import measured, traces
from testbed.runs import doorbell, sessions
from testbed.runs.states import RunState
from testbed.tools.models import Tool
from tests.conftest import make_tool
from tests.runs import floor as floors
from tests.runs.floor import Floor, lay, simulated_fab

WIRES = {"particles": "socket", "film": "vxi11", "prober": "hislip"}
RECIPES: dict[str, dict[str, Any]] = {
    "inspect": {"smallest_nm": 40.0},
    "thickness": {"target_nm": 100.0},
    "probe": {"dies": "half", "points": 11},
}
ROUTE = (("inspect", "particles"), ("thickness", "film"), ("probe", "prober"))


@pytest.fixture
def tools(db: None) -> dict[str, Tool]:
    return {kind: make_tool(f"{kind}-1", kind=kind, serial=f"SN-{kind}") for kind in WIRES}


@pytest.fixture
def laid(
    transactional_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alice: User,
    technician: User, process_engineer: User, tools: dict[str, Tool],
) -> Iterator[Floor]:  # fmt: skip
    """A floor with a route through the three."""
    for name, value in (("RESOURCES", WIRES), ("RECIPES", RECIPES), ("ROUTE", ROUTE)):
        monkeypatch.setattr(floors, name, value)
    monkeypatch.setattr(doorbell, "ring", lambda *_to: None)
    with simulated_fab(tmp_path, scale=4000.0) as fab:
        yield lay(
            alice=alice, technician=technician, process_engineer=process_engineer, tools=tools,
            fab=fab,
        )  # fmt: skip
        for tool in tools.values():
            sessions.drop(tool.pk)


@pytest.mark.django_db(transaction=True)
def test_what_was_measured_reaches_the_page(
    laid: Floor, alice: User, sign_in: Callable[[User], Client]
) -> None:
    runs = {name: laid.run(name, slots=(1,)) for name, _ in ROUTE}
    assert {run.state for run in runs.values()} == {RunState.COMPLETED}
    film = {one.key: one for one in measured.quantities(runs["thickness"], 1)}
    assert len(film["thickness"].places) == 49
    assert film["thickness"].mean == pytest.approx(100, rel=0.02)
    values = {one.key: one.value for one in measured.readings(runs["inspect"], 1)}
    sizes = [one for one in measured.quantities(runs["inspect"], 1) if one.key == "particle_size"]
    assert values["particles"] == sum(len(one.places) for one in sizes)
    dies = {one.key: len(one.places) for one in measured.quantities(runs["probe"], 1)}
    assert dies["resistance"] == dies["current_at_stop"] > 20
    assert {curve.key for curve in traces.curves(runs["probe"])} == {"iv_voltage", "iv_current"}
    client = sign_in(alice)
    for run in runs.values():
        assert client.get(reverse("run_measured", args=[run.pk])).status_code == 200
        assert client.get(reverse("run_traces", args=[run.pk])).status_code == 200
