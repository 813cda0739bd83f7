"""Registering lots and checking them in, by page, API and verb."""

from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from rest_framework.test import APIClient

from testbed.material.check_in import check_in
from testbed.material.models import Carrier, Lot, LotState
from testbed.material.register import register
from testbed.material.wafer_id import is_valid, with_check
from testbed.people.models import JournalEntry, User
from testbed.refusals import Refusal
from testbed.tools.models import ContaminationClass

SignIn = Callable[[User], Client]
Api = Callable[[User], APIClient]


@pytest.fixture
def carrier(db: None) -> Carrier:
    return Carrier.objects.create(code="FOUP-01")


def test_a_lot_gets_a_code_and_checked_wafer_ids(alice: User) -> None:
    lot = register(actor=alice, product="resist", wafer_count=25)
    assert lot.code.startswith("L")
    wafers = list(lot.wafers.all())
    assert [wafer.slot for wafer in wafers] == list(range(1, 26))
    assert all(is_valid(wafer.wafer_id) for wafer in wafers)
    assert register(actor=alice, product="resist", wafer_count=1).code != lot.code


def test_scribed_ids_are_checked(alice: User) -> None:
    with pytest.raises(Refusal) as refused:
        register(actor=alice, product="resist", code="LOT1", wafer_ids=["23D2", "23D3"])
    assert "23D3" in str(refused.value.fields["wafer_ids"][0])
    assert not Lot.objects.exists()


@pytest.mark.parametrize("body", ["AB 12", "AB'12", "#AB12", "AB,12", "-AB12"])
def test_an_id_that_no_tool_can_be_told_is_refused_when_the_lot_comes(
    alice: User, body: str
) -> None:
    given = with_check(body)
    assert is_valid(given)
    with pytest.raises(Refusal) as refused:
        register(actor=alice, product="resist", code="LOT1", wafer_ids=[given])
    assert given in str(refused.value.fields["wafer_ids"][0])
    assert not Lot.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"product": " "}, "product"),
        ({"wafer_count": 26}, "wafer_count"),
        ({"wafer_count": 0}, "wafer_count"),
        ({"code": "<b>x</b>"}, "code"),
        ({"code": "A'; --"}, "code"),
    ],
)
def test_wrong_fields_are_named(alice: User, wrong: dict[str, object], field: str) -> None:
    with pytest.raises(Refusal) as refused:
        register(actor=alice, **{"product": "resist", "wafer_count": 3} | wrong)  # type: ignore[arg-type]
    assert field in refused.value.fields


def test_a_code_is_used_once(alice: User, charlie: User) -> None:
    register(actor=alice, product="resist", code="LOT-1", wafer_count=1)
    with pytest.raises(Refusal, match="already_there"):
        register(actor=charlie, product="parts", code="LOT-1", wafer_count=1)


def test_a_reader_registers_nothing(bob: User) -> None:
    with pytest.raises(Refusal, match="not_allowed"):
        register(actor=bob, product="resist", wafer_count=1)


def test_check_in_puts_the_lot_into_its_carrier_once(
    alice: User, technician: User, carrier: Carrier
) -> None:
    lot = register(actor=alice, product="resist", wafer_count=2)
    check_in(actor=technician, lot=lot, carrier=carrier)
    check_in(actor=technician, lot=lot, carrier=carrier)
    lot.refresh_from_db()
    assert (lot.state, lot.carrier) == (LotState.CHECKED_IN, carrier)
    assert JournalEntry.objects.filter(action="lot.checked_in").count() == 1


def test_a_full_or_dirty_carrier_is_refused(
    alice: User, technician: User, carrier: Carrier
) -> None:
    first = register(actor=alice, product="resist", wafer_count=1)
    second = register(actor=alice, product="resist", wafer_count=1)
    check_in(actor=technician, lot=first, carrier=carrier)
    with pytest.raises(Refusal, match="carrier_full"):
        check_in(actor=technician, lot=second, carrier=carrier)
    dirty = Carrier.objects.create(code="FOUP-02", contamination_class=ContaminationClass.COPPER)
    with pytest.raises(Refusal, match="carrier_too_dirty"):
        check_in(actor=technician, lot=second, carrier=dirty)


def test_the_database_wants_a_carrier_with_a_checked_in_lot(alice: User) -> None:
    lot = register(actor=alice, product="resist", wafer_count=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        Lot.objects.filter(pk=lot.pk).update(state=LotState.CHECKED_IN)


def test_a_stranger_sees_no_lot(alice: User, charlie: User, sign_in: SignIn, api: Api) -> None:
    lot = register(actor=alice, product="resist", wafer_count=1)
    assert sign_in(charlie).get(f"/lots/{lot.code}/").status_code == 404
    assert api(charlie).get(f"/api/v1/lots/{lot.code}/").status_code == 404
    assert api(charlie).get("/api/v1/lots/").json()["count"] == 0


def test_the_api_registers_and_the_technician_checks_in(
    alice: User, technician: User, api: Api, carrier: Carrier
) -> None:
    made = api(alice).post("/api/v1/lots/", {"product": "resist", "wafer_count": 3}, format="json")
    assert made.status_code == 201, made.content
    address = f"/api/v1/lots/{made.json()['code']}/check-in/"
    refused = api(alice).post(address, {"carrier": carrier.code}, format="json")
    assert refused.status_code in {403, 404}
    done = api(technician).post(address, {"carrier": carrier.code}, format="json")
    assert done.json()["carrier"] == "FOUP-01"


def test_the_form_keeps_what_was_typed(alice: User, sign_in: SignIn) -> None:
    page = sign_in(alice).post(
        "/lots/new/", {"product": "<script>alert(1)</script>", "wafer_count": "99"}
    )
    assert page.status_code == 422
    assert b"&lt;script&gt;" in page.content
    assert b"<script>alert" not in page.content


def test_a_lot_handed_back_frees_its_carrier(
    alice: User, technician: User, carrier: Carrier, api: Api
) -> None:
    lot = register(actor=alice, product="resist", wafer_count=1)
    check_in(actor=technician, lot=lot, carrier=carrier)
    address = f"/api/v1/lots/{lot.code}/hand-back/"
    assert api(alice).post(address).status_code == 403
    assert api(technician).post(address).json()["state"] == "returned"
    assert api(technician).post(address).json()["code"] == "lot_not_here"
    assert list(Carrier.objects.free()) == [carrier]
