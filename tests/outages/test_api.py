"""Closures over the API: staff plan and announce, companies answer, nobody sees another's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from rest_framework.test import APIClient

from testbed.booking.models import BookingState
from testbed.outages.models import Outage, Rebooking, Utility
from tests.booking.conftest import setting, tomorrow
from tests.outages.conftest import book

if TYPE_CHECKING:
    from testbed.booking.models import Booking
    from testbed.people.models import User
    from testbed.tools.models import Tool

pytestmark = pytest.mark.django_db
Api = Callable[["User"], APIClient]


@pytest.fixture(autouse=True)
def no_approval(db: None) -> None:
    row = setting("needs_approval")
    row.is_active = False
    row.save()


def asked(*tools: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": "closure", "scope": "tools", "tools": list(tools),
        "starts_at": tomorrow(10).isoformat(), "ends_at": tomorrow(12).isoformat(),
        "reason_ko": "정기 점검", "reason_en": "Yearly check", "note": "for us",
    } | more  # fmt: skip


def fate(booking: Booking, starts_at: datetime | None = None) -> dict[str, Any]:
    if starts_at is None:
        return {"booking": booking.pk, "fate": "cancelled"}
    return {"booking": booking.pk, "fate": "moved", "starts_at": starts_at.isoformat()}


def test_plan_announce_and_answer(
    api: Api, administrator: User, alice: User, charlie: User, cd_sem: Tool
) -> None:
    booking = book(alice, cd_sem, 10, wafer_count=4)
    staff, company = api(administrator), api(alice)
    plan = staff.post("/api/v1/outages/plan/", asked("cd_sem"), format="json")
    assert plan.status_code == 200
    (shown,) = plan.json()["affected"]
    assert (shown["number"], shown["company"], shown["wafers"]) == (str(booking), "가온소재", 4)
    assert shown["alternatives"][0]["starts_at"] == tomorrow(9).isoformat()

    refused = staff.post("/api/v1/outages/", asked("cd_sem"), format="json")
    assert (refused.status_code, refused.json()["code"]) == (409, "bookings_affected")
    assert refused.json()["plan"]["affected"][0]["booking"] == booking.pk

    whole = asked("cd_sem", fates=[fate(booking, tomorrow(9))])
    made = staff.post("/api/v1/outages/", whole, format="json")
    assert made.status_code == 201
    assert made.json()["note"] == "for us"
    assert len(made.json()["times"]) == 1

    address = f"/api/v1/rebookings/{Rebooking.objects.get().pk}/"
    seen = company.get(address).json()
    assert seen["may_answer"]
    assert seen["reason_en"] == "Yearly check"
    assert tomorrow(12).isoformat() in [slot["starts_at"] for slot in seen["slots"]]
    assert api(charlie).get(address).status_code == 404
    chosen = company.post(
        f"{address}choose/", {"starts_at": tomorrow(13).isoformat()}, format="json"
    )
    assert (chosen.status_code, chosen.json()["state"]) == (200, "changed")
    assert company.post(f"{address}accept/").status_code == 409


def test_a_company_sees_the_public_reason_alone(
    api: Api, administrator: User, alice: User, charlie: User, cd_sem: Tool
) -> None:
    booking = book(alice, cd_sem, 10)
    whole = asked("cd_sem", fates=[fate(booking)])
    made = api(administrator).post("/api/v1/outages/", whole, format="json").json()
    seen = api(charlie).get(f"/api/v1/outages/{made['id']}/").json()
    assert seen["reason_en"] == "Yearly check"
    assert "note" not in seen
    assert api(charlie).get("/api/v1/rebookings/").json()["count"] == 0
    assert api(alice).get("/api/v1/rebookings/").json()["count"] == 1


def test_companies_neither_plan_nor_close(api: Api, alice: User, cd_sem: Tool) -> None:
    company = api(alice)
    for address in ("plan/", ""):
        answer = company.post(f"/api/v1/outages/{address}", asked("cd_sem"), format="json")
        assert answer.status_code == 403
    assert not Outage.objects.exists()


def test_change_end_and_withdraw(api: Api, technician: User, cd_sem: Tool) -> None:
    staff = api(technician)
    made = staff.post("/api/v1/outages/", asked("cd_sem", kind="maintenance"), format="json")
    address = f"/api/v1/outages/{made.json()['id']}/"
    later = asked("cd_sem", kind="maintenance", ends_at=tomorrow(13).isoformat())
    changed = staff.post(f"{address}change/", later, format="json")
    assert changed.status_code == 200
    assert [one["ends_at"] for one in changed.json()["times"]] == [tomorrow(13).isoformat()]
    assert staff.post(f"{address}end/").json()["code"] == "not_running"
    assert staff.post(f"{address}withdraw/").json()["times"] == []
    assert staff.post(f"{address}withdraw/").json()["code"] == "outage_over"


def test_accept_and_decline(
    api: Api, administrator: User, alice: User, bob: User, cd_sem: Tool
) -> None:
    first, second = book(alice, cd_sem, 10), book(alice, cd_sem, 11)
    fates = [fate(first, tomorrow(9)), fate(second, tomorrow(12))]
    api(administrator).post("/api/v1/outages/", asked("cd_sem", fates=fates), format="json")
    one, two = Rebooking.objects.order_by("from_starts_at")
    assert api(bob).post(f"/api/v1/rebookings/{one.pk}/accept/").status_code == 403
    company = api(alice)
    assert company.post(f"/api/v1/rebookings/{one.pk}/accept/").json()["state"] == "accepted"
    assert company.post(f"/api/v1/rebookings/{two.pk}/decline/").json()["state"] == "declined"
    second.refresh_from_db()
    assert second.state == BookingState.CANCELLED


def test_supplies(api: Api, administrator: User, technician: User, cd_sem: Tool) -> None:
    staff = api(administrator)
    new = {"code": "di", "name_ko": "초순수", "name_en": "DI water", "tools": ["cd_sem"]}
    assert staff.post("/api/v1/utilities/", new, format="json").status_code == 201
    assert staff.post("/api/v1/utilities/", new, format="json").json()["code"] == "code_taken"
    assert api(technician).post("/api/v1/utilities/", new, format="json").status_code == 403
    down = asked(scope="utility", utility="di", kind="outage")
    del down["tools"]
    made = api(technician).post("/api/v1/outages/", down, format="json")
    assert made.json()["tools"] == ["cd_sem"]
    other = {"name_ko": "초순수", "name_en": "Ultrapure water", "tools": []}
    assert staff.put("/api/v1/utilities/di/", other, format="json").json()["tools"] == []
    assert Utility.objects.get().name_en == "Ultrapure water"
    assert Outage.objects.get().tools.get() == cd_sem


@pytest.mark.parametrize(
    "wrong",
    [
        {"tools": ["no-such"]}, {"starts_at": "9999-12-31T00:00:00Z"}, {"utility": "no-such"},
        {"until": "9999-12-31"}, {"weekdays": [9]}, {"every": 0}, {"reason_ko": " "},
        {"fates": [{"booking": 2**80, "fate": "cancelled"}]}, {"exceptions": ["0001-01-01"]},
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_400(
    api: Api, administrator: User, cd_sem: Tool, wrong: dict[str, Any]
) -> None:
    answer = api(administrator).post("/api/v1/outages/", asked("cd_sem", **wrong), format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "not_valid")


def test_an_announcement_repeated_is_made_once(api: Api, administrator: User, cd_sem: Tool) -> None:
    staff = api(administrator)
    sent = [
        staff.post(
            "/api/v1/outages/", asked("cd_sem"), format="json", HTTP_IDEMPOTENCY_KEY="again-1"
        )
        for _time in range(2)
    ]
    assert [answer.status_code for answer in sent] == [201, 201]
    assert Outage.objects.count() == 1
