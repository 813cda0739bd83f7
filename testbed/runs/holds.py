"""Holds of wafers: placed by a person or by a broken queue time, closed by a person's decision.

A queue-time hold takes one person with the right. A quality hold takes two: what the first
proposes the second confirms, and the database refuses the same person twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.material.models import Lot
from testbed.people import journal
from testbed.people.models import User
from testbed.people.permissions import demand
from testbed.process.models import Operation
from testbed.refusals import Refusal
from testbed.runs.hold_models import Disposition, HoldKind, LotHold
from testbed.runs.rework import asked_reason, chosen, discard, locked_way, send_back
from testbed.transactions import in_transaction


@dataclass(frozen=True)
class Decision:
    """What becomes of held wafers; `again` is the operation that a rework begins with."""

    choice: str
    note: str
    again: Operation | None = None


def place(*, actor: User, lot: Lot, slots: Sequence[int], reason: str) -> LotHold:
    """A quality hold of these wafers: no run takes them until two people have decided.

    Refusals: not_allowed (403), no_reason (400), no_such_wafer (404), scrapped (409).
    """
    demand(actor, "hold_wafers")
    why = asked_reason(reason)
    return in_transaction(lambda: _place(actor, lot, slots, why))


def _place(actor: User, lot: Lot, slots: Sequence[int], why: str) -> LotHold:
    wafers = chosen(locked_way(lot, None), slots)
    hold = LotHold.objects.create(lot=lot, kind=HoldKind.QUALITY, reason=why, opened_by=actor)
    hold.wafers.add(*wafers)
    journal.record(
        actor=actor, action="wafers.held", subject=lot, company=lot.company,
        slots=[wafer.slot for wafer in wafers], reason=why,
    )  # fmt: skip
    return hold


def decide(*, actor: User, hold: LotHold, decision: Decision) -> LotHold:
    """Close a queue-time hold, or propose how to close a quality hold.

    Refusals: not_allowed (403), no_reason (400), not_valid (400), hold_closed (409), and those
    of `rework` and `scrap`.
    """
    demand(actor, "decide_holds")
    asked = Decision(decision.choice, asked_reason(decision.note), decision.again)
    if asked.choice not in Disposition.values or (
        asked.choice == Disposition.REWORK and asked.again is None
    ):
        raise Refusal(
            "not_valid",
            _("Choose release, scrap, or rework with its operation."),
            status=400,
            fields={"choice": [_("Choose what becomes of the wafers.")]},
        )
    return in_transaction(lambda: _decide(actor, hold, asked))


def _decide(actor: User, hold: LotHold, asked: Decision) -> LotHold:
    row = _open(hold)
    row.choice, row.note, row.again = asked.choice, asked.note, asked.again
    row.proposed_by = actor
    row.save(update_fields=["choice", "note", "again", "proposed_by"])
    if row.kind == HoldKind.QUEUE_TIME:
        return _close(actor, row)
    return row


def confirm(*, actor: User, hold: LotHold) -> LotHold:
    """Close a quality hold as another person proposed.

    Refusals: not_allowed (403), nothing_proposed, second_person, hold_closed (409), and those of
    `rework` and `scrap`.
    """
    demand(actor, "decide_holds")
    return in_transaction(lambda: _confirm(actor, hold))


def _confirm(actor: User, hold: LotHold) -> LotHold:
    row = _open(hold)
    if not row.choice:
        raise Refusal(
            "nothing_proposed",
            _("Nobody has proposed yet what becomes of the wafers."),
            next_step=_("Propose it; another person then confirms."),
        )
    if row.proposed_by_id == actor.pk:
        raise Refusal(
            "second_person",
            _("A quality hold is closed by two people."),
            next_step=_("Ask another person with the right to confirm."),
        )
    return _close(actor, row)


def _open(hold: LotHold) -> LotHold:
    """The hold behind the locks of its lot and its row, still open."""
    locked_way(hold.lot, None)
    row = LotHold.objects.select_for_update(of=("self",)).select_related("lot", "again")
    found: LotHold = row.get(pk=hold.pk)
    if found.closed_at is not None:
        raise Refusal(
            "hold_closed",
            _("Somebody has decided about this hold already."),
            next_step=_("Reload the page to see its present state."),
        )
    return found


def _close(actor: User, row: LotHold) -> LotHold:
    slots = sorted(row.wafers.values_list("slot", flat=True))
    if row.choice == Disposition.REWORK and row.again is not None:
        send_back(actor, row.lot, row.again, slots, row.note)
    elif row.choice == Disposition.SCRAP:
        discard(actor, row.lot, slots, row.note)
    row.disposition, row.closed_by, row.closed_at = row.choice, actor, timezone.now()
    row.save(update_fields=["disposition", "closed_by", "closed_at"])
    journal.record(
        actor=actor, action="hold.closed", subject=row.lot, company=row.lot.company,
        hold=row.pk, choice=row.disposition, slots=slots, reason=row.note,
    )  # fmt: skip
    return row
