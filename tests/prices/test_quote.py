"""The fee schedule against worked examples and its own laws."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.people.models import SizeClass
from testbed.prices import fees
from testbed.prices.quote import Service, quote

HOUR = 3_600


def service(rate: int, seconds: int = HOUR) -> Service:
    return Service("scanner", "스캐너", "Scanner", seconds, rate)


def test_the_published_example_of_a_small_company_with_25_wafers() -> None:
    made = quote(size_class=SizeClass.SME, services=[service(1_000_000)], test_wafers=25)
    assert made.supply_won == 800_000 + 2_175_000
    assert made.total_won == 3_272_500


@pytest.mark.parametrize(
    ("size_class", "supply"),
    [("sme", 800_000), ("academia", 700_000), ("large", 950_000), ("institute", 950_000)],
)
def test_discount_by_size_class(size_class: str, supply: int) -> None:
    assert quote(size_class=size_class, services=[service(1_000_000)]).supply_won == supply


def test_staff_and_unknown_classes_get_no_discount() -> None:
    assert quote(size_class="", services=[service(1_000_000)]).supply_won == 1_000_000


def test_wafers_are_never_discounted() -> None:
    made = quote(size_class=SizeClass.ACADEMIA, services=[], test_wafers=3)
    assert [line.code for line in made.lines] == ["test_wafers"]
    assert made.supply_won == 3 * 87_000


def test_a_negative_number_of_wafers_is_an_error() -> None:
    with pytest.raises(ValueError, match="not negative"):
        quote(size_class="sme", services=[], test_wafers=-1)


def test_snapshot_is_plain_json_with_labels_in_both_languages() -> None:
    made = quote(size_class="sme", services=[service(1_000_000, 5_400)], test_wafers=1).as_json()
    assert json.loads(json.dumps(made)) == made
    by_code = {line["code"]: line for line in made["lines"]}
    assert by_code["service"]["label_en"] == "Scanner, tool time"
    assert "스캐너" in by_code["service"]["label_ko"]
    assert by_code["discount"]["label_ko"] != by_code["discount"]["label_en"]
    assert "20 %" in by_code["discount"]["label_en"]
    assert by_code["service"]["amount_won"] == 1_500_000


money = st.integers(min_value=0, max_value=100_000_000)


@given(
    size_class=st.sampled_from([*SizeClass.values, ""]),
    parts=st.lists(st.tuples(money, st.integers(1, 40 * HOUR)), max_size=5),
    wafers=st.integers(0, 25),
)
def test_a_quote_adds_up(size_class: str, parts: list[tuple[int, int]], wafers: int) -> None:
    services = [service(rate, seconds) for rate, seconds in parts]
    made = quote(size_class=size_class, services=services, test_wafers=wafers)
    snapshot = made.as_json()
    assert snapshot["supply_won"] == sum(line["amount_won"] for line in snapshot["lines"])
    assert snapshot["total_won"] == snapshot["supply_won"] + snapshot["vat_won"]
    full = sum(rate * seconds // HOUR for rate, seconds in parts)
    # Dropped fractions never cost the company a won more than the exact discount.
    exact = full * (100 - fees.discount_percent(size_class)) / 100
    assert 0 <= made.supply_won - wafers * 87_000 - exact < 1
    assert all(isinstance(line["amount_won"], int) for line in snapshot["lines"])
