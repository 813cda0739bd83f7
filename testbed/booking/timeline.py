"""Every tool's claims over some days, as one person may see them: others are only "busy"."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Self, cast

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, Field, Func, OuterRef, Q
from django.db.models.functions import JSONObject
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from testbed.booking.hours import KST
from testbed.booking.models import (
    Allocation,
    AllocationKind,
    BookingState,
    Holiday,
    RuleSetting,
    number_of,
)
from testbed.booking.rules import RuleBook, by_code
from testbed.booking.rules.limits import PrimeTime
from testbed.compiled import Among, Statement, day, moment
from testbed.tools.models import Loading, SupplyKind, Tool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.db.models import QuerySet
    from django_stubs_ext import StrOrPromise

    from testbed.people.models import User

KINDS: dict[str, StrOrPromise] = {
    "own": _("Ours"),
    "pending": _("Waiting for approval"),
    "held": _("Held"),
    "busy": _("Busy"),
    "maintenance": _("Maintenance"),
    "closure": _("Closed"),
    "outage": _("Outage"),
}
ANOTHERS = _("%(kind)s of another company")
OF_STATE: dict[str, str] = {BookingState.PENDING: "pending", BookingState.HELD: "held"}
OF_KIND: dict[str, str] = {AllocationKind.CLOSURE: "closure", AllocationKind.OUTAGE: "outage"}


class Claim(NamedTuple):
    """An allocation's row with what a label needs; a week has hundreds, so no model objects."""

    tool: int
    starts_at: datetime
    ends_at: datetime
    kind: str
    note: str
    booking: int | None
    state: str | None
    company: int | None
    company_ko: str | None
    company_en: str | None
    lot: str | None
    reason_ko: str
    reason_en: str
    cell: str | None


COLUMNS = (
    "tool_id", "starts_at", "ends_at", "kind", "note", "booking_id", "booking__state",
    "booking__company_id", "booking__company__name_ko", "booking__company__name_en",
    "booking__lot__code", "reason_ko", "reason_en", "booking__cell__code",
)  # fmt: skip


# The driver reads a number ten times faster than a written time; a week has thousands of them.
AS_NUMBERS = ("tool_id", "begin", "end", *COLUMNS[3:])


def _microseconds(name: str) -> Func:
    # A double holds every microsecond until 2255; EXTRACT would count in decimals, far slower.
    sql = "(DATE_PART('epoch', %(expressions)s) * 1000000)::bigint"
    # The driver gives a whole number already; a field for such would convert each once more.
    return Func(F(name), template=sql, output_field=Field())


class _Moments(dict[int, datetime]):
    """Moments by their microseconds since 1970; of a week's many, most begin and end together."""

    def __missing__(self, microseconds: int) -> datetime:
        found = self[microseconds] = datetime.fromtimestamp(microseconds / 1_000_000, UTC)
        return found


class Block(NamedTuple):
    """A claim as its viewer may know it.

    kind: own (confirmed), pending, held, busy, maintenance, closure or outage. `booking` (its
    id) is None, and `cell` (the code, of a cell's booking) empty, for another company's; its
    `note` is empty, and the facility's own claims tell companies their public reason alone.
    """

    kind: str
    starts_at: datetime
    ends_at: datetime
    booking: int | None = None
    note: str = ""
    cell: str = ""


class Loaded(NamedTuple):
    """A reticle, resist, gas or consumable on a tool; `name` empty when it is another company's."""

    kind: str
    name: str

    @property
    def words(self) -> str:
        """Its name; of another company's only what kind of thing it is."""
        return self.name or str(ANOTHERS) % {"kind": SupplyKind(self.kind).label}


class Prime(NamedTuple):
    """Full hours in Korea, Monday to Friday, in which a company may take only so much."""

    from_hour: int
    until_hour: int


@dataclass(frozen=True)
class Row:
    """One tool's line, its blocks sorted and not overlapping; `loaded`: what is on it now."""

    tool: Tool
    blocks: Sequence[Block]
    loaded: Sequence[Loaded] = ()
    prime: Prime | None = None


def midnight(day: date) -> datetime:
    """The beginning of `day` in Korea."""
    return datetime.combine(day, datetime.min.time(), KST)


def timeline(
    *, viewer: User, start: datetime, days: int, now: datetime, codes: Sequence[str] = ()
) -> list[Row]:
    """All tools, or those of `codes`, with their claims that touch [start, start + days).

    Two queries.
    """
    is_some, end = bool(codes), start + timedelta(days=days)
    first = start.astimezone(KST).date()
    tools = _TOOLS[is_some](
        now=now, first=first, last=first + timedelta(days=days), codes=list(codes)
    )
    blocks: dict[int, list[Block]] = {tool.pk: [] for tool in tools}
    eyes, moments = Eyes.of(viewer), _Moments()
    for row in _CLAIMS[is_some](now=now, start=start, end=end, tools=list(blocks)):
        line = blocks.get(row[0])
        if line is not None:
            line.append(_seen(eyes, moments[row[1]], moments[row[2]], row[3:]))
    prime = _prime(tools)
    return [Row(tool, blocks[tool.pk], loaded(tool, viewer), prime(tool)) for tool in tools]


class _Anybody:
    """Somebody signed in: every tool is on everybody's timetable."""

    is_authenticated = True


