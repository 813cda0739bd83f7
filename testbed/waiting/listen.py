"""Hears that time came free and has the waiting list looked at; the sweep is its net."""

from __future__ import annotations

import logging
from typing import Any

from kombu.exceptions import OperationalError

from testbed.celery import app

log = logging.getLogger(__name__)
LOOK_AT = "testbed.waiting.tasks.look_at"


def on_line_changed(*, tool_ids: frozenset[int], freed: bool, **heard: Any) -> None:
    """A dead broker is no error here: the next sweep finds the time still free."""
    if not freed:
        return
    try:
        app.send_task(LOOK_AT, (sorted(tool_ids),), queue="background", expires=240, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("the waiting list cannot be rung: %s", error)
