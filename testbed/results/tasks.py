"""Periodic work of results."""

from __future__ import annotations

from testbed.celery import app, background_task
from testbed.results import orders


@background_task
def finish_missed() -> int:
    """Needs nothing; leaves every order whose results are all there finished. Idempotent."""
    return orders.finish_missed()


app.conf.beat_schedule = {
    **(app.conf.beat_schedule or {}),
    "results.finish_missed": {"task": "testbed.results.tasks.finish_missed", "schedule": 120.0},
}
