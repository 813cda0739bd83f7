"""Moving a tool from one E10 state to another, and the emergency stop."""

import logging
from collections.abc import Sequence
from datetime import datetime

from django.db import OperationalError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from testbed.people import journal
from testbed.people.models import User
from testbed.people.permissions import demand
from testbed.refusals import Refusal
from testbed.tools.models import E10State, StateSpan, Tool
from testbed.tools.signals import emergency_stopped

log = logging.getLogger(__name__)


@transaction.atomic(savepoint=False)
def enter(
    *,
    tool: Tool,
    state: E10State,
    reason: str = "",
    run_id: int | None = None,
    at: datetime | None = None,
) -> StateSpan:
    """Close the tool's open span and open the next; entering the present state changes nothing.

    The tool's row is locked, so two changes at once follow one another.
    """
    Tool.objects.select_for_update(no_key=True).get(pk=tool.pk)
    at = at or timezone.now()
    current = StateSpan.objects.filter(tool=tool, ended_at=None).first()
    if current is not None:
        if current.state == state and current.run_id == run_id:
            return current
        current.ended_at = max(at, current.started_at)
        current.save(update_fields=["ended_at"])
        at = current.ended_at
    return StateSpan.objects.create(
        tool=tool, state=state, started_at=at, reason=reason, run_id=run_id
    )


def emergency_stop(*, actor: User, tool: Tool) -> None:
    """Stop the tool; pressing it twice is harmless (see `raise_emergency_stop`)."""
    demand(actor, "emergency_stop")
    raise_emergency_stop(actor=actor, tools=[tool])


def raise_emergency_stop(*, actor: User, tools: Sequence[Tool]) -> None:
    """The same for tools and a caller who has made sure that this person may.

    The word to be safe leaves for all of them at once, at every press, whoever sits on their rows.
    Then the flag is raised that the link reads before each write: first where nobody is in the
    way. Raises Refusal("stop_not_kept", 503) when a row stayed locked; the others are done then.
    """
    now = timezone.now()
    for tool in tools:
        emergency_stopped.send_robust(Tool, tool=tool, clicked_at=now)
    busy = [tool for tool in tools if not _raise_flag(actor, tool, now, waits=False)]
    kept_out = [tool for tool in busy if not _raise_flag_late(actor, tool, now)]
    if kept_out:
        raise Refusal(
            "stop_not_kept",
            _("%(tools)s: told to be safe, but the emergency stop could not be kept.")
            % {"tools": ", ".join(str(tool) for tool in kept_out)},
            status=503,
            next_step=_("Press again. In danger press the red button on the tool."),
        )


@transaction.atomic
def _raise_flag(actor: User, tool: Tool, at: datetime, *, waits: bool) -> bool:
    """False when somebody sits on the tool's row and we do not wait."""
    rows = Tool.objects.select_for_update(no_key=True, skip_locked=not waits).filter(pk=tool.pk)
    row = rows.first()
    if row is not None and row.emergency_stop_at is None:
        Tool.objects.filter(pk=tool.pk).update(emergency_stop_at=at)
        tool.emergency_stop_at = at
        journal.record(actor=actor, action="tool.emergency_stop", subject=tool)
        enter(tool=tool, state=E10State.UNSCHEDULED_DOWN, reason="emergency stop")
        transaction.on_commit(
            lambda: emergency_stopped.send_robust(Tool, tool=tool, clicked_at=None)
        )
    return row is not None


def _raise_flag_late(actor: User, tool: Tool, at: datetime) -> bool:
    """Wait for the row as long as a statement may take."""
    try:
        return _raise_flag(actor, tool, at, waits=True)
    except OperationalError:
        log.exception("%s: the emergency stop could not be kept", tool.code)
        return False


@transaction.atomic
def clear_emergency_stop(*, actor: User, tool: Tool) -> None:
    """Lower the flag after a person has looked at the tool."""
    demand(actor, "clear_emergency_stop")
    if Tool.objects.filter(pk=tool.pk, emergency_stop_at__isnull=False).update(
        emergency_stop_at=None
    ):
        journal.record(actor=actor, action="tool.emergency_cleared", subject=tool)
        enter(tool=tool, state=E10State.STANDBY, reason="emergency stop cleared")
