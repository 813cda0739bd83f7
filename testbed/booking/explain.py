"""Saying no: every broken rule with its sentence and next step, beside the nearest free slots.

Only rules and free times are told. A database error's own text names other companies' times
and never comes this way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from testbed.booking import line
from testbed.booking.hours import KST
from testbed.booking.rules import FREE, RETICLE_TAKEN, BookingRequest, Broken, check_all, refusing
from testbed.booking.slots import Slot, nearest
from testbed.refusals import Refusal
from testbed.transactions import Undone, broken_constraint, in_transaction, is_part

if TYPE_CHECKING:
    from testbed.booking.intervals import Interval
    from testbed.booking.models import Booking
    from testbed.booking.target import Target
    from testbed.people.models import User

Result = TypeVar("Result")


class RulesBroken(Exception):
    """Raised under the lock; put into words only after the lock is gone."""

    def __init__(self, broken: list[Broken]) -> None:
        super().__init__(", ".join(one.code for one in broken))
        self.broken = broken


def demand_rules(request: BookingRequest, aside: frozenset[str] = frozenset()) -> BookingRequest:
    """The request, with the broken rules that gave way; raise RulesBroken for the others.

    Warnings pass. aside: codes of rules that staff set aside; only those yield that may.
    """
    broken = refusing(check_all(request))
    gave_way = [one for one in broken if one.code in aside and one.yields]
    if len(gave_way) < len(broken):
        raise RulesBroken([one for one in broken if one not in gave_way])
    return replace(request, gave_way=gave_way)


def claiming(
    work: Callable[[], Result],
    *,
    actor: User,
    target: Target,
    span: Interval,
    without: Booking | None = None,
) -> Result:
    """Run `work` in a transaction; broken rules and lost races become one helpful Refusal."""
    try:
        return in_transaction(work)
    except RulesBroken as stopped:
        broken = stopped.broken
    except IntegrityError as error:
        if not line.is_overlap(error):
            raise
        broken = [caught_by_the_net(target, error)]

    def said() -> Refusal:
        return refusal(broken, nearest(actor=actor, target=target, span=span, without=without))

    raise Undone(said) if is_part() else said()


def caught_by_the_net(target: Target, error: IntegrityError) -> Broken:
    """What is told when an exclusion constraint, not the check, found the overlap."""
    if broken_constraint(error)[1] == "supply_claim_no_overlap":
        return Broken(RETICLE_TAKEN, {"supply": _("The reticle")})
    return Broken(FREE, {"tool": target})


def refusal(broken: list[Broken], slots: list[Slot]) -> Refusal:
    """One broken rule keeps its own code and status; several together are `rules_broken`."""
    fields: dict[str, list[str]] = {}
    for one in broken:
        fields.setdefault(one.rule.field, []).append(one.message)
    alone = broken[0] if len(broken) == 1 else None
    return Refusal(
        alone.code if alone else "rules_broken",
        alone.message if alone else _("This booking breaks several rules."),
        status=alone.rule.status if alone else 422,
        fields=fields,
        next_step=alone.next_step if alone else _("See what each rule says."),
        extra={
            "broken_rules": [one.as_json() for one in broken],
            "nearest_slots": [slot_json(slot) for slot in slots],
        },
    )


def slot_json(slot: Slot) -> dict[str, Any]:
    """A slot as the API and the pages show it."""
    return {
        "starts_at": slot.starts_at.astimezone(KST).isoformat(),
        "ends_at": slot.ends_at.astimezone(KST).isoformat(),
        "tools": [tool.code for tool in slot.tools],
        "quote": slot.quote,
        "warnings": [warning.as_json() for warning in slot.warnings],
    }
