"""A recipe's ranges by wafer in words: names, units, limits, and what is in no recipe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from testbed.people.models import User
from testbed.process import versions
from testbed.process.models import RecipeVersion
from testbed.process.vary import in_digits
from testbed.process.vary_words import named_ranges

SCAN: dict[str, Any] = {
    "reticle": "R-7",
    "layout": {"kind": "uniform", "dose": 30.0, "focus": 0.0},
    "vary": {"layout.dose": {"low": 24.5, "high": 36}, "na": {"low": 1.2, "high": 1.35}},
}


@pytest.mark.parametrize(
    ("language", "first", "last"),
    [("ko", "노광량", "개구수(NA)"), ("en", "Dose", "NA")],
)
def test_a_range_has_name_unit_and_what_the_recipe_has(
    language: str, first: str, last: str
) -> None:
    with translation.override(language):
        dose, aperture = named_ranges("scanner", SCAN)
    assert dose == ("layout.dose", first, "24.5 – 36 mJ/cm²", "30", "")
    # The recipe leaves it to the tool's default.
    assert aperture == ("na", last, "1.2 – 1.35", "1.35", "")


@pytest.mark.parametrize("path", ["no.such", "reticle", "layout.dose_start", "layout"])
def test_a_range_of_what_the_recipe_does_not_have_says_so(path: str) -> None:
    body = SCAN | {"vary": {path: {"low": 1, "high": 2}}}
    with translation.override("en"):
        (one,) = named_ranges("scanner", body)
        assert "has no such number" in one.wrong
        assert "has no such number" in named_ranges("run-by-hand", body)[0].wrong
    with translation.override("ko"):
        assert named_ranges("scanner", body)[0].wrong != one.wrong


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_in_digits_is_that_number(value: float) -> None:
    assert float(in_digits(value)) == value
    assert not in_digits(value).endswith(".0") or abs(value) >= 1e15


def test_the_recipes_page_says_its_ranges_in_words(
    alice: User, sign_in: Callable[[User], Client]
) -> None:
    recipe = versions.create_recipe(actor=alice, code="scan", title="Scan", tool_kind="scanner")
    versions.write_version(actor=alice, recipe=recipe, body=SCAN)
    client = sign_in(alice)
    shown = client.get("/recipes/scan/", headers={"accept-language": "en"}).content.decode()
    assert "24.5 – 36 mJ/cm²" in shown
    assert "(Recipe 30)" in shown
    assert "vary" not in shown
    assert "has no such number" not in shown
    # What an older driver had: the version stays readable, and says what is wrong with it.
    RecipeVersion.objects.update(body=SCAN | {"vary": {"gone": {"low": 1, "high": 2}}})
    shown = client.get("/recipes/scan/", headers={"accept-language": "en"}).content.decode()
    assert "has no such number" in shown
