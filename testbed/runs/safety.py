"""The safe state on a connection of its own: never behind a queue, a lease or a permission.

How long it takes from a person's click to the command on the wire is kept in the run's log.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection

from instruments.errors import InstrumentError
from testbed.runs import doorbell, lease, log
from testbed.runs.models import Run
from testbed.tools.models import Tool

if TYPE_CHECKING:
    from instruments.driver import ScpiTool

logger = logging.getLogger(__name__)
SAFE = "SAFE"


def make_safe(tool: Tool, *, clicked_at: datetime | None = None) -> bool:
    """Tell the tool to go to its safe state; True when it confirmed. Never raises.

    With `clicked_at` (a person's emergency stop) the open run's log says how long it took.
    """
    # The VISA library is loaded where a tool is touched, not in every process that starts.
    from instruments.catalogue import open_tool

    if not tool.visa_resource:
        return False
    try:
        driver = open_tool(tool.kind, tool.visa_resource, tool.serial)
    except (InstrumentError, KeyError, ValueError) as error:
        logger.error("%s: no way to the tool: %s", tool.code, error)
        return False
    driver.link.timeout_s = settings.WIRE_TIMEOUT_S
    try:
        driver.safe()
    except InstrumentError as error:
        logger.error("%s: not safe: %s", tool.code, error)
        return False
    finally:
        driver.link.close()
        if clicked_at is not None:
            _note(tool, wire_ms(driver, since=clicked_at))
    return True


def wire_ms(driver: ScpiTool, *, since: datetime | None) -> float | None:
    """Milliseconds from `since` until the newest SAFE had been answered on the wire."""
    if since is None:
        return None
    sent = [one for one in driver.link.exchanges if one.tx.startswith(SAFE) and not one.error]
    if not sent:
        return None
    answered = sent[-1].at + timedelta(milliseconds=sent[-1].ms)
    return round((answered - since).total_seconds() * 1e3, 1)


def _note(tool: Tool, ms: float | None) -> None:
    run = Run.objects.open().filter(run_tools__tool=tool).first()
    logger.warning("%s: safe after %s ms", tool.code, ms)
    if run is None:
        return
    if ms is None:
        log.append_if_open(
            run=run,
            kind="tool.safe_failed",
            tool=tool.code,
            error="no_answer: SAFE was not answered",
        )
    else:
        log.append_if_open(
            run=run, kind="tool.safe_sent", tool=tool.code, ms=ms, by="emergency stop"
        )


def on_emergency_stop(sender: Any, tool: Tool, clicked_at: datetime | None, **kwargs: Any) -> None:
    """The emergency stop was pressed: act at once, without keeping the person waiting.

    Once more when the flag stands (`clicked_at` None): a worker may have written in between.
    """
    threading.Thread(target=_act, args=(tool, clicked_at), name="safe", daemon=True).start()


def _act(tool: Tool, clicked_at: datetime | None) -> None:
    try:
        make_safe(tool, clicked_at=clicked_at)
    finally:
        connection.close()


def at_start(queues: Sequence[str]) -> int:
    """A worker has started: the tools of its queues that are at rest go to their safe state.

    A tool that is at work for a run keeps on; one whose worker died is the sweep's.
    """
    done = 0
    for tool in Tool.objects.exclude(visa_resource=""):
        if tool.queue not in queues:
            continue
        held = lease.claim(tool_ids=[tool.pk], run_id=None, only_free=True)
        if held is not None:
            done += make_safe(tool)
            lease.release(held)
            _ring_again(tool)
    return done


def _ring_again(tool: Tool) -> None:
    """A bell that came meanwhile found the tool taken; its run need not wait for the sweep."""
    waiting = Run.objects.filter(run_tools__tool=tool, run_tools__is_open=True)
    for run in waiting.exclude(due_at=None).select_related("tool"):
        doorbell.ring(run.tool.queue, run.pk)
