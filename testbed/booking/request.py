"""Fetch what the rules look at; price what is asked for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib.postgres.aggregates import ArrayAgg
from django.db import connection
from django.db.models import BigIntegerField, Q, Sum
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from testbed.booking import line
from testbed.booking.gather_answers import with_answers
from testbed.booking.hours import KST
from testbed.booking.intervals import Interval
from testbed.booking.models import (
    Allocation,
    AllocationKind,
    Booking,
    BookingState,
    Holiday,
    Penalty,
)
from testbed.booking.pricing import price as price
from testbed.booking.rules import BookingRequest, RuleBook, needed
from testbed.booking.rules.base import Debt, FacilityClaim, OwnClaim
from testbed.booking.rules.limits import week_of
from testbed.people.models import Group

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from testbed.booking.place import Answers
    from testbed.people.models import Company, User
    from testbed.tools.models import Tool

# How far beside the asked time a neighbour's booking can still matter.
NEIGHBOURHOOD = timedelta(days=1)
# No rule looks further back at what was given up too late.
DEBTS_WITHIN = timedelta(days=366)
# Two bookings of one company that has a limit are counted one after the other.
CREDIT_LOCK = 7_305


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
    rulebook: RuleBook | None = None,
) -> BookingRequest:
    """A request with everything its rules need, in a number of queries that no range changes.

    Two, and one each: for the company's holds when it is one; for holidays, own claims and debts
    where a rule in force asks for them; for the outstanding sum where the company has a limit;
    for the booker's groups where a setting is for some, and three for their hours; and what
    `with_answers` says. company: the actor's own unless given; without: a booking whose own
    claims and hold do not count, because the request is about it; claims: on the tools, when the
    caller has read them; rulebook: everybody's, likewise.
    """
    company = company or actor.company
    own = without.pk if without else None
    rulebook = rulebook or RuleBook.load(now)
    groups = _groups(rulebook, tools, actor, company)
    rulebook = rulebook.of_groups(group.pk for group in groups)
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
        facility=_facility(claims),
        outstanding_won=_outstanding(company, now, own) if "credit" in wanted else 0,
        groups=groups,
        group_claims=_group_claims(rulebook, groups, tools, now, starts_at, own),
        debts=_debts(company, now) if "debts" in wanted else (),
    )
    return with_answers(request, answers, wanted, without) if answers else request


def _by_tool(claims: Iterable[line.Claim]) -> dict[int, list[Interval]]:
    lines: dict[int, list[Interval]] = {}
    for claim in claims:
        lines.setdefault(claim.tool_id, []).append(claim.span)
    return lines


def _facility(claims: Iterable[line.Claim]) -> dict[int, list[FacilityClaim]]:
    """Those that are no bookings, by tool."""
    own: dict[int, list[FacilityClaim]] = {}
    for claim in claims:
        if claim.kind != AllocationKind.BOOKING:
            known = FacilityClaim(claim.kind, claim.span, claim.reason_ko, claim.reason_en)
            own.setdefault(claim.tool_id, []).append(known)
    return own


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


def _outstanding(company: Company | None, now: datetime, without: int | None) -> int:
    """Totals with VAT of the company's pending and confirmed bookings that are not over."""
    if company is None or company.credit_limit_won is None:
        return 0
    if connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [CREDIT_LOCK, company.pk])
    live = Booking.objects.filter(
        company=company, state__in=(BookingState.PENDING, BookingState.CONFIRMED), ends_at__gt=now
    ).exclude(pk=without)
    total = Sum(Cast(KT("quote__total_won"), BigIntegerField()))
    return live.aggregate(total=total)["total"] or 0


def _groups(
    rulebook: RuleBook, tools: Sequence[Tool], actor: User, company: Company | None
) -> list[Group]:
    """The booker's and the company's, the one that counts most last; none when nobody asks."""
    if not (rulebook.has_groups or "group_claims" in needed(rulebook, tools)):
        return []
    return groups_of(actor, company)


def groups_of(person: User, company: Company | None) -> list[Group]:
    """The person's and the company's groups, the one that counts most last."""
    members = Q(users=person) | (Q(companies=company) if company else Q(pk=None))
    return list(Group.objects.filter(members).distinct().order_by("-rank", "-code"))


def _group_claims(
    rulebook: RuleBook,
    groups: Sequence[Group],
    tools: Sequence[Tool],
    now: datetime,
    starts_at: datetime,
    without: int | None,
) -> dict[int, list[OwnClaim]]:
    """Live claims on the tools of all who are in each group, from the wished week (or now) on."""
    asked = [one for one in groups if "group_claims" in needed(rulebook.of_groups([one.pk]), tools)]
    if not asked:
        return {}
    companies = set(
        Group.companies.through.objects.filter(group__in=asked).values_list(
            "group_id", "company_id"
        )
    )
    users = set(
        Group.users.through.objects.filter(group__in=asked).values_list("group_id", "user_id")
    )
    since = min(now, week_of(starts_at)) - NEIGHBOURHOOD
    found = Allocation.objects.claiming(now).filter(tool__in=tools, ends_at__gt=since)
    rows = found.filter(
        Q(booking__company__in={company for _group, company in companies})
        | Q(booking__booked_by__in={user for _group, user in users})
    ).exclude(booking_id=without or 0)
    claims: dict[int, list[OwnClaim]] = {group.pk: [] for group in asked}
    for company, tool, booking, user, start, end in rows.values_list(
        "booking__company_id", "tool_id", "booking_id", "booking__booked_by_id", "starts_at",
        "ends_at",
    ):  # fmt: skip
        claim = OwnClaim(tool, booking or 0, user, Interval(start, end))
        for group, known in claims.items():
            if (group, company) in companies or (group, user) in users:
                known.append(claim)
    return claims


def _debts(company: Company | None, now: datetime) -> list[Debt]:
    """The penalties of the company's people that nobody has taken back."""
    if company is None:
        return []
    standing = Penalty.objects.filter(
        company=company, reverses=None, waiver=None, created_at__gt=now - DEBTS_WITHIN
    )
    rows = standing.annotate(tool_ids=ArrayAgg("booking__allocations__tool_id", distinct=True))
    return [
        Debt(user, frozenset(tools or ()), at, minutes)
        for user, tools, at, minutes in rows.values_list(
            "user_id", "tool_ids", "created_at", "debt_minutes"
        )
    ]
