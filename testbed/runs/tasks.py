"""What workers are told. Thin: the state each needs and leaves is in PostgreSQL."""

import threading
from typing import Any

from celery.signals import worker_ready
from django.db import connection

from testbed.celery import background_task, hardware_task
from testbed.runs import doorbell, queue_time, safety
from testbed.runs.advance import advance
from testbed.runs.sweep import call_canaries
from testbed.runs.sweep import sweep as sweep_once
from testbed.runs.sweep import take_over as take_over_dead_alone
from testbed.runs.watch import ask_idle


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
def take_over() -> None:
    """Leaves no tool unsafe whose worker is dead."""
    take_over_dead_alone()


@background_task
def canaries() -> None:
    """Leaves a message on the queue of every tool."""
    call_canaries()


@background_task
def queue_times() -> None:
    """Leaves a clock for every lot that waits under a limit; warns, and holds what is over it."""
    queue_time.watch()


@background_task
def ask_idle_tools() -> None:
    """Leaves with every free tool whether it answers."""
    ask_idle()


@worker_ready.connect(dispatch_uid="runs.safe_at_start")
def safe_at_start(sender: Any, **kwargs: Any) -> None:
    """A worker that starts brings its tools at rest to their safe state, beside its work."""
    queues = [queue.name for queue in sender.task_consumer.queues]
    if any(name.startswith("tool.") for name in queues):
        threading.Thread(target=_at_start, args=(queues,), name="safe", daemon=True).start()


def _at_start(queues: list[str]) -> None:
    try:
        safety.at_start(queues)
    finally:
        connection.close()
