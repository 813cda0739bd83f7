"""Who pays what: the time of the tools, split by wafers, each with its own discount."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.booking.models import LIVE_STATES, Booking
from testbed.booking.pricing import price
from testbed.prices.quote import Quote, Share, shared_quote, split
from testbed.tools.models import Tool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from testbed.people.models import Company


def tools_of(host: Booking) -> list[Tool]:
    """The tools that the host booked, in their order on the floor."""
    return list(Tool.objects.filter(allocations__booking=host).distinct().order_by("position"))


def host_wafers(host: Booking) -> int:
    """How many wafers of its own the host brings, at least one."""
    return max(1, host.wafer_count or (host.lot.wafers.count() if host.lot else 0))


def guests_of(host: Booking) -> list[Booking]:
    """The live bookings with seats in it, first come first."""
    live = host.guests.filter(state__in=LIVE_STATES)
    return list(live.select_related("company").order_by("pk"))


def quotes(host: Booking, guests: Sequence[Booking]) -> list[Quote]:
    """The price of host and guests, in this order; alone, the host pays its whole quote.

    The undiscounted tool time of all of them together is that of the host's booking, to the won.
    """
    wafers = [host_wafers(host), *(guest.wafer_count for guest in guests)]
    payers = [host, *guests]
    return [
        _quote(host, wafers, place, payer.company, payer.test_wafers)
        for place, payer in enumerate(payers)
    ]


def quote_for(host: Booking, guests: Sequence[Booking], company: Company, wafers: int) -> Quote:
    """What one more guest with so many wafers would pay now; less as soon as others join."""
    counts = [host_wafers(host), *(guest.wafer_count for guest in guests), wafers]
    return _quote(host, counts, len(counts) - 1, company, 0)


def _quote(
    host: Booking, wafers: Sequence[int], place: int, company: Company, test_wafers: int
) -> Quote:
    tools = tools_of(host)
    whole = price(
        company=company,
        tools=tools,
        starts_at=host.starts_at,
        ends_at=host.ends_at,
        test_wafers=test_wafers,
    )
    if len(wafers) == 1:
        return whole
    shares = [
        Share(
            line.tool,
            line.name_ko,
            line.name_en,
            wafers[place],
            split(line.amount_won, wafers)[place],
        )
        for line in whole.lines
        if line.code == "service"
    ]
    return shared_quote(size_class=company.size_class, shares=shares, test_wafers=test_wafers)


def write_quotes(host: Booking, *, without: Booking | None = None) -> None:
    """Price host and guests (but for one who leaves) anew; the caller holds the host's row."""
    guests = [guest for guest in guests_of(host) if guest != without]
    for booking, priced in zip([host, *guests], quotes(host, guests), strict=True):
        booking.quote = priced.as_json()
        booking.save(update_fields=["quote"])
