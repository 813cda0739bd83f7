"""The engine against the simulated fab: real sockets, real PyVISA, no worker."""

from __future__ import annotations

from testbed.material.models import SubstrateState
from testbed.runs import log
from testbed.runs.models import SiteReading, TraceBlock
from testbed.runs.states import RunState, StepState
from testbed.tools.models import E10State, StateSpan
from tests.runs.floor import Floor


def test_the_whole_route_runs_and_the_sem_measures_what_the_scanner_exposed(
    live_floor: Floor,
) -> None:
    for name in ("coat", "expose", "develop", "measure"):
        run = live_floor.run(name)
        assert run.state == RunState.COMPLETED, (name, run.evidence)
        assert log.verify(run).whole
        states = set(run.run_wafers.values_list("state", flat=True))
        assert states == {SubstrateState.PROCESSED}
        assert set(run.steps.values_list("state", flat=True)) == {StepState.DONE}
    sites = SiteReading.objects.filter(run=run, key="cd", quality="good")
    assert sites.count() > 2 * 40
    assert TraceBlock.objects.filter(key="dose").count() == 2
