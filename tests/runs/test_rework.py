"""Rework: wafers go back to an operation, at most as often as its route allows, and scrap."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from rest_framework.test import APIClient

from testbed.material.models import SubstrateState, Wafer
from testbed.people.models import User
from testbed.process.models import Operation
from testbed.refusals import Refusal
from testbed.runs.models import RunWafer
from testbed.runs.ready import next_operation, waiting_slots
from testbed.runs.rework import rework, scrap
from testbed.runs.route_models import Rework, ReworkWafer, ScrappedWafer
from tests.runs.floor import Floor
from tests.runs.test_interlocks import open_ones, passed


@pytest.fixture
def stripped(floor: Floor) -> Floor:
    """Strip (only in rework), coat, expose …; coat and expose may be reworked twice and once."""
    for operation in floor.route.operations.order_by("-position"):
        Operation.objects.filter(pk=operation.pk).update(position=operation.position + 1)
    Operation.objects.create(
        route=floor.route, position=1, name_ko="박리", name_en="strip", tool_kind="track",
        recipe=floor.operation("coat").recipe, is_rework_only=True,
    )  # fmt: skip
    floor.route.operations.filter(name_en="coat").update(max_rework=2)
    floor.route.operations.filter(name_en="expose").update(max_rework=1)
    return floor


def back(floor: Floor, slots: tuple[int, ...] = (1, 2), name: str = "coat") -> Rework:
    return rework(
        actor=floor.technician, lot=floor.lot, operation=floor.operation(name), slots=slots,
        reason="striations",
    )  # fmt: skip


def code_of(refused: pytest.ExceptionInfo[Refusal]) -> str:
    return refused.value.code


def test_a_strip_is_walked_past_until_wafers_are_reworked(stripped: Floor) -> None:
    booking = stripped.bookings["track"]
    assert next_operation(booking) == stripped.operation("coat")
    assert open_ones(stripped, "strip") >= {"same_attempt"}
    passed(stripped, "coat")
    back(stripped, (1,))
    assert next_operation(booking) == stripped.operation("strip")
    assert waiting_slots(booking, stripped.operation("strip")) == [1]
    assert open_ones(stripped, "coat", (1,)) == {"operation_before"}
    assert open_ones(stripped, "expose", (1,)) == {"operation_before"}
    # Its neighbour goes on as if nothing had happened, in a run of its own.
    assert open_ones(stripped, "expose", (2,)) == set()
    assert "same_attempt" in open_ones(stripped, "coat", (1, 3))


def test_a_reworked_wafer_goes_again_through_all_it_had_behind_it(stripped: Floor) -> None:
    first = [passed(stripped, name, (1,)) for name in ("coat", "expose")]
    back(stripped, (1,))
    again = [passed(stripped, name, (1,)) for name in ("strip", "coat", "expose", "develop")]
    assert [run.attempt for run in first + again] == [1, 1, 2, 2, 2, 1]
    # Nothing of the first time was taken away.
    assert RunWafer.objects.filter(wafer__slot=1, state=SubstrateState.PROCESSED).count() == 6
    assert open_ones(stripped, "coat", (1,)) == {"not_yet_processed"}


def test_rework_ends_at_the_maximum_of_any_operation_that_it_repeats(stripped: Floor) -> None:
    for turn in range(3):
        passed(stripped, "coat", (1,))
        if turn < 2:
            back(stripped, (1,))
            passed(stripped, "strip", (1,))
    with pytest.raises(Refusal) as refused:
        back(stripped, (1,))
    assert code_of(refused) == "rework_maximum"
    passed(stripped, "coat", (2,))
    passed(stripped, "expose", (2,))
    back(stripped, (2,), "expose")
    passed(stripped, "expose", (2,))
    with pytest.raises(Refusal) as refused:
        back(stripped, (2,))  # coat would be allowed; expose behind it would be repeated too
    assert set(refused.value.fields) == {"operation_3"}


def test_the_database_refuses_what_no_verb_may_do(stripped: Floor) -> None:
    passed(stripped, "coat", (1,))
    made = back(stripped, (1,))
    row = ReworkWafer.objects.get(operation=stripped.operation("coat"))
    for attempt in (2, 5):
        with pytest.raises(IntegrityError, match="attempt_out_of_order"), transaction.atomic():
            ReworkWafer.objects.create(
                rework=made, wafer=row.wafer, operation=row.operation, attempt=attempt
            )
    ReworkWafer.objects.create(
        rework=made, wafer=row.wafer, operation=row.operation, attempt=3
    )  # fmt: skip
    with pytest.raises(IntegrityError, match="rework_maximum"), transaction.atomic():
        ReworkWafer.objects.create(
            rework=made, wafer=row.wafer, operation=row.operation, attempt=4
        )  # fmt: skip
    with pytest.raises(Exception, match="Cannot"), transaction.atomic():
        row.delete()


def test_what_cannot_be_reworked_is_refused_in_words(stripped: Floor, alice: User) -> None:
    passed(stripped, "coat", (1, 2))
    stripped.start("expose", (2,))
    cases = {
        "in_work": ((1, 2), "coat"),
        "nothing_to_rework": ((3,), "coat"),
        "measurement": ((1,), "measure"),
        "no_such_wafer": ((1, 25), "coat"),
    }
    for code, (slots, name) in cases.items():
        with pytest.raises(Refusal) as refused:
            back(stripped, slots, name)
        assert code_of(refused) == code
    coat = stripped.operation("coat")
    with pytest.raises(Refusal, match="not_allowed"):
        rework(actor=alice, lot=stripped.lot, operation=coat, slots=[1], reason="x")
    with pytest.raises(Refusal, match="no_reason"):
        rework(actor=stripped.technician, lot=stripped.lot, operation=coat, slots=[1], reason=" ")


def test_a_reworked_wafer_is_as_dirty_as_it_was(stripped: Floor) -> None:
    passed(stripped, "coat", (1,))
    Wafer.objects.filter(lot=stripped.lot, slot=1).update(contamination_class=3)
    back(stripped, (1,))
    assert open_ones(stripped, "strip", (1,)) == {"contamination"}


def test_scrapped_wafers_are_run_no_more(
    floor: Floor, process_engineer: User, technician: User
) -> None:
    with pytest.raises(Refusal, match="not_allowed"):
        scrap(actor=technician, lot=floor.lot, slots=[4], reason="broken")
    scrap(actor=process_engineer, lot=floor.lot, slots=[4], reason="broken")
    assert waiting_slots(floor.bookings["track"], floor.operation("coat")) == [1, 2, 3]
    assert open_ones(floor, "coat", (4,)) == {"not_scrapped"}
    with pytest.raises(Refusal, match="scrapped"):
        scrap(actor=process_engineer, lot=floor.lot, slots=[4], reason="again")


def test_page_and_api_rework_and_scrap(
    stripped: Floor, sign_in: Callable[[User], Client], api: Callable[[User], APIClient],
    process_engineer: User, alice: User, charlie: User,
) -> None:  # fmt: skip
    passed(stripped, "coat", (1, 2, 3))
    address, coat = f"/lots/{stripped.lot.code}", stripped.operation("coat")
    client = sign_in(process_engineer)
    form = {"slot": [1], "operation": coat.pk, "reason": "striations"}
    assert client.post(f"{address}/rework/", form).status_code == 302
    assert Rework.objects.get().reason == "striations"
    assert client.post(f"{address}/scrap/", {"slot": ["x"], "reason": "no"}).status_code == 302
    assert not ScrappedWafer.objects.exists()
    page = client.get(f"{address}/way/", headers={"accept-language": "en"}).content.decode()
    assert "striations" in page
    assert "attempt 2" in page
    seen = sign_in(alice).get(f"{address}/way/")
    assert seen.status_code == 200
    assert "<form" not in seen.content.decode().split("<main")[1].split("</main")[0]
    assert sign_in(charlie).get(f"{address}/way/").status_code == 404
    url = f"/api/v1{address}"
    body = {"route": stripped.route.code, "operation": coat.position, "wafers": [2], "reason": "x"}
    assert api(alice).post(f"{url}/reworks/", body, format="json").status_code == 403
    made = api(process_engineer).post(f"{url}/reworks/", body, format="json")
    assert made.status_code == 201
    assert [one["attempt"] for one in made.json()[0]["wafers"][1]["operations"]][:3] == [2, 2, 1]
    again = api(process_engineer).post(f"{url}/reworks/", body, format="json")
    assert again.json()["code"] == "nothing_to_rework"
    gone = api(process_engineer).post(
        f"{url}/scraps/", {"wafers": [3], "reason": "broken"}, format="json"
    )
    assert gone.json()[0]["wafers"][2]["scrapped"]


def test_a_route_without_rework_says_so_and_offers_none(
    stripped: Floor, sign_in: Callable[[User], Client], technician: User
) -> None:
    client, address = sign_in(technician), f"/lots/{stripped.lot.code}/way/"
    coat, words = stripped.operation("coat"), "This route allows no rework"
    page = client.get(address, headers={"accept-language": "en"}).text
    assert f'<option value="{coat.pk}">' in page
    assert words not in page
    stripped.route.operations.update(max_rework=0)
    page = client.get(address, headers={"accept-language": "en"}).text
    assert "<option" not in page
    assert words in page
