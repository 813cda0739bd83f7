"""Etch, strip, deposit, polish over real sockets: what the runs leave in the results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from instruments.fab.kinds import MODELS
from testbed.people.models import User
from testbed.results import traces
from testbed.runs import doorbell, sessions
from testbed.runs.models import Reading, Run
from testbed.runs.states import RunState
from testbed.tools.models import Tool
from tests.conftest import make_tool
from tests.runs import floor as floors
from tests.runs.floor import Fab, Floor, lay, simulated_fab

WIRES = {"etcher": "hislip", "clean": "socket", "cvd": "socket", "cmp": "vxi11"}
RECIPES: dict[str, dict[str, Any]] = {
    "etch": {"film": "oxide"},
    "strip": {"chemistry": "spm", "bath_c": 110.0},
    "deposit": {"film": "oxide", "time_s": 60.0},
    "polish": {"time_s": 20.0},
}
ROUTE = (("etch", "etcher"), ("strip", "clean"), ("deposit", "cvd"), ("polish", "cmp"))
KEYS = {
    "etch": {"etch_depth", "endpoint_seen", "endpoint_time"},
    "strip": {"rinse_resistivity", "certified_feol"},
    "deposit": {"film_thickness"},
    "polish": {"removed", "film_left", "dishing"},
}


@pytest.fixture
def tools(db: None) -> dict[str, Tool]:
    return {kind: make_tool(f"{kind}-1", kind=kind, serial=f"SN-{kind}") for kind in WIRES}


@pytest.fixture
def laid(
    transactional_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alice: User,
    technician: User, process_engineer: User, tools: dict[str, Tool],
) -> Iterator[Floor]:  # fmt: skip
    """A floor with a route through the four; its lot brings printed wafers."""
    for name, value in (("RESOURCES", WIRES), ("RECIPES", RECIPES), ("ROUTE", ROUTE)):
        monkeypatch.setattr(floors, name, value)
    monkeypatch.setattr(doorbell, "ring", lambda *_to: None)
    with simulated_fab(tmp_path, scale=4000.0) as fab:
        laid = lay(
            alice=alice, technician=technician, process_engineer=process_engineer, tools=tools,
            fab=_printing(fab),
        )  # fmt: skip
        yield laid
        for tool in tools.values():
            sessions.drop(tool.pk)


def _printing(fab: Fab) -> Fab:
    """The same fab; every carrier it is told of brings lines in resist."""
    deliver = fab.control.deliver
    fab.control.deliver = lambda code, wafers: deliver(  # type: ignore[method-assign]
        code, wafers, is_printed=True
    )
    return fab


def readings(run: Run) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for row in Reading.objects.filter(run=run, wafer__isnull=False):
        found.setdefault(row.key, []).append(row.value)
    return found


@pytest.mark.django_db(transaction=True)
def test_a_wafer_goes_through_the_four_and_its_data_are_shown(
    laid: Floor, alice: User, sign_in: Callable[[User], Client]
) -> None:
    runs = {name: laid.run(name, slots=(1,)) for name, _ in ROUTE}
    assert {run.state for run in runs.values()} == {RunState.COMPLETED}
    for name, kind in ROUTE:
        found = readings(runs[name])
        assert set(found) == KEYS[name]
        assert {len(values) for values in found.values()} == {1}
        curves = traces.curves(runs[name])
        assert len({curve.key for curve in curves}) == len(MODELS[kind].channels)
    assert laid.fab is not None
    truth = laid.fab.control.truth(laid.lot.wafers.get(slot=1).wafer_id)["processes"]
    assert [one["process"] for one in truth] == ["etch", "clean", "deposit", "polish"]
    [depth] = readings(runs["etch"])["etch_depth"]
    [thickness] = readings(runs["deposit"])["film_thickness"]
    assert depth == pytest.approx(truth[0]["depth_nm"], rel=0.03)
    assert thickness == pytest.approx(truth[2]["thickness_nm"], rel=0.02)
    client = sign_in(alice)
    for name in ("run_traces", "run"):
        assert client.get(reverse(name, args=[runs["etch"].pk])).status_code == 200
