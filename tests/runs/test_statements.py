"""How many statements a step costs the database, beside what it says on the wire."""

from __future__ import annotations

from django.db import connection
from django.test.utils import CaptureQueriesContext

from testbed.runs import advance as engine
from testbed.runs import log
from testbed.runs.models import Run
from tests.runs.floor import Floor

# What a set-up, a process and a reading of curves may cost, with BEGIN and COMMIT of each
# transaction; a process asks for the people's wishes four times a second for as long as it lasts.
MOST = {"settings": 24, "process": 42, "trace": 29}
WISHES = 'SELECT "runs_run"."ask"'


def costs(run: Run) -> dict[str, int]:
    """Statements by kind of step; of the looks at people's wishes none."""
    found: dict[str, int] = {}
    for _turn in range(40):
        step = run.steps.filter(state__in=engine.OPEN_STEPS).order_by("seq").first()
        with CaptureQueriesContext(connection) as said:
            if not engine.advance(run.pk):
                break
        if step is not None:
            found[step.kind] = sum(not one["sql"].startswith(WISHES) for one in said)
    return found


def test_a_step_costs_few_statements_and_loses_nothing(live_floor: Floor) -> None:
    run = live_floor.start("coat", (1,))
    found = costs(run)
    run.refresh_from_db()
    assert (run.state, log.verify(run).whole) == ("completed", True), run.evidence
    assert {kind: found[kind] for kind in MOST if found[kind] > MOST[kind]} == {}, found
