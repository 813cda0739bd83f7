"""Fetch what the rules look at; price what is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.booking import line
from testbed.booking.models import Booking
from testbed.booking.rules import BookingRequest, RuleBook
from testbed.prices.quote import Quote, Service, quote

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from testbed.people.models import Company, User
    from testbed.tools.models import Tool


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
) -> BookingRequest:
    """A request with everything its rules need (three queries, two when it is no hold).

    company: the actor's own unless given; without: a booking whose own claims and hold do not
    count, because the request is about it.
    """
    company = company or actor.company
    own = without.pk if without else None
    return BookingRequest(
        actor=actor,
        company=company,
        tools=tools,
        starts_at=starts_at,
        ends_at=ends_at,
        now=now,
        rulebook=RuleBook.load(),
        busy=line.busy([tool.pk for tool in tools], starts_at, ends_at, now=now, without=own),
        open_holds=_open_holds(company, now, own) if is_hold else 0,
    )


def _open_holds(company: Company | None, now: datetime, own: int | None) -> int:
    if company is None:
        return 0
    holds = Booking.objects.filter(company=company, state="held", hold_expires_at__gt=now)
    return holds.exclude(pk=own).count()


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
