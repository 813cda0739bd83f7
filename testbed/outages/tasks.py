"""Periodic work of outages."""

from __future__ import annotations

from testbed.celery import app, background_task
from testbed.outages import answer


@background_task
def sweep_rebookings() -> int:
    """Needs nothing; leaves no offer open that nobody can answer any more. Idempotent."""
    return answer.sweep()


app.conf.beat_schedule = {
    **(app.conf.beat_schedule or {}),
    "outages.sweep_rebookings": {
        "task": "testbed.outages.tasks.sweep_rebookings",
        "schedule": 300.0,
    },
}
