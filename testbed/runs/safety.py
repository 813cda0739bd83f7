"""The safe state on a connection of its own: never behind a queue, a lease or a permission."""

from __future__ import annotations

import logging
import threading
from typing import Any

from django.conf import settings

from instruments.errors import InstrumentError
from testbed.tools.models import Tool

log = logging.getLogger(__name__)


def make_safe(tool: Tool) -> bool:
    """Tell the tool to go to its safe state; True when it confirmed. Never raises."""
    # The VISA library is loaded where a tool is touched, not in every process that starts.
    from instruments.catalogue import open_tool

    if not tool.visa_resource:
        return False
    try:
        driver = open_tool(tool.kind, tool.visa_resource, tool.serial)
    except (InstrumentError, KeyError, ValueError) as error:
        log.error("%s: no way to the tool: %s", tool.code, error)
        return False
    driver.link.timeout_s = settings.WIRE_TIMEOUT_S
    try:
        driver.safe()
    except InstrumentError as error:
        log.error("%s: not safe: %s", tool.code, error)
        return False
    finally:
        driver.link.close()
    return True


def on_emergency_stop(sender: Any, tool: Tool, **kwargs: Any) -> None:
    """The emergency stop was pressed: act at once, without keeping the person waiting."""
    threading.Thread(target=make_safe, args=(tool,), name="safe", daemon=True).start()
