"""Fetch what the rules look at; price what is asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import OuterRef, Subquery

from testbed.booking import line
from testbed.booking.hours import KST
from testbed.booking.intervals import Interval
from testbed.booking.models import Allocation, Booking, BookingState, Holiday, UseMode
from testbed.booking.rules import BookingRequest, RuleBook, needed
from testbed.booking.rules.base import OwnClaim, Qualified
from testbed.booking.rules.limits import week_of
from testbed.material.models import Wafer
from testbed.prices.quote import Quote, Service, quote
from testbed.tools.models import Qualification

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from testbed.booking.place import Answers
    from testbed.people.models import Company, User
    from testbed.tools.models import Tool

# How far beside the asked time a neighbour's booking can still matter.
NEIGHBOURHOOD = timedelta(days=1)


def gather(
    *,
    actor: User,
    tools: Sequence[Tool],
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
    company: Company | None = None,
    without: Booking | None = None,
    is_hold: bool = True,
    answers: Answers | None = None,
    claims: Sequence[line.Claim] | None = None,
) -> BookingRequest:
    """A request with everything its rules need, in a number of queries that no range changes.

    Two, and one each: for the company's holds when it is one, for holidays, own claims and
    qualifications where a rule in force asks for them, for the lot's wafers with `answers`.
    company: the actor's own unless given; without: a booking whose own claims and hold do not
    count, because the request is about it; claims: on the tools, when the caller has read them.
    """
    company = company or actor.company
    own = without.pk if without else None
    rulebook = RuleBook.load(now)
    wanted = needed(rulebook, tools)
    margin = NEIGHBOURHOOD if "neighbours" in wanted else timedelta(0)
    if claims is None:
        tool_ids = [tool.pk for tool in tools]
        claims = line.claims(tool_ids, starts_at - margin, ends_at + margin, now=now, without=own)
    request = BookingRequest(
        actor=actor,
        company=company,
        tools=tools,
        starts_at=starts_at,
        ends_at=ends_at,
        now=now,
        rulebook=rulebook,
        busy=_by_tool(claims),
        others=_by_tool(claim for claim in claims if _is_others(claim, company)),
        open_holds=_open_holds(company, now, own) if is_hold else 0,
        own=_own(company, now, starts_at, own) if "own" in wanted else (),
        holidays=_holidays(starts_at, ends_at) if "holidays" in wanted else (),
    )
    return with_answers(request, answers, wanted) if answers else request


def with_answers(
    request: BookingRequest, answers: Answers, wanted: frozenset[str]
) -> BookingRequest:
    """The request with what the form says (a query for a lot, one for qualifications)."""
    wafers = answers.lot.wafers.all() if answers.lot else Wafer.objects.none()
    asks = answers.use_mode == UseMode.SELF_OPERATED and "qualifications" in wanted
    return replace(
        request,
        wafer_count=answers.wafer_count + answers.test_wafers,
        lot_wafers=answers.wafer_count,
        wafer_classes=list(wafers.values_list("contamination_class", flat=True)),
        use_mode=answers.use_mode,
        qualifications=_qualifications(request) if asks else {},
    )


def _by_tool(claims: Iterable[line.Claim]) -> dict[int, list[Interval]]:
    lines: dict[int, list[Interval]] = {}
    for claim in claims:
        lines.setdefault(claim.tool_id, []).append(claim.span)
    return lines


def _is_others(claim: line.Claim, company: Company | None) -> bool:
    """Maintenance and closures are the facility's: no change of company lies beside them."""
    own = company.pk if company else None
    return claim.company_id is not None and claim.company_id != own


def _open_holds(company: Company | None, now: datetime, own: int | None) -> int:
    if company is None:
        return 0
    holds = Booking.objects.filter(company=company, state="held", hold_expires_at__gt=now)
    return holds.exclude(pk=own).count()


def _own(
    company: Company | None, now: datetime, starts_at: datetime, without: int | None
) -> list[OwnClaim]:
    """The company's live claims from the wished week (or now, if that is earlier) on."""
    if company is None:
        return []
    since = min(now, week_of(starts_at)) - NEIGHBOURHOOD
    found = Allocation.objects.claiming(now).filter(booking__company=company, ends_at__gt=since)
    rows = found.exclude(booking_id=without) if without else found
    values = rows.values_list(
        "tool_id", "booking_id", "booking__booked_by_id", "starts_at", "ends_at"
    )
    return [
        OwnClaim(tool, booking, user, Interval(start, end))
        for tool, booking, user, start, end in values
        if booking
    ]


def _holidays(starts_at: datetime, ends_at: datetime) -> list[Holiday]:
    first, last = starts_at.astimezone(KST).date(), ends_at.astimezone(KST).date()
    return list(Holiday.objects.filter(day__range=(first, last)))


def _qualifications(request: BookingRequest) -> dict[int, Qualified]:
    """The booker's, by tool. Last used: the end of the last self-operated booking, or granted."""
    operated = Allocation.objects.filter(
        tool=OuterRef("tool"),
        booking__booked_by=OuterRef("user"),
        booking__state=BookingState.CONFIRMED,
        booking__use_mode=UseMode.SELF_OPERATED,
        ends_at__lte=request.now,
    )
    last = Subquery(operated.order_by("-ends_at").values("ends_at")[:1])
    held = Qualification.objects.filter(user=request.actor, tool__in=request.tools)
    rows = held.annotate(last=last).values_list("tool_id", "valid_until", "granted_at", "last")
    return {
        tool: Qualified(until, max(granted, used or granted)) for tool, until, granted, used in rows
    }


def price(
    *,
    company: Company | None,
    tools: Sequence[Tool],
    starts_at: datetime,
    ends_at: datetime,
    test_wafers: int = 0,
) -> Quote:
    """What this company pays for the tools' time and for wafers the facility supplies."""
    seconds = max(0, int((ends_at - starts_at).total_seconds()))
    services = [
        Service(tool.code, tool.name_ko, tool.name_en, seconds, tool.rate_won_per_hour)
        for tool in sorted(tools, key=lambda tool: (tool.position, tool.code))
    ]
    return quote(
        size_class=company.size_class if company else "",
        services=services,
        test_wafers=test_wafers,
    )
