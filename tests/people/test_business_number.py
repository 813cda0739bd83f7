"""Business registration numbers: published examples and the check digit's law."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.exceptions import ValidationError

from testbed.people.business_number import check_digit, validate


@pytest.mark.parametrize("number", ["116-82-00276", "134-86-72683"])
def test_published_numbers_pass(number: str) -> None:
    assert validate(number) == number.replace("-", "")


@given(st.from_regex(r"[1-9]0[1-9][1-9][1-9][1-9][0-9]{3}", fullmatch=True), st.integers(0, 9))
def test_one_last_digit_is_right(nine: str, last: int) -> None:
    if str(last) == check_digit(nine):
        assert validate(nine + str(last))
    else:
        with pytest.raises(ValidationError):
            validate(nine + str(last))
