"""Periodic work of usage."""

from __future__ import annotations

from testbed.celery import app, background_task
from testbed.usage import lines


@background_task
def settle_missed() -> int:
    """Needs nothing; leaves every ended run with its usage line. Idempotent."""
    return lines.settle_missed()


app.conf.beat_schedule = {
    **(app.conf.beat_schedule or {}),
    "usage.settle_missed": {"task": "testbed.usage.tasks.settle_missed", "schedule": 60.0},
}
