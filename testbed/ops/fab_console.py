"""What an operator may do to the simulated fab: let wires, processes and power fail, and end that.

Every verb demands `play_fab`, asks the fab first and then writes the journal. All raise Refusal:
404 where no simulated fab is configured, 409 when the fab does not answer or will not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from instruments.fab.control import ControlError, FabControl
from testbed.ops import simulation
from testbed.people import journal
from testbed.people.models import User
from testbed.people.permissions import demand
from testbed.refusals import Refusal
from testbed.tools.models import Tool


def is_configured() -> bool:
    """Whether the tools of this installation are simulated."""
    return bool(settings.SIMULATED_FAB_CONTROL)


@contextmanager
def _fab(actor: User) -> Iterator[FabControl]:
    demand(actor, "play_fab")
    if not is_configured():
        raise Refusal("no_simulated_fab", _("There is no simulated fab here."), status=404)
    try:
        yield simulation.control()
    except ControlError as error:
        raise Refusal(
            "fab_refused",
            _("The simulated fab did not do it."),
            next_step=_("Look whether it answers, and try again."),
        ) from error


def look(*, actor: User) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """Every tool as the fab knows it (`instruments/fab/overview.py`), and the process's truth."""
    with _fab(actor) as fab:
        return fab.overview(), fab.truth()


def set_fault(
    *,
    actor: User,
    tool: Tool,
    kind: str,
    wire: str = "",
    count: int = 1,
    seconds: float = 0.5,
    match: str = "",
    skip: int = 0,
) -> None:
    """Arm a fault of the wire; `wire` and `match` "" mean any."""
    details: dict[str, Any] = {
        "kind": kind,
        "wire": wire,
        "count": count,
        "seconds": seconds,
        "match": match,
    }
    with _fab(actor) as fab:
        fab.fault(tool.code, wire, kind, count=count, seconds=seconds, match=match, skip=skip)
    journal.record(actor=actor, action="fab.fault", subject=tool, skip=skip, **details)


def disturb(*, actor: User, tool: Tool, kind: str, amount: float) -> None:
    """Let a process be off by `amount` of its own unit from the next job on; 0 ends that."""
    with _fab(actor) as fab:
        fab.process_fault(tool.code, kind, amount)
    journal.record(actor=actor, action="fab.process_fault", subject=tool, kind=kind, amount=amount)


def freeze(*, actor: User, tool: Tool, seconds: float) -> None:
    """Hang the tool's controller for `seconds`; its physics goes on."""
    with _fab(actor) as fab:
        fab.freeze(tool.code, seconds)
    journal.record(actor=actor, action="fab.frozen", subject=tool, seconds=seconds)


def power_cycle(*, actor: User, tool: Tool, lose_memory: bool = False) -> None:
    """Cut the tool's power; with `lose_memory` its job log is gone too."""
    with _fab(actor) as fab:
        fab.restart(tool.code, lose_memory=lose_memory)
    journal.record(actor=actor, action="fab.power_cycled", subject=tool, lost_memory=lose_memory)


def reinstall(*, actor: User, tool: Tool) -> None:
    """The tool's job log counts again from here."""
    with _fab(actor) as fab:
        fab.restore_memory(tool.code)
    journal.record(actor=actor, action="fab.reinstalled", subject=tool)


def clear(*, actor: User, tool: Tool) -> None:
    """End every fault of the wire and of the process on this tool."""
    with _fab(actor) as fab:
        fab.clear_faults(tool.code)
    journal.record(actor=actor, action="fab.cleared", subject=tool)


def clear_all(*, actor: User) -> None:
    """End every fault of the fab; the journal's line hangs on the person."""
    with _fab(actor) as fab:
        fab.clear_faults()
    journal.record(actor=actor, action="fab.all_cleared", subject=actor)
