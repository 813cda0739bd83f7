"""Every change of a run or step that the engine makes: one transaction, fenced by the lease.

Lock order everywhere: lease, run, tool. Whoever lost the lease stores nothing (LeaseLost).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import models, transaction
from django.utils import timezone

from instruments.jobs import Done, Progress
from instruments.link import Exchange
from testbed.material.certify import clean_by_run
from testbed.material.models import SubstrateState, Wafer
from testbed.runs import doorbell, lease, log, proof, store, streams, told
from testbed.runs.attempt import Undecided
from testbed.runs.lease import Claim
from testbed.runs.models import Reading, Run, RunTool, RunWafer, Step, Traveler
from testbed.runs.signals import run_ended
from testbed.runs.states import ENDED, RunState, StepState
from testbed.runs.titles import subject_of
from testbed.runs.way import Way, way_of
from testbed.runs.wire import keep as keep_wire
from testbed.runs.wire import seal
from testbed.tools import states as e10
from testbed.tools.models import E10State, Tool

CERTIFIED = "certified_feol"
"""The reading by which a cleaning tool says whether a wafer's clean certifies the class."""


class NotFrom(Exception):
    """The row is no longer in a state from which this move may be made."""


@contextmanager
def fenced(held: Claim) -> Iterator[None]:
    """One transaction that commits only while the lease is still ours."""
    with transaction.atomic():
        lease.fence(held)
        yield


def move_run(run: Run, to: RunState, **changes: Any) -> None:
    """Conditional UPDATE from the state we know to `to`; raises NotFrom when it has changed."""
    changed = Run.objects.filter(pk=run.pk, state=run.state).update(
        state=to, changed_at=timezone.now(), **changes
    )
    if not changed:
        raise NotFrom(f"{run} is no longer {run.state}")
    run.state = to
    for name, value in changes.items():
        setattr(run, name, value)


def move_step(step: Step, to: StepState, **changes: Any) -> None:
    """Conditional UPDATE from the state we know to `to`; raises NotFrom when it has changed."""
    _move_step(step, to, **changes)
    if step.is_process and to in (StepState.DONE, StepState.FAILED, StepState.SKIPPED):
        _keep_log(step)


def _move_step(step: Step, to: StepState, **changes: Any) -> None:
    """`move_step` for one who has kept what was logged of the step."""
    if not Step.objects.filter(pk=step.pk, state=step.state).update(state=to, **changes):
        raise NotFrom(f"step {step} is no longer {step.state}")
    step.state = to
    for name, value in changes.items():
        setattr(step, name, value)


def _keep_log(step: Step) -> None:
    """What was logged of a step that did not end as it should: curves, and their hash."""
    curves = streams.fold(step)
    if curves:
        log.append(
            run=step.run_id, kind="step.logged", step=step.seq, traces=len(curves),
            data_sha256=proof.fingerprint(curves),
        )  # fmt: skip


def enter_all(run: Run, state: E10State, *, reason: str = "") -> None:
    """Every tool of the run into `state`, by pk; a tool at rest is no longer this run's."""
    run_id = None if state == E10State.STANDBY and not reason else run.pk
    for tool in run.tools():
        e10.enter(tool=tool, state=state, reason=reason, run_id=run_id)


# -- on the way --------------------------------------------------------------------------------
def take_tools(held: Claim, run: Run) -> None:
    """QUEUED to SETTING_UP: the tools work for this run now (E10 PRODUCTIVE)."""
    with fenced(held):
        move_run(run, RunState.SETTING_UP, started_at=timezone.now())
        log.append(run=run, kind="run.setting_up")
        enter_all(run, E10State.PRODUCTIVE)


def identify(held: Claim, run: Run, identities: dict[int, dict[str, Any]]) -> None:
    """Keep who answered at each tool's address (by the tool's id)."""
    with fenced(held):
        own = identities[run.tool_id]
        Run.objects.filter(pk=run.pk).update(tool_identity=own)
        run.tool_identity = own
        for tool in run.tools():
            RunTool.objects.filter(run=run, tool=tool).update(identity=identities[tool.pk])
            log.append(run=run, kind="tool.identified", tool=tool.code, **identities[tool.pk])


def intend(held: Claim, run: Run, step: Step) -> None:
    """PENDING to INTENT, committed before the wire is touched."""
    with fenced(held):
        move_step(step, StepState.INTENT, intent_at=timezone.now(), attempts=step.attempts + 1)
        if step.wafer_id is not None:
            _wafer_begins(run, step)
        log.append(
            run=run, kind="step.intent", step=step.seq, title=step.title,
            step_kind=step.kind, subject=subject_of(step), token=str(step.token),
            attempt=step.attempts, order_sha256=proof.order_hash(step),
        )  # fmt: skip


