"""Nobody overwrites a change they have not seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from testbed.booking.change import change
from testbed.booking.models import Booking
from testbed.booking.place import Answers, place
from testbed.booking.target import Target
from testbed.booking.version import version_of
from testbed.people.models import User
from testbed.refusals import Refusal
from testbed.tools.models import Tool
from tests.booking.conftest import tomorrow


def test_the_second_of_two_who_saw_the_same_is_told(alice: User, cd_sem: Tool) -> None:
    target = Target(tool=cd_sem)
    booking = place(
        actor=alice, target=target, starts_at=tomorrow(5), ends_at=tomorrow(6), answers=Answers()
    )
    seen = version_of(booking, [cd_sem.pk])
    wish: dict[str, Any] = {
        "actor": alice,
        "booking": booking,
        "target": target,
        "expected": seen,
    }
    change(**wish, starts_at=tomorrow(7), ends_at=tomorrow(8))
    with pytest.raises(Refusal) as refused:
        change(**wish, starts_at=tomorrow(9), ends_at=tomorrow(10))
    assert (refused.value.code, refused.value.status) == ("changed_meanwhile", 409)
    booking.refresh_from_db()
    assert booking.starts_at == tomorrow(7)
    # Seen anew, it moves; and who expects nothing is not asked.
    wish["expected"] = version_of(booking, [cd_sem.pk])
    change(**wish, starts_at=tomorrow(9), ends_at=tomorrow(10))
    change(**wish | {"expected": ""}, starts_at=tomorrow(11), ends_at=tomorrow(12))


def test_the_api_gives_the_version_and_keeps_to_it(
    alice: User, cd_sem: Tool, api: Callable[[User], APIClient]
) -> None:
    client = api(alice)
    made = client.post(
        "/api/v1/bookings/",
        {"tool": "cd_sem", "starts_at": tomorrow(5), "ends_at": tomorrow(6)},
        format="json",
    ).json()
    address = f"/api/v1/bookings/{made['id']}/change/"

    def move(hour: int, expected: str) -> tuple[int, str | None, str | None]:
        wish = {"tool": "cd_sem", "starts_at": tomorrow(hour), "ends_at": tomorrow(hour + 1)}
        answer = client.post(address, wish | {"expected": expected}, format="json")
        return answer.status_code, answer.json().get("code"), answer.json().get("version")

    status, _code, version = move(7, made["version"])
    assert status == 200
    assert version not in ("", None, made["version"])
    assert move(9, made["version"])[:2] == (409, "changed_meanwhile")
    assert move(9, version or "")[0] == 200


def test_the_page_sends_what_it_showed(
    alice: User, cd_sem: Tool, sign_in: Callable[[User], Client]
) -> None:
    target = Target(tool=cd_sem)
    booking = place(
        actor=alice, target=target, starts_at=tomorrow(5), ends_at=tomorrow(6), answers=Answers()
    )
    client, address = sign_in(alice), f"/bookings/{booking.pk}/change/"
    form = {
        "what": "tool:cd_sem",
        "starts_at": tomorrow(9).isoformat(),
        "ends_at": tomorrow(10).isoformat(),
    }
    check = client.post(address, form)
    seen = version_of(booking, [cd_sem.pk])
    assert f'name="expected" value="{seen}"' in check.content.decode()
    change(actor=alice, booking=booking, target=target, starts_at=tomorrow(7), ends_at=tomorrow(8))
    late = client.post(address, form | {"expected": seen, "confirm": "1"})
    assert late.status_code == 409
    booking.refresh_from_db()
    assert booking.starts_at == tomorrow(7)


class TestCancelling:
    """What is given back is what the person saw."""

    def booking(self, alice: User, cd_sem: Tool) -> Booking:
        return place(
            actor=alice, target=Target(tool=cd_sem), starts_at=tomorrow(5), ends_at=tomorrow(6),
            answers=Answers(),
        )  # fmt: skip

    def move(self, alice: User, booking: Booking, cd_sem: Tool) -> None:
        target = Target(tool=cd_sem)
        change(
            actor=alice, booking=booking, target=target, starts_at=tomorrow(7), ends_at=tomorrow(8)
        )

    def test_over_the_api(
        self, alice: User, cd_sem: Tool, api: Callable[[User], APIClient]
    ) -> None:
        booking = self.booking(alice, cd_sem)
        client, address = api(alice), f"/api/v1/bookings/{booking.pk}/cancel/"
        seen = client.get(f"/api/v1/bookings/{booking.pk}/").json()["version"]
        self.move(alice, booking, cd_sem)
        stale = client.post(address, {"expected": seen}, format="json")
        assert (stale.status_code, stale.json()["code"]) == (409, "changed_meanwhile")
        booking.refresh_from_db()
        assert booking.is_live
        now = client.get(f"/api/v1/bookings/{booking.pk}/").json()["version"]
        assert client.post(address, {"expected": now}, format="json").status_code == 200

    def test_on_the_page(
        self, alice: User, cd_sem: Tool, sign_in: Callable[[User], Client]
    ) -> None:
        booking = self.booking(alice, cd_sem)
        client, address = sign_in(alice), f"/bookings/{booking.pk}/cancel/"
        seen = client.get(address).context["version"]
        self.move(alice, booking, cd_sem)
        free = {"total_won": "0", "debt_minutes": "0"}
        late = client.post(address, free | {"expected": seen})
        assert late.status_code == 409
        assert f'name="expected" value="{late.context["version"]}"' in late.content.decode()
        booking.refresh_from_db()
        assert booking.is_live
        assert client.post(address, free | {"expected": late.context["version"]}).status_code == 302
