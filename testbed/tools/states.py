"""Moving a tool from one E10 state to another, and the emergency stop."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from testbed.people import journal
from testbed.people.models import User
from testbed.people.permissions import demand
from testbed.tools.models import E10State, StateSpan, Tool
from testbed.tools.signals import emergency_stopped


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


@transaction.atomic
def emergency_stop(*, actor: User, tool: Tool) -> None:
    """Raise the flag that the link reads before each write; pressing it twice is harmless."""
    demand(actor, "emergency_stop")
    raise_emergency_stop(actor=actor, tool=tool)


@transaction.atomic
def raise_emergency_stop(*, actor: User, tool: Tool) -> None:
    """The same for a caller who has made sure that this person may (see `emergency_stop`)."""
    now = timezone.now()
    if Tool.objects.filter(pk=tool.pk, emergency_stop_at=None).update(emergency_stop_at=now):
        tool.emergency_stop_at = now
        journal.record(actor=actor, action="tool.emergency_stop", subject=tool)
        enter(tool=tool, state=E10State.UNSCHEDULED_DOWN, reason="emergency stop")
        transaction.on_commit(lambda: emergency_stopped.send(Tool, tool=tool))


@transaction.atomic
def clear_emergency_stop(*, actor: User, tool: Tool) -> None:
    """Lower the flag after a person has looked at the tool."""
    demand(actor, "clear_emergency_stop")
    if Tool.objects.filter(pk=tool.pk, emergency_stop_at__isnull=False).update(
        emergency_stop_at=None
    ):
        journal.record(actor=actor, action="tool.emergency_cleared", subject=tool)
        enter(tool=tool, state=E10State.STANDBY, reason="emergency stop cleared")
