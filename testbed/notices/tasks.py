"""Periodic work of notices, and what the bell sets off."""

from __future__ import annotations

from django.utils import timezone

from testbed.celery import app, background_task
from testbed.notices import doorbell, send, sort


@background_task
def send_mail() -> int:
    """Needs nothing; leaves no new notice unsettled and no due message unsent. Idempotent."""
    now = timezone.now()
    more = sort.sort_new(now) >= sort.BATCH
    sort.gather_digests(now)
    sent = send.send_due()
    if more or sent >= send.BATCH:
        doorbell.ring()
    return sent


app.conf.beat_schedule = {
    **(app.conf.beat_schedule or {}),
    "notices.send_mail": {
        "task": "testbed.notices.tasks.send_mail",
        "schedule": 60.0,
        "options": {"queue": "background", "expires": 120.0},
    },
}
