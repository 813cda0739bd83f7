"""The pages of results: what they say, to whom, in both languages, at what cost."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from testbed.people.models import User
from testbed.runs.models import SiteReading
from tests.results.conftest import Measured, ended_run

SignIn = Callable[[User], Client]
KOREAN = {"HTTP_ACCEPT_LANGUAGE": "ko"}
ENGLISH = {"HTTP_ACCEPT_LANGUAGE": "en"}


def addresses(measured: Measured) -> dict[str, str]:
    lot, run = measured.floor.lot.code, measured.exposure.pk
    return {
        "result": reverse("result", args=[measured.traveler.pk]),
        "wafer": reverse("wafer", args=[lot, 1]),
        "run_traces": reverse("run_traces", args=[run]),
        "run_trace_csv": reverse("run_trace_csv", args=[run, "dose"]),
        "run_sites_csv": reverse("run_sites_csv", args=[measured.measurement.pk]),
    }


def rows_of(response: Any) -> list[dict[str, str]]:
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("language", [KOREAN, ENGLISH])
def test_every_page_opens_for_the_owner_a_reader_and_the_staff(
    measured: Measured, alice: User, bob: User, technician: User, sign_in: SignIn, language: Any
) -> None:
    for person in (alice, bob, technician):
        client = sign_in(person)
        for address in [*addresses(measured).values(), reverse("results")]:
            assert client.get(address, **language).status_code == 200, address


def test_a_stranger_finds_nothing(measured: Measured, charlie: User, sign_in: SignIn) -> None:
    client = sign_in(charlie)
    for address in addresses(measured).values():
        assert client.get(address).status_code == 404
    assert measured.floor.lot.code not in client.get(reverse("results")).content.decode()


def test_the_list_names_the_lot_and_counts_its_wafers(
    measured: Measured, alice: User, sign_in: SignIn
) -> None:
    page = sign_in(alice).get(reverse("results"), **ENGLISH)
    assert measured.floor.lot.code in page.content.decode()
    assert [(t.pk, t.wafers) for t in page.context["page"]] == [(measured.traveler.pk, 3)]


def test_the_verdict_comes_first_and_holds_the_truth(
    measured: Measured, alice: User, sign_in: SignIn
) -> None:
    page = sign_in(alice).get(addresses(measured)["result"], **ENGLISH)
    window, text = page.context["window"], page.content.decode()
    assert window.best_focus.covers(measured.truth.best_focus)
    assert window.dose_to_size.covers(measured.truth.size)
    assert text.index("Expose at") < text.index("<svg xmlns")
    assert f"{window.dose_to_size.value:.2f} ± " in text
    assert "mJ/cm²" in text


def test_the_same_page_in_korean(measured: Measured, alice: User, sign_in: SignIn) -> None:
    text = sign_in(alice).get(addresses(measured)["result"], **KOREAN).content.decode()
    assert "최적 노광량" in text
    assert "공정 창" in text
    assert "Process window" not in text


def test_wafers_come_worst_first(measured: Measured, alice: User, sign_in: SignIn) -> None:
    page = sign_in(alice).get(addresses(measured)["result"])
    off = [entry["departure"] for entry in page.context["gallery"]]
    assert len(off) == 3
    assert off == sorted(off, reverse=True)


def test_without_a_matrix_the_worst_is_the_most_out_of_spec(
    measured: Measured, alice: User, sign_in: SignIn
) -> None:
    SiteReading.objects.exclude(field_row=3).delete()
    page = sign_in(alice).get(addresses(measured)["result"])
    bad = [entry["numbers"].bad for entry in page.context["gallery"]]
    assert bad == sorted(bad, reverse=True)


def test_pages_carry_no_inline_style_or_script(
    measured: Measured, alice: User, sign_in: SignIn
) -> None:
    client = sign_in(alice)
    for name in ("result", "wafer", "run_traces"):
        text = client.get(addresses(measured)[name]).content.decode()
        assert " style=" not in text
        assert "<script>" not in text


def test_a_lot_without_measurement_says_so(
    measured: Measured, alice: User, sign_in: SignIn
) -> None:
    SiteReading.objects.all().delete()
    client = sign_in(alice)
    page = client.get(addresses(measured)["result"], **ENGLISH)
    assert "No line widths have been measured yet" in page.content.decode()
    wafer = client.get(addresses(measured)["wafer"], **ENGLISH).content.decode()
    assert "has not been measured yet" in wafer
    assert "No run" not in wafer


def test_data_that_cannot_carry_a_window_is_refused_in_words(
    measured: Measured, alice: User, sign_in: SignIn
) -> None:
    SiteReading.objects.exclude(field_row__in=[2, 3]).delete()
    page = sign_in(alice).get(addresses(measured)["result"], **ENGLISH)
    assert page.status_code == 200
    assert "at least 3 doses" in page.content.decode()
    assert "gallery" in page.content.decode()


def test_a_wafer_tells_its_numbers_and_its_story(
    measured: Measured, alice: User, sign_in: SignIn
) -> None:
    page = sign_in(alice).get(reverse("wafer", args=[measured.floor.lot.code, 2]), **ENGLISH)
    numbers = page.context["numbers"]
    assert (numbers.count, numbers.unresolved) == (56, 1)
    values = [site.value for site in page.context["sites"] if site.value is not None]
    assert numbers.mean == pytest.approx(sum(values) / 56)
    assert [c.run for c in page.context["chapters"]] == [measured.exposure, measured.measurement]
    text = page.content.decode()
    run = measured.exposure
    said = (str(run), str(run.recipe_version), run.recipe_sha256[:12], run.started_by.name)
    for words in said:
        assert words in text


def test_wafers_that_are_not_there_are_404(
    measured: Measured, alice: User, sign_in: SignIn
) -> None:
    client = sign_in(alice)
    for slot in (24, 26, 99999999999999999999):
        assert client.get(f"/lots/{measured.floor.lot.code}/wafers/{slot}/").status_code == 404
    assert client.get("/results/99999999999999999999/").status_code == 404


def test_traces_say_which_wafer_left_the_limit(
    measured: Measured, alice: User, sign_in: SignIn
) -> None:
    client = sign_in(alice)
    address = addresses(measured)["run_traces"]
    first = client.get(address, **ENGLISH).content.decode()
    third = client.get(address, {"wafer": 3}, **ENGLISH).content.decode()
    assert "Over the limit" in first  # the badge speaks of the whole run
    assert "Focus error reaches" not in first
    assert "Focus error reaches 25.0 nm, above the limit of 12 nm" in third


@pytest.mark.parametrize("wafer", ["0", "4", "x", "-1", "９", "1\0"])
def test_wafers_without_traces_are_404(
    measured: Measured, alice: User, sign_in: SignIn, wafer: str
) -> None:
    page = sign_in(alice).get(addresses(measured)["run_traces"], {"wafer": wafer})
    assert page.status_code == 404


def test_the_sites_file_has_every_site_with_its_exposure(
    measured: Measured, alice: User, sign_in: SignIn
) -> None:
    response = sign_in(alice).get(addresses(measured)["run_sites_csv"])
    assert response["Content-Type"].startswith("text/csv")
    assert "attachment" in response["Content-Disposition"]
    rows = rows_of(response)
    assert len(rows) == 3 * 57
    centre = next(r for r in rows if r["slot"] == "1" and (r["x_mm"], r["y_mm"]) == ("0.0", "0.0"))
    assert (centre["field_col"], centre["field_row"]) == ("0", "0")
    assert (float(centre["dose_mj_cm2"]), float(centre["focus_nm"])) == (30.0, 0.0)
    lost = [row for row in rows if row["quality"] == "not_resolved"]
    assert [(row["slot"], row["value"]) for row in lost] == [("2", "")]


def test_the_trace_file_has_every_sample(measured: Measured, alice: User, sign_in: SignIn) -> None:
    address = reverse("run_trace_csv", args=[measured.exposure.pk, "focus_error"])
    rows = rows_of(sign_in(alice).get(address, {"wafer": 3}))
    assert len(rows) == 3_648
    values = [float(row["focus_error (nm)"]) for row in rows]
    assert max(values) == 25.0
    assert float(rows[1]["time_s"]) == pytest.approx(0.0076)


def test_more_wafers_cost_no_more_queries(
    measured: Measured, alice: User, sign_in: SignIn, django_assert_max_num_queries: Any
) -> None:
    client = sign_in(alice)
    budgets = {"result": 14, "wafer": 14, "run_traces": 14}
    ended_run(measured.floor, measured.traveler, "coat", (1, 2, 3, 4))
    for name, budget in budgets.items():
        with django_assert_max_num_queries(budget):
            client.get(addresses(measured)[name])
    with django_assert_max_num_queries(8):
        client.get(reverse("results"))