def _wafer_begins(run: Run, step: Step) -> None:
    RunWafer.objects.filter(
        run=run, wafer=step.wafer_id, state=SubstrateState.NEEDS_PROCESSING
    ).update(state=SubstrateState.IN_PROCESS)
    # A wafer is as dirty as the dirtiest tool it has met.
    dirt = step.tool.contamination_class
    Wafer.objects.filter(steps=step, contamination_class__lt=dirt).update(contamination_class=dirt)
    if run.state == RunState.SETTING_UP:
        move_run(run, RunState.RUNNING)
        log.append(run=run, kind="run.running")


def note_progress(held: Claim, run: Run, step: Step, progress: Progress) -> None:
    """INTENT to SENT when the tool took the job; later only the numbers change, without events."""
    values = {
        "handle": progress.handle,
        "progress": min(max(progress.fraction, 0.0), 1.0),
        "message": progress.message[:300],
    }
    if step.state == StepState.SENT and step.handle == progress.handle:
        Step.objects.filter(pk=step.pk, state=StepState.SENT).update(**values)
        Run.objects.filter(pk=run.pk).update(changed_at=timezone.now())
        return
    with fenced(held):
        if step.state == StepState.SENT:
            Step.objects.filter(pk=step.pk).update(**values)
            step.handle = progress.handle
        else:
            move_step(step, StepState.SENT, **values)
        log.append(run=run, kind="step.sent", step=step.seq, handle=progress.handle)


def try_again(held: Claim, run: Run, step: Step, error: Exception, *, fresh: bool) -> None:
    """Note that a step goes on after a failure; `fresh` counts a new attempt (a new token)."""
    with fenced(held):
        if fresh:
            step.attempts += 1
            Step.objects.filter(pk=step.pk).update(attempts=step.attempts)
        log.append(
            run=run, kind="step.again", step=step.seq, attempt=step.attempts, error=in_words(error)
        )


def note_answer(held: Claim, run: Run, step: Step, says: str, message: str) -> None:
    """What the tool answered when asked about a step of unknown outcome."""
    with fenced(held):
        log.append(run=run, kind="tool.says", step=step.seq, says=says, message=message)


def note_restored(held: Claim, run: Run, step: Step) -> None:
    """A set-up step is done again, because the tool has lost what it left."""
    with fenced(held):
        log.append(
            run=run, kind="step.restored", step=step.seq, title=step.title,
            step_kind=step.kind, subject=subject_of(step),
        )  # fmt: skip


def park(held: Claim, run: Run) -> None:
    """Let go between two looks at a long step; the tool keeps working."""
    with fenced(held):
        lease.park(held)
        doorbell.ring_on_commit(run)


# -- the end of a step -------------------------------------------------------------------------
def done(held: Claim, run: Run, step: Step, outcome: Done) -> None:
    """Keep the data, the step DONE, the tool free, and the bell rung: all or nothing."""
    with fenced(held):
        kept = [*store.keep(step, outcome), *streams.fold(step)]
        _move_step(step, StepState.DONE, ended_at=timezone.now(), progress=1.0)
        settle_wafer(step)
        log.append(
            run=run, kind="step.done", step=step.seq, title=step.title,
            readings=len(outcome.readings), sites=len(outcome.sites), traces=len(outcome.traces),
            data_sha256=proof.fingerprint(kept),
        )  # fmt: skip
        go_on(held, run)


def settle_wafer(step: Step) -> None:
    """PROCESSED when this was the wafer's last step, or the last one that changes it."""
    if step.wafer_id is None:
        return
    left = Step.objects.filter(
        run_id=step.run_id, wafer_id=step.wafer_id,
        state__in=[StepState.PENDING, StepState.INTENT, StepState.SENT, StepState.UNKNOWN],
    )  # fmt: skip
    if step.is_process:
        left = left.filter(is_process=True)
    RunWafer.objects.filter(
        ~models.Exists(left),
        run_id=step.run_id, wafer_id=step.wafer_id, state=SubstrateState.IN_PROCESS,
    ).update(state=SubstrateState.PROCESSED)  # fmt: skip


