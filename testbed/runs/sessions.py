"""The open tools of this process: one session a tool and thread, opened after the fork."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings

from instruments.catalogue import TOOLS, open_tool
from instruments.driver import ScpiTool
from instruments.jobs import Program
from testbed.tools.models import Tool

_open = threading.local()


@dataclass
class Session:
    """A driver on its link; `is_new` until its first use."""

    driver: ScpiTool
    address: tuple[int, str, str]
    is_new: bool = True


def program_of(tool: Tool) -> Program:
    """How this tool carries out its steps."""
    return TOOLS[tool.kind].program


def session_of(tool: Tool, may_write: Callable[[], None]) -> Session:
    """The session to `tool`; every write on it asks `may_write` from now on."""
    sessions: dict[int, Session] = _open.__dict__.setdefault("sessions", {})
    address = (os.getpid(), tool.visa_resource, tool.serial)
    session = sessions.get(tool.pk)
    if session is None or session.address != address:
        driver = open_tool(tool.kind, tool.visa_resource, tool.serial, may_write)
        driver.link.timeout_s = settings.WIRE_TIMEOUT_S
        session = sessions[tool.pk] = Session(driver, address)
    session.driver.link.may_write = may_write
    return session


def drop_all() -> None:
    """Close every session of this thread."""
    for tool_id in list(_open.__dict__.get("sessions", {})):
        drop(tool_id)


def drop(tool_id: int) -> None:
    """Close this thread's session to the tool; the next use opens another."""
    sessions: dict[int, Session] = _open.__dict__.setdefault("sessions", {})
    session = sessions.pop(tool_id, None)
    if session is not None:
        session.driver.link.close()
