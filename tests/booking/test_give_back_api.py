"""Giving back, repeating and sharing over the API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from rest_framework.test import APIClient

from testbed.booking.models import Booking, BookingState, Penalty
from testbed.booking.target import Target
from testbed.people.models import User
from tests.booking.conftest import kst, setting, tomorrow
from tests.booking.test_reconfirm import CLOSES, OPENS, placed

pytestmark = pytest.mark.django_db
Book = Callable[..., Booking]
Api = Callable[[User], APIClient]


@pytest.fixture
def strict() -> None:
    setting("late_cancel", hours_before=72, fee_percent=50, debt_percent=50)
    setting("needs_approval", required=False)


def address(booking: Booking, verb: str) -> str:
    return f"/api/v1/bookings/{booking.pk}/{verb}/"


def test_the_cost_is_read_then_agreed_to(
    strict: None, api: Api, alice: User, charlie: User, booked: Book
) -> None:
    client, cancel = api(alice), address(booked(alice), "cancel")
    cost = client.get(cancel).json()
    assert cost["total_won"] == 308_000
    assert cost["free_until"] == (tomorrow(10) - timedelta(hours=72)).isoformat()
    refused = client.post(cancel, {}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (409, "cost_changed")
    assert refused.json()["cost"] == cost
    done = client.post(cancel, {"total_won": 308_000, "debt_minutes": 60}, format="json")
    assert (done.status_code, done.json()["state"]) == (200, "cancelled")
    assert client.get(cancel).status_code == 409
    assert api(charlie).get(cancel).status_code == 404


@pytest.mark.parametrize("body", [{"total_won": -1}, {"total_won": 2**80}, {"debt_minutes": "x"}])
def test_a_cost_that_is_none_is_turned_away(
    api: Api, alice: User, booked: Book, body: dict[str, object]
) -> None:
    assert api(alice).post(address(booked(alice), "cancel"), body, format="json").status_code == 400


def test_penalties_are_the_companys_and_the_administrators(
    strict: None, api: Api, alice: User, bob: User, charlie: User, technician: User,
    administrator: User, booked: Book,
) -> None:  # fmt: skip
    body = {"total_won": 308_000, "debt_minutes": 60}
    api(alice).post(address(booked(alice), "cancel"), body, format="json")
    (row,) = api(bob).get("/api/v1/penalties/").json()["results"]
    assert (row["kind"], row["total_won"], row["debt_minutes"]) == ("late_cancel", 308_000, 60)
    assert api(charlie).get("/api/v1/penalties/").json()["results"] == []
    assert api(technician).get("/api/v1/penalties/").status_code == 403
    waive = f"/api/v1/penalties/{row['id']}/waive/"
    assert api(alice).post(waive, {"reason": "please"}, format="json").status_code == 403
    waived = api(administrator).post(waive, {"reason": "road closed"}, format="json")
    assert (waived.status_code, waived.json()["total_won"]) == (200, -308_000)
    again = api(administrator).post(waive, {"reason": "road closed"}, format="json")
    assert (again.status_code, again.json()["code"]) == (409, "already_waived")
    assert Penalty.objects.count() == 2


def test_reconfirm_and_arrive(api: Api, alice: User, technician: User, sem_target: Target) -> None:
    setting("reconfirm", hours_before=24, window_hours=24)
    setting("needs_approval", required=False)
    booking = placed(alice, sem_target)
    again = address(booking, "reconfirm")
    with time_machine.travel(OPENS, tick=False):
        done = api(alice).post(again)
        assert (done.status_code, done.json()["reconfirm_by"]) == (200, CLOSES.isoformat())
        assert done.json()["reconfirmed_at"] == OPENS.isoformat()
        early = api(technician).post(address(booking, "arrive"))
        assert (early.status_code, early.json()["code"]) == (409, "not_awaited")
    with time_machine.travel(kst(8, 10), tick=False):
        here = api(technician).post(address(booking, "arrive"))
        assert (here.status_code, here.json()["begun_at"]) == (200, kst(8, 10).isoformat())


def test_share_and_end_it(
    api: Api, alice: User, bob: User, charlie: User, administrator: User, booked: Book
) -> None:
    booking, client = booked(alice), api(alice)
    sharers = address(booking, "sharers")
    for _twice in range(2):
        done = client.post(sharers, {"colleague": bob.email.upper()}, format="json")
        assert (done.status_code, done.json()["name"]) == (200, "bob")
    assert [one["email"] for one in api(bob).get(sharers).json()] == [bob.email]
    answers = [
        client.post(sharers, {"colleague": email}, format="json")
        for email in (charlie.email, "nobody@nowhere.example")
    ]
    assert [one.status_code for one in answers] == [422, 422]
    assert answers[0].json() == answers[1].json()
    end = address(booking, "unshare")
    assert client.post(end, {"colleague": charlie.email}, format="json").json() != []
    assert api(bob).post(end, {"colleague": bob.email}, format="json").json() == []


class TestRepeating:
    def test_preview_then_book(self, api: Api, alice: User, charlie: User, booked: Book) -> None:
        booking, client = booked(alice), api(alice)
        repeat = address(booking, "repeat")
        told = client.get(repeat, {"every": 1, "times": 2}).json()["occurrences"]
        assert [one["is_free"] for one in told] == [True, True]
        assert Booking.objects.count() == 1
        done = client.post(repeat, {"every": 1, "times": 2}, format="json").json()["occurrences"]
        placed = Booking.objects.exclude(pk=booking.pk).order_by("starts_at")
        assert [one["booking"] for one in done] == [one.pk for one in placed]
        rest = client.get(address(booking, "cancel-rest")).json()
        assert [one["id"] for one in rest["bookings"]] == [booking.pk, *(one.pk for one in placed)]
        gone = client.post(address(booking, "cancel-rest"), {}, format="json").json()
        assert {one["state"] for one in gone} == {BookingState.CANCELLED}
        assert api(charlie).get(repeat, {"times": 2}).status_code == 404

    def test_the_same_key_books_once(self, api: Api, alice: User, booked: Book) -> None:
        repeat, body = address(booked(alice), "repeat"), {"every": 2, "times": 1}
        headers = {"HTTP_IDEMPOTENCY_KEY": "once"}
        first = api(alice).post(repeat, body, format="json", **headers)
        again = api(alice).post(repeat, body, format="json", **headers)
        assert first.json() == again.json()
        assert Booking.objects.count() == 2

    @pytest.mark.parametrize(
        ("asked", "status"),
        [
            ({}, 422),
            ({"times": 1, "until": "2027-01-01"}, 422),
            ({"until": "0001-01-01"}, 422),
            ({"times": 27}, 400),
            ({"times": 1, "every": 5}, 400),
            ({"until": "9999-12-31\0"}, 400),
        ],
    )
    def test_what_cannot_be_read(
        self, api: Api, alice: User, booked: Book, asked: dict[str, object], status: int
    ) -> None:
        answer = api(alice).post(address(booked(alice), "repeat"), asked, format="json")
        assert answer.status_code == status
