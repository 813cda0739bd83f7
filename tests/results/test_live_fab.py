"""The whole way over real sockets: coat, expose, develop, measure, and the window against truth."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testbed.people.models import User
from testbed.results import measurements, traces
from testbed.results.process_window import analyse
from testbed.runs import doorbell, sessions
from testbed.runs.states import RunState
from testbed.tools.models import Tool
from testbed.usage.models import UsageLine
from tests.runs.floor import Fab, lay, simulated_fab


@pytest.fixture(scope="module", params=[7, 11])
def fab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fab]:
    """Fabs of different seeds: other processes, other truths."""
    folder = tmp_path_factory.mktemp(f"fab-{request.param}")
    with simulated_fab(folder, scale=400.0, seed=request.param) as fab:
        yield fab


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_window_found_over_sockets_holds_the_fabs_truth(
    fab: Fab,
    alice: User,
    technician: User,
    process_engineer: User,
    scanner: Tool,
    track: Tool,
    cd_sem: Tool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doorbell, "ring", lambda *_to: None)
    tools = {"scanner": scanner, "track": track, "cd_sem": cd_sem}
    floor = lay(
        alice=alice,
        technician=technician,
        process_engineer=process_engineer,
        tools=tools,
        fab=fab,
    )
    try:
        runs = {name: floor.run(name) for name in ("coat", "expose", "develop", "measure")}
    finally:
        for tool in tools.values():
            sessions.drop(tool.pk)
    assert {run.state for run in runs.values()} == {RunState.COMPLETED}

    found = measurements.measurement_run(runs["measure"].traveler)
    assert found == runs["measure"]
    window = analyse(
        measurements.matrix_of(measurements.sites(found)), measurements.target_of(found)
    )
    truth = fab.control.truth(floor.lot.wafers.get(slot=1).wafer_id)
    assert window.best_focus.covers(truth["best_focus_nm"])
    assert window.dose_to_size.covers(truth["best_dose_mj"])
    assert window.depth_of_focus is not None
    assert window.depth_of_focus.covers(truth["dof_nm"])
    if window.exposure_latitude is not None:
        assert window.exposure_latitude.covers(truth["exposure_latitude_pct"])

    curves = traces.curves(runs["expose"])
    assert {curve.key for curve in curves} == {"dose", "focus_error", "stage_x", "stage_y"}
    assert {line.run for line in UsageLine.objects.all()} == set(runs.values())
