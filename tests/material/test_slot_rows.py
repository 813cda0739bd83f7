"""The carrier from its top slot: a row a wafer, neighbours that are empty in one."""

from __future__ import annotations

from testbed.material.models import Wafer
from testbed.material.views import slot_rows


def test_empty_neighbours_share_a_row() -> None:
    wafers = {slot: Wafer(slot=slot) for slot in (1, 3, 24, 25)}
    rows = [(label, wafer.slot if wafer else None) for label, wafer in slot_rows(wafers)]
    assert rows == [("25", 25), ("24", 24), ("23–4", None), ("3", 3), ("2", None), ("1", 1)]


def test_a_full_carrier_has_no_empty_row() -> None:
    assert len(slot_rows({slot: Wafer(slot=slot) for slot in range(1, 26)})) == 25
    assert slot_rows({}) == [("25–1", None)]