def _known_tools(is_some: bool) -> QuerySet[Any]:
    """The tools, each with what is loaded, the days' holidays and the prime-time settings.

    In one query: the last two are the same for every row, and PostgreSQL reads them once. Slots:
    now, first and last (days), codes (with `is_some`).
    """
    wanted = Tool.objects.visible_to(cast("User", _Anybody())).select_related("cell")
    if is_some:
        wanted = wanted.filter(Among("code", "codes", "text[]"))
    open_loadings = Loading.objects.filter(tool=OuterRef("pk"), unloaded_at=None)
    holidays = Holiday.objects.filter(day__range=(day("first"), day("last")))
    settings = RuleSetting.objects.filter(
        Q(effective_from=None) | Q(effective_from__lte=moment("now")),
        Q(effective_until=None) | Q(effective_until__gt=moment("now")),
        code=PrimeTime.code,
        group=None,
    )
    return wanted.annotate(
        loadings_now=ArraySubquery(
            open_loadings.order_by("supply__kind", "supply__code").values(
                json=JSONObject(
                    kind="supply__kind", ko="supply__name_ko", en="supply__name_en",
                    owner="supply__company_id",
                )
            )
        ),
        holidays_near=ArraySubquery(
            holidays.values(json=JSONObject(day="day", ko="name_ko", en="name_en"))
        ),
        prime_settings=ArraySubquery(
            settings.order_by(F("effective_from").asc(nulls_first=True), "pk").values(
                json=JSONObject(
                    tool="tool_id", cell="cell_id", area="area", is_active="is_active",
                    parameters="parameters",
                )
            )
        ),
    )  # fmt: skip


def _claims(is_some: bool) -> QuerySet[Any, Any]:
    """`AS_NUMBERS` of claims; slots: now, start, end, tools (with `is_some`)."""
    found = Allocation.objects.claiming(moment("now")).between(moment("start"), moment("end"))
    if is_some:
        found = found.filter(Among("tool_id", "tools"))
    read = found.annotate(begin=_microseconds("starts_at"), end=_microseconds("ends_at"))
    return read.order_by("starts_at").values_list(*AS_NUMBERS)


# By whether some tools are chosen. How many claims there are hangs on the days that are asked for.
_TOOLS: tuple[Statement[Any], ...] = tuple(
    Statement(partial(_known_tools, is_some)) for is_some in (False, True)
)
_CLAIMS: tuple[Statement[Any], ...] = tuple(
    Statement(partial(_claims, is_some), is_planned_anew=True) for is_some in (False, True)
)


def loaded(tool: Any, viewer: User) -> list[Loaded]:
    """What is on a tool of `_known_tools`; another company's things have no name."""
    name = "ko" if get_language() == "ko" else "en"
    may_know = {None, viewer.company_id}
    return [
        Loaded(one["kind"], one[name] if viewer.is_staff_member or one["owner"] in may_know else "")
        for one in tool.loadings_now
    ]


def holidays(rows: Sequence[Row]) -> dict[date, str]:
    """The holidays of the shown days by day, named in the reader's language."""
    known: Any = rows[0].tool if rows else None
    name = "ko" if get_language() == "ko" else "en"
    return {
        date.fromisoformat(one["day"]): one[name] for one in getattr(known, "holidays_near", ())
    }


def _prime(tools: Sequence[Any]) -> Callable[[Tool], Prime | None]:
    """Tells each tool's prime hours by the rule's settings."""
    settings = [
        RuleSetting(
            code=PrimeTime.code, tool_id=one["tool"], cell_id=one["cell"], area=one["area"],
            is_active=one["is_active"], parameters=one["parameters"],
        )
        for one in (tools[0].prime_settings if tools else ())
    ]  # fmt: skip
    # The query has left out what is not in force; of two for one scope it has the later last.
    rulebook = RuleBook({(one.code, one.scope): one for one in settings})
    rule = by_code(PrimeTime.code)

    def of(tool: Tool) -> Prime | None:
        found = rulebook.parameters(rule, tool)
        return Prime(found["from_hour"], found["until_hour"]) if found else None

    return of


class Eyes(NamedTuple):
    """Who looks, as plain values: asking a request's user a thousand times costs more than SQL."""

    is_staff: bool
    company: int | None
    is_korean: bool

    @classmethod
    def of(cls, viewer: User) -> Self:
        return cls(viewer.is_staff_member, viewer.company_id, get_language() == "ko")


def block(claim: Claim, viewer: User) -> Block:
    """What `viewer` may know of a claim."""
    return _seen(Eyes.of(viewer), claim.starts_at, claim.ends_at, claim[3:])


def _seen(eyes: Eyes, starts_at: datetime, ends_at: datetime, rest: Sequence[Any]) -> Block:
    """What these eyes may see of a claim; rest: its columns from `kind` on."""
    kind, note, booking, state, company, ko, en, lot, reason_ko, reason_en, cell = rest
    if booking is None:
        # The public reason; a note is the staff's own.
        said = (reason_ko if eyes.is_korean else reason_en, note if eyes.is_staff else "")
        why = " · ".join(filter(None, said))
        return Block(OF_KIND.get(kind, "maintenance"), starts_at, ends_at, None, why)
    if not eyes.is_staff and company != eyes.company:
        return Block("busy", starts_at, ends_at)
    name = lot or number_of(booking)
    if eyes.is_staff:
        name = f"{ko if eyes.is_korean else en} · {name}"
    return Block(OF_STATE.get(state, "own"), starts_at, ends_at, booking, name, cell or "")
