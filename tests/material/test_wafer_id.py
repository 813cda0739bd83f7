"""SEMI M12/M13 check characters: the published examples, and the laws they promise."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from testbed.material.wafer_id import is_valid, with_check

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-."
bodies = st.text(LETTERS, min_size=1, max_size=16)


@pytest.mark.parametrize(("body", "whole"), [("23", "23D2"), ("AM1664-24", "AM1664-24A2")])
def test_published_examples(body: str, whole: str) -> None:
    assert with_check(body) == whole
    assert is_valid(whole)


@given(bodies)
def test_what_we_make_is_valid(body: str) -> None:
    assert is_valid(with_check(body))


@given(bodies, st.integers(0, 17), st.sampled_from(LETTERS))
def test_any_one_changed_character_is_found(body: str, place: int, other: str) -> None:
    whole = with_check(body)
    place %= len(whole)
    assume(whole[place] != other)
    assert not is_valid(whole[:place] + other + whole[place + 1 :])


@given(bodies, st.integers(0, 16))
def test_any_two_swapped_neighbours_are_found(body: str, place: int) -> None:
    whole = with_check(body)
    place %= len(whole) - 1
    assume(whole[place] != whole[place + 1])
    swapped = whole[:place] + whole[place + 1] + whole[place] + whole[place + 2 :]
    assert not is_valid(swapped)


@pytest.mark.parametrize("text", ["", "A", "A2", "가나다A2", " 23D2", "23D9", "23d2", "x" * 40])
def test_nonsense_is_refused(text: str) -> None:
    assert not is_valid(text)
