"""Nobody in a pool learns who the others are, on no page and in no answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.translation import override
from rest_framework.test import APIClient

from testbed.booking.models import Booking
from testbed.notices.models import Notice
from testbed.people.models import User
from testbed.pools import seats
from testbed.pools.models import Pool
from tests.pools.conftest import Joiner

Api = Callable[[User], APIClient]
SignIn = Callable[[User], Client]
HOSTS = ("가온", "Gaon", "alice", "HOST-LOT", "secret")
GUESTS = ("누리", "Nuri", "charlie", "GUEST-LOT", "guest part", "hush")


@pytest.fixture
def guest(pool: Pool, charlie: User, lot_of_charlie: Joiner) -> Booking:
    lot = lot_of_charlie(2, "GUEST-LOT")
    return seats.join(actor=charlie, pool=pool, lot=lot, purpose="hush")


def pages(host: Booking, guest: Booking, pool: Pool) -> list[str]:
    return [
        reverse("pools"),
        reverse("pool", args=[pool.pk]),
        reverse("bookings"),
        reverse("timeline") + f"?from={host.starts_at:%Y-%m-%d}",
        reverse("booking", args=[host.pk]),
        reverse("booking", args=[guest.pk]),
        reverse("lots"),
        "/api/v1/pools/",
        f"/api/v1/pools/{pool.pk}/",
        "/api/v1/bookings/",
        f"/api/v1/timeline/?from={host.starts_at:%Y-%m-%d}",
        f"/api/v1/bookings/{host.pk}/",
        f"/api/v1/bookings/{guest.pk}/",
    ]


@pytest.mark.parametrize("state", ["open", "fixed"])
def test_host_and_guest_read_nothing_of_one_another(
    pool: Pool, host: Booking, guest: Booking, alice: User, charlie: User, state: str
) -> None:
    if state == "fixed":
        seats.fix(actor=alice, pool=pool)
    seen = 0
    for viewer, others in ((alice, GUESTS), (charlie, HOSTS)):
        client = Client()
        client.force_login(viewer, backend="testbed.people.backend.Backend")
        for address in pages(host, guest, pool):
            for language in ("ko", "en"):
                answer = client.get(address, headers={"accept-language": language})
                text = answer.content.decode()
                assert [word for word in others if word in text] == [], address
                seen += answer.status_code == 200
    assert seen >= 40


def test_notices_name_nobody(pool: Pool, guest: Booking, alice: User, charlie: User) -> None:
    seats.fix(actor=alice, pool=pool)
    told = [str(notice.texts) for notice in Notice.objects.filter(kind="pool", reader=alice)]
    assert told
    assert [word for word in GUESTS for text in told if word in text] == []
    told = [str(notice.texts) for notice in Notice.objects.filter(kind="pool", reader=charlie)]
    assert told
    assert [word for word in HOSTS for text in told if word in text] == []


def test_a_fixed_pool_is_a_strangers_404(
    pool: Pool, alice: User, charlie: User, sign_in: SignIn
) -> None:
    client = sign_in(charlie)
    assert client.get(reverse("pool", args=[pool.pk])).status_code == 200
    seats.fix(actor=alice, pool=pool)
    assert client.get(reverse("pool", args=[pool.pk])).status_code == 404


def test_the_page_opens_joins_and_fixes(
    host: Booking, alice: User, charlie: User, lot_of_charlie: Joiner, sign_in: SignIn
) -> None:
    client = sign_in(alice)
    address = reverse("open_seats", args=[host.pk])
    form: dict[str, Any] = {"seats": "99", "closes_at": "never"}
    assert client.post(address, form).status_code == 422
    closes = f"{host.starts_at:%Y-%m-%d}T00:00"
    page = client.post(address, {"seats": "4", "closes_at": closes, "note": "<b>ArF</b>"})
    pool = Pool.objects.get()
    assert page.headers["location"] == reverse("pool", args=[pool.pk])
    assert "&lt;b&gt;ArF" in client.get(page.headers["location"]).content.decode()
    lot = lot_of_charlie(2)
    guest = sign_in(charlie)
    joined = guest.post(reverse("pool", args=[pool.pk]), {"lot": lot.pk, "purpose": ""})
    assert joined.status_code == 302
    again = guest.post(reverse("pool", args=[pool.pk]), {"lot": lot.pk})
    assert again.status_code == 422, "a second click takes nothing more"
    assert pool.taken.count() == 2
    assert sign_in(alice).post(reverse("fix_pool", args=[pool.pk])).status_code == 302
    with override("en"):
        assert str(pool) in client.get(reverse("pools")).content.decode()


def test_the_api_opens_joins_and_fixes(
    host: Booking, alice: User, charlie: User, lot_of_charlie: Joiner, api: Api
) -> None:
    opened = api(alice).post(
        f"/api/v1/bookings/{host.pk}/pool/",
        {"seats": 4, "closes_at": host.starts_at.isoformat()},
        format="json",
    )
    assert opened.status_code == 201, opened.json()
    pk = opened.json()["id"]
    lot = lot_of_charlie(2)
    joined = api(charlie).post(f"/api/v1/pools/{pk}/join/", {"lot": lot.code}, format="json")
    assert joined.status_code == 201, joined.json()
    assert joined.json()["slots"] == [4, 5]
    shown = api(charlie).get(f"/api/v1/pools/{pk}/").json()
    kinds = {slot["number"]: slot["kind"] for slot in shown["slots"]}
    assert (kinds[1], kinds[4], kinds[6], kinds[25]) == ("taken", "own", "free", "shut")
    assert api(charlie).post(f"/api/v1/pools/{pk}/fix/").status_code == 404
    assert api(alice).post(f"/api/v1/pools/{pk}/fix/").json()["state"] == "fixed"
