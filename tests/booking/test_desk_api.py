"""The desk over the API: overrides, booking on behalf, questions and answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from testbed.booking.models import Booking
from testbed.booking.question_models import Question
from testbed.booking.questions import ask
from testbed.people.models import User
from testbed.tools.models import Tool
from tests.booking.conftest import setting, tomorrow

Api = Callable[[User], APIClient]
Book = Callable[..., Booking]


def body(hour: int = 10, **more: Any) -> dict[str, Any]:
    start, end = tomorrow(hour).isoformat(), tomorrow(hour + 2).isoformat()
    return {"tool": "cd_sem", "starts_at": start, "ends_at": end, **more}


@pytest.mark.parametrize("by", ["pk", "email"])
def test_staff_book_for_an_engineer(
    by: str, administrator: User, alice: User, cd_sem: Tool, api: Api
) -> None:
    whom = str(getattr(alice, by)).upper()
    answer = api(administrator).post(
        "/api/v1/bookings/", body(on_behalf_of=whom, wafer_count=2), format="json"
    )
    assert answer.status_code == 201, answer.json()
    said = answer.json()
    assert (said["booked_by"], said["placed_by"]) == (alice.name, administrator.name)
    # Her own list shows the same.
    seen = api(alice).get(f"/api/v1/bookings/{said['id']}/").json()
    assert seen["placed_by"] == administrator.name


@pytest.mark.parametrize("whom", ["0", "9" * 40, "nobody@nowhere.example", "\x00", "bob"])
def test_nobody_to_book_for(
    whom: str, administrator: User, bob: User, cd_sem: Tool, api: Api
) -> None:
    whom = bob.email if whom == "bob" else whom
    answer = api(administrator).post("/api/v1/holds/", body(on_behalf_of=whom), format="json")
    assert answer.status_code in {400, 422}
    assert not Booking.objects.exists()


def test_a_company_learns_nothing_of_others_by_asking(
    alice: User, charlie: User, cd_sem: Tool, api: Api
) -> None:
    client = api(alice)
    answers = [
        client.post("/api/v1/holds/", body(on_behalf_of=whom), format="json")
        for whom in (charlie.email, "nobody@nowhere.example")
    ]
    assert {one.status_code for one in answers} == {403}
    assert answers[0].json() == answers[1].json()


def test_an_override(
    administrator: User, alice: User, charlie: User, cd_sem: Tool, api: Api
) -> None:
    setting("minimum_length", minutes=240)
    wish = body(on_behalf_of=alice.email)
    client = api(administrator)
    refused = client.post("/api/v1/holds/", wish, format="json")
    assert refused.status_code == 422
    rule = refused.json()["broken_rules"][0]
    assert (rule["code"], rule["staff_may_override"]) == ("minimum_length", True)
    override = {"codes": [rule["code"]], "reason": "A demonstration"}
    held = client.post("/api/v1/holds/", {**wish, "override": override}, format="json")
    assert held.status_code == 201, held.json()
    assert held.json()["overridden"] == ["minimum_length"]
    assert held.json()["override_reason"] == "A demonstration"
    seen = api(alice).get(f"/api/v1/bookings/{held.json()['id']}/").json()
    # The company reads which rule gave way; why is the facility's own note.
    assert (seen["overridden"], seen["override_reason"]) == (["minimum_length"], "")


@pytest.mark.parametrize(
    ("override", "status"),
    [
        ({"codes": ["tool_taken"], "reason": "A demonstration"}, 422),
        ({"codes": ["nothing"], "reason": "A demonstration"}, 422),
        ({"codes": ["lead_time"], "reason": "no"}, 400),
        ({"codes": ["lead_time"]}, 400),
        ({"codes": [], "reason": "A demonstration"}, 400),
        ("lead_time", 400),
    ],
)
def test_an_override_that_is_none(
    override: Any, status: int, administrator: User, alice: User, cd_sem: Tool, api: Api
) -> None:
    wish = body(on_behalf_of=alice.email, override=override)
    answer = api(administrator).post("/api/v1/bookings/", wish, format="json")
    assert answer.status_code == status


def test_submit_and_change_with_an_override(
    administrator: User, alice: User, cd_sem: Tool, api: Api
) -> None:
    client = api(administrator)
    held = client.post("/api/v1/holds/", body(on_behalf_of=alice.email), format="json").json()
    setting("use_mode", self_operated=False)
    setting("minimum_length", minutes=240)
    override = {"codes": ["use_mode", "minimum_length"], "reason": "Trained at the maker's"}
    answers = {"use_mode": "self_operated", "override": override}
    placed = client.post(f"/api/v1/bookings/{held['id']}/submit/", answers, format="json")
    assert placed.status_code == 200, placed.json()
    assert placed.json()["overridden"] == ["minimum_length", "use_mode"]
    move = f"/api/v1/bookings/{held['id']}/change/"
    assert client.post(move, body(14), format="json").status_code == 422
    moved = client.post(move, body(14, override=override), format="json")
    assert moved.status_code == 200, moved.json()
    assert moved.json()["overridden"] == ["minimum_length", "use_mode"]


def test_ask_answer_and_the_order_of_the_desk(
    administrator: User, alice: User, booked: Book, api: Api
) -> None:
    old, new = booked(alice, 10), booked(alice, 14)
    desk, company = api(administrator), api(alice)
    asking = f"/api/v1/bookings/{old.pk}/questions/"
    asked = desk.post(asking, {"text": "Which resist is on them?"}, format="json")
    assert asked.status_code == 201
    assert desk.post(asking, {"text": "And the lot?"}, format="json").status_code == 409
    rows = desk.get("/api/v1/approvals/").json()["results"]
    assert [(row["id"], row["is_asked"]) for row in rows] == [(new.pk, False), (old.pk, True)]
    assert company.get(asking).json()[0]["text"] == "Which resist is on them?"
    answering = f"/api/v1/questions/{asked.json()['id']}/answer/"
    fixed = {"answer": "An ArF resist.", "purpose": "Dose to size", "wafer_count": 4}
    answered = company.post(answering, fixed, format="json")
    assert answered.status_code == 200, answered.json()
    assert answered.json()["answered_by"] == alice.name
    assert company.post(answering, fixed, format="json").status_code == 409
    rows = desk.get("/api/v1/approvals/").json()["results"]
    assert [row["id"] for row in rows] == [old.pk, new.pk]
    assert (rows[0]["purpose"], rows[0]["wafer_count"]) == ("Dose to size", 4)


def test_the_walls_around_questions(
    administrator: User, alice: User, bob: User, charlie: User, technician: User, booked: Book,
    api: Api,
) -> None:  # fmt: skip
    booking = booked(alice)
    question = ask(actor=administrator, booking=booking, text="Which resist is on them?")
    asking, answering = (
        f"/api/v1/bookings/{booking.pk}/questions/", f"/api/v1/questions/{question.pk}/answer/",
    )  # fmt: skip
    for address in (asking, answering):
        assert api(charlie).post(address, {}, format="json").status_code == 404
        assert api(bob).post(address, {}, format="json").status_code == 403
    assert api(alice).post(asking, {"text": "Why ask?"}, format="json").status_code == 403
    assert api(technician).get("/api/v1/approvals/").status_code == 403
    assert api(technician).get(asking).status_code == 200
    for wrong in ({}, {"answer": "\x00" * 9}, {"answer": "Fine by us", "lot": "LOT-X"},
                  {"answer": "Fine by us", "wafer_count": 10**30}):  # fmt: skip
        assert api(alice).post(answering, wrong, format="json").status_code == 400
    assert Question.objects.open().get() == question


def test_the_lot_is_taken_off(
    administrator: User, alice: User, booked: Book, lot_of: Any, api: Api
) -> None:
    booking = booked(alice)
    Booking.objects.filter(pk=booking.pk).update(lot=lot_of(alice.company, alice))
    question = ask(actor=administrator, booking=booking, text="Which resist is on them?")
    answer = api(alice).post(
        f"/api/v1/questions/{question.pk}/answer/",
        {"answer": "The lot comes later", "lot": None},
        format="json",
    )
    assert answer.status_code == 200
    booking.refresh_from_db()
    assert booking.lot is None
