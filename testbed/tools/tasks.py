"""Periodic work of the tools' people."""

from __future__ import annotations

from testbed.celery import app, background_task
from testbed.tools import ending

EVERY_S = 3_600.0


@background_task
def tell_ending() -> int:
    """Needs nothing; leaves no training or qualification untold that ends soon. Idempotent."""
    return ending.tell_ending()


app.conf.beat_schedule = {
    **(app.conf.beat_schedule or {}),
    "tools.tell_ending": {
        "task": "testbed.tools.tasks.tell_ending",
        "schedule": EVERY_S,
        "options": {"queue": "background", "expires": 2 * EVERY_S},
    },
}
