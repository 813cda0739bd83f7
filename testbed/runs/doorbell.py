"""The doorbell: a message only says "look at run N"; losing one costs a period of the sweep.

A run has one bell however many tools it holds: the queue of the tool that it stands under. The
worker that answers claims all of them.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from testbed.celery import app
from testbed.runs.models import Lease, Run, RunTool

log = logging.getLogger(__name__)
LOOK_AT = "testbed.runs.tasks.look_at"
CANARY = "testbed.runs.tasks.canary"


def ring_on_commit(run: Run) -> None:
    """Ring the tool's queue when the present transaction commits; `due_at` is the sweep's net."""
    set_due(run.pk)
    queue, run_id = run.tool.queue, run.pk
    transaction.on_commit(lambda: ring(queue, run_id))


def waits_for_a_tool() -> Q:
    """Runs of which a tool, whichever, is somebody's now: nobody could claim all of its tools."""
    held = Lease.objects.filter(expires_at__gt=Now()).exclude(holder="").values("tool")
    return Q(pk__in=RunTool.objects.filter(is_open=True, tool__in=held).values("run"))


def set_due(run_id: int) -> None:
    """Should the bell be lost, the sweep rings again after one period, by the database's clock."""
    due = Now() + timedelta(seconds=settings.SWEEP_EVERY_S)
    Run.objects.filter(pk=run_id).update(due_at=due, changed_at=timezone.now())


def ring(queue: str, run_id: int) -> None:
    """Send the message; a dead broker is no error here, for the sweep rings again."""
    try:
        # A bell nobody heard for so long was rung again since.
        app.send_task(
            LOOK_AT, (run_id,), queue=queue, expires=60 + 4 * settings.SWEEP_EVERY_S, retry=False
        )
    except (OperationalError, OSError) as error:
        log.warning("run %s: %s cannot be rung: %s", run_id, queue, error)


def send_canary(queue: str) -> None:
    """Ask the queue's worker to sign in."""
    try:
        app.send_task(
            CANARY, (queue,), queue=queue, expires=2 * settings.SWEEP_EVERY_S, retry=False
        )
    except (OperationalError, OSError) as error:
        log.warning("%s: no canary: %s", queue, error)


def sign_in(queue: str) -> None:
    """Called by the worker of `queue`: it is alive now."""
    cache.set(f"worker_seen:{queue}", timezone.now().isoformat(), timeout=86_400)


def worker_seen(queue: str) -> datetime | None:
    """When the queue's worker last signed in (within a day); None also without the cache."""
    try:
        seen = cache.get(f"worker_seen:{queue}")
    except RedisError:
        # The page that asks carries the emergency stop: it must come all the same.
        return None
    return datetime.fromisoformat(seen) if seen else None
