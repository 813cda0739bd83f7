"""What people ask of a run: stop after this step, abort now, decide about a held one."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.material.models import SubstrateState
from testbed.people.models import User
from testbed.people.permissions import demand, may
from testbed.refusals import Refusal
from testbed.runs import doorbell, lease, log, moves, pause
from testbed.runs.choices import Choice, choices, held_step
from testbed.runs.models import Lease, Run, Step
from testbed.runs.pause import locked, too_late
from testbed.runs.states import ACTIVE, ENDED, RunState, StepState
from testbed.tools import states as e10
from testbed.tools.models import E10State

NOTE_LENGTH = 500


@transaction.atomic
def stop(*, actor: User, run: Run) -> Run:
    """Ask the worker to end the run after the present step; asking twice changes nothing."""
    demand(actor, "operate")
    run = locked(run)
    if run.state not in (*ACTIVE, RunState.PAUSED):
        raise too_late(run)
    if run.ask in ("stop", "abort"):
        return run
    _ask(run, "stop", actor)
    log.append(run=run, kind="run.stop_asked", actor=actor)
    if run.state == RunState.PAUSED:
        # What a stop leaves in ends what was begun, and needs no supply.
        pause.go_on(run)
    return run


@transaction.atomic
def abort(*, actor: User, run: Run) -> Run:
    """Ask for an abort now. The run is ABORTED only when the tool has confirmed it."""
    demand(actor, "operate")
    run = locked(run)
    if run.state not in (*ACTIVE, RunState.PAUSED, RunState.HELD):
        raise too_late(run)
    if run.ask == "abort":
        return run
    _ask(run, "abort", actor)
    log.append(run=run, kind="run.abort_asked", actor=actor)
    return run


def emergency_stop(*, actor: User, run: Run) -> Run:
    """Stop every tool of an open run at once, whoever is at hand: the staff, or a person of the
    company whose run it is. No queue, lease, lock on the run or permission to run stands before
    it: the tools are stopped first, and what is written into the run's log comes after.

    Refusals: "not_allowed" (403), "run_not_open" (409).
    """
    own = actor.company_id is not None and actor.company_id == run.company_id
    if not (own and may(actor, "emergency_stop_own_run")):
        demand(actor, "emergency_stop")
    run.refresh_from_db(fields=["state"])
    if run.state in ENDED:
        raise too_late(run)
    e10.raise_emergency_stop(actor=actor, tools=run.tools())
    log.append_if_open(run=run, kind="run.emergency_stop", actor=actor)
    return run


@transaction.atomic
def resolve(*, actor: User, run: Run, choice: str, note: str) -> Run:
    """Decide about a held run. `choice` must be one of `choices(run)`, `note` says why.

    Raises Refusal: not_held, not_a_choice, note_missing, emergency_stop.
    """
    demand(actor, "operate")
    if choice == "close":
        # Lock order: lease, run, tool.
        leases = Lease.objects.select_for_update().filter(tool__run_tools__run=run)
        list(leases.order_by("tool_id"))
    run = locked(run)
    chosen = _chosen(run, choice, note)
    log.append(
        run=run, kind="run.resolved", actor=actor, choice=chosen.code, note=note.strip(),
        evidence=run.evidence,
    )  # fmt: skip
    if chosen.code == "abort":
        return abort(actor=actor, run=run)
    if chosen.code == "close":
        _close(run)
        return run
    step = held_step(run)
    if step is not None:
        _settle(run, step, chosen.code)
    _go_on(run)
    return run


def _ask(run: Run, wish: str, actor: User) -> None:
    run.ask, run.asked_by, run.asked_at, run.asked_why = wish, actor, timezone.now(), ""
    run.save(update_fields=["ask", "asked_by", "asked_at", "asked_why", "changed_at"])
    doorbell.ring_on_commit(run)


def _chosen(run: Run, code: str, note: str) -> Choice:
    if run.state != RunState.HELD:
        raise Refusal(
            "not_held",
            _("This run is not held: there is nothing to decide."),
            next_step=_("Reload the page to see its present state."),
        )
    found = next((one for one in choices(run) if one.code == code), None)
    if found is None:
        raise Refusal(
            "not_a_choice",
            _("The evidence does not allow this."),
            status=400,
            fields={"choice": [_("Choose one of: %(codes)s.")
                               % {"codes": ", ".join(one.code for one in choices(run))}]},
        )  # fmt: skip
    if not note.strip() or len(note) > NOTE_LENGTH:
        raise Refusal(
            "note_missing",
            _("Say why, in 1 to 500 characters: the log keeps it."),
            status=400,
            fields={"note": [_("Say why, in 1 to 500 characters: the log keeps it.")]},
        )
    stopped = any(tool.emergency_stop_at for tool in run.tools())
    if stopped and code not in ("abort", "close"):
        raise Refusal(
            "emergency_stop",
            _("The tool's emergency stop is still set."),
            next_step=_("Look at the tool, then clear its emergency stop."),
        )
    return found


def _settle(run: Run, step: Step, code: str) -> None:
    """Bring the step to where the decision puts it."""
    if code == "skip_wafer":
        _leave_wafer_out(run, step)
    elif code == "skip_step":
        moves.skip(run, [step])
        moves.settle_wafer(step)
    elif code == "mark_done":
        moves.move_step(step, StepState.DONE, ended_at=timezone.now(), progress=1.0)
        moves.settle_wafer(step)
        log.append(run=run, kind="step.marked_done", step=step.seq)
    elif code in ("start", "repeat") and step.state != StepState.PENDING:
        moves.move_step(step, StepState.PENDING, handle="", progress=0.0, message="")


def _leave_wafer_out(run: Run, step: Step) -> None:
    """A wafer on which any step of the run has begun is no untouched one afterwards."""
    open_states = (StepState.PENDING, StepState.UNKNOWN, StepState.FAILED)
    moves.skip(run, list(run.steps.filter(wafer=step.wafer_id, state__in=open_states)))
    rows = run.run_wafers.filter(wafer=step.wafer_id)
    rows.filter(state=SubstrateState.IN_PROCESS).update(state=SubstrateState.ABORTED)
    rows.filter(state=SubstrateState.NEEDS_PROCESSING).update(state=SubstrateState.SKIPPED)


def _go_on(run: Run) -> None:
    moves.move_run(run, RunState.RUNNING, held_why="")
    moves.enter_all(run, E10State.PRODUCTIVE)
    doorbell.ring_on_commit(run)


def _close(run: Run) -> None:
    """FAILED, by a person's word alone; the lease, if any worker still has one, is superseded."""
    held = lease.claim(tool_ids=[tool.pk for tool in run.tools()], run_id=run.pk)
    if held is None:
        raise Refusal(
            "tool_in_use",
            _("A worker is talking to the tool right now."),
            next_step=_("Wait until it has let go, at most half a minute, and try again."),
        )
    moves.close_steps(run)
    moves.end(run, RunState.FAILED, ask="")
    lease.release(held)
