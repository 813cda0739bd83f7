"""What a booking rule is, what it looks at, and what it says when it is broken."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from django.utils.translation import get_language

from testbed.booking.intervals import Interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime

    from django_stubs_ext import StrOrPromise

    from testbed.booking.clean_path import Cleaning, Stop
    from testbed.booking.models import Holiday
    from testbed.booking.rules.book import RuleBook
    from testbed.people.models import Company, Group, User
    from testbed.process.models import Route
    from testbed.tools.models import Course, Supply, Tool


@dataclass(frozen=True)
class OwnClaim:
    """One tool's part of another live booking of the same company."""

    tool_id: int
    booking_id: int
    user_id: int
    span: Interval


@dataclass(frozen=True)
class FacilityClaim:
    """What the facility itself does on a tool; the reason is for everybody to read."""

    kind: str
    span: Interval
    reason_ko: str = ""
    reason_en: str = ""

    @property
    def reason(self) -> str:
        """In the reader's language; the other one when that is all there is."""
        korean, english = self.reason_ko, self.reason_en
        return (korean or english) if get_language() == "ko" else (english or korean)


@dataclass(frozen=True)
class Debt:
    """Minutes on some tools that still count as used, because a booking was given up too late."""

    user_id: int
    tool_ids: frozenset[int]
    at: datetime
    minutes: int


@dataclass(frozen=True)
class CourseAsked:
    """A course that some of the tools ask for; valid_until: None lasts for ever."""

    course: Course
    tool_ids: frozenset[int]
    is_passed: bool = False
    valid_until: date | None = None


@dataclass(frozen=True)
class Qualified:
    """That somebody may operate a tool alone: until which day, and when last shown."""

    valid_until: date | None
    last_used_at: datetime


@dataclass(frozen=True)
class Chain:
    """The steps before and after in a bundle, and how long wafers may wait, in minutes."""

    before: Interval | None = None
    within_minutes: int | None = None
    after: Interval | None = None
    next_within_minutes: int | None = None


@dataclass(frozen=True)
class BookingRequest:
    """Everything the rules look at, fetched beforehand, so that a check costs no query.

    busy: each tool's live claims around the wished time, sorted; others: those of them that
    are another company's bookings; open_holds: the company's running holds; own: its live
    claims of this week and later. This request's own are left out everywhere. holidays: those
    in the time looked at. With the answers to the form: wafer_count (the facility's included),
    lot_wafers (how many of the lot), the classes of the lot's wafers (one a wafer), use_mode,
    wished_document, the booker's qualifications by tool and courses, buddy (and the tools on
    which that person is qualified until the end), supplies (and which of them are in use), and
    the route (and its stops from the booked tools on, and cleanings); before them None or empty.
    facility: the claims among `busy` that are no bookings. outstanding_won: the company's live
    bookings that are not over. groups: the booker's and the company's, the one that counts
    least first; group_claims: by group, those of all its companies and people on these tools.
    debts: of the company's people, for bookings given up too late, one a penalty. gave_way,
    once checked: the broken rules that staff set aside.
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
    others: Mapping[int, Sequence[Interval]] = field(default_factory=dict)
    own: Sequence[OwnClaim] = ()
    holidays: Sequence[Holiday] = ()
    wafer_count: int | None = None
    use_mode: str | None = None
    lot_wafers: int = 0
    wafer_classes: Sequence[int] = ()
    qualifications: Mapping[int, Qualified] = field(default_factory=dict)
    facility: Mapping[int, Sequence[FacilityClaim]] = field(default_factory=dict)
    outstanding_won: int = 0
    groups: Sequence[Group] = ()
    group_claims: Mapping[int, Sequence[OwnClaim]] = field(default_factory=dict)
    debts: Sequence[Debt] = ()
    test_wafers: int = 0
    wished_document: str | None = None
    courses: Sequence[CourseAsked] = ()
    buddy: User | None = None
    buddy_qualified: frozenset[int] = frozenset()
    supplies: Sequence[Supply] = ()
    supplies_in_use: frozenset[int] = frozenset()
    supplies_loaded: frozenset[int] = frozenset()
    route: Route | None = None
    stops: Sequence[Stop] = ()
    cleanings: Sequence[Cleaning] = ()
    gave_way: Sequence[Broken] = ()
    chain: Chain | None = None

    @property
    def span(self) -> Interval:
        return Interval(self.starts_at, self.ends_at)


@dataclass(frozen=True)
class Broken:
    """A rule that says no (or, as a warning, be careful), with the figures of its sentence.

    is_firm: staff may set the rule aside elsewhere, but not for what broke it here.
    """

    rule: Rule
    values: Mapping[str, Any] = field(default_factory=dict)
    is_warning: bool = False
    is_firm: bool = False

    @property
    def yields(self) -> bool:
        """True when staff may set it aside."""
        return self.rule.staff_may_override and not self.is_firm and not self.is_warning

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
            "staff_may_override": self.yields,
        }


class Rule(ABC):
    """One booking rule.

    about: "who", "tool", "length" (none of these depends on when), "time", "answers" (what is
    to be done in the time), or "notice" (never broken, only told). on_by_default: in force
    without a setting. needs: what `gather` must fetch for it beyond the usual. field: the form
    field its sentence belongs to. status: of the refusal when it alone is broken. `sentence`
    and `next_step` are filled from parameters and values.
    """

    code: ClassVar[str]
    about: ClassVar[str]
    field: ClassVar[str]
    sentence: ClassVar[StrOrPromise]
    next_step: ClassVar[StrOrPromise]
    explanation: ClassVar[StrOrPromise]
    staff_may_override: ClassVar[bool] = False
    on_by_default: ClassVar[bool] = True
    needs: ClassVar[frozenset[str]] = frozenset()
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


class ClosedTimesRule(ToolRule):
    """A rule that closes stretches of a tool's time; the search for slots steps over them."""

    @abstractmethod
    def closed(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Iterable[Interval]:
        """Stretches in which no part of the booking may lie, in any order."""

    def check_tool(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Broken | None:
        span = request.span
        hit = any(part.overlaps(span) for part in self.closed(request, tool, parameters))
        return self.broken(tool, parameters) if hit else None
