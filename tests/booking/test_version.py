"""Nobody overwrites a change they have not seen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from testbed.booking.change import change
from testbed.booking.models import Booking
from testbed.booking.place import Answers, place
from testbed.booking.repeat import Weekly, repeat
from testbed.booking.route_place import Chosen, place_route
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


class TestCancellingSeveral:
    """A series and a chain are given back as they were seen, or not at all."""

    def test_a_series(
        self, alice: User, sem_target: Target, api: Callable[[User], APIClient],
        sign_in: Callable[[User], Client], booked: Callable[..., Booking],
    ) -> None:  # fmt: skip
        first = booked(alice, 10)
        [occurrence] = repeat(actor=alice, booking=first, rhythm=Weekly(1, 1))
        assert occurrence.booking is not None
        client, address = api(alice), f"/api/v1/bookings/{first.pk}/cancel-rest/"
        pages, page = sign_in(alice), f"/bookings/{first.pk}/cancel-rest/"
        seen = client.get(address).json()["version"]
        assert f'name="expected" value="{seen}"' in pages.get(page).content.decode()
        start = occurrence.span.start + timedelta(hours=4)
        change(
            actor=alice, booking=occurrence.booking, target=sem_target, starts_at=start,
            ends_at=start + timedelta(hours=1),
        )  # fmt: skip
        stale = client.post(address, {"expected": seen}, format="json")
        assert (stale.status_code, stale.json()["code"]) == (409, "changed_meanwhile")
        free = {"total_won": "0", "debt_minutes": "0", "expected": seen}
        assert pages.post(page, free).status_code == 409
        assert Booking.objects.live().count() == 2
        now = client.get(address).json()["version"]
        assert client.post(address, {"expected": now}, format="json").status_code == 200
        assert not Booking.objects.live().exists()

    def test_a_chain(
        self, alice: User, sem_target: Target, api: Callable[[User], APIClient],
        sign_in: Callable[[User], Client],
    ) -> None:  # fmt: skip
        steps = [Chosen(sem_target, tomorrow(at), tomorrow(at + 1)) for at in (8, 10)]
        bundle = place_route(actor=alice, steps=steps, answers=Answers())
        client, pages = api(alice), sign_in(alice)
        address, page = f"/api/v1/bundles/{bundle.pk}/", f"/bundles/{bundle.pk}/cancel/"
        seen = client.get(address).json()["version"]
        assert pages.get(page).context["version"] == seen
        second = Booking.objects.get(bundle=bundle, position=2)
        change(
            actor=alice, booking=second, target=sem_target, starts_at=tomorrow(14),
            ends_at=tomorrow(15),
        )  # fmt: skip
        stale = client.post(f"{address}cancel/", {"expected": seen}, format="json")
        assert (stale.status_code, stale.json()["code"]) == (409, "changed_meanwhile")
        late = pages.post(page, {"total_won": "0", "debt_minutes": "0", "expected": seen})
        assert late.status_code == 409
        assert Booking.objects.live().count() == 2
        assert pages.post(page, {"expected": late.context["version"]}).status_code == 302
        assert not Booking.objects.live().exists()
