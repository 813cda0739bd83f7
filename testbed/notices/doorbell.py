"""The doorbell of the mail: a message says only "look"; what is to be sent stands in PostgreSQL.

A process rings at most once a second: the bell is heard a moment later, so it speaks for all
that was committed meanwhile, and a busy web process pays for one message, not for hundreds.
Should a bell be lost, the sweep finds what it was rung for.
"""

from __future__ import annotations

import logging
import threading
import time

from django.db import transaction
from kombu.exceptions import OperationalError

from testbed.celery import app

log = logging.getLogger(__name__)
LOOK = "testbed.notices.tasks.send_mail"
EVERY_S = 1.0
HEARD_AFTER_S = 2.0
EXPIRES_S = 120.0


class _Bell:
    """When this process rang last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rung = float("-inf")

    def is_due(self) -> bool:
        """True when nobody rang within the last second; the caller then rings."""
        with self._lock:
            now = time.monotonic()
            if now - self._rung < EVERY_S:
                return False
            self._rung = now
            return True


_bell = _Bell()


def ring_on_commit() -> None:
    """Have the mail looked at soon after the present transaction commits."""
    transaction.on_commit(ring, robust=True)


def ring() -> None:
    """Send the message unless one is on its way; a dead broker is no error, the sweep looks too."""
    if not _bell.is_due():
        return
    try:
        app.send_task(
            LOOK,
            queue="background",
            countdown=HEARD_AFTER_S,
            expires=EXPIRES_S,
            retry=False,
            ignore_result=True,
        )
    except (OperationalError, OSError) as error:
        log.warning("the mail's bell cannot be rung: %s", error)
