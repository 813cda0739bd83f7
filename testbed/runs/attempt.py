"""Carrying out one step on the wire, and finding out what happened when that is not clear.

After a failure the step's `after_unknown` decides, never a guess:
repeat (a measurement) begins again under the same token, so a job still running is picked up;
verify and ask_tool ask the tool first, and begin only when it positively never saw the token;
hold asks a person at once. Everything is bounded; what stays unclear raises `Undecided`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from instruments.driver import ScpiTool
from instruments.errors import Halted, HistoryLost, InstrumentError, NotConnected, WrongInstrument
from instruments.jobs import Done, Failed, NotStarted, Outcome, Program, Progress, StepOrder
from testbed.runs.models import Step
from testbed.runs.states import StepState

PAUSES_S = (0.2, 0.5, 1.0)
Pause = Callable[[float], None]
Result = TypeVar("Result")


class Undecided(Exception):
    """A person has to decide.

    `why` is a key of `log.REASONS`; `is_known` tells a step that failed from one whose outcome
    is unknown; `nothing_sent` that no command left; `says` is the tool's own word on the step:
    done, running, failed, not_started, lost, silent, or "" when it was not asked.
    """

    def __init__(
        self,
        why: str,
        error: Exception | str,
        *,
        is_known: bool = False,
        nothing_sent: bool = False,
        says: str = "",
        message: str = "",
    ) -> None:
        super().__init__(why)
        self.why = why
        self.error = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
        self.is_known = is_known
        self.nothing_sent = nothing_sent
        self.says = says
        self.message = message

    def evidence(self, step: Step | None) -> dict[str, Any]:
        """What the person who decides is shown, and what the choices are computed from."""
        return {
            "error": self.error[:300],
            "known": self.is_known,
            "nothing_sent": self.nothing_sent,
            "tool_says": self.says,
            "tool_message": self.message[:300],
            "step": step.seq if step else None,
        }


def order_of(step: Step) -> StepOrder:
    """What the tool is asked for. A process keeps its one token for ever."""
    token = str(step.token)
    if not step.is_process and step.attempts > 1:
        token = f"{token}.{step.attempts}"
    return StepOrder(
        kind=step.kind,
        title=step.title,
        params=step.params,
        after_unknown=step.after_unknown,  # type: ignore[arg-type]
        is_process=step.is_process,
        token=token,
        slot=step.slot,
        wafer_id=step.wafer.wafer_id if step.wafer else None,
    )


def patiently(call: Callable[[], Result], *, pause: Pause) -> Result:
    """`call` (a read, or a command that may be repeated at will), tried again after a failure of
    the wire. Raises Undecided, or Halted as it is."""
    for seconds in (*PAUSES_S, None):
        try:
            return call()
        except Halted:
            raise
        except WrongInstrument as error:
            raise Undecided("wrong_tool", error, is_known=True, nothing_sent=True) from error
        except InstrumentError as error:
            if seconds is None or not (error.retryable or error.outcome_unknown):
                why = "unreachable" if _is_wire(error) else "refused"
                raise Undecided(why, error, is_known=not error.outcome_unknown) from error
            pause(seconds)
    raise AssertionError("unreachable")


def _is_wire(error: InstrumentError) -> bool:
    return error.retryable or error.outcome_unknown


class Attempt:
    """One step on one tool. `on_trouble` and `on_answer` hear what happens on the way.

    `prepare` makes sure of the tool's set-up before a step begins that the tool, asked after an
    unknown outcome, never saw: it may have lost its power in between.
    """

    def __init__(
        self,
        program: Program,
        tool: ScpiTool,
        step: Step,
        *,
        pause: Pause,
        prepare: Callable[[], None],
        on_trouble: Callable[[Exception], None],
        on_answer: Callable[[str, str], None],
    ) -> None:
        self.program = program
        self.tool = tool
        self.step = step
        self.order = order_of(step)
        self.pause = pause
        self.prepare = prepare
        self.on_trouble = on_trouble
        self.on_answer = on_answer
        self.troubles = 0
        self.first = tool.link.logged

    def start(self, *, ask_first: bool) -> Outcome:
        """Begin the step, or (`ask_first`) find out what became of it."""
        if ask_first and self.step.after_unknown == "hold":
            raise Undecided("outcome_unknown", "cannot_ask: this step cannot be asked about")
        return self._persist(self._ask_then_begin if ask_first else self._begin)

    def look(self) -> Outcome:
        """Ask what became of the step, and begin nothing."""
        if self.step.after_unknown == "hold":
            raise Undecided("outcome_unknown", "cannot_ask: this step cannot be asked about")
        return self._persist(self._ask, then=self._ask)

    def poll(self, at: Progress) -> Outcome:
        """Ask how far the step is."""
        return self._persist(lambda: self.program.poll(self.tool, self.order, at.handle))

    def _persist(
        self, call: Callable[[], Outcome], then: Callable[[], Outcome] | None = None
    ) -> Outcome:
        """`call` until it has an outcome; after a failure `then`, or what `after_unknown` says."""
        while True:
            try:
                return call()
            except Halted:
                raise
            except HistoryLost as error:
                raise Undecided("outcome_unknown", error, says="lost") from error
            except InstrumentError as error:
                if not _is_wire(error):
                    raise self._refused(error) from error
                self._spend(error)
                call = then or self._after(error)

    def _spend(self, error: InstrumentError) -> None:
        """Pay one of the tries, or give up."""
        if self.troubles == len(PAUSES_S):
            raise self._unclear(error) from error
        self.on_trouble(error)
        self.pause(PAUSES_S[self.troubles])
        self.troubles += 1

    def _after(self, error: InstrumentError) -> Callable[[], Outcome]:
        way = self.step.after_unknown
        if way == "repeat":
            return self._begin
        if way == "hold" and self._commanded():
            raise Undecided("outcome_unknown", error)
        return self._begin if way == "hold" else self._ask_then_begin

    def _begin(self) -> Outcome:
        return self.program.begin(self.tool, self.order)

    def _ask_then_begin(self) -> Outcome:
        outcome = self._ask()
        if not isinstance(outcome, NotStarted):
            return outcome
        self.prepare()
        return self._begin()

    def _ask(self) -> Outcome:
        outcome = self.program.reconcile(self.tool, self.order)
        self.on_answer(*in_words(outcome))
        # Also later, when the outcome has become unknown: the handle stays with the step.
        forgotten = isinstance(outcome, NotStarted) and self.step.handle
        if forgotten and self.step.is_process:
            raise Undecided(
                "outcome_unknown", "forgotten: the tool took this job and now knows nothing of it",
                says="not_started",
            )  # fmt: skip
        return outcome

    def _refused(self, error: InstrumentError) -> Undecided:
        """The tool said no in words. Known, unless a process may be under way all the same.

        A process that it refused outright is asked about: where the tool never started it, a
        person may have it started when the reason is gone.
        """
        clear = self.step.state == StepState.INTENT and not self.troubles
        why = "wrong_tool" if isinstance(error, WrongInstrument) else "refused"
        trouble = Undecided(why, error, is_known=clear or not self.step.is_process)
        if clear and self.step.is_process and why == "refused":
            trouble.says, trouble.message = ask(self.program, self.tool, self.step)
            self.on_answer(trouble.says, trouble.message)
            trouble.is_known = trouble.says in ("failed", "lost", "silent")
        return trouble

    def _unclear(self, error: InstrumentError) -> Undecided:
        silent = isinstance(error, NotConnected)
        untouched = self.step.state == StepState.INTENT and not self._commanded()
        return Undecided(
            "unreachable" if untouched or silent else "outcome_unknown",
            error,
            is_known=untouched,
            nothing_sent=untouched,
            says="silent",
        )

    def _commanded(self) -> bool:
        """True when a command (not only questions) left since this attempt began."""
        return any(
            one.number >= self.first and "*OPC?" in one.tx for one in self.tool.link.exchanges
        )


def in_words(outcome: Outcome) -> tuple[str, str]:
    """(what the tool says, its own text) of an answer to `reconcile`."""
    if isinstance(outcome, Progress):
        return "running", outcome.message
    if isinstance(outcome, Done):
        return "done", ""
    if isinstance(outcome, Failed):
        return "failed", f"{outcome.code}: {outcome.message}"
    return "not_started", ""


def ask(program: Program, tool: ScpiTool, step: Step) -> tuple[str, str]:
    """(says, message): the tool's word on the step, without changing anything."""
    try:
        return in_words(program.reconcile(tool, order_of(step)))
    except HistoryLost as error:
        return "lost", str(error)
    except Halted:
        raise
    except InstrumentError as error:
        return "silent", str(error)
