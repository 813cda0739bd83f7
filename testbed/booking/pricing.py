"""What a time on some tools costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.prices.quote import Quote, Service, quote

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from testbed.people.models import Company
    from testbed.tools.models import Tool


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
