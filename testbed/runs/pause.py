"""Pausing before the next step: a person's wish, or a supply of the building that is down.

A pause takes hold where nothing is under way, so it never cuts into a wafer's work. What a
person paused only a person lets go on; what a supply paused goes on by itself once the supply
has been back for its settling time. A stop or an abort reaches a paused run as any other, and a
run that is being stopped is not paused: what it has left changes no wafer.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.outages.failures import Trouble, troubles
from testbed.people.models import User
from testbed.people.permissions import demand
from testbed.refusals import Refusal
from testbed.runs import doorbell, lease, log, moves
from testbed.runs.lease import Claim
from testbed.runs.models import PausedBy, Run
from testbed.runs.states import ACTIVE, RunState
from testbed.tools.models import E10State, Tool

LONGEST_REASON = 200


# -- what people ask ---------------------------------------------------------------------------
@transaction.atomic
def pause(*, actor: User, run: Run, reason: str) -> Run:
    """Ask the worker to pause before the next step; a pause by a supply becomes this person's.

    Refusals: "run_not_open" (409), "stop_asked" (409), "reason_missing" (400).
    """
    demand(actor, "operate")
    said = _reason(reason)
    run = locked(run)
    if run.state not in (*ACTIVE, RunState.PAUSED):
        raise too_late(run)
    if run.ask in ("stop", "abort"):
        raise Refusal(
            "stop_asked",
            _("This run is being ended; it cannot be paused any more."),
            next_step=_("Wait until it has ended."),
        )
    if run.ask == "pause" or run.paused_by == PausedBy.PERSON:
        return run
    log.append(run=run, kind="run.pause_asked", actor=actor, reason=said)
    if run.state == RunState.PAUSED:
        _now_paused_by(run, PausedBy.PERSON, said, None)
        return run
    run.ask, run.asked_by, run.asked_at, run.asked_why = "pause", actor, timezone.now(), said
    run.save(update_fields=["ask", "asked_by", "asked_at", "asked_why", "changed_at"])
    doorbell.ring_on_commit(run)
    return run


@transaction.atomic
def resume(*, actor: User, run: Run) -> Run:
    """Let a run go on that a person paused; while a supply is down it waits for that alone.

    Refusals: "not_paused" (409), "supply_down" (409) for a run that goes on by itself,
    "emergency_stop" (409).
    """
    demand(actor, "operate")
    run = locked(run)
    if run.ask == "pause":
        log.append(run=run, kind="run.resume_asked", actor=actor)
        run.ask, run.asked_why = "", ""
        run.save(update_fields=["ask", "asked_why", "changed_at"])
        return run
    # An abort that is asked for is not overtaken.
    if run.state != RunState.PAUSED or run.ask == "abort":
        raise Refusal("not_paused", _("This run is not paused."),
                      next_step=_("Reload the page to see its present state."))  # fmt: skip
    tools = run.tools()
    _refuse_while_stopped(tools)
    if run.paused_by == PausedBy.SUPPLY:
        raise Refusal(
            "supply_down",
            _("A supply of the building is down or still settling."),
            next_step=_("The run goes on by itself once the supply has settled."),
        )
    log.append(run=run, kind="run.resume_asked", actor=actor)
    wrong = troubles(tools, timezone.now())
    if wrong:
        _now_paused_by(run, PausedBy.SUPPLY, codes(wrong), ready_at(wrong))
    else:
        go_on(run)
    return run


def _reason(reason: str) -> str:
    said = reason.strip()
    if not 0 < len(said) <= LONGEST_REASON:
        words = _("Say why, in 1 to 200 characters: the log keeps it.")
        raise Refusal("reason_missing", words, status=400, fields={"reason": [words]})
    return said


def _refuse_while_stopped(tools: Sequence[Tool]) -> None:
    if any(tool.emergency_stop_at for tool in tools):
        raise Refusal(
            "emergency_stop",
            _("The tool's emergency stop is still set."),
            next_step=_("Look at the tool, then clear its emergency stop."),
        )


def locked(run: Run) -> Run:
    """The run's row, locked and read again."""
    rows = Run.objects.select_for_update(no_key=True, of=("self",))
    found: Run = rows.select_related("tool").get(pk=run.pk)
    return found


