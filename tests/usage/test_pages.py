"""The administrator's and the company's pages: numbers, visibility, languages, files, queries."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from testbed.people.models import User
from testbed.refusals import Refusal
from testbed.tools.models import E10State
from testbed.usage import period as periods
from testbed.usage.e10 import StateSeconds
from testbed.usage.e10_bars import Bar, e10_bars
from testbed.usage.lines import settle
from testbed.usage.models import UsageLine
from tests.usage.conftest import Ended

SignIn = Callable[[User], Client]
Api = Callable[[User], APIClient]
KOREAN = {"HTTP_ACCEPT_LANGUAGE": "ko"}
ENGLISH = {"HTTP_ACCEPT_LANGUAGE": "en"}


@pytest.fixture
def line(ended: Ended, settings: Any) -> UsageLine:
    """One line of alice's company: 3,600 s of a 2,400,000 won tool."""
    settings.FAB_CLOCK_SCALE = 36.0
    made = settle(run=ended(seconds=100.0))
    assert made is not None
    return made


def rows_of(response: Any) -> list[dict[str, str]]:
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


# -- the company's page --------------------------------------------------------------------------
def test_a_company_sees_its_hours_and_won_down_to_run_and_booking(
    line: UsageLine, bob: User, sign_in: SignIn
) -> None:
    text = sign_in(bob).get(reverse("usage"), **ENGLISH).content.decode()
    assert "2,112,000" in text
    assert "1.0 h" in text
    assert f"/runs/{line.run_id}/" in text
    assert reverse("booking", args=[line.run.booking_id]) in text
    assert "36 times faster" in text


def test_a_stranger_sees_nothing_of_it(line: UsageLine, charlie: User, sign_in: SignIn) -> None:
    client = sign_in(charlie)
    assert "2,112,000" not in client.get(reverse("usage")).content.decode()
    assert rows_of(client.get(reverse("usage_csv"))) == []


def test_the_usage_file_has_the_line(line: UsageLine, alice: User, sign_in: SignIn) -> None:
    (row,) = rows_of(sign_in(alice).get(reverse("usage_csv")))
    assert (row["run"], row["total_won"], row["tool_hours"]) == (str(line.run), "2112000", "1.0")
    assert row["simulated_clock"] == "yes"


def test_a_company_name_that_is_a_formula_is_disarmed(
    line: UsageLine, alice: User, sign_in: SignIn
) -> None:
    line.company.name_ko = line.company.name_en = "=HYPERLINK(1)"
    line.company.save()
    (row,) = rows_of(sign_in(alice).get(reverse("usage_csv")))
    assert row["company"] == "'=HYPERLINK(1)"


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({}, 1), ({"tool": "scanner"}, 1), ({"tool": "track"}, 0), ({"company": "0"}, 0),
        ({"company": "9" * 30}, 1), ({"tool": "' OR 1"}, 1),
    ],
)  # fmt: skip
def test_lines_can_be_narrowed(
    line: UsageLine, administrator: User, sign_in: SignIn, query: dict[str, str], count: int
) -> None:
    client = sign_in(administrator)
    assert len(client.get(reverse("usage"), query).context["page"].object_list) == count
    assert len(rows_of(client.get(reverse("usage_csv"), query))) == count


# -- the administrator's page --------------------------------------------------------------------
@pytest.mark.parametrize("language", [KOREAN, ENGLISH])
def test_the_facility_in_four_numbers(
    line: UsageLine, administrator: User, auditor: User, sign_in: SignIn, language: Any
) -> None:
    for person in (administrator, auditor):
        page = sign_in(person).get(reverse("ops"), **language)
        text = page.content.decode()
        assert page.status_code == 200
        assert text.count('class="kpi"') == 4
        assert "2,112,000" in text
        assert str(page.context["ranking"][0][0]) in text
        assert " style=" not in text


def test_the_facility_is_for_administrator_and_auditor_only(
    line: UsageLine, alice: User, technician: User, sign_in: SignIn, api: Api
) -> None:
    for person in (alice, technician):
        for name in ("ops", "ops_e10_csv"):
            assert sign_in(person).get(reverse(name)).status_code == 403
        refused = api(person).get("/api/v1/usage/facility/")
        assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")


def test_the_e10_file_has_every_tools_hours(
    line: UsageLine, administrator: User, sign_in: SignIn
) -> None:
    rows = rows_of(sign_in(administrator).get(reverse("ops_e10_csv")))
    assert len(rows) == 3
    scanner = next(row for row in rows if row["registration_number"] == "NFEC-scanner")
    assert float(scanner["productive_h"]) == pytest.approx(100 / 3600, abs=1e-3)
    assert set(scanner) >= {f"{state.value}_h" for state in E10State}


