"""Periodic work of booking."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from testbed.booking import expire, lapse, no_show, reconfirm, remind
from testbed.booking.models import IdempotencyKey
from testbed.celery import app, background_task

KEYS_LAST = timedelta(days=1)


@background_task
def sweep_holds() -> int:
    """Needs nothing; leaves no stale hold behind. Idempotent."""
    return expire.sweep()


@background_task
def lapse_requests() -> int:
    """Needs nothing; leaves no pending request whose start has passed. Idempotent."""
    return lapse.lapse_unanswered()


@background_task
def release_unconfirmed() -> int:
    """Needs nothing; leaves no booking that was not re-confirmed in time. Idempotent."""
    return reconfirm.release_unconfirmed()


@background_task
def release_no_shows() -> int:
    """Needs nothing; leaves no running booking whose people are overdue. Idempotent."""
    return no_show.release_no_shows()


@background_task
def send_reminders() -> int:
    """Needs nothing; leaves no reminder unsent that is due. Idempotent."""
    return remind.remind()


@background_task
def forget_idempotency_keys() -> int:
    """Needs nothing; deletes keys older than a day, whose requests nobody repeats any more."""
    old = timezone.now() - KEYS_LAST
    return IdempotencyKey.objects.filter(created_at__lt=old).delete()[0]


app.conf.beat_schedule = {
    **(app.conf.beat_schedule or {}),
    "booking.sweep_holds": {"task": "testbed.booking.tasks.sweep_holds", "schedule": 30.0},
    "booking.lapse_requests": {
        "task": "testbed.booking.tasks.lapse_requests",
        "schedule": 60.0,
    },
    "booking.release_unconfirmed": {
        "task": "testbed.booking.tasks.release_unconfirmed",
        "schedule": 60.0,
    },
    "booking.release_no_shows": {
        "task": "testbed.booking.tasks.release_no_shows",
        "schedule": 30.0,
    },
    "booking.send_reminders": {"task": "testbed.booking.tasks.send_reminders", "schedule": 300.0},
    "booking.forget_idempotency_keys": {
        "task": "testbed.booking.tasks.forget_idempotency_keys",
        "schedule": 3_600.0,
    },
}
