"""Chains of steps over the API: found, held, booked, cancelled as a whole; walls; bad input."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from testbed.booking.models import Booking, BookingState, Bundle
from testbed.booking.target import Target
from testbed.people.models import User
from testbed.tools.models import Capability, Tool
from tests.booking.conftest import setting, tomorrow

pytestmark = pytest.mark.django_db
Api = Callable[[User], APIClient]
WISH = [
    {"target": "cell:litho", "minutes": 120},
    {"target": "kind:cd_sem", "minutes": 60, "within_minutes": 240},
]


@pytest.fixture(autouse=True)
def tools(cell_target: Target, sem_target: Target) -> None:
    """The litho cell and the CD-SEM."""


def found(client: APIClient, **more: Any) -> Any:
    body = {"steps": WISH, "from": tomorrow(8).isoformat(), **more}
    answer = client.post("/api/v1/route-slots/", body, format="json")
    assert answer.status_code == 200, answer.content
    return answer.json()


def as_chosen(combination: Any) -> list[dict[str, Any]]:
    names = ("target", "starts_at", "ends_at", "within_minutes")
    return [{name: step[name] for name in names} for step in combination["steps"]]


def test_found_held_submitted_cancelled(alice: User, api: Api) -> None:
    client = api(alice)
    best = found(client)["combinations"][0]
    assert [step["target"] for step in best["steps"]] == ["cell:litho", "tool:cd_sem"]
    held = client.post("/api/v1/route-holds/", {"steps": as_chosen(best)}, format="json")
    assert held.status_code == 201, held.content
    assert held.json()["total_won"] == best["total_won"]
    address = f"/api/v1/bundles/{held.json()['id']}/"
    assert client.get(address).json()["hold_expires_at"] is not None
    assert client.post(f"{address}extend/").status_code == 200
    booked = client.post(f"{address}submit/", {"purpose": "resist"}, format="json")
    assert {one["state"] for one in booked.json()["bookings"]} == {"pending"}
    cancelled = client.post(f"{address}cancel/", {}, format="json")
    assert {one["state"] for one in cancelled.json()["bookings"]} == {"cancelled"}
    assert client.post(f"{address}cancel/", {}, format="json").status_code == 409


def test_booked_at_once_with_a_key_that_arrives_twice(alice: User, api: Api) -> None:
    client = api(alice)
    body = {"steps": as_chosen(found(client)["combinations"][0]), "test_wafers": 1}
    answers = [
        client.post(
            "/api/v1/route-bookings/", body, format="json", headers={"Idempotency-Key": "a"}
        )
        for _number in range(2)
    ]
    assert [one.status_code for one in answers] == [201, 201]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert (Bundle.objects.count(), Booking.objects.count()) == (1, 2)


def test_a_refused_chain_tells_each_step_and_the_nearest(
    alice: User, charlie: User, api: Api
) -> None:
    best = found(api(alice))["combinations"][0]
    assert api(charlie).post(
        "/api/v1/route-bookings/", {"steps": as_chosen(best)}, format="json"
    ).status_code == 201  # fmt: skip
    refused = api(alice).post("/api/v1/route-holds/", {"steps": as_chosen(best)}, format="json")
    assert refused.status_code == 422
    told = refused.json()
    assert [one["step"] for one in told["broken_steps"]] == [1, 2]
    assert told["nearest_combinations"][0]["steps"][0]["target"] == "cell:litho"
    assert "Nuri" not in refused.content.decode()


def test_a_stranger_finds_no_chain(alice: User, charlie: User, api: Api) -> None:
    best = found(api(alice))["combinations"][0]
    made = api(alice).post("/api/v1/route-bookings/", {"steps": as_chosen(best)}, format="json")
    address = f"/api/v1/bundles/{made.json()['id']}/"
    for path in ("", "submit/", "extend/", "cancel/"):
        client = api(charlie)
        answer = client.post(address + path, {}, format="json") if path else client.get(address)
        assert answer.status_code == 404
    assert set(Booking.objects.values_list("state", flat=True)) == {BookingState.PENDING}


def test_nothing_is_told_with_the_step_that_forbids(alice: User, api: Api, cd_sem: Tool) -> None:
    setting("minimum_length", cd_sem, minutes=90)
    told = found(api(alice))["nothing_because"]
    assert [(one["step"], one["broken_rules"][0]["code"]) for one in told] == [
        (2, "minimum_length")
    ]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"steps": []},
        {"steps": WISH, "route": "x"},
        {"route": "none"},
        {"steps": [{"target": "tool:\x00", "minutes": 60}]},
        {"steps": [{"target": "kind:none", "minutes": 60}]},
        {"steps": [{"target": "tool:cd_sem", "minutes": 10**12}]},
        {"steps": WISH * 9},
        {"steps": "all"},
        {"steps": [None]},
        {"steps": [WISH[0] | {"within_minutes": 5, "after_minutes": 9}]},
        {"steps": WISH, "from": "9999-12-31T23:59:59Z"},
        {"steps": WISH, "from": "2027-01-02T00:00:00Z", "to": "2027-01-01T00:00:00Z"},
    ],
)
def test_wishes_that_cannot_be_read(alice: User, api: Api, body: dict[str, Any]) -> None:
    answer = api(alice).post("/api/v1/route-slots/", body, format="json")
    assert answer.status_code == 400, answer.content
    assert answer.json()["message"]
    assert "non_field_errors" not in str(list(answer.json()["fields"].values()))


def test_capabilities_and_their_slots(
    alice: User, charlie: User, api: Api, cd_sem: Tool, scanner: Tool
) -> None:
    able = Capability.objects.create(code="fine", name_ko="미세", name_en="Fine")
    able.tools.set([cd_sem, scanner])
    client = api(alice)
    [listed] = client.get("/api/v1/capabilities/").json()["results"]
    assert sorted(listed["tools"]) == ["cd_sem", "scanner"]
    query = {"minutes": 60, "from": tomorrow(8).isoformat(), "limit": 4}
    slots = client.get("/api/v1/capabilities/fine/slots/", query).json()["slots"]
    # At the same start the cheaper tool first.
    assert [slot["tools"] for slot in slots] == [["cd_sem"], ["scanner"]] * 2
    assert slots[0]["starts_at"] == slots[1]["starts_at"]
    busy = {"tool": "cd_sem", "starts_at": tomorrow(8).isoformat(),
            "ends_at": (tomorrow(8) + timedelta(hours=1)).isoformat()}  # fmt: skip
    assert api(charlie).post("/api/v1/holds/", busy, format="json").status_code == 201
    slots = client.get("/api/v1/capabilities/fine/slots/", query).json()["slots"]
    assert slots[0]["tools"] == ["scanner"]
    assert client.get("/api/v1/capabilities/none/slots/", query).status_code == 404
