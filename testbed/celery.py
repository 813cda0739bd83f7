"""Celery is the doorbell: a message only says "look at run N"; PostgreSQL holds the truth."""

import os
from collections.abc import Callable
from typing import Any

from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "testbed.settings")
# Checks load every page and the statistics behind it; `manage.py migrate` and `check` have run
# them, and a tool's worker that died is back in half the time without them.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

app = Celery("testbed")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    task_default_queue="background",
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "visibility_timeout": 3_600,
        "socket_timeout": 10,
        "socket_connect_timeout": 5,
        "health_check_interval": 10,
    },
    timezone="Asia/Seoul",
)
app.autodiscover_tasks()


# Read by a worker that does nothing else: what makes a dead worker's tool safe never stands behind
# mails, documents or prices.
WATCHDOG = "watchdog"


def _every(task: str, seconds: float, queue: str = "background") -> dict[str, Any]:
    """A beat entry; a message nobody took in time is worth nothing."""
    options = {"queue": queue, "expires": 2 * seconds}
    return {"task": task, "schedule": seconds, "options": options}


# Every entry takes an advisory lock or is idempotent: two beats, or one twice, do no harm.
# Celery's own Django fixup drops the database sockets that a forked child inherits.
app.conf.beat_schedule = {
    "runs-sweep": _every("testbed.runs.tasks.sweep", settings.SWEEP_EVERY_S, WATCHDOG),
    "runs-take-over": _every("testbed.runs.tasks.take_over", settings.TAKEOVER_EVERY_S, WATCHDOG),
    "runs-queue-times": _every("testbed.runs.tasks.queue_times", settings.QUEUE_TIME_EVERY_S),
    "runs-ask-idle": _every("testbed.runs.tasks.ask_idle_tools", settings.ASK_IDLE_EVERY_S),
    "runs-canaries": _every("testbed.runs.tasks.canaries", settings.SWEEP_EVERY_S),
}


def hardware_task(function: Callable[..., Any]) -> Any:
    """A task that drives a tool: acknowledged early, never retried, no Celery time limits.

    At most once per message; the sweep rings again. Deadlines live in the instrument link, for a
    soft limit that fires inside a VISA read leaves the session off by one reply.
    """
    return app.task(acks_late=False, max_retries=0, ignore_result=True)(function)


def background_task(function: Callable[..., Any]) -> Any:
    """An idempotent task (mail, settlement, sweeps): acknowledged late, with a backoff."""
    return app.task(
        acks_late=True,
        # Below the visibility timeout, or the broker would hand it out a second time.
        time_limit=600,
        soft_time_limit=540,
        autoretry_for=(OSError,),
        retry_backoff=True,
        max_retries=5,
        ignore_result=True,
    )(function)
