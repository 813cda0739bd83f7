"""The tools that one claim drives, each with its session: told together, asked one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from instruments.driver import ScpiTool
from instruments.errors import Halted, InstrumentError
from instruments.jobs import Program
from instruments.link import Exchange
from testbed.runs import attempt, sessions, wire
from testbed.runs.attempt import Pause, Undecided
from testbed.runs.models import Run, Step
from testbed.runs.sessions import Session
from testbed.tools.models import Tool


@dataclass
class Driven:
    """One tool of the run, the open session to it and how it carries out its steps."""

    tool: Tool
    session: Session

    @property
    def driver(self) -> ScpiTool:
        return self.session.driver

    @property
    def program(self) -> Program:
        return sessions.program_of(self.tool)


class Crew:
    """Every tool of a run, by pk; the links are opened when they are first used."""

    def __init__(self, run: Run, tools: Sequence[Tool], may_write: Callable[[], None]) -> None:
        self.own_id = run.tool_id
        self.run_id = run.pk
        self.tools = [Driven(tool, sessions.session_of(tool, may_write)) for tool in tools]

    def of(self, step: Step | None) -> Driven:
        """The tool of the step; without a step the one that the run stands under."""
        tool_id = self.own_id if step is None else step.tool_id
        return next(one for one in self.tools if one.tool.pk == tool_id)

    def about(self, step: Step | None) -> None:
        """From here on the wires' logs say that this run, and this step, is what they serve."""
        seq = None if step is None else step.seq
        for one in self.tools:
            one.driver.link.about = wire.label(self.run_id, one.tool.code, seq)

    def exchanges(self) -> tuple[Exchange, ...]:
        """What was said on the wires, oldest first."""
        said = [one for driven in self.tools for one in driven.driver.link.exchanges]
        return tuple(sorted(said, key=lambda one: one.at))

    def tell_all(
        self, verb: Callable[[ScpiTool], object], *, pause: Pause
    ) -> list[tuple[Driven, Undecided | None]]:
        """`verb` on every tool, with what went wrong where it did.

        None is kept waiting by one that is silent: all are told once before any is told again.
        """
        left = list(self.tools)
        if len(left) > 1:
            left = [one for one in left if not _told(one, verb)]
        failed = {one.tool.pk: _insist(one, verb, pause) for one in left}
        return [(one, failed.get(one.tool.pk)) for one in self.tools]


def _told(driven: Driven, verb: Callable[[ScpiTool], object]) -> bool:
    try:
        verb(driven.driver)
    except Halted:
        raise
    except InstrumentError:
        return False
    return True


def _insist(driven: Driven, verb: Callable[[ScpiTool], object], pause: Pause) -> Undecided | None:
    try:
        attempt.patiently(lambda: verb(driven.driver), pause=pause)
    except Undecided as trouble:
        return trouble
    return None


def first_trouble(told: Sequence[tuple[Driven, Undecided | None]]) -> Undecided | None:
    return next((trouble for _one, trouble in told if trouble is not None), None)
