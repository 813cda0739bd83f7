"""Laws of half-open stretches of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from testbed.booking.intervals import Interval, intersect, merge, subtract

ZERO = datetime(2027, 3, 1, tzinfo=UTC)


def at(minute: int) -> datetime:
    return ZERO + timedelta(minutes=minute)


def minutes(parts: list[Interval]) -> set[int]:
    """The whole minutes that lie in `parts`."""
    return {
        minute
        for part in parts
        for minute in range((part.start - ZERO).seconds // 60, (part.end - ZERO).seconds // 60)
    }


pair = st.tuples(st.integers(0, 90), st.integers(0, 90))
stretches = st.lists(pair.map(lambda two: Interval(at(two[0]), at(two[1]))), max_size=8)


@given(stretches)
def test_merge_keeps_the_time_and_leaves_gaps(parts: list[Interval]) -> None:
    merged = merge(parts)
    assert minutes(merged) == minutes(parts)
    assert all(part.start < part.end for part in merged)
    assert all(one.end < two.start for one, two in pairwise(merged))
    assert merge(merged) == merged


@given(stretches, stretches)
def test_intersect_and_subtract_split_the_whole(one: list[Interval], two: list[Interval]) -> None:
    whole, taken = merge(one), merge(two)
    both, left = intersect(whole, taken), subtract(whole, taken)
    assert minutes(both) == minutes(whole) & minutes(taken)
    assert minutes(left) == minutes(whole) - minutes(taken)
    assert merge([*both, *left]) == whole
    assert both == intersect(taken, whole)


@given(pair, pair)
def test_overlap_means_a_common_minute(one: tuple[int, int], two: tuple[int, int]) -> None:
    first = Interval(at(min(one)), at(max(one)))
    second = Interval(at(min(two)), at(max(two)))
    common = bool(minutes([first]) & minutes([second]))
    # An empty stretch lies in no time, so it has no say in the law.
    if first.start < first.end and second.start < second.end:
        assert first.overlaps(second) == common == second.overlaps(first)


def test_touching_stretches_do_not_overlap() -> None:
    assert not Interval(at(0), at(10)).overlaps(Interval(at(10), at(20)))
