"""Whether the building gives a tool what it needs right now.

A supply is down while somebody has reported it so, or while a closure of that supply runs. When
it is back it needs its settling time (`Utility.settle_s`) before tools may rely on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.outages.models import OutageOccurrence, SupplyFailure, Utility
from testbed.people import journal
from testbed.people.permissions import demand
from testbed.refusals import Refusal
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from testbed.people.models import User
    from testbed.tools.models import Tool

LONGEST_REASON = 120
LONGEST_SETTLING = timedelta(days=1)


@dataclass(frozen=True)
class Trouble:
    """A supply that cannot be relied on: `ready_at` is None while it is down, else when it will
    have settled."""

    utility: Utility
    ready_at: datetime | None


def report(*, actor: User, utility: Utility, reason: str = "") -> SupplyFailure:
    """The supply is down from now on. Refusals: "already_down" (409), "reason_too_long" (400)."""
    demand(actor, "maintain_tools")
    if len(reason.strip()) > LONGEST_REASON:
        said = _("A reason has 120 characters at most.")
        raise Refusal("reason_too_long", said, status=400, fields={"reason": [said]})

    def work() -> SupplyFailure:
        failure = SupplyFailure.objects.create(
            utility=utility, reason=reason.strip(), began_at=timezone.now(), reported_by=actor
        )
        journal.record(actor=actor, action="utility.down", subject=utility, reason=failure.reason)
        return failure

    try:
        return in_transaction(work)
    except IntegrityError:
        raise Refusal(
            "already_down",
            _("This supply is reported down already."),
            next_step=_("Report its return when it is back."),
        ) from None


def end(*, actor: User, utility: Utility) -> SupplyFailure:
    """The supply is back; what waits for it goes on after its settling time.

    Refusal "not_down" (409).
    """
    demand(actor, "maintain_tools")

    def work() -> SupplyFailure:
        failure = SupplyFailure.objects.select_for_update().filter(utility=utility).open().first()
        if failure is None:
            raise Refusal("not_down", _("This supply is not reported down."))
        failure.ended_at, failure.ended_by = max(timezone.now(), failure.began_at), actor
        failure.save(update_fields=["ended_at", "ended_by"])
        journal.record(actor=actor, action="utility.back", subject=utility)
        return failure

    return in_transaction(work)


def is_down(utility: Utility) -> bool:
    """Reported down, or closed, right now."""
    now = timezone.now()
    running = OutageOccurrence.objects.live().filter(
        outage__utility=utility, starts_at__lte=now, ends_at__gt=now
    )
    return utility.failures.filter(ended_at=None).exists() or running.exists()


def troubles(tools: Sequence[Tool], now: datetime) -> list[Trouble]:
    """What these tools need and cannot rely on now, by code of the supply; two queries."""
    ends: dict[int, list[datetime | None]] = {}
    known: dict[int, Utility] = {}
    for utility, ended_at in [*_failures(tools, now), *_closures(tools, now)]:
        known[utility.pk] = utility
        ends.setdefault(utility.pk, []).append(ended_at)
    found = [_trouble(known[pk], times) for pk, times in ends.items()]
    return sorted(
        (one for one in found if one.ready_at is None or one.ready_at > now),
        key=lambda one: one.utility.code,
    )


def _trouble(utility: Utility, ends: Sequence[datetime | None]) -> Trouble:
    over = [end for end in ends if end is not None]
    if len(over) < len(ends):
        return Trouble(utility, None)
    return Trouble(utility, max(over) + timedelta(seconds=utility.settle_s))


def _failures(tools: Sequence[Tool], now: datetime) -> list[tuple[Utility, datetime | None]]:
    """(supply, when it came back or None) of reports that may still matter."""
    rows = SupplyFailure.objects.filter(utility__tools__in=tools, began_at__lte=now)
    recent = rows.exclude(ended_at__lt=now - LONGEST_SETTLING).select_related("utility").distinct()
    return [(row.utility, row.ended_at) for row in recent]


def _closures(tools: Sequence[Tool], now: datetime) -> list[tuple[Utility, datetime | None]]:
    """The same of closures of a supply; one that still runs has no end yet."""
    rows = OutageOccurrence.objects.live().filter(
        outage__utility__isnull=False, outage__tools__in=tools,
        starts_at__lte=now, ends_at__gt=now - LONGEST_SETTLING,
    )  # fmt: skip
    found = []
    for row in rows.select_related("outage__utility").distinct():
        utility = row.outage.utility
        if utility is not None:
            found.append((utility, None if row.ends_at > now else row.ends_at))
    return found
