"""The law of a shared cost: nothing is lost, nobody pays a won too much."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.prices.quote import split

WAFERS = st.lists(st.integers(1, 25), min_size=1, max_size=8)


@given(st.integers(0, 10**12), WAFERS)
def test_the_parts_are_the_whole_and_each_is_its_exact_share_within_a_won(
    amount: int, wafers: list[int]
) -> None:
    parts = split(amount, wafers)
    assert sum(parts) == amount
    whole = sum(wafers)
    for part, count in zip(parts, wafers, strict=True):
        assert abs(part * whole - amount * count) < whole


@given(st.integers(0, 10**9), WAFERS, st.integers(1, 25))
def test_who_joins_makes_it_dearer_for_nobody_by_more_than_the_odd_won(
    amount: int, wafers: list[int], joining: int
) -> None:
    before, after = split(amount, wafers), split(amount, [*wafers, joining])
    assert all(new <= old + 1 for old, new in zip(before, after, strict=False))


@pytest.mark.parametrize("wafers", [[], [0], [0, 0], [3, -1]])
def test_no_wafers_no_split(wafers: list[int]) -> None:
    with pytest.raises(ValueError, match="wafers"):
        split(100, wafers)