def test_pages_cost_a_fixed_number_of_queries(
    line: UsageLine, ended: Ended, administrator: User, alice: User, sign_in: SignIn,
    django_assert_max_num_queries: Any,
) -> None:  # fmt: skip
    for name in ("coat", "measure"):
        settle(run=ended(name))
    facility, company = sign_in(administrator), sign_in(alice)
    with django_assert_max_num_queries(13):
        facility.get(reverse("ops"))
    with django_assert_max_num_queries(12):
        company.get(reverse("usage"))


# -- the API -------------------------------------------------------------------------------------
def test_lines_and_sums_over_the_api(line: UsageLine, bob: User, charlie: User, api: Api) -> None:
    found = api(bob).get("/api/v1/usage/lines/").json()
    assert found["count"] == 1
    first = found["results"][0]
    assert (first["run"], first["tool"], first["total_won"]) == (line.run_id, "scanner", 2_112_000)
    assert first["tool_seconds"] == pytest.approx(3_600)
    sums = api(bob).get("/api/v1/usage/summary/").json()
    assert (sums["runs"], sums["total_won"], sums["wafers"]) == (1, 2_112_000, 2)
    assert sums["tools"][0]["tool"] == "scanner"
    assert api(charlie).get("/api/v1/usage/lines/").json()["count"] == 0
    assert api(charlie).get("/api/v1/usage/summary/").json()["runs"] == 0


def test_the_facility_over_the_api(line: UsageLine, auditor: User, api: Api) -> None:
    found = api(auditor).get("/api/v1/usage/facility/").json()
    scanner = next(tool for tool in found["tools"] if tool["tool"] == "scanner")
    assert scanner["seconds"]["productive"] == pytest.approx(100, abs=1)
    assert found["sums"]["total_won"] == 2_112_000
    assert found["companies"][0]["runs"] == 1


# -- periods -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "query",
    [
        "from=yesterday", "from=2026-13-01", "from=0001-01-01", "to=9999-12-31",
        "from=2020-01-01&to=2025-01-01", "from=2026-03-02&to=2026-03-01", "from=2999-01-01",
        "from=%00", "to=20260101T00",
    ],
)  # fmt: skip
def test_bad_periods_are_said(alice: User, sign_in: SignIn, api: Api, query: str) -> None:
    refused = api(alice).get(f"/api/v1/usage/summary/?{query}")
    assert refused.status_code == 400
    assert refused.json()["code"] in {"bad_period", "not_valid"}
    assert sign_in(alice).get(f"/usage/?{query}").status_code == 400


@time_machine.travel(datetime(2026, 3, 10, 3, 0, tzinfo=UTC), tick=False)
def test_days_are_kst_and_inclusive_and_end_now() -> None:
    default = periods.last_week()
    found = periods.asked("2026-03-01", "2026-03-05", default=default)
    assert found.start == datetime(2026, 2, 28, 15, tzinfo=UTC)
    assert found.end == datetime(2026, 3, 5, 15, tzinfo=UTC)
    assert (str(found.first_day), str(found.last_day)) == ("2026-03-01", "2026-03-05")
    assert periods.asked("2026-03-09", "2026-03-31", default=default).end == timezone.now()
    assert periods.asked("", None, default=default) is default
    assert default.seconds == 168 * 3600
    with pytest.raises(Refusal):
        periods.asked("2026-03-11", None, default=default)


# -- the bars ------------------------------------------------------------------------------------
def test_bars_are_as_long_as_their_hours() -> None:
    time = StateSeconds({E10State.PRODUCTIVE: 84 * 3600, E10State.UNSCHEDULED_DOWN: 42 * 3600})
    markup = e10_bars([Bar("<tool>", time)], hours=168, key="e", description="d")
    root = ElementTree.fromstring(markup)  # noqa: S314 - our own drawing
    rects = {r.attrib["class"]: r.attrib for r in root.iter("{http://www.w3.org/2000/svg}rect")}
    whole = float(rects["e10-unrecorded"]["width"])
    assert float(rects["e10-productive"]["width"]) == pytest.approx(whole / 2 - 1, abs=0.1)
    down = rects["e10-unscheduled-down"]
    assert float(down["x"]) == pytest.approx(170 + whole / 2, abs=0.1)
    assert "&lt;tool&gt;" in markup
    assert "66.7%" in markup
    assert "PR 84 h" in markup
    assert "style=" not in markup


def test_a_tool_without_records_has_an_empty_bar() -> None:
    markup = e10_bars([Bar("t", StateSeconds())], hours=1, key="e", description="d")
    assert "e10-productive" not in markup
    assert "–" in markup
