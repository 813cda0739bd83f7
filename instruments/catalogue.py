"""Every kind of tool this package can drive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from instruments.cd_sem import steps as cd_sem_steps
from instruments.cd_sem.driver import CdSem
from instruments.driver import ScpiTool
from instruments.jobs import Program
from instruments.link import Link
from instruments.scanner import steps as scanner_steps
from instruments.scanner.driver import Scanner
from instruments.track import steps as track_steps
from instruments.track.driver import Track


@dataclass(frozen=True)
class ToolType:
    """One kind of tool: its driver, how it carries out recipes, and what people call it."""

    driver: type[ScpiTool]
    program: Program
    title: str
    title_ko: str


TOOLS: dict[str, ToolType] = {
    "scanner": ToolType(Scanner, scanner_steps.PROGRAM, "Scanner", "스캐너"),
    "track": ToolType(Track, track_steps.PROGRAM, "Track", "트랙"),
    "cd_sem": ToolType(CdSem, cd_sem_steps.PROGRAM, "CD-SEM", "CD-SEM"),
}


def open_tool(
    kind: str,
    resource: str,
    serial: str | None,
    may_write: Callable[[], None] | None = None,
) -> ScpiTool:
    """A driver on a lazily opened link; nothing is sent yet.

    `KeyError` for an unknown kind, `InvalidResource` for a bad resource name. An empty serial is
    not checked.
    """
    driver = TOOLS[kind].driver
    link = Link(resource, serial=serial or None, idn=driver.identity.pattern, may_write=may_write)
    return driver(link)
