"""Splits: signed ranges, the table with its sentences, and the values that wafers really get."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from instruments.catalogue import PLANS
from instruments.jobs import StepOrder, WaferOrder
from testbed.people.models import User
from testbed.process import versions
from testbed.process.models import RecipeVersion
from testbed.process.vary import wrong_ranges
from testbed.refusals import Refusal
from testbed.results.by_split import groups
from testbed.runs import splits
from testbed.runs.models import RunEvent, SiteReading, Split, Step
from tests.runs.floor import RECIPES, Floor, drive, sign
from tests.runs.test_cell import CELL, as_cell
from tests.runs.test_interlocks import open_ones, passed

TWO = {"spin_rpm": {"low": 1000.0, "high": 2000.0}, "thickness_nm": {"low": 80.0, "high": 100.0}}


def let_vary(floor: Floor, name: str, vary: object, alice: User, process: User) -> RecipeVersion:
    return sign(floor.operation(name).recipe, {**RECIPES[name], "vary": vary}, alice, process)


@pytest.fixture
def coat(floor: Floor, alice: User, process_engineer: User) -> Floor:
    let_vary(floor, "coat", TWO, alice, process_engineer)
    return floor


def write(floor: Floor, actor: User, texts: splits.Texts, name: str = "coat") -> Split | None:
    operation = floor.operation(name)
    booking = floor.bookings[operation.tool_kind]
    return splits.write(actor=actor, booking=booking, operation=operation, texts=texts)


@pytest.mark.parametrize(
    ("vary", "field"),
    [
        ({"spin_rpm": {"low": 2000, "high": 1000}}, "vary.spin_rpm"),
        ({"spin_rpm": {"low": 1000}}, "vary.spin_rpm"),
        ({"spin_rpm": {"low": 1000, "high": 1e9}}, "vary.spin_rpm"),
        ({"spin_rpm": {"low": 1000, "high": 10**400}}, "vary.spin_rpm"),
        ({"spin_rpm": {"low": float("nan"), "high": 2000}}, "vary.spin_rpm"),
        ({"no_such": {"low": 1, "high": 2}}, "vary.no_such"),
        ({"resist": {"low": 1, "high": 2}}, "vary.resist"),
        ([1], "vary"),
    ],
)
def test_a_range_that_the_tool_would_not_take_is_not_signed(
    alice: User, vary: object, field: str
) -> None:
    recipe = versions.create_recipe(actor=alice, code="mine", title="Mine", tool_kind="track")
    with pytest.raises(Refusal, match="recipe_not_runnable") as refused:
        versions.write_version(actor=alice, recipe=recipe, body={**RECIPES["coat"], "vary": vary})
    assert set(refused.value.fields) == {field}
    assert wrong_ranges("track", {**RECIPES["coat"], "vary": TWO}) == {}


def test_each_wrong_cell_has_its_sentence_and_nothing_is_saved(coat: Floor, alice: User) -> None:
    texts = {
        1: {"spin_rpm": "999"}, 2: {"spin_rpm": "fast", "thickness_nm": "90"},
        3: {"bake_time_s": "60"}, 25: {"spin_rpm": "1500"}, 4: {"spin_rpm": "nan"},
    }  # fmt: skip
    with pytest.raises(Refusal, match="not_valid") as refused:
        write(coat, alice, texts)
    assert set(refused.value.fields) == {
        "slot 1, spin_rpm", "slot 2, spin_rpm", "slot 3, bake_time_s", "slot 25, spin_rpm",
        "slot 4, spin_rpm",
    }  # fmt: skip
    assert not Split.objects.exists()
    with pytest.raises(Refusal, match="not_allowed"):
        write(coat, coat.technician, {1: {"spin_rpm": "1500"}})
    with pytest.raises(Refusal, match="nothing_varies"):
        write(coat, alice, {1: {"dose": "1"}}, "expose")


@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(
        st.integers(1, 25), st.dictionaries(st.sampled_from(sorted(TWO)), st.floats(85, 95))
    )
)
def test_a_table_comes_back_from_its_csv(table: dict[int, dict[str, float]]) -> None:
    texts = {slot: {path: repr(value) for path, value in row.items()}
             for slot, row in table.items()}  # fmt: skip
    paths = sorted(TWO)
    for text in (splits.as_csv(paths, sorted(texts), texts),
                 splits.as_csv(paths, sorted(texts), texts).replace(",", ";")):  # fmt: skip
        back = splits.read_csv("\ufeff" + text)
        assert {s: {p: v for p, v in row.items() if v} for s, row in back.items()} == texts


@pytest.mark.parametrize("text", ["", "wafer,dose\n1,2", "slot,dose\nx,2", "slot,dose\n100,2"])
def test_what_is_no_table_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="not_a_table"):
        splits.read_csv(text)


@pytest.mark.parametrize(
    ("text", "line"),
    [("slot,dose\n3,1,5", 2), ("slot,dose\n1,20\n3,20\n3,30", 4), ("slot,dose,dose\n3,1,2", 1)],
)
def test_a_decimal_comma_or_a_slot_twice_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(Refusal, match="not_a_table") as refused, translation.override("en"):
        splits.read_csv(text)
    assert str(refused.value.message).startswith(f"Line {line}:")
    # What a spreadsheet hangs on behind is no cell.
    assert splits.read_csv("slot,dose\n3,20,,\n") == {3: {"dose": "20"}}


@settings(max_examples=20, deadline=None)
@given(st.dictionaries(st.integers(1, 6), st.integers(1000, 2000)))
def test_each_wafer_is_processed_under_its_own_settings_and_no_step_is_lost(
    wanted: dict[int, int],
) -> None:
    program = PLANS["track"].program
    version = RecipeVersion(body={**RECIPES["coat"], "vary": TWO})
    orders = [WaferOrder(slot, f"W{slot}") for slot in range(1, 7)]
    table = {str(slot): {"spin_rpm": float(rpm)} for slot, rpm in wanted.items()}
    made = splits.plan(program, version, orders, "FOUP", table)
    plain = program.plan(RECIPES["coat"], orders, "FOUP")
    for kind in ("dock", "undock"):
        assert [one for one in made if one.kind == kind] == [
            one for one in plain if one.kind == kind
        ]
    work = [(one.kind, one.slot) for one in made if one.slot is not None]
    assert work == [(one.kind, one.slot) for one in plain if one.slot is not None]
    standing: dict[str, float] = {}
    for one in made:
        if one.kind == "settings":
            standing = dict(one.params["settings"])
        elif one.is_process and one.slot is not None:
            assert standing["spin"] == wanted.get(one.slot, 1500.0)
            assert one.params["recipe"].get("spin_rpm", 1500.0) == standing["spin"]


def test_a_start_copies_the_values_and_checks_them_once_more(
    coat: Floor, alice: User, process_engineer: User
) -> None:
    split = write(coat, alice, {1: {"spin_rpm": "1200"}, 3: {"spin_rpm": "1800"}})
    assert split is not None
    run = passed(coat, "coat", (1, 2))
    assert run.split == {"1": {"spin_rpm": 1200.0}}
    assert RunEvent.objects.get(run=run, kind="run.split").data["table"] == run.split
    assert Step.objects.filter(run=run, kind="settings").count() == 2
    narrow = {"spin_rpm": {"low": 1000, "high": 1500}}
    let_vary(coat, "coat", narrow, alice, process_engineer)
    assert open_ones(coat, "coat", (3,)) == {"split"}
    assert open_ones(coat, "coat", (4,)) == set()
    assert write(coat, alice, {}) is None
    assert not Split.objects.exists()


def test_wafers_come_out_as_their_values_say_and_results_are_grouped(
    live_floor: Floor, alice: User, process_engineer: User
) -> None:
    let_vary(live_floor, "coat", TWO, alice, process_engineer)
    write(live_floor, alice, {1: {"thickness_nm": "82"}, 2: {"thickness_nm": "98"}})
    run = drive(live_floor.start("coat", (1, 2)))
    assert run.state == "completed", run.evidence
    thickness = dict(run.reading_set.filter(key="thickness").values_list("wafer__slot", "value"))
    assert thickness[1] == pytest.approx(82, abs=3)
    assert thickness[2] == pytest.approx(98, abs=3)
    step = Step.objects.filter(run=run, is_process=True).first()
    assert step is not None
    SiteReading.objects.bulk_create(
        SiteReading(run=run, step=step, wafer=row.wafer, key="cd", unit="nm", x_mm=0, y_mm=0,
                    field_col=col, field_row=0, value=row.wafer.slot * 10 + col)
        for row in run.run_wafers.all() for col in (0, 2)
    )  # fmt: skip
    found = groups(run)
    assert [(one.slots, one.mean) for one in found] == [([1], 11), ([2], 21)]
    assert found[0].values.endswith(": 1500 rpm 기준 두께 = 82 nm")
    with translation.override("en"):
        assert [one.values for one in groups(run)] == [
            "coat: Thickness at 1500 rpm = 82 nm", "coat: Thickness at 1500 rpm = 98 nm",
        ]  # fmt: skip


def test_page_csv_and_api(
    coat: Floor, sign_in: Callable[[User], Client], api: Callable[[User], APIClient],
    alice: User, charlie: User,
) -> None:  # fmt: skip
    booking = coat.bookings["track"]
    page, client = f"/bookings/{booking.pk}/split/1/", sign_in(alice)
    assert sign_in(charlie).get(page).status_code == 404
    shown = client.get(page, headers={"accept-language": "en"}).content.decode()
    assert "Spin speed" in shown
    assert "1000 – 2000 rpm" in shown
    assert 'placeholder="1500' in shown
    refused = client.post(page, {"v-1-0": "1", "v-2-0": "1500"})
    assert refused.status_code == 422
    assert 'id="e-1-0"' in refused.content.decode()
    assert client.post(page, {"v-1-0": "1200", "v-2-1": "95"}).status_code == 302
    text = client.get(f"{page}csv/").content.decode()
    assert text.splitlines()[:3] == ["slot,spin_rpm,thickness_nm", "1,1200,", "2,,95"]
    changed = SimpleUploadedFile("t.csv", text.replace("1200", "1300").encode())
    assert client.post(page, {"send_csv": 1, "file": changed}).status_code == 302
    assert client.post(page, {"send_csv": 1, "csv": "no table"}).status_code == 422
    address = f"/api/v1/bookings/{booking.pk}/operations/1/split/"
    assert api(alice).get(address).json()["rows"][0] == {"slot": 1, "values": {"spin_rpm": 1300.0}}
    body = {"rows": [{"slot": 1, "values": {"spin_rpm": 5.0}}]}
    assert api(alice).put(address, body, format="json").status_code == 400
    body = {"rows": [{"slot": 1, "values": {"spin_rpm": 1100.0}}]}
    assert api(alice).put(address, body, format="json").json()["rows"] == body["rows"]
    assert api(coat.technician).put(address, body, format="json").status_code == 403


def test_the_table_says_which_range_no_wafer_can_be_given(
    coat: Floor, sign_in: Callable[[User], Client], alice: User, process_engineer: User
) -> None:
    page, client = f"/bookings/{coat.bookings['track'].pk}/split/1/", sign_in(alice)
    english = {"accept-language": "en"}
    assert "no such number" not in client.get(page, headers=english).content.decode()
    exact = {"gone": {"low": 1, "high": 2}, "spin_rpm": {"low": 1000.0625, "high": 2000}}
    let_vary(coat, "coat", exact, alice, process_engineer)
    shown = client.get(page, headers=english).content.decode()
    assert shown.count("has no such number") == 1
    assert "1000.0625 – 2000 rpm" in shown
    assert client.post(page, {"v-1-0": "1"}).status_code == 422
    let_vary(coat, "coat", {}, alice, process_engineer)
    assert "“Different by wafer”" in client.get(page, headers=english).content.decode()


# -- the litho cell ----------------------------------------------------------------------------
VARIED = CELL | {
    "vary": {
        "coat.thickness_nm": {"low": 80.0, "high": 100.0},
        "expose.layout.dose": {"low": 20.0, "high": 40.0},
    }
}


def test_a_cell_varies_what_either_tool_takes_and_nothing_else() -> None:
    assert wrong_ranges("litho_cell", VARIED) == {}
    for path in ("expose.layout.no_such", "coat.resist", "coat.operation", "dose", "develop"):
        body = CELL | {"vary": {path: {"low": 1, "high": 2}}}
        assert set(wrong_ranges("litho_cell", body)) == {f"vary.{path}"}, path
    body = CELL | {"vary": {"expose.layout.dose": {"low": 20, "high": 1e9}}}
    assert set(wrong_ranges("litho_cell", body)) == {"vary.expose.layout.dose"}


@settings(max_examples=15, deadline=None)
@given(
    st.dictionaries(st.integers(1, 4), st.sampled_from([24.0, 30.0, 36.0])),
    st.dictionaries(st.integers(1, 4), st.sampled_from([82.0, 98.0])),
)
def test_each_wafer_of_a_cell_is_worked_under_its_own_settings_of_either_tool(
    doses: dict[int, float], films: dict[int, float]
) -> None:
    program = PLANS["litho_cell"].program
    orders = [WaferOrder(slot, f"W{slot}") for slot in range(1, 5)]
    table: splits.Table = {}
    for path, wanted in (("expose.layout.dose", doses), ("coat.thickness_nm", films)):
        for slot, value in wanted.items():
            table.setdefault(str(slot), {})[path] = value
    made = splits.plan(program, RecipeVersion(body=VARIED), orders, "FOUP", table)
    plain = program.plan(CELL, orders, "FOUP")

    def work(steps: list[StepOrder]) -> list[tuple[str, str, int | None, object]]:
        return [(one.tool_kind, one.kind, one.slot, one.params.get("wafers"))
                for one in steps if one.kind != "settings"]  # fmt: skip

    assert work(made) == work(plain)
    standing: dict[str, Any] = {}
    for one in made:
        if one.kind == "settings":
            standing[one.tool_kind] = one.params["settings"]
        elif one.is_process and one.slot is not None and one.tool_kind == "scanner":
            assert one.params["recipe"]["layout"]["dose"] == doses.get(one.slot, 30.0)
            assert "scanner" in standing
        elif one.is_process and one.slot in films and one.params["recipe"]["operation"] == "coat":
            assert one.params["recipe"]["thickness_nm"] == films[one.slot]
            assert films[one.slot] in dict(standing["track"]).values()


def test_a_cells_table_is_written_carried_out_and_no_tool_is_set_in_vain(
    live_floor: Floor, alice: User, process_engineer: User
) -> None:
    assert live_floor.fab is not None
    live_floor.fab.control.rescale(400)
    cell = as_cell(live_floor, alice, process_engineer)
    sign(cell.operation.recipe, VARIED, alice, process_engineer)
    texts = {1: {"coat.thickness_nm": "82", "expose.layout.dose": "24"},
             2: {"coat.thickness_nm": "98", "expose.layout.dose": "36"}}  # fmt: skip
    booking = live_floor.bookings["track"]
    splits.write(actor=alice, booking=booking, operation=cell.operation, texts=texts)
    run = drive(cell.start())
    assert run.state == "completed", run.evidence
    thickness = dict(run.reading_set.filter(key="thickness").values_list("wafer__slot", "value"))
    assert thickness == {1: pytest.approx(82, abs=3), 2: pytest.approx(98, abs=3)}
    doses = run.steps.filter(tool__kind="scanner", is_process=True).order_by("slot")
    assert [one.params["recipe"]["layout"]["dose"] for one in doses] == [24.0, 36.0]
    # Two coats, two exposures, one development for both.
    by_kind = Counter(run.steps.filter(kind="settings").values_list("tool__kind", flat=True))
    assert by_kind == {"track": 3, "scanner": 2}
