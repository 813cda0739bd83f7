"""Periodic work of pools."""

from __future__ import annotations

from django.utils import timezone

from testbed.celery import app, background_task
from testbed.pools import seats


@background_task
def fix_due() -> int:
    """Needs nothing; leaves no open pool behind whose time is up. Idempotent."""
    return seats.fix_due(timezone.now())


app.conf.beat_schedule = {
    **(app.conf.beat_schedule or {}),
    "pools.fix_due": {"task": "testbed.pools.tasks.fix_due", "schedule": 60.0},
}
