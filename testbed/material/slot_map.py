"""What a person sees in a carrier's slots, beside what is registered."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from testbed.material.check_in import check_in
from testbed.material.models import SLOTS, Carrier, Lot, LotState, SlotMap, Wafer
from testbed.people import journal
from testbed.people.models import User
from testbed.people.permissions import demand
from testbed.refusals import Refusal

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

OCCUPIED, EMPTY = "O", "."
MARKS: dict[str, StrOrPromise] = {
    OCCUPIED: _("occupied"),
    EMPTY: _("empty"),
    "D": _("double"),
    "X": _("crossed"),
    "?": _("undefined"),
}
# A mark's name in style sheets.
LOOKS = {OCCUPIED: "occupied", EMPTY: "empty", "D": "double", "X": "crossed", "?": "undefined"}
WHOLE = re.compile(rf"[{re.escape(''.join(MARKS))}]{{{SLOTS}}}")


class Difference(NamedTuple):
    """A slot (1 to 25) that is not as registered; both sides as a letter of `MARKS`."""

    slot: int
    registered: str
    seen: str


def registered(lot: Lot, carrier: Carrier | None) -> str:
    """The 25 marks that the carrier should show: this lot's wafers, and its pool's in there."""
    inside = Q(lot=lot)
    if carrier is not None:
        inside |= Q(lot__carrier=carrier, lot__state=LotState.CHECKED_IN)
    taken = set(Wafer.objects.filter(inside).values_list("slot", flat=True))
    return "".join(OCCUPIED if slot in taken else EMPTY for slot in range(1, SLOTS + 1))


def newest(lot: Lot) -> SlotMap | None:
    """What was last seen of the lot in the carrier that it is in now."""
    return SlotMap.objects.filter(lot=lot, carrier=lot.carrier_id).first()


def differences(seen: SlotMap) -> list[Difference]:
    """The slots that are not as registered, from slot 1 up."""
    right = registered(seen.lot, seen.carrier)
    pairs = zip(right, seen.marks, strict=True)
    return [
        Difference(slot, one, other)
        for slot, (one, other) in enumerate(pairs, start=1)
        if one != other
    ]


@transaction.atomic
def note_seen(*, actor: User, lot: Lot, carrier: Carrier, marks: str, counted: int) -> SlotMap:
    """Write down what a person saw, and check the lot in when it was still on its way.

    `counted`: how many wafers the person counts, beside the marks: what was confirmed without
    looking seldom adds up. A map that differs is kept too; it keeps runs from starting.
    Raises Refusal: marks_unreadable, count_differs, other_carrier, and those of `check_in`.
    """
    demand(actor, "check_in_lot")
    _refuse_unless_read(marks, counted)
    lot = Lot.objects.select_for_update().get(pk=lot.pk)
    if lot.state == LotState.CHECKED_IN and lot.carrier_id != carrier.pk:
        raise Refusal(
            "other_carrier",
            _("The lot is in another carrier."),
            next_step=_("Look at the lot's page for where it is."),
        )
    lot = check_in(actor=actor, lot=lot, carrier=carrier)
    seen = SlotMap.objects.create(lot=lot, carrier=carrier, marks=marks, seen_by=actor)
    journal.record(
        actor=actor, action="lot.map_seen", subject=lot, company=lot.company,
        carrier=carrier.code, marks=marks, differ=[one.slot for one in differences(seen)],
    )  # fmt: skip
    return seen


def _refuse_unless_read(marks: str, counted: int) -> None:
    if WHOLE.fullmatch(marks) is None:
        raise Refusal(
            "marks_unreadable",
            _("Say of each of the 25 slots what you see in it."),
            status=422,
            fields={"marks": [_("25 letters of O . D X ?, slot 1 first.")]},
        )
    if marks.count(OCCUPIED) != counted:
        raise Refusal(
            "count_differs",
            _("You count %(counted)d wafers and marked %(marked)d slots as occupied.")
            % {"counted": counted, "marked": marks.count(OCCUPIED)},
            status=422,
            next_step=_("Count once more, then correct the number or the slots."),
        )
