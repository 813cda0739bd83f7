"""What a booking rule is, what it looks at, and what it says when it is broken."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from testbed.booking.intervals import Interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from django_stubs_ext import StrOrPromise

    from testbed.booking.rules.book import RuleBook
    from testbed.people.models import Company, User
    from testbed.tools.models import Tool


@dataclass(frozen=True)
class BookingRequest:
    """Everything the rules look at, fetched beforehand, so that a check costs no query.

    busy: each tool's live claims around the wished time, sorted; open_holds: the company's
    running holds, this request's own left out.
    """

    actor: User
    company: Company | None
    tools: Sequence[Tool]
    starts_at: datetime
    ends_at: datetime
    now: datetime
    rulebook: RuleBook
    busy: Mapping[int, Sequence[Interval]]
    open_holds: int = 0

    @property
    def span(self) -> Interval:
        return Interval(self.starts_at, self.ends_at)


@dataclass(frozen=True)
class Broken:
    """A rule that says no (or, as a warning, be careful), with the figures of its sentence."""

    rule: Rule
    values: Mapping[str, Any] = field(default_factory=dict)
    is_warning: bool = False

    @property
    def code(self) -> str:
        return self.rule.code

    @property
    def message(self) -> str:
        """The sentence in the reader's language."""
        return str(self.rule.sentence) % self.values

    @property
    def next_step(self) -> str:
        return str(self.rule.next_step) % self.values

    def as_json(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "message": self.message,
            "next_step": self.next_step,
            "is_warning": self.is_warning,
        }


class Rule(ABC):
    """One booking rule.

    about: "who", "tool", "length" (none of these depends on when), "time", or "notice" (never
    broken, only told). field: the form field its sentence belongs to. status: of the refusal
    when it alone is broken. `sentence` and `next_step` are filled from parameters and values.
    """

    code: ClassVar[str]
    about: ClassVar[str]
    field: ClassVar[str]
    sentence: ClassVar[StrOrPromise]
    next_step: ClassVar[StrOrPromise]
    explanation: ClassVar[StrOrPromise]
    staff_may_override: ClassVar[bool] = False
    status: ClassVar[int] = 422
    defaults: ClassVar[Mapping[str, Any]] = {}

    @abstractmethod
    def check(self, request: BookingRequest) -> Broken | None:
        """None when the request keeps the rule."""

    def explain(self, parameters: Mapping[str, Any]) -> str:
        """The rule in one sentence with its parameters, in the reader's language."""
        return str(self.explanation) % parameters


class ToolRule(Rule):
    """Its parameters may differ from tool to tool; the first tool that breaks it speaks."""

    def check(self, request: BookingRequest) -> Broken | None:
        for tool in request.tools:
            parameters = request.rulebook.parameters(self, tool)
            broken = None if parameters is None else self.check_tool(request, tool, parameters)
            if broken is not None:
                return broken
        return None

    @abstractmethod
    def check_tool(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Broken | None:
        """None when the request keeps the rule on this tool."""

    def broken(self, tool: Tool, parameters: Mapping[str, Any], **values: Any) -> Broken:
        return Broken(self, {**parameters, "tool": tool, **values})