def too_late(run: Run) -> Refusal:
    return Refusal(
        "run_not_open",
        _("This run is “%(state)s”; nothing was changed.") % {"state": run.get_state_display()},
        next_step=_("Reload the page to see its present state."),
    )


def _now_paused_by(run: Run, who: PausedBy, why: str, at: datetime | None) -> None:
    run.paused_by, run.paused_why, run.resume_at = who, why, at
    run.save(update_fields=["paused_by", "paused_why", "resume_at", "changed_at"])


# -- what the worker does ----------------------------------------------------------------------
def is_due(run: Run, tools: Sequence[Tool]) -> bool:
    """True when a run at rest would be paused, or stopped, before its next step."""
    return run.ask in ("pause", "stop") or bool(troubles(tools, timezone.now()))


def take_hold(held: Claim, run: Run, tools: Sequence[Tool]) -> bool:
    """At rest between two steps: pause if a person asked, or a supply is down; True if paused."""
    if run.ask == "stop":
        return False
    wrong = [] if run.ask == "pause" else troubles(tools, timezone.now())
    if run.ask != "pause" and not wrong:
        return False
    with moves.fenced(held):
        if locked(run).ask == run.ask:
            _pause(run, wrong)
        else:
            doorbell.ring_on_commit(run)
        lease.release(held)
    return True


def _pause(run: Run, wrong: Sequence[Trouble]) -> None:
    by = PausedBy.SUPPLY if wrong else PausedBy.PERSON
    why = codes(wrong) if wrong else run.asked_why
    moves.move_run(
        run, RunState.PAUSED, paused_by=by, paused_why=why, resume_at=ready_at(wrong),
        ask="", asked_why="", due_at=None,
    )  # fmt: skip
    log.append(run=run, kind=f"run.paused_by_{by}", reason=why)
    if run.started_at is None:
        return
    if wrong:
        moves.enter_all(run, E10State.UNSCHEDULED_DOWN, reason="supply down")
    else:
        moves.enter_all(run, E10State.STANDBY, reason="run paused")


def codes(wrong: Sequence[Trouble]) -> str:
    return ", ".join(one.utility.code for one in wrong)[:LONGEST_REASON]


def ready_at(wrong: Sequence[Trouble]) -> datetime | None:
    """When the last of them will have settled; None while one is down."""
    times = [one.ready_at for one in wrong]
    known = [at for at in times if at is not None]
    return max(known) if known and len(known) == len(times) else None


# -- what lets it go on ------------------------------------------------------------------------
def go_on(run: Run) -> None:
    """PAUSED to where the run was, with the bell rung; the caller holds the run's row."""
    before = _before(run)
    moves.move_run(run, before, paused_by="", paused_why="", resume_at=None)
    log.append(run=run, kind="run.resumed")
    if run.started_at is not None:
        moves.enter_all(run, E10State.PRODUCTIVE)
    doorbell.ring_on_commit(run)


def _before(run: Run) -> RunState:
    if run.started_at is None:
        return RunState.QUEUED
    began = run.events.filter(kind="run.running").exists()
    return RunState.RUNNING if began else RunState.SETTING_UP


def resume_settled() -> int:
    """Let every run go on whose supplies are back and have settled; how many there were."""
    waiting = Run.objects.filter(state=RunState.PAUSED, paused_by=PausedBy.SUPPLY)
    return sum([_resume_if_settled(run) for run in waiting])


@transaction.atomic
def _resume_if_settled(run: Run) -> bool:
    run = locked(run)
    if run.state != RunState.PAUSED or run.paused_by != PausedBy.SUPPLY or run.ask:
        return False
    tools = run.tools()
    if any(tool.emergency_stop_at for tool in tools):
        return False
    wrong = troubles(tools, timezone.now())
    if not wrong:
        go_on(run)
        return True
    if (run.paused_why, run.resume_at) != (codes(wrong), ready_at(wrong)):
        _now_paused_by(run, PausedBy.SUPPLY, codes(wrong), ready_at(wrong))
    return False
