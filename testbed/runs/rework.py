"""Sending wafers back to an operation, and scrapping them: decided by a person, kept for ever.

Rework begins with the strips that stand directly before the operation and counts a new attempt
of it and of everything that the wafer has been through behind it. The database refuses an attempt
beyond an operation's maximum, whoever asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from testbed.material.models import Lot, Wafer
from testbed.people import journal
from testbed.people.models import User
from testbed.people.permissions import demand
from testbed.process.models import Operation
from testbed.refusals import Refusal
from testbed.runs.models import Run
from testbed.runs.route_models import Rework, ReworkWafer, ScrappedWafer
from testbed.runs.way import Way, way_of
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

LONGEST_REASON = 300


def rework(
    *, actor: User, lot: Lot, operation: Operation, slots: Sequence[int], reason: str
) -> Rework:
    """The wafers wait for `operation` again, behind its strips.

    Refusals: not_allowed (403), no_reason (400), no_such_wafer (404), scrapped, in_work,
    nothing_to_rework, measurement, rework_maximum (409; `fields` names each operation).
    """
    demand(actor, "rework_wafers")
    why = asked_reason(reason)
    return in_transaction(lambda: send_back(actor, lot, operation, slots, why))


def send_back(
    actor: User, lot: Lot, operation: Operation, slots: Sequence[int], reason: str
) -> Rework:
    """`rework` for one who has the right, in the caller's transaction."""
    way = locked_way(lot, operation.route_id)
    wafers = chosen(way, slots)
    if operation.is_measurement or operation.is_rework_only:
        raise Refusal(
            "measurement",
            _("Only an operation that changes wafers can be reworked."),
            next_step=_("Choose the operation whose work is to be done again."),
        )
    refuse_wafers("in_work", _in_work(wafers), _("Wafers in slots %(slots)s are in an open run."))
    new = [wafer for wafer in wafers if not way.is_touched(wafer, operation)]
    refuse_wafers(
        "nothing_to_rework", new, _("Wafers in slots %(slots)s have not been in this operation.")
    )
    rows = [(wafer, one) for wafer in wafers for one in _again(way, wafer, operation)]
    _refuse_beyond_maximum(way, rows)
    made = Rework.objects.create(lot=lot, operation=operation, reason=reason, decided_by=actor)
    ReworkWafer.objects.bulk_create(
        ReworkWafer(rework=made, wafer=wafer, operation=one, attempt=way.attempt(wafer, one) + 1)
        for wafer, one in sorted(rows, key=lambda row: row[0].pk)
    )
    journal.record(
        actor=actor, action="wafers.reworked", subject=lot, company=lot.company,
        operation=operation.position, slots=[wafer.slot for wafer in wafers], reason=reason,
    )  # fmt: skip
    return made


def scrap(*, actor: User, lot: Lot, slots: Sequence[int], reason: str) -> list[ScrappedWafer]:
    """The wafers are run no more. Refusals as of `rework`; the lot's wafers stay in its carrier."""
    demand(actor, "scrap_wafers")
    why = asked_reason(reason)
    return in_transaction(lambda: discard(actor, lot, slots, why))


def discard(actor: User, lot: Lot, slots: Sequence[int], reason: str) -> list[ScrappedWafer]:
    """`scrap` for one who has the right, in the caller's transaction."""
    wafers = chosen(locked_way(lot, None), slots)
    refuse_wafers("in_work", _in_work(wafers), _("Wafers in slots %(slots)s are in an open run."))
    gone = ScrappedWafer.objects.bulk_create(
        ScrappedWafer(wafer=wafer, reason=reason, decided_by=actor) for wafer in wafers
    )
    journal.record(
        actor=actor, action="wafers.scrapped", subject=lot, company=lot.company,
        slots=[wafer.slot for wafer in wafers], reason=reason,
    )  # fmt: skip
    return gone


# -- what both begin with ----------------------------------------------------------------------
def asked_reason(text: str) -> str:
    """The reason in one line; Refusal("no_reason") for an empty one."""
    reason = " ".join(text.replace("\0", "").split())[:LONGEST_REASON]
    if not reason:
        raise Refusal(
            "no_reason",
            _("A reason is needed."),
            status=400,
            fields={"reason": [_("Say why, in one sentence.")]},
        )
    return reason


def locked_way(lot: Lot, route_id: int | None) -> Way:
    """The way as it stands while nobody can start a run of the lot (see `testbed.runs.start`)."""
    list(Lot.objects.select_for_update(no_key=True).filter(pk=lot.pk))
    return way_of(lot, route_id)


def chosen(way: Way, slots: Sequence[int]) -> list[Wafer]:
    """The lot's wafers in `slots`, none of them scrapped."""
    wafers = [wafer for wafer in way.wafers if wafer.slot in set(slots)]
    if not wafers or len(wafers) != len(set(slots)):
        raise Refusal(
            "no_such_wafer", _("Choose slots that hold a wafer of this lot."), status=404
        )  # fmt: skip
    gone = [wafer for wafer in wafers if wafer.pk in way.scrapped]
    refuse_wafers("scrapped", gone, _("The wafers in slots %(slots)s are scrapped."))
    return wafers


def refuse_wafers(code: str, wafers: Sequence[Wafer], sentence: StrOrPromise) -> None:
    """Refusal(code) naming the slots, unless there is none."""
    if wafers:
        slots = ", ".join(str(wafer.slot) for wafer in wafers)
        raise Refusal(
            code,
            sentence % {"slots": slots},
            next_step=_("Take them out of the choice, or wait until their run has ended."),
        )


def _in_work(wafers: Sequence[Wafer]) -> list[Wafer]:
    busy = set(
        Run.objects.open().filter(run_wafers__wafer__in=wafers).values_list(
            "run_wafers__wafer", flat=True
        )
    )  # fmt: skip
    return [wafer for wafer in wafers if wafer.pk in busy]


def _again(way: Way, wafer: Wafer, operation: Operation) -> list[Operation]:
    """What is to be done again: the strips before, the operation, and all that was done since."""
    before = [one for one in way.operations if one.position < operation.position]
    strips: list[Operation] = []
    while before and before[-1].is_rework_only:
        strips.insert(0, before.pop())
    behind = [one for one in way.operations if one.position >= operation.position]
    done = [one for one in behind if not one.is_rework_only and way.is_touched(wafer, one)]
    return strips + done


def _refuse_beyond_maximum(way: Way, rows: Sequence[tuple[Wafer, Operation]]) -> None:
    beyond: dict[Operation, list[str]] = {}
    for wafer, one in rows:
        counts = not (one.is_measurement or one.is_rework_only)
        if counts and way.attempt(wafer, one) > one.max_rework:
            beyond.setdefault(one, []).append(str(wafer.slot))
    if beyond:
        raise Refusal(
            "rework_maximum",
            _("These wafers would be reworked more often than the route allows."),
            fields={
                f"operation_{one.position}": [
                    _("“%(operation)s” allows %(most)s reworks: slots %(slots)s.")
                    % {"operation": one, "most": one.max_rework, "slots": ", ".join(slots)}
                ]
                for one, slots in beyond.items()
            },
            next_step=_("Scrap the wafers, or ask a process engineer about the route's maximum."),
        )
