"""Periodic work of the waiting list, and what time that comes free sets off."""

from __future__ import annotations

from testbed.celery import app, background_task
from testbed.waiting import offer, watch

SWEEP_EVERY_S = 120.0


@background_task
def look_at(tool_ids: list[int]) -> None:
    """Needs nothing; offers and tells of what has come free on these tools. Idempotent."""
    offer.sweep(tool_ids=tool_ids)
    watch.look(tool_ids=tool_ids)


@background_task
def sweep() -> None:
    """Needs nothing; closes what is over, offers and tells of whatever is free. Idempotent."""
    offer.sweep()
    watch.look()


app.conf.beat_schedule = {
    **(app.conf.beat_schedule or {}),
    "waiting.sweep": {
        "task": "testbed.waiting.tasks.sweep",
        "schedule": SWEEP_EVERY_S,
        "options": {"queue": "background", "expires": 2 * SWEEP_EVERY_S},
    },
}
