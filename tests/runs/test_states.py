"""The transition tables in code are the ones the database keeps."""

from __future__ import annotations

import itertools

import pytest
from django.db import DatabaseError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from testbed.runs.models import Run, Step
from testbed.runs.states import ENDED, RUN_PATHS, STEP_PATHS, RunState, StepState
from tests.runs.floor import Floor

RUN_PAIRS = [pair for pair in itertools.product(RunState, RunState) if pair[0] != pair[1]]
STEP_PAIRS = [pair for pair in itertools.product(StepState, StepState) if pair[0] != pair[1]]


def reached(start: str, paths: dict, goal: str) -> list[str]:  # type: ignore[type-arg]
    """A shortest way from `start` to `goal`."""
    ways = [[start]]
    while ways:
        way = ways.pop(0)
        if way[-1] == goal:
            return way
        ways += [[*way, to] for to in paths[way[-1]] if to not in way]
    raise AssertionError(f"{goal} cannot be reached")


def test_the_database_allows_exactly_the_runs_table(floor: Floor) -> None:
    run = floor.start("coat")
    for before, after in RUN_PAIRS:
        with transaction.atomic():
            for state in reached(RunState.QUEUED, RUN_PATHS, before)[1:]:
                Run.objects.filter(pk=run.pk).update(**stored(Run, state))
            allowed = after in RUN_PATHS[before]
            assert try_update(Run, run.pk, after) == allowed, (before, after)
            transaction.set_rollback(True)


def test_the_database_allows_exactly_the_steps_table(floor: Floor) -> None:
    run = floor.start("coat")
    step = run.steps.first()
    assert step is not None
    for before, after in STEP_PAIRS:
        with transaction.atomic():
            for state in reached(StepState.PENDING, STEP_PATHS, before)[1:]:
                Step.objects.filter(pk=step.pk).update(state=state)
            allowed = after in STEP_PATHS[before]
            assert try_update(Step, step.pk, after) == allowed, (before, after)
            transaction.set_rollback(True)


@pytest.fixture
def run(floor: Floor) -> Run:
    return floor.start("coat")


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(walk=st.lists(st.sampled_from(list(RunState)), min_size=1, max_size=12))
def test_any_walk_ends_where_the_table_says_and_the_tools_are_held_until_then(
    run: Run, walk: list[RunState]
) -> None:
    with transaction.atomic():
        at = RunState.QUEUED
        for to in walk:
            allowed = to == at or to in RUN_PATHS[at]
            assert try_update(Run, run.pk, to) == allowed
            at = to if allowed else at
            run.refresh_from_db()
            assert run.state == at
            assert run.run_tools.get().is_open == (at not in ENDED)
        transaction.set_rollback(True)


def try_update(model: type[Run] | type[Step], pk: int, state: str) -> bool:
    try:
        with transaction.atomic():
            return bool(model.objects.filter(pk=pk).update(**stored(model, state)))
    except DatabaseError:
        return False


def stored(model: type[Run] | type[Step], state: str) -> dict[str, str]:
    """A state with what belongs to it: a paused run says who paused it."""
    if model is Step:
        return {"state": state}
    return {"state": state, "paused_by": "person" if state == RunState.PAUSED else ""}


def test_an_ended_run_stays_ended() -> None:
    assert all(not RUN_PATHS[state] for state in ENDED)


def test_every_state_that_is_not_an_end_leads_to_one() -> None:
    for state in set(RunState) - ENDED:
        assert any(reached(state, RUN_PATHS, end) for end in (RunState.ABORTED, RunState.STOPPED))


def test_what_was_sent_can_never_be_pending_again_without_a_person_or_the_tool() -> None:
    assert StepState.PENDING not in STEP_PATHS[StepState.SENT]
    assert STEP_PATHS[StepState.DONE] == frozenset()


@pytest.mark.parametrize("state", ["intent", "sent", "done", "unknown"])
def test_a_step_that_began_cannot_be_deleted(floor: Floor, state: str) -> None:
    step = floor.start("coat").steps.first()
    assert step is not None
    for next_state in reached(StepState.PENDING, STEP_PATHS, StepState(state))[1:]:
        Step.objects.filter(pk=step.pk).update(state=next_state)
    with pytest.raises(DatabaseError), transaction.atomic():
        step.delete()
