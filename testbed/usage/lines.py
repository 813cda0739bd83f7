"""A usage line for each ended run: what it took and what it costs, written once."""

from __future__ import annotations

import logging

from django.db import transaction

from testbed.material.models import SubstrateState
from testbed.prices import fees
from testbed.runs.models import Run
from testbed.runs.states import ENDED
from testbed.usage.models import UsageLine
from testbed.usage.run_time import ALLOWED_GAP_S, disagree, tool_seconds, wall_seconds

log = logging.getLogger(__name__)
AT_ONCE = 500


@transaction.atomic
def settle(*, run: Run) -> UsageLine | None:
    """The run's usage line, written now if there is none yet; asking again changes nothing.

    None for a run that has not ended, or that ended before it took the tool. The price is a
    snapshot of today's rate and discount; it is never computed again.
    """
    if run.state not in ENDED or run.started_at is None or run.ended_at is None:
        return None
    existing: UsageLine | None = UsageLine.objects.filter(run=run).first()
    if existing is not None:
        return existing
    if disagree(run) > ALLOWED_GAP_S:
        log.warning("usage of %s: tool states and run log differ by %.1f s", run, disagree(run))
    line: UsageLine = UsageLine.objects.get_or_create(run=run, defaults=_facts(run))[0]
    return line


def _facts(run: Run) -> dict[str, object]:
    """Everything of the line; sums as the quote does them, fractions of a won dropped."""
    seconds = tool_seconds(run, wall_seconds(run))
    # A run on several tools has all of them from its first step to its last.
    rate = sum(tool.rate_won_per_hour for tool in run.tools())
    service = fees.service_won(rate_won_per_hour=rate, seconds=round(seconds))
    discount = fees.discount_won(service=service, size_class=run.company.size_class)
    supply = service - discount
    vat = fees.vat_won(supply)
    return {
        "tool": run.tool,
        "company": run.company,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "tool_seconds": seconds,
        "wafers": run.run_wafers.filter(state=SubstrateState.PROCESSED).count(),
        "rate_won_per_hour": rate,
        "discount_percent": fees.discount_percent(run.company.size_class),
        "service_won": service,
        "discount_won": discount,
        "supply_won": supply,
        "vat_won": vat,
        "total_won": supply + vat,
    }


def settle_missed() -> int:
    """Write the lines of ended runs that have none (a signal that was lost); how many."""
    missed = Run.objects.filter(
        state__in=ENDED, usage_line=None, started_at__isnull=False
    ).select_related("tool", "company")
    return sum(settle(run=run) is not None for run in missed.order_by("pk")[:AT_ONCE])
