"""Taking a closure back, or ending it before its time: what it held is free again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.booking import line
from testbed.outages import claims, news
from testbed.outages.announce import lock_ahead
from testbed.outages.terms import demand_may_close
from testbed.people import journal
from testbed.refusals import Refusal
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from testbed.outages.models import Outage
    from testbed.people.models import User


def withdraw(*, actor: User, outage: Outage) -> Outage:
    """Free everything that lies ahead, every repetition included; what has passed stays.

    Bookings that were moved stay where they are; those that have not answered are told. Refusal
    "outage_over" (409) when nothing lies ahead.
    """
    demand_may_close(actor, outage.kind)
    return in_transaction(lambda: _withdraw(actor, outage))


def _withdraw(actor: User, outage: Outage) -> Outage:
    found = lock_ahead(outage)
    tools = line.lock(found.tools.values_list("pk", flat=True))
    now = timezone.now()
    claims.let_go(list(found.occurrences.live().filter(ends_at__gt=now)), now)
    found.withdrawn_at, found.withdrawn_by = now, actor
    found.save(update_fields=["withdrawn_at", "withdrawn_by"])
    claims.cover(tools, now)
    journal.record(actor=actor, action="outage.withdrawn", subject=found)
    news.withdrawn(found)
    return found


def end_early(*, actor: User, outage: Outage) -> Outage:
    """The tools are back: end the time that runs now; later repetitions stay.

    Refusals (409): "outage_over", and "not_running" when none of its times runs now.
    """
    demand_may_close(actor, outage.kind)
    return in_transaction(lambda: _end_early(actor, outage))


def _end_early(actor: User, outage: Outage) -> Outage:
    found = lock_ahead(outage)
    tools = line.lock(found.tools.values_list("pk", flat=True))
    now = timezone.now()
    running = list(found.occurrences.live().filter(starts_at__lt=now, ends_at__gt=now))
    if not running:
        raise Refusal(
            "not_running",
            _("This closure does not run now, so it cannot be ended early."),
            next_step=_("Withdraw it if it is not needed."),
        )
    claims.let_go(running, now)
    claims.cover(tools, now)
    journal.record(actor=actor, action="outage.ended", subject=found)
    news.withdrawn(found)
    return found
