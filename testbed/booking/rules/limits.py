"""How much of a tool's time one person or one company takes.

Hours are counted on each tool by itself, so that a tool's own limit says exactly what it means.
"""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime, time, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

from django.utils.translation import gettext_lazy as _

from testbed.booking.hours import KST, SATURDAY
from testbed.booking.intervals import Interval
from testbed.booking.rules.base import Broken, ToolRule
from testbed.booking.rules.notices import QUOTA_DEBT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from testbed.booking.rules.base import BookingRequest, OwnClaim
    from testbed.tools.models import Tool

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
# A length that no tool allows is another rule's business; walking a century of days is not.
LONGEST = timedelta(days=400)


class HoursLimit(ToolRule):
    """At most so many hours in each of some windows, the wished time included.

    of_person: only the booker's own claims count, not the whole company's. has_debt: minutes
    that were given up too late count as used (see `QuotaDebt`).
    """

    about = "time"
    field = "starts_at"
    status = 409
    staff_may_override = True
    on_by_default = False
    needs = frozenset({"own"})
    of_person: ClassVar[bool] = False
    has_debt: ClassVar[bool] = False

    @abstractmethod
    def windows(self, request: BookingRequest, parameters: Mapping[str, Any]) -> Iterator[Interval]:
        """The windows that the wished time may touch, earliest first."""

    def check_tool(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Broken | None:
        claims = [one for one in request.own if self._counts(request, tool, one)]
        owed = self._owed(request, tool) if self.has_debt else timedelta(0)
        taken = self.too_much(request, parameters, claims, owed)
        return None if taken is None else self.broken(tool, parameters, taken=in_hours(taken))

    def too_much(
        self,
        request: BookingRequest,
        parameters: Mapping[str, Any],
        claims: Sequence[OwnClaim],
        owed: timedelta = timedelta(0),
    ) -> timedelta | None:
        """What is taken already in the first window that the wished time overfills, or None."""
        if not timedelta(0) < request.span.length <= LONGEST:
            return None
        most = parameters["hours"] * HOUR
        for window in self.windows(request, parameters):
            asked = overlap(request.span, window)
            taken = sum((overlap(one.span, window) for one in claims), owed)
            if asked and asked + taken > most:
                return taken
        return None

    def _owed(self, request: BookingRequest, tool: Tool) -> timedelta:
        """Minutes of the booker's or the company's penalties on the tool that still count."""
        parameters = request.rulebook.parameters(QUOTA_DEBT, tool)
        if parameters is None:
            return timedelta(0)
        since = request.now - timedelta(days=parameters["days"])
        minutes = (
            debt.minutes
            for debt in request.debts
            if debt.at > since
            and tool.pk in debt.tool_ids
            and (not self.of_person or debt.user_id == request.actor.pk)
        )
        return timedelta(minutes=sum(minutes))

    def _counts(self, request: BookingRequest, tool: Tool, claim: OwnClaim) -> bool:
        mine = not self.of_person or claim.user_id == request.actor.pk
        return mine and claim.tool_id == tool.pk


def overlap(first: Interval, second: Interval) -> timedelta:
    return max(timedelta(0), min(first.end, second.end) - max(first.start, second.start))


def in_hours(length: timedelta) -> str:
    """2 or 2.5, as people write hours."""
    return f"{length / HOUR:.1f}".removesuffix(".0")


def day_of(moment: datetime) -> datetime:
    """The midnight in Korea at or before `moment`."""
    return datetime.combine(moment.astimezone(KST).date(), time(0), KST)


def week_of(moment: datetime) -> datetime:
    """The Monday midnight in Korea at or before `moment`."""
    day = day_of(moment)
    return day - day.weekday() * DAY


def steps(start: datetime, end: datetime, step: timedelta) -> Iterator[Interval]:
    while start < end:
        yield Interval(start, start + step)
        start += step


class _Daily(HoursLimit):
    def windows(self, request: BookingRequest, parameters: Mapping[str, Any]) -> Iterator[Interval]:
        return steps(day_of(request.starts_at), request.ends_at, DAY)


class _Weekly(HoursLimit):
    has_debt = True

    def windows(self, request: BookingRequest, parameters: Mapping[str, Any]) -> Iterator[Interval]:
        return steps(week_of(request.starts_at), request.ends_at, WEEK)


class _Ahead(HoursLimit):
    """Outstanding: from now on, whenever that is."""

    about = "who"
    field = "actor"
    has_debt = True

    def windows(self, request: BookingRequest, parameters: Mapping[str, Any]) -> Iterator[Interval]:
        claims = [*request.own, *chain.from_iterable(request.group_claims.values())]
        ends = [request.ends_at, *(one.span.end for one in claims)]
        yield Interval(min(request.now, request.starts_at), max(ends))


class PrimeTime(HoursLimit):
    """Monday to Friday, between two full hours in Korea."""

    code = "prime_time"
    defaults = {"hours": 4, "from_hour": 9, "until_hour": 18}  # noqa: RUF012
    sentence = _(
        "Between %(from_hour)s:00 and %(until_hour)s:00 your company takes at most %(hours)s h "
        "of %(tool)s a day; it already has %(taken)s h."
    )
    next_step = _("Choose an evening, a weekend or another day.")
    explanation = _(
        "Monday to Friday between %(from_hour)s:00 and %(until_hour)s:00 a company takes at most "
        "%(hours)s h of a tool a day."
    )

    def windows(self, request: BookingRequest, parameters: Mapping[str, Any]) -> Iterator[Interval]:
        first, last = parameters["from_hour"] * HOUR, parameters["until_hour"] * HOUR
        for day in steps(day_of(request.starts_at), request.ends_at, DAY):
            if day.start.weekday() < SATURDAY:
                yield Interval(day.start + first, day.start + last)


class UserHoursDay(_Daily):
    code = "user_hours_day"
    of_person = True
    defaults = {"hours": 8}  # noqa: RUF012
    sentence = _("You take at most %(hours)s h of %(tool)s a day; you already have %(taken)s h.")
    next_step = _("Choose another day or a shorter time.")
    explanation = _("One person takes at most %(hours)s h of a tool a day.")


class CompanyHoursDay(_Daily):
    code = "company_hours_day"
    defaults = {"hours": 12}  # noqa: RUF012
    sentence = _(
        "Your company takes at most %(hours)s h of %(tool)s a day; it already has %(taken)s h."
    )
    next_step = _("Choose another day or a shorter time.")
    explanation = _("A company takes at most %(hours)s h of a tool a day.")


class UserHoursWeek(_Weekly):
    code = "user_hours_week"
    of_person = True
    defaults = {"hours": 24}  # noqa: RUF012
    sentence = _(
        "You take at most %(hours)s h of %(tool)s a week, from Monday; you already "
        "have %(taken)s h."
    )
    next_step = _("Choose another week or a shorter time.")
    explanation = _("One person takes at most %(hours)s h of a tool a week, from Monday.")


class CompanyHoursWeek(_Weekly):
    code = "company_hours_week"
    defaults = {"hours": 40}  # noqa: RUF012
    sentence = _(
        "Your company takes at most %(hours)s h of %(tool)s a week, from Monday; it already has "
        "%(taken)s h."
    )
    next_step = _("Choose another week or a shorter time.")
    explanation = _("A company takes at most %(hours)s h of a tool a week, from Monday.")


class UserHoursAhead(_Ahead):
    code = "user_hours_ahead"
    of_person = True
    defaults = {"hours": 40}  # noqa: RUF012
    sentence = _(
        "You hold at most %(hours)s h of %(tool)s ahead of you; you already have %(taken)s h."
    )
    next_step = _("Wait until a booking is over, or cancel one that you do not need.")
    explanation = _("One person has at most %(hours)s h of a tool booked ahead.")


class CompanyHoursAhead(_Ahead):
    code = "company_hours_ahead"
    defaults = {"hours": 80}  # noqa: RUF012
    sentence = _(
        "Your company holds at most %(hours)s h of %(tool)s ahead of it; it already has "
        "%(taken)s h."
    )
    next_step = _("Wait until a booking is over, or cancel one that you do not need.")
    explanation = _("A company has at most %(hours)s h of a tool booked ahead.")


class _OfGroup(HoursLimit):
    """All companies and people of a group together; each of the booker's groups is asked."""

    needs = frozenset({"group_claims"})

    def check_tool(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Broken | None:
        for group in request.groups:
            own = request.rulebook.of_groups([group.pk]).parameters(self, tool)
            claims = request.group_claims.get(group.pk, ())
            here = [one for one in claims if one.tool_id == tool.pk]
            taken = None if own is None else self.too_much(request, own, here)
            if own is not None and taken is not None:
                return self.broken(tool, own, taken=in_hours(taken), group=group)
        return None


class GroupHoursDay(_OfGroup, _Daily):
    code = "group_hours_day"
    defaults = {"hours": 16}  # noqa: RUF012
    sentence = _(
        "All of “%(group)s” together take at most %(hours)s h of %(tool)s a day; they already "
        "have %(taken)s h."
    )
    next_step = _("Choose another day or a shorter time.")
    explanation = _("A group takes at most %(hours)s h of a tool a day, all together.")


class GroupHoursWeek(_OfGroup, _Weekly):
    code = "group_hours_week"
    defaults = {"hours": 80}  # noqa: RUF012
    sentence = _(
        "All of “%(group)s” together take at most %(hours)s h of %(tool)s a week, from Monday; "
        "they already have %(taken)s h."
    )
    next_step = _("Choose another week or a shorter time.")
    explanation = _(
        "A group takes at most %(hours)s h of a tool a week, from Monday, all together."
    )


class GroupHoursAhead(_OfGroup, _Ahead):
    code = "group_hours_ahead"
    defaults = {"hours": 160}  # noqa: RUF012
    sentence = _(
        "All of “%(group)s” together hold at most %(hours)s h of %(tool)s ahead of them; they "
        "already have %(taken)s h."
    )
    next_step = _("Wait until a booking is over, or choose another tool.")
    explanation = _("A group has at most %(hours)s h of a tool booked ahead, all together.")