def go_on(held: Claim, run: Run) -> None:
    """In a fenced transaction: end the run when nothing is left, else free the tool and ring."""
    if run.steps.filter(state__in=[StepState.PENDING, StepState.UNKNOWN]).exists():
        lease.release(held)
        doorbell.ring_on_commit(run)
    else:
        end(run, RunState.STOPPED if run.ask == "stop" and _cut_short(run) else RunState.COMPLETED)
        lease.release(held)


def _cut_short(run: Run) -> bool:
    cut = [SubstrateState.SKIPPED, SubstrateState.STOPPED]
    return run.run_wafers.filter(state__in=cut).exists()


def skip_rest(held: Claim, run: Run, steps: Sequence[Step]) -> None:
    """A stop takes hold: leave `steps` out; wafers that never began are SKIPPED."""
    with fenced(held):
        skip(run, steps)
        untouched = run.run_wafers.filter(state=SubstrateState.NEEDS_PROCESSING)
        untouched.update(state=SubstrateState.SKIPPED)
        half_way = Step.objects.filter(pk__in=[step.pk for step in steps])
        run.run_wafers.filter(
            state=SubstrateState.IN_PROCESS, wafer__in=half_way.values("wafer")
        ).update(state=SubstrateState.STOPPED)
        go_on(held, run)


def skip(run: Run, steps: Sequence[Step]) -> None:
    """Mark `steps` SKIPPED, with one event."""
    for step in steps:
        move_step(step, StepState.SKIPPED, ended_at=timezone.now())
    if steps:
        log.append(run=run, kind="step.skipped", steps=", ".join(str(step.seq) for step in steps))


# -- the end of a run --------------------------------------------------------------------------
def end(run: Run, state: RunState, **changes: Any) -> None:
    """Close the run's document and give the tool back; inside the caller's transaction."""
    if state not in ENDED:
        raise NotFrom(f"{state} is no end")
    move_run(
        run, state, ended_at=timezone.now(), due_at=None,
        paused_by="", paused_why="", resume_at=None, **changes,
    )  # fmt: skip
    became = proof.wafer_states(run)
    log.append(
        run=run, kind=f"run.{state}", wafers=len(became),
        processed=sum(one == SubstrateState.PROCESSED for one in became.values()),
        steps=_counts(run), wafer_states=became,
    )  # fmt: skip
    if state == RunState.COMPLETED:
        _certify_clean(run)
    _free_tool(run)
    _close_traveler(run)
    transaction.on_commit(lambda: run_ended.send(Run, run=run))


def _certify_clean(run: Run) -> None:
    """What a completed run on a cleaning tool has processed is of a better class from now on.

    Where the tool itself says of a wafer that its clean certifies nothing, it stays as it was.
    """
    denied = Reading.objects.filter(run=run, key=CERTIFIED, value=0, wafer__isnull=False)
    rows = run.run_wafers.filter(state=SubstrateState.PROCESSED).select_related("wafer")
    rows = rows.exclude(wafer__in=denied.values("wafer"))
    clean_by_run(
        actor=run.started_by,
        tool=run.tool,
        wafers=[row.wafer for row in rows],
        run_id=run.pk,
        certificate=f"{run} · {run.recipe_version} · SHA-256 {run.recipe_sha256}"[:500],
    )


def _close_traveler(run: Run) -> None:
    """The way through the route is over when its last operation has left no wafer waiting.

    A wafer that was aborted, stopped or lost on the way waits for nothing.
    """
    way = way_of(run.traveler.lot, run.operation.route_id)
    if run.operation_id == _last(way) and not way.lacking(way.under_way())[0]:
        Traveler.objects.filter(pk=run.traveler_id).update(closed_at=run.ended_at)


def _last(way: Way) -> int | None:
    return next((one.pk for one in reversed(way.operations) if not one.is_rework_only), None)


def _counts(run: Run) -> dict[str, int]:
    rows = run.steps.order_by().values_list("state").annotate(models.Count("pk"))
    return dict(rows)


def _free_tool(run: Run) -> None:
    """STANDBY, unless a tool is down for a reason of its own."""
    for tool in run.tools():
        if tool.emergency_stop_at is None:
            e10.enter(tool=tool, state=E10State.STANDBY)


def abort(
    held: Claim, run: Run, step: Step | None, *, undocked: bool, wire: Sequence[Exchange]
) -> None:
    """The tool confirmed: the run is ABORTED, its wafers say how far they came, and what was
    said on the wire stays with it as with a failed one."""
    with fenced(held):
        said = seal(keep_wire(run, step, wire))
        log.append(run=run, kind="tool.aborted", undocked=undocked, wire_sha256=said)
        close_steps(run)
        end(run, RunState.ABORTED, safe_sent_at=timezone.now())
        lease.release(held)


