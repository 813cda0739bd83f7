"""One step of one run: claim the tool, do what is next, commit, ring again.

A delivery that comes twice or late finds the lease taken or nothing to do. A long step is parked
every SLICE_S seconds, so that a worker can be shut down without hurry. Nothing here is repeated
on a guess: what happens after an unknown outcome is decided by the step's own `after_unknown`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeVar

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef

from instruments.errors import Halted, InstrumentError
from instruments.jobs import Done, Failed, NotStarted, Outcome, Progress
from testbed.runs import attempt, guard, lease, moves, pause, safety, sessions, streams
from testbed.runs.attempt import Attempt, Undecided
from testbed.runs.crew import Crew, Driven, first_trouble
from testbed.runs.guard import AbortAsked, EmergencyStop, Guard, LeaseOver
from testbed.runs.lease import Claim, LeaseLost
from testbed.runs.models import Run, RunTool, Step
from testbed.runs.setting_up import kept_by_a_stop, setup_of
from testbed.runs.states import ACTIVE, RunState, StepState
from testbed.runs.streams import Recorder
from testbed.tools.models import Tool

log = logging.getLogger(__name__)
Result = TypeVar("Result")
Only = Literal["recover", "abort"]
SLICE_S = 20.0
OPEN_STEPS = (StepState.PENDING, StepState.INTENT, StepState.SENT, StepState.UNKNOWN)
UNDER_WAY = (StepState.INTENT, StepState.SENT)


def advance(run_id: int, *, only: Only | None = None) -> bool:
    """Do one step of the run if all its tools can be claimed; True when something was done.

    A tool's own worker does whatever is next. The sweep does one thing `only`: "recover" takes
    over a tool whose worker fell silent, makes it safe and finds out what happened, but begins
    nothing; "abort" carries out a person's abort.
    What a tool does never raises here, and an unforeseen error holds the run. When not even that
    can be stored the lease is left to expire: the sweep takes the tool over and asks.
    """
    found = _look(run_id)
    if found is None or not has_work(found.run):
        return False
    began = guard.clock()
    held = lease.claim(tool_ids=found.tool_ids, run_id=run_id, only_dead=only == "recover")
    if held is None:
        return False
    try:
        with Guard(held, run_id=run_id, began=began) as watch:
            looked_at = guard.clock()
            found = _look(run_id) or found
            watch.knows(found.run.ask, found.is_stopped, at=looked_at)
            return _Turn(found, held, watch, only).take()
    except (LeaseLost, LeaseOver, moves.NotFrom) as error:
        # Whoever holds the lease now asks the tools; this process must forget its sessions.
        log.warning("run %s: %s", run_id, error)
        for tool_id in held.tool_ids:
            sessions.drop(tool_id)
        return False


def has_work(run: Run) -> bool:
    """True while a worker has something to do for the run (not when a person has)."""
    waits = run.state in (RunState.HELD, RunState.PAUSED)
    return run.state in ACTIVE or (waits and run.ask == "abort")


@dataclass(frozen=True)
class _Look:
    """A run as one statement finds it; `is_stopped` when a tool's emergency stop is set."""

    run: Run
    tool_ids: list[int]
    is_stopped: bool

    def tools(self) -> list[Tool]:
        """By pk; the one that came with the run is not read again."""
        return [self.run.tool] if self.tool_ids == [self.run.tool_id] else self.run.tools()


def _look(run_id: int) -> _Look | None:
    mine = RunTool.objects.filter(run=OuterRef("pk"))
    row: Any = (
        Run.objects.select_related("tool")
        .annotate(
            tool_ids=ArraySubquery(mine.order_by("tool").values("tool")),
            is_stopped=Exists(mine.filter(tool__emergency_stop_at__isnull=False)),
        )
        .filter(pk=run_id)
        .first()
    )
    return None if row is None else _Look(row, row.tool_ids, row.is_stopped)


