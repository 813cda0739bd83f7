"""What a person sees in a carrier: compared with what is registered, and kept as it was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import IntegrityError, ProgrammingError, transaction

from testbed.material import slot_map
from testbed.material.models import Carrier, Lot, LotState, SlotMap
from testbed.material.register import register
from testbed.refusals import Refusal

if TYPE_CHECKING:
    from testbed.people.models import User


@pytest.fixture
def lot(alice: User) -> Lot:
    return register(actor=alice, product="resist", code="LOT-M", wafer_count=3)


@pytest.fixture
def carrier(db: None) -> Carrier:
    return Carrier.objects.create(code="FOUP-77")


def marks(seen: str) -> str:
    return seen + "." * (25 - len(seen))


def test_what_is_as_registered_checks_the_lot_in(
    lot: Lot, carrier: Carrier, technician: User
) -> None:
    seen = slot_map.note_seen(
        actor=technician, lot=lot, carrier=carrier, marks=marks("OOO"), counted=3
    )
    lot.refresh_from_db()
    assert (lot.state, lot.carrier) == (LotState.CHECKED_IN, carrier)
    assert slot_map.differences(seen) == []
    assert slot_map.newest(lot) == seen


@pytest.mark.parametrize(
    ("seen", "counted", "wrong"),
    [("O.O", 2, [(2, "O", ".")]), ("OOOO", 4, [(4, ".", "O")]),
     ("ODX", 1, [(2, "O", "D"), (3, "O", "X")]), ("OO?", 2, [(3, "O", "?")])],
)  # fmt: skip
def test_every_slot_that_differs_is_named(
    lot: Lot, carrier: Carrier, technician: User, seen: str, counted: int, wrong: list[object]
) -> None:
    kept = slot_map.note_seen(
        actor=technician, lot=lot, carrier=carrier, marks=marks(seen), counted=counted
    )
    assert [tuple(one) for one in slot_map.differences(kept)] == wrong


@pytest.mark.parametrize(
    ("seen", "counted", "code"),
    [(marks("OOO"), 4, "count_differs"), ("OOO", 3, "marks_unreadable"),
     (marks("OO0"), 2, "marks_unreadable"), (marks("OOO") + "\n", 3, "marks_unreadable")],
)  # fmt: skip
def test_what_was_not_really_looked_at_is_refused(
    lot: Lot, carrier: Carrier, technician: User, seen: str, counted: int, code: str
) -> None:
    with pytest.raises(Refusal) as refused:
        slot_map.note_seen(actor=technician, lot=lot, carrier=carrier, marks=seen, counted=counted)
    lot.refresh_from_db()
    assert (refused.value.code, lot.state) == (code, LotState.REGISTERED)
    assert not SlotMap.objects.exists()


def test_a_map_is_of_the_lots_own_carrier_and_stays_as_it_was(
    lot: Lot, carrier: Carrier, technician: User, alice: User
) -> None:
    kept = slot_map.note_seen(
        actor=technician, lot=lot, carrier=carrier, marks=marks("OOO"), counted=3
    )
    other = Carrier.objects.create(code="FOUP-78")
    with pytest.raises(Refusal, match="other_carrier"):
        slot_map.note_seen(actor=technician, lot=lot, carrier=other, marks=marks("OOO"), counted=3)
    with pytest.raises(Refusal) as refused:
        slot_map.note_seen(actor=alice, lot=lot, carrier=carrier, marks=marks("OOO"), counted=3)
    assert refused.value.status == 403
    with pytest.raises(ProgrammingError), transaction.atomic():
        SlotMap.objects.filter(pk=kept.pk).update(marks=marks("O"))
    with pytest.raises(IntegrityError), transaction.atomic():
        SlotMap.objects.create(lot=lot, carrier=carrier, marks="OOO", seen_by=technician)
