"""Sites, curves and process windows over the API."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from testbed.people.models import User
from testbed.runs.models import SiteReading, TraceBlock
from tests.results.conftest import Measured

Api = Callable[[User], APIClient]


def test_sites_come_in_pages_without_nan(measured: Measured, alice: User, api: Api) -> None:
    client, address = api(alice), f"/api/v1/runs/{measured.measurement.pk}/sites/"
    first = client.get(address, {"page_size": 100}).json()
    assert (first["count"], len(first["results"])) == (171, 100)
    second = client.get(first["next"]).json()["results"]
    lost = [site for site in [*first["results"], *second] if site["value"] is None]
    assert [(s["slot"], s["field_col"], s["field_row"], s["quality"]) for s in lost] == [
        (2, 0, 0, "not_resolved")
    ]
    assert first["results"][0]["exposure"]["dose"] == 24.0


def test_another_key_gives_other_sites(measured: Measured, alice: User, api: Api) -> None:
    address = f"/api/v1/runs/{measured.measurement.pk}/sites/"
    assert api(alice).get(address, {"key": "lwr"}).json()["count"] == 0
    bad = api(alice).get(address, {"key": "a\0b"})
    assert (bad.status_code, bad.json()["code"]) == (400, "not_valid")


def test_the_window_holds_the_truth_and_is_valid_json(
    measured: Measured, alice: User, api: Api
) -> None:
    answer = api(alice).get(f"/api/v1/travelers/{measured.traveler.pk}/process-window/")
    assert answer.status_code == 200
    window = json.loads(answer.content, parse_constant=pytest.fail)
    for name, truth, unit in (
        ("best_focus", measured.truth.best_focus, "nm"),
        ("dose_to_size", measured.truth.size, "mJ/cm²"),
    ):
        assert window[name]["low"] <= truth <= window[name]["high"]
        assert window[name]["unit"] == unit
    assert window["wafers"] == 3
    assert window["run"] == measured.measurement.pk
    assert window["depth_of_focus"]["value"] > 50


def test_what_was_not_measured_has_no_window(measured: Measured, alice: User, api: Api) -> None:
    address = f"/api/v1/travelers/{measured.traveler.pk}/process-window/"
    SiteReading.objects.exclude(field_row=3).delete()
    refused = api(alice).get(address)
    assert (refused.status_code, refused.json()["code"]) == (409, "few_levels")
    SiteReading.objects.all().delete()
    assert api(alice).get(address).json()["code"] == "not_measured"


def test_a_uniform_layout_has_no_window(measured: Measured, alice: User, api: Api) -> None:
    SiteReading.objects.exclude(field_row=3, field_col=5).delete()
    answer = api(alice).get(f"/api/v1/travelers/{measured.traveler.pk}/process-window/")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_a_matrix")


def test_curves_are_listed_with_their_extent(measured: Measured, alice: User, api: Api) -> None:
    answer = api(alice).get(f"/api/v1/runs/{measured.exposure.pk}/traces/").json()
    assert answer["count"] == 6
    first = answer["results"][0]
    assert (first["key"], first["wafer"], first["count"], first["unit"]) == (
        "dose", 1, 3_648, "mJ/cm²",
    )  # fmt: skip
    assert first["end"] == pytest.approx(3_647 * 0.0076)


def test_a_curve_comes_as_an_envelope_and_raw_when_zoomed_in(
    measured: Measured, alice: User, api: Api
) -> None:
    client, address = api(alice), f"/api/v1/runs/{measured.exposure.pk}/traces/focus_error/"
    whole = client.get(address, {"wafer": 3, "pixels": 400}).json()
    assert (whole["is_raw"], whole["count"]) == (False, 3_648)
    assert 300 < len(whole["t"]) <= 400
    assert max(whole["high"]) == 25.0
    close = client.get(address, {"wafer": 3, "start": 9.3, "end": 9.45, "pixels": 400}).json()
    assert close["is_raw"]
    assert close["low"] == close["high"]
    assert all(9.3 <= t <= 9.45 for t in close["t"])
    assert max(close["high"]) == 25.0


@pytest.mark.parametrize(
    "query",
    [
        {"pixels": 0}, {"pixels": 10**9}, {"start": "nan"}, {"end": "inf"}, {"wafer": 26},
        {"start": 5, "end": 1}, {"wafer": "x"},
    ],
)  # fmt: skip
def test_bad_questions_are_400(
    measured: Measured, alice: User, api: Api, query: dict[str, Any]
) -> None:
    answer = api(alice).get(f"/api/v1/runs/{measured.exposure.pk}/traces/dose/", query)
    assert (answer.status_code, answer.json()["code"]) == (400, "not_valid")


def test_a_range_without_samples_is_empty(measured: Measured, alice: User, api: Api) -> None:
    address = f"/api/v1/runs/{measured.exposure.pk}/traces/dose/"
    assert api(alice).get(address, {"start": 1e300, "end": 1e301}).json()["t"] == []
    assert api(alice).get(address, {"start": -1e300, "end": -1e299}).json()["count"] == 0


def test_a_changed_block_is_said_not_shown(measured: Measured, alice: User, api: Api) -> None:
    TraceBlock.objects.filter(key="dose").update(sha256="0" * 64)
    answer = api(alice).get(f"/api/v1/runs/{measured.exposure.pk}/traces/dose/")
    assert (answer.status_code, answer.json()["code"]) == (409, "damaged_trace")


def test_a_stranger_gets_404(measured: Measured, charlie: User, api: Api) -> None:
    client, run = api(charlie), measured.exposure.pk
    for path in (
        f"runs/{measured.measurement.pk}/sites/",
        f"runs/{measured.measurement.pk}/sites.csv",
        f"runs/{run}/traces/",
        f"runs/{run}/traces/dose/",
        f"travelers/{measured.traveler.pk}/process-window/",
    ):
        answer = client.get(f"/api/v1/{path}")
        assert answer.status_code == 404, path


@pytest.mark.parametrize("number", [0, 99999999999999999999])
def test_numbers_that_are_nobodys_are_404(alice: User, api: Api, number: int) -> None:
    for path in ("runs/{}/sites/", "runs/{}/traces/dose/", "travelers/{}/process-window/"):
        assert api(alice).get(f"/api/v1/{path.format(number)}").status_code == 404


def test_the_sites_file_over_the_api(measured: Measured, bob: User, api: Api) -> None:
    answer: Any = api(bob).get(f"/api/v1/runs/{measured.measurement.pk}/sites.csv")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    assert text.count("\r\n") == 1 + 171
