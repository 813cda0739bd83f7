"""Asking tools that nobody uses whether they are still there.

A tool that a run works on is heard all the time. An idle one would fall silent unnoticed until
the next run; so each is asked for its status, under a lease that only a free tool grants: no
question ever meets a run on the wire, and a run that comes meanwhile is rung again.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING

from django.conf import settings

from testbed.runs import doorbell, lease
from testbed.runs.models import Run
from testbed.tools import pulse
from testbed.tools.models import Tool, Trouble

if TYPE_CHECKING:
    from testbed.runs.lease import Claim

log = logging.getLogger(__name__)
AT_ONCE = 16
TIMEOUT_S = 2.0


def ask_idle() -> int:
    """Ask every tool on a wire that is free now; how many were asked.

    Each is let go as soon as it has answered: none waits for another that is silent.
    """
    on_wires = Tool.objects.exclude(visa_resource="").filter(emergency_stop_at=None)
    held = {tool: claim for tool in on_wires if (claim := _claim(tool)) is not None}
    asked = len(held)
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            waiting = {pool.submit(ask, tool): tool for tool in held}
            for answer in as_completed(waiting):
                tool = waiting[answer]
                _let_go(tool, held.pop(tool))
                trouble, tool_says = answer.result()
                pulse.note(tool=tool, trouble=trouble, tool_says=tool_says)
    finally:
        for tool, claim in held.items():
            _let_go(tool, claim)
    return asked


def ask(tool: Tool) -> tuple[str, str]:
    """What is wrong with a tool ("" or one of `Trouble`) and its own word for its state.

    Touches the wire and no database, so that many can be asked at once.
    """
    # The VISA library is loaded where a tool is touched, not in every process that starts.
    from instruments.catalogue import open_tool
    from instruments.errors import InstrumentError, NotConnected, Timeout, WrongInstrument

    try:
        driver = open_tool(tool.kind, tool.visa_resource, tool.serial)
    except (KeyError, ValueError) as error:
        log.warning("%s: no way to the tool: %s", tool.code, error)
        return Trouble.UNREACHABLE, ""
    driver.link.timeout_s = min(TIMEOUT_S, settings.WIRE_TIMEOUT_S)
    try:
        return "", driver.status().state
    except WrongInstrument:
        return Trouble.STRANGER, ""
    except NotConnected as error:
        silent = isinstance(error.__cause__, Timeout)
        return Trouble.SILENT if silent else Trouble.UNREACHABLE, ""
    except Timeout:
        return Trouble.SILENT, ""
    except InstrumentError:
        return Trouble.GARBLED, ""
    finally:
        driver.link.close()


def _claim(tool: Tool) -> Claim | None:
    return lease.claim(tool_ids=[tool.pk], run_id=None, only_free=True)


def _let_go(tool: Tool, held: Claim) -> None:
    """Free the tool; a run whose bell found it taken is rung again.

    Once, when the last of its tools is free: before that nobody could claim them all.
    """
    lease.release(held)
    due = Run.objects.filter(run_tools__tool=tool, due_at__isnull=False)
    for run in due.exclude(doorbell.waits_for_a_tool()).select_related("tool"):
        doorbell.ring(run.tool.queue, run.pk)
