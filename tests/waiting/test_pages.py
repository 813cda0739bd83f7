"""The waiting list on its pages and over the API: one's own place, and nobody else's name."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from rest_framework.test import APIClient

from testbed.booking.hours import KST
from testbed.booking.models import Allocation
from testbed.people.models import User
from testbed.waiting.models import Offer, OfferState, Watch, Wish, WishState
from testbed.waiting.offer import sweep
from tests.booking.conftest import tomorrow
from tests.waiting.conftest import free

SignIn = Callable[[User], Client]
Api = Callable[[User], APIClient]
Waits = Callable[..., Wish]
pytestmark = pytest.mark.django_db


def asked(**more: str) -> dict[str, object]:
    day = f"{tomorrow(8).astimezone(KST):%Y-%m-%d}"
    return {"what": "tool:cd_sem", "minutes": "120", "first": day, "last": day, **more}


def fill(full: Allocation) -> None:
    """Not only from 8 to 20 o'clock: the form asks for whole days."""
    full.starts_at, full.ends_at = tomorrow(0), tomorrow(0).replace(hour=23, minute=59)
    full.save()


def test_one_waits_sees_the_place_and_withdraws(
    full: Allocation, waits: Waits, alice: User, charlie: User, sign_in: SignIn
) -> None:
    fill(full)
    first = waits(charlie)
    client = sign_in(alice)
    form = client.get("/waiting/new/?what=tool:cd_sem&minutes=120").content.decode()
    assert 'value="tool:cd_sem" selected' in form
    assert client.post("/waiting/new/", asked()).status_code == 302
    page = client.get("/waiting/").content.decode()
    assert "2번째" in page
    assert "누리부품" not in page
    assert charlie.name not in page
    mine = Wish.objects.get(user=alice)
    assert client.post("/waiting/", {"withdraw": mine.pk}).status_code == 302
    assert client.post("/waiting/", {"withdraw": first.pk}).status_code == 404
    mine.refresh_from_db()
    assert mine.state == WishState.WITHDRAWN


def test_days_and_hours_are_read_from_the_form(
    full: Allocation, alice: User, sign_in: SignIn
) -> None:
    fill(full)
    more = {"from_hour": "9", "until_hour": "17"}
    days = {**asked(**more), "weekdays": ["0", "2"]}
    assert sign_in(alice).post("/waiting/new/", days).status_code == 302
    wish = Wish.objects.get()
    assert (wish.weekdays, wish.from_hour, wish.until_hour) == (0b101, 9, 17)


def test_what_is_free_is_shown_instead(full: Allocation, alice: User, sign_in: SignIn) -> None:
    answered = sign_in(alice).post("/waiting/new/", asked())
    assert answered.status_code == 409
    page = answered.content.decode()
    assert "/book/?what=tool%3Acd_sem" in page
    assert not Wish.objects.exists()


def test_wrong_answers_are_told_beside_their_fields(
    full: Allocation, alice: User, technician: User, sign_in: SignIn
) -> None:
    client = sign_in(alice)
    for wrong in (
        asked(what="area:metrology"), asked(first="9999-12-31"), asked(from_hour="9"),
        asked(last="2020-01-01"), asked(what="tool:\x00"),
    ):  # fmt: skip
        assert client.post("/waiting/new/", wrong).status_code == 422
    assert sign_in(technician).post("/waiting/new/", asked()).status_code == 403


def test_one_is_told_of_any_tool_of_an_area(
    full: Allocation, alice: User, charlie: User, sign_in: SignIn
) -> None:
    fill(full)
    client = sign_in(alice)
    sent = asked(what="area:metrology", tell="1")
    assert client.post("/waiting/new/", sent).status_code == 302
    watch = Watch.objects.get()
    assert watch.area == "metrology"
    assert "계측" in client.get("/waiting/").content.decode()
    assert sign_in(charlie).post("/waiting/", {"stop": watch.pk}).status_code == 404
    client.post("/waiting/", {"stop": watch.pk})
    watch.refresh_from_db()
    assert watch.ended_at is not None


def test_an_offer_is_shown_with_its_end_and_declined(
    full: Allocation, waits: Waits, alice: User, administrator: User, sign_in: SignIn
) -> None:
    waits(alice)
    free(full, 10, 12)
    sweep()
    offer = Offer.objects.get()
    client = sign_in(alice)
    page = client.get("/waiting/").content.decode()
    assert f"/book/hold/{offer.booking_id}/" in page
    assert "count-down" in page
    staff = sign_in(administrator).get("/waiting/").content.decode()
    assert "가온소재" in staff
    assert client.post("/waiting/", {"decline": offer.pk}).status_code == 302
    assert client.post("/waiting/", {"decline": offer.pk}).status_code == 409
    offer.refresh_from_db()
    assert offer.state == OfferState.DECLINED


def test_the_api_waits_offers_and_watches(
    full: Allocation, alice: User, charlie: User, api: Api
) -> None:
    client = api(alice)
    body = {
        "tool": "cd_sem", "minutes": 120, "earliest": tomorrow(8).isoformat(),
        "latest": tomorrow(20).isoformat(),
    }  # fmt: skip
    wish = client.post("/api/v1/waiting/wishes/", body, "json").json()
    assert (wish["place"], wish["state"]) == (1, "waiting")
    watch = client.post("/api/v1/waiting/watches/", body, "json").json()
    free(full, 10, 12)
    assert client.post("/api/v1/waiting/watches/", body, "json").status_code == 409
    sweep()
    [offer] = client.get("/api/v1/waiting/offers/").json()["results"]
    assert (offer["state"], offer["wish"]) == ("open", wish["id"])
    for path in (
        f"offers/{offer['id']}/decline", f"wishes/{wish['id']}/withdraw",
        f"watches/{watch['id']}/stop",
    ):  # fmt: skip
        assert api(charlie).post(f"/api/v1/waiting/{path}/").status_code == 404
        assert client.post(f"/api/v1/waiting/{path}/").status_code == 200
    assert client.get("/api/v1/waiting/wishes/").json()["results"][0]["state"] == "withdrawn"
    assert api(charlie).get("/api/v1/waiting/wishes/").json()["results"] == []
    for bad in ({}, {**body, "tool": "none"}, {**body, "minutes": 10**30}, {**body, "cell": "x"}):
        assert client.post("/api/v1/waiting/wishes/", bad, "json").status_code == 400