def close_steps(run: Run) -> None:
    """Nothing of an aborted or failed run stays open."""
    steps = list(run.steps.exclude(state__in=[StepState.DONE, StepState.SKIPPED]))
    for step in steps:
        if step.state in (StepState.INTENT, StepState.SENT, StepState.UNKNOWN):
            move_step(step, StepState.FAILED, ended_at=timezone.now())
    skip(run, [step for step in steps if step.state == StepState.PENDING])
    run.run_wafers.filter(state=SubstrateState.IN_PROCESS).update(state=SubstrateState.ABORTED)
    run.run_wafers.filter(state=SubstrateState.NEEDS_PROCESSING).update(
        state=SubstrateState.SKIPPED
    )


def hold(
    held: Claim,
    run: Run,
    step: Step | None,
    *,
    why: str,
    known: bool,
    evidence: dict[str, Any],
    wire: Sequence[Exchange],
) -> None:
    """A person decides: the run HELD with its evidence, the tool out of use.

    `known` tells a step that failed from one whose outcome nobody knows.
    """
    with fenced(held):
        error = evidence.get("error", "")
        _as_stored(run, step)
        _settle_step(run, step, known, error)
        said = seal(keep_wire(run, step, wire))
        # An abort that could not be confirmed must be asked for again, by a person.
        kept = ("stop",) if why == "abort_unconfirmed" else ("stop", "abort")
        ask = run.ask if run.ask in kept else ""
        move_run(
            run, RunState.HELD, held_why=why, evidence=log.plain(evidence), due_at=None, ask=ask,
            paused_by="", paused_why="", resume_at=None,
        )  # fmt: skip
        if ask == "abort":
            doorbell.ring_on_commit(run)
        log.append(
            run=run, kind="run.held", why=why, error=error, evidence=evidence, wire_sha256=said
        )
        # Every company reads a tool's reason: it names no run.
        enter_all(run, E10State.UNSCHEDULED_DOWN, reason="run held")
        told.held(run)
        lease.release(held)


def _as_stored(run: Run, step: Step | None) -> None:
    """Behind the run's lock: hear what people asked meanwhile, and forget what a transaction that
    failed had set here."""
    row = Run.objects.select_for_update(no_key=True).only("state", "ask").get(pk=run.pk)
    run.state, run.ask = row.state, row.ask
    if step is not None:
        step.refresh_from_db(fields=["state"])


def _settle_step(run: Run, step: Step | None, known: bool, error: str) -> None:
    open_ones = (StepState.INTENT, StepState.SENT, StepState.UNKNOWN)
    if step is None or step.state not in open_ones:
        return
    to = StepState.FAILED if known else StepState.UNKNOWN
    if step.state != to:
        move_step(step, to, message=error[:300])
        log.append(run=run, kind=f"step.{to}", step=step.seq, error=error)


def let_go(held: Claim, run: Run, step: Step | None = None, to: StepState | None = None) -> None:
    """Free the tool and ring its own worker; a step that was lost goes to `to` first."""
    with fenced(held):
        if step is not None and to is not None:
            error = "worker_lost: it fell silent" if to == StepState.UNKNOWN else ""
            move_step(step, to, message=error)
            if error:
                log.append(run=run, kind="step.unknown", step=step.seq, error=error)
        lease.release(held)
        doorbell.ring_on_commit(run)


def step_back(held: Claim, run: Run, step: Step) -> None:
    """INTENT to PENDING: nothing was sent, so nothing is unknown."""
    with fenced(held):
        move_step(step, StepState.PENDING)


def note_safe(
    held: Claim, run: Run, tool: Tool, error: Exception | None, *, ms: float | None = None
) -> None:
    """Whether a tool was brought to its safe state; `ms` from a person's click to the wire."""
    timing: dict[str, Any] = {} if ms is None else {"ms": ms}
    with fenced(held):
        if error is None:
            Run.objects.filter(pk=run.pk).update(safe_sent_at=timezone.now())
            log.append(run=run, kind="tool.safe_sent", tool=tool.code, **timing)
        else:
            log.append(run=run, kind="tool.safe_failed", tool=tool.code, error=in_words(error))


def note_takeover(held: Claim, run: Run) -> None:
    with fenced(held):
        log.append(run=run, kind="lease.taken_over", epoch=held.epoch)


def in_words(error: Exception) -> str:
    """The error's kind and text, at most 300 characters."""
    if isinstance(error, Undecided):
        return error.error[:300]
    return f"{type(error).__name__}: {error}"[:300]
