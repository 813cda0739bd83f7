"""What workers are told. Thin: the state each needs and leaves is in PostgreSQL."""

from testbed.celery import background_task, hardware_task
from testbed.runs import doorbell
from testbed.runs.advance import advance
from testbed.runs.sweep import call_canaries
from testbed.runs.sweep import sweep as sweep_once


@hardware_task
def look_at(run_id: int) -> None:
    """Needs an open run, leaves it one step further; anything else is left as it is."""
    advance(run_id)


@hardware_task
def canary(queue: str) -> None:
    """Leaves the time at which this queue's worker was last heard."""
    doorbell.sign_in(queue)


@background_task
def sweep() -> None:
    """Leaves no dead lease, no unsafe stopped tool and no run that is due but not rung."""
    sweep_once()


@background_task
def canaries() -> None:
    """Leaves a message on the queue of every tool."""
    call_canaries()