class _NotNow(Exception):
    """Nothing of the step has been sent, and it is not to be begun now."""


class _Turn:
    """One claim's work on one run."""

    def __init__(self, found: _Look, held: Claim, watch: Guard, only: Only | None) -> None:
        self.run = found.run
        self.held = held
        self.watch = watch
        self.only = only
        self.step = self._current()
        self.crew = Crew(self.run, found.tools(), watch.may_write)
        self.crew.about(self.step)

    def take(self) -> bool:
        """Do one thing and let the lease go; True when something was done."""
        if not has_work(self.run) or (self.only == "abort" and self.run.ask != "abort"):
            lease.release(self.held)
            return False
        try:
            self._take()
        except AbortAsked:
            self._abort()
        except EmergencyStop as error:
            self._emergency(error)
        except (LeaseLost, LeaseOver, moves.NotFrom):
            raise
        except Undecided as trouble:
            self._hold(trouble)
        except Exception as error:
            log.exception("run %s: unforeseen", self.run.pk)
            self._hold(Undecided("unforeseen", error))
        return True

    def _take(self) -> None:
        if self.held.taken_over:
            moves.note_takeover(self.held, self.run)
            self._make_safe()
        if self.run.ask == "abort":
            raise AbortAsked("a person asked to abort")
        self.watch.may_write()
        if self.only == "recover":
            self._recover()
        elif self.step is None:
            moves.skip_rest(self.held, self.run, [])
        elif not self._stop() and not self._pause():
            self._connect()
            try:
                self._carry_out(self.step)
            except _NotNow:
                moves.let_go(self.held, self.run, self.step, StepState.PENDING)

    def _current(self) -> Step | None:
        rows = self.run.steps.select_related("wafer", "tool").filter(state__in=OPEN_STEPS)
        return rows.order_by("seq").first()

    def _stop(self) -> bool:
        """Leave out what a person's stop leaves out; False when there is nothing to leave out."""
        if self.run.ask != "stop" or self.step is None or self.step.state != StepState.PENDING:
            return False
        steps = list(self.run.steps.order_by("seq"))
        kept = {step.pk for step in kept_by_a_stop(steps)}
        left_out = [one for one in steps if one.state == StepState.PENDING and one.pk not in kept]
        if left_out:
            moves.skip_rest(self.held, self.run, left_out)
        return bool(left_out)

    def _pause(self) -> bool:
        """Before a step begins: does a person wish a pause, or is a supply down? True if paused."""
        if self.step is None or self.step.state != StepState.PENDING:
            return False
        return pause.take_hold(self.held, self.run, [one.tool for one in self.crew.tools])

    def _connect(self) -> None:
        """Make tools safe that this worker has not met, and keep with the run who answers.

        All are asked before any is taken: one wrong serial number, and none has moved.
        """
        at_rest = self.step is None or self.step.state == StepState.PENDING
        for one in self.crew.tools:
            if one.session.is_new and at_rest and not self.held.taken_over:
                self._read(one.driver.safe)
                moves.note_safe(self.held, self.run, one.tool, None)
        if not self.run.tool_identity:
            found = {one.tool.pk: asdict(self._read(one.driver.connect))
                     for one in self.crew.tools}  # fmt: skip
            if self.run.state == RunState.QUEUED:
                moves.take_tools(self.held, self.run)
            moves.identify(self.held, self.run, found)
        for one in self.crew.tools:
            one.session.is_new = False

    def _read(self, call: Callable[[], Result]) -> Result:
        return attempt.patiently(call, pause=self.watch.rest)

    # -- the step ------------------------------------------------------------------------------
    def _carry_out(self, step: Step) -> None:
        was = step.state
        if was == StepState.PENDING:
            self._prepare(step)
            moves.intend(self.held, self.run, step)
        elif step.after_unknown == "repeat" and (self.held.taken_over or was == StepState.UNKNOWN):
            # The measurement before was lost or ended: the next one needs a token of its own.
            lost = Undecided("worker_lost", "worker_lost: the outcome before is unknown")
            moves.try_again(self.held, self.run, step, lost, fresh=True)
            was = StepState.PENDING
        trial = self._trial(step)
        if was == StepState.SENT and not self.held.taken_over:
            so_far = Progress(step.progress, 0.0, step.message, step.handle)
            self._follow(trial, step, trial.poll(so_far))
        else:
            self._follow(trial, step, trial.start(ask_first=was != StepState.PENDING))

    def _prepare(self, step: Step) -> None:
        """Before a wafer's first step on a tool: carrier and settings must be as this run set them.

        A tool that lost its power, or its carrier, in between would work with its defaults.
        """
        for before in setup_of(self.run, step):
            self._restore(before)

    def _prepare_late(self, step: Step) -> None:
        """As `_prepare`, for a step that the tool, asked, never saw: a pause or a stop comes first.

        Raises _NotNow.
        """
        waits = step.state in (StepState.INTENT, StepState.UNKNOWN)
        if waits and pause.is_due(self.run, [one.tool for one in self.crew.tools]):
            raise _NotNow
        self._prepare(step)

    def _restore(self, step: Step) -> None:
        """Do a set-up step again when the tool no longer shows what it left."""
        one = self.crew.of(step)
        trial = Attempt(
            one.program, one.driver, step, pause=self.watch.rest, prepare=lambda: None,
            on_trouble=lambda e: moves.try_again(self.held, self.run, step, e, fresh=False),
            on_answer=lambda *words: None,
        )  # fmt: skip
        outcome = trial.look()
        if isinstance(outcome, Done):
            return
        if isinstance(outcome, NotStarted):
            moves.note_restored(self.held, self.run, step)
            outcome = trial.start(ask_first=False)
        while isinstance(outcome, Progress):
            self.watch.rest(outcome.poll_after_s)
            outcome = trial.poll(outcome)
        if not isinstance(outcome, Done):
            self._finish(step, outcome)

    def _trial(self, step: Step) -> Attempt:
        one = self.crew.of(step)
        return Attempt(
            one.program, one.driver, step, pause=self.watch.rest,
            prepare=lambda: self._prepare_late(step),
            on_trouble=lambda e: moves.try_again(self.held, self.run, step, e, fresh=False),
            on_answer=lambda *words: moves.note_answer(self.held, self.run, step, *words),
        )  # fmt: skip

    def _recover(self) -> None:
        """The tool is safe now; say what became of the lost worker's step, and begin nothing."""
        step = self.step
        if step is None or step.state in (StepState.PENDING, StepState.UNKNOWN):
            moves.let_go(self.held, self.run)
        elif step.after_unknown == "repeat":
            moves.let_go(self.held, self.run, step, StepState.UNKNOWN)
        else:
            outcome = self._trial(step).look()
            if isinstance(outcome, NotStarted):
                was_sent = step.state == StepState.SENT
                to = StepState.UNKNOWN if was_sent else StepState.PENDING
                moves.let_go(self.held, self.run, step, to)
            elif isinstance(outcome, Progress):
                moves.note_progress(self.held, self.run, step, outcome)
                moves.park(self.held, self.run)
            else:
                self._finish(step, outcome)

    def _follow(self, trial: Attempt, step: Step, outcome: Outcome) -> None:
        """Poll until the step ends or the slice is over, and store what came of it."""
        until = guard.clock() + SLICE_S
        rest = self._rests(step)
        while isinstance(outcome, Progress):
            moves.note_progress(self.held, self.run, step, outcome)
            if guard.clock() >= until:
                moves.park(self.held, self.run)
                return
            rest(outcome.poll_after_s)
            outcome = trial.poll(outcome)
        self._finish(step, outcome)

    def _rests(self, step: Step) -> Callable[[float], None]:
        """How the time between two polls is passed: at rest, or logging what the tool samples."""
        if not streams.wanted(step):
            return self.watch.rest
        recorder = Recorder(
            step, self.crew.of(step).driver, fence=lambda: moves.fenced(self.held)
        )  # fmt: skip
        return lambda seconds: recorder.rest(seconds, self.watch.rest)

    def _finish(self, step: Step, outcome: Outcome) -> None:
        if isinstance(outcome, Done):
            moves.done(self.held, self.run, step, outcome)
        elif isinstance(outcome, Failed):
            why = "worker_lost" if self.held.taken_over else "step_failed"
            text = f"{outcome.code}: {outcome.message}"
            raise Undecided(why, text, is_known=True, says="failed", message=text)
        else:
            text = "forgotten: the tool knows nothing of it"
            raise Undecided("outcome_unknown", text, says="not_started")

    # -- the ways out --------------------------------------------------------------------------
    def _hold(self, trouble: Undecided) -> None:
        """A person decides. What was never sent is not unknown; the tool is made safe first."""
        exchanges = self.crew.exchanges()
        untouched = self.step if trouble.nothing_sent else None
        if untouched is not None and untouched.state == StepState.INTENT:
            moves.step_back(self.held, self.run, untouched)
        evidence = trouble.evidence(self.step) | {"safe": self._make_safe()}
        moves.hold(
            self.held, self.run, self.step,
            why=trouble.why, known=trouble.is_known, evidence=evidence, wire=exchanges,
        )  # fmt: skip

    def _emergency(self, error: Halted) -> None:
        """Safe at once; only the tool can tell what became of a step that was under way."""
        safe = self._make_safe()
        trouble = Undecided("emergency_stop", error)
        if self.step is not None and self.step.state in UNDER_WAY:
            one = self.crew.of(self.step)
            with self.watch.ending():
                trouble.says, trouble.message = attempt.ask(one.program, one.driver, self.step)
        moves.hold(
            self.held, self.run, self.step, why=trouble.why, known=trouble.says == "failed",
            evidence=trouble.evidence(self.step) | {"safe": safe}, wire=self.crew.exchanges(),
        )  # fmt: skip

    def _abort(self) -> None:
        """Abort on every tool; the run is ABORTED only when all have confirmed it."""
        with self.watch.ending():
            told = self.crew.tell_all(lambda tool: tool.abort(), pause=self.watch.rest)
            trouble = first_trouble(told)
            if trouble is not None:
                moves.hold(
                    self.held, self.run, self.step, why="abort_unconfirmed", known=False,
                    evidence=trouble.evidence(self.step) | {"safe": False},
                    wire=self.crew.exchanges(),
                )  # fmt: skip
                return
            undocked = [self._undock(one) for one, _trouble in told]
        self.run.refresh_from_db(fields=["asked_at"])
        for one, _trouble in told:
            ms = safety.wire_ms(one.driver, since=self.run.asked_at)
            moves.note_safe(self.held, self.run, one.tool, None, ms=ms)
        moves.abort(
            self.held, self.run, self.step,
            undocked=all(undocked), wire=self.crew.exchanges(),
        )  # fmt: skip

    def _undock(self, one: Driven) -> bool:
        """Release the carrier of an aborted run; a tool that keeps it says so at the next dock."""
        try:
            one.driver.undock()
        except LeaseOver:
            raise
        except InstrumentError as error:
            log.warning("run %s: the carrier was not released: %s", self.run.pk, error)
            return False
        return True

    def _make_safe(self) -> bool:
        """Bring the tools to their safe state, whatever people wish; True when all confirmed."""
        with self.watch.ending():
            told = self.crew.tell_all(lambda tool: tool.safe(), pause=self.watch.rest)
        for one, trouble in told:
            moves.note_safe(self.held, self.run, one.tool, trouble)
        return first_trouble(told) is None
