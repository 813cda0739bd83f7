"""What a company owes is one number: runs and penalties, waivers taken off, however it is cut."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from testbed.booking.models import Booking, Penalty, PenaltyKind
from testbed.booking.penalties import sums, waive
from testbed.people.models import User
from testbed.usage import owed
from testbed.usage import period as periods
from testbed.usage.lines import settle
from testbed.usage.models import UsageLine
from tests.usage.conftest import Ended

SignIn = Callable[[User], Client]
Api = Callable[[User], APIClient]
WON = st.integers(0, 10**9)


def quoted(**amounts: int) -> dict[str, Any]:
    lines = [{"code": "service", "tool": tool, "amount_won": won} for tool, won in amounts.items()]
    return {"lines": [*lines, {"code": "discount", "tool": "", "amount_won": -5}]}


@given(won=st.integers(-(10**9), 10**9), weights=st.lists(WON, min_size=1, max_size=5))
def test_a_split_loses_no_won_and_a_waivers_is_the_opposite(won: int, weights: list[int]) -> None:
    parts = owed.split(won, weights)
    assert sum(parts) == won
    assert parts == [-one for one in owed.split(-won, weights)]
    assert all(one * won >= 0 for one in parts)


@given(fee=WON, scanner=WON, track=WON)
@settings(max_examples=30)
def test_a_penaltys_parts_are_the_penalty(fee: int, scanner: int, track: int) -> None:
    booking = Booking(quote=quoted(scanner=scanner, track=track))
    penalty = Penalty(booking=booking, fee_won=fee)
    parts = owed.shares(penalty)
    assert {part.tool for part in parts} == {"scanner", "track"}
    assert sum(part.supply_won for part in parts) == fee
    assert sum(part.total_won for part in parts) == penalty.total_won


def test_a_price_that_names_no_tool_still_counts() -> None:
    (part,) = owed.shares(Penalty(booking=Booking(quote={}), fee_won=1_000))
    assert (part.tool, part.total_won) == ("", 1_100)


@pytest.fixture
def line(ended: Ended, settings: Any) -> UsageLine:
    """2,112,000 won for one run of alice's company."""
    settings.FAB_CLOCK_SCALE = 36.0
    made = settle(run=ended(seconds=100.0))
    assert made is not None
    return made


@pytest.fixture
def fined(line: UsageLine, administrator: User) -> UsageLine:
    """And two penalties of 101,001 and 55,000 won before VAT, the second taken back."""
    booking = line.run.booking
    booking.quote = quoted(scanner=3, track=1)
    booking.save(update_fields=["quote"])
    facts = {"booking": booking, "company": line.company, "user": booking.booked_by}
    Penalty.objects.create(**facts, kind=PenaltyKind.LATE_CANCEL, fee_won=101_001)
    second = Penalty.objects.create(**facts, kind=PenaltyKind.NO_SHOW, fee_won=55_000)
    waive(actor=administrator, penalty=second, reason="the road was closed")
    return line


def csv_rows(response: Any) -> list[dict[str, str]]:
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_page_file_and_api_tell_the_same_total(
    fined: UsageLine, alice: User, sign_in: SignIn, api: Api
) -> None:
    total = fined.total_won + 101_001 + 10_100
    page = sign_in(alice).get(reverse("usage"), headers={"accept-language": "en"})
    assert page.context["sums"].total_won == total
    text = page.content.decode()
    assert f"{total:,}" in text
    assert "the road was closed" in text
    rows = csv_rows(sign_in(alice).get(reverse("usage_csv")))
    assert sum(int(row["total_won"]) for row in rows) == total
    assert {row["what"] for row in rows} == {"run", "late_cancel", "no_show", "waiver"}
    found = api(alice).get("/api/v1/usage/summary/").json()
    assert found["total_won"] == total
    assert total == found["runs_won"] + found["penalties_won"] - found["waived_won"]
    for cut in ("tools", "months"):
        assert sum(row["total_won"] for row in found[cut]) == total
    assert sum(one["total_won"] for one in found["penalties"]) == total - found["runs_won"]


def test_runs_and_the_ledger_of_penalties_make_the_total(
    fined: UsageLine, administrator: User
) -> None:
    period = periods.this_month()
    parts = owed.parts_of(owed.charged(administrator, period))
    lines = UsageLine.objects.within(period)
    whole = owed.account(lines, parts)
    assert whole.total_won == lines.sums()["won"] + sums(Penalty.objects.all()).total_won
    for by in ([owed.TOOL], [owed.COMPANY], [owed.MONTH], [owed.TOOL, owed.COMPANY]):
        found = owed.accounts(lines, parts, *by).values()
        assert sum(one.total_won for one in found) == whole.total_won
        assert sum(one.supply_won for one in found) == whole.supply_won


def test_one_tools_view_has_its_share_alone(
    fined: UsageLine, administrator: User, sign_in: SignIn
) -> None:
    client = sign_in(administrator)
    page = client.get(reverse("usage"), {"tool": "track"})
    assert page.context["sums"].penalties_won == 25_250 + 2_525 + 13_750 + 1_375
    assert client.get(reverse("usage"), {"company": "0"}).context["sums"].total_won == 0
    ranking = client.get(reverse("ops")).context["ranking"]
    assert [one.total_won for _name, one in ranking] == [fined.total_won + 111_101]


def test_others_see_nothing_of_it_and_technicians_only_the_runs(
    fined: UsageLine, charlie: User, technician: User, sign_in: SignIn, api: Api
) -> None:
    assert api(charlie).get("/api/v1/usage/summary/").json()["total_won"] == 0
    page = sign_in(technician).get(reverse("usage"))
    assert page.context["sums"].total_won == fined.total_won
    assert "the road was closed" not in page.content.decode()


def test_the_two_pages_of_money_know_each_other(alice: User, sign_in: SignIn) -> None:
    client = sign_in(alice)
    assert reverse("penalties") in client.get(reverse("usage")).content.decode()
    links = client.get(reverse("penalties")).content.decode()
    assert links.count(f'href="{reverse("usage")}"') >= 2  # the menu's and the page's own


def test_penalties_cost_no_query_each(
    fined: UsageLine, alice: User, sign_in: SignIn, django_assert_max_num_queries: Any
) -> None:
    client = sign_in(alice)
    with django_assert_max_num_queries(18):
        client.get(reverse("usage"))
