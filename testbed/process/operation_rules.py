"""What a process engineer sets for an operation of a route: sampling, rework, queue time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from testbed.people import journal
from testbed.people.models import User
from testbed.people.permissions import demand
from testbed.process.models import MOST_WAFERS, Operation, Sampling
from testbed.refusals import Refusal

MOST_REWORK = 20
LONGEST_QUEUE_MINUTES = 60 * 24 * 60


@dataclass(frozen=True)
class Rules:
    """As the form and the API give them; `within_minutes` None: no queue-time limit."""

    sampling: str = Sampling.ALL
    sampling_number: int | None = None
    sampling_slots: Sequence[int] = field(default_factory=tuple)
    max_rework: int = 0
    is_rework_only: bool = False
    within_minutes: int | None = None


@transaction.atomic
def set_rules(*, actor: User, operation: Operation, rules: Rules) -> Operation:
    """Runs that have begun keep what they began with. Raises Refusal("not_valid", 400)."""
    demand(actor, "edit_routes")
    wrong = problems(rules)
    if wrong:
        raise Refusal(
            "not_valid", _("These rules do not fit together."), status=400, fields=wrong
        )  # fmt: skip
    numbered = rules.sampling in (Sampling.EVERY, Sampling.RANDOM)
    values: dict[str, Any] = {
        "sampling": rules.sampling,
        "sampling_number": rules.sampling_number if numbered else None,
        "sampling_slots": sorted(set(rules.sampling_slots))
        if rules.sampling == Sampling.LISTED
        else [],
        "max_rework": rules.max_rework,
        "is_rework_only": rules.is_rework_only,
        "within_minutes": rules.within_minutes,
    }
    Operation.objects.filter(pk=operation.pk).update(**values)
    operation.refresh_from_db()
    journal.record(actor=actor, action="operation.rules", subject=operation, **values)
    return operation


def problems(rules: Rules) -> dict[str, list[object]]:
    """Sentences by field; empty when the rules may stand."""
    found: dict[str, list[object]] = {}
    number = rules.sampling_number or 0
    if rules.sampling in (Sampling.EVERY, Sampling.RANDOM) and not 1 <= number <= MOST_WAFERS:
        found["sampling_number"] = [_("Give a number from 1 to %(most)s.") % {"most": MOST_WAFERS}]
    slots = rules.sampling_slots
    if rules.sampling == Sampling.LISTED and not (
        slots and all(1 <= slot <= MOST_WAFERS for slot in slots)
    ):
        found["sampling_slots"] = [_("Give slots from 1 to %(most)s.") % {"most": MOST_WAFERS}]
    if not 0 <= rules.max_rework <= MOST_REWORK:
        found["max_rework"] = [_("Give a number from 0 to %(most)s.") % {"most": MOST_REWORK}]
    if rules.within_minutes is not None and not 1 <= rules.within_minutes <= LONGEST_QUEUE_MINUTES:
        found["within_minutes"] = [
            _("Give minutes from 1 to %(most)s.") % {"most": LONGEST_QUEUE_MINUTES}
        ]
    return found
