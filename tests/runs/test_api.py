"""Runs over the API, with the engine driven in this process."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from testbed.people.models import User
from testbed.runs.models import Run
from tests.runs.floor import Floor, drive

Api = Callable[[User], APIClient]


def body(floor: Floor, name: str, wafers: list[int]) -> dict[str, object]:
    operation = floor.operation(name)
    booking = floor.bookings[operation.tool_kind]
    return {"booking": booking.pk, "operation": operation.position, "wafers": wafers}


def test_a_run_is_started_watched_and_read_back(live_floor: Floor, api: Api) -> None:
    client = api(live_floor.technician)
    answer = client.post("/api/v1/runs/", body(live_floor, "coat", [1, 2]), format="json")
    assert answer.status_code == 201, answer.json()
    made = answer.json()
    assert made["state"] == "queued"
    assert [step["kind"] for step in made["steps"]][:2] == ["dock", "settings"]
    drive(Run.objects.get(pk=made["id"]))
    seen = client.get(f"/api/v1/runs/{made['id']}/").json()
    assert seen["state"] == "completed"
    assert seen["progress"] | {"elapsed_s": 0} == {
        "fraction": 1.0, "wafers_done": 2, "wafers": 2, "elapsed_s": 0, "remaining_s": None,
    }  # fmt: skip
    assert seen["choices"] == []
    events = client.get(f"/api/v1/runs/{made['id']}/events/?after=2").json()["results"]
    assert [event["seq"] for event in events] == list(range(3, seen["event_count"] + 1))
    assert events[-1]["kind"] == "run.completed"
    assert "%" not in events[-1]["sentence"]


def test_a_company_sees_its_own_runs_and_a_stranger_none(
    floor: Floor, api: Api, alice: User, bob: User, charlie: User
) -> None:
    run = floor.start("coat")
    for reader in (alice, bob):
        assert api(reader).get(f"/api/v1/runs/{run.pk}/").status_code == 200
        assert api(reader).post(f"/api/v1/runs/{run.pk}/abort/").status_code == 403
    for address in ("", "events/", "wire/"):
        assert api(charlie).get(f"/api/v1/runs/{run.pk}/{address}").status_code == 404
    assert api(charlie).get("/api/v1/runs/").json()["count"] == 0
    for verb in ("stop", "abort", "resolve"):
        assert api(charlie).post(f"/api/v1/runs/{run.pk}/{verb}/").status_code == 404


def test_unmet_interlocks_come_back_all_together(floor: Floor, api: Api) -> None:
    answer = api(floor.technician).post(
        "/api/v1/runs/", body(floor, "expose", [1, 25]), format="json"
    )
    assert answer.status_code == 409
    said = answer.json()
    assert said["code"] == "interlocked"
    assert set(said["fields"]) == {"wafers_present", "operation_before"}


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"booking": 10**30}, 400),
        ({"booking": 999_999}, 404),
        ({"operation": 40}, 404),
        ({"wafers": []}, 400),
        ({"wafers": [26]}, 400),
        ({"wafers": "1,2"}, 400),
    ],
)
def test_bad_starts_are_refused_in_the_one_shape(
    floor: Floor, api: Api, wrong: dict[str, object], status: int
) -> None:
    answer = api(floor.technician).post(
        "/api/v1/runs/", body(floor, "coat", [1]) | wrong, format="json"
    )
    assert answer.status_code == status
    assert set(answer.json()) >= {"code", "message", "fields"}


@pytest.mark.parametrize(
    ("address", "status"),
    [("runs/99999999999999999999999/", 404), ("runs/?state=nowhere", 400),
     ("runs/?tool=%00", 400), ("runs/{pk}/events/?after=-1", 400)],
)  # fmt: skip
def test_bad_questions_are_no_server_errors(
    floor: Floor, api: Api, address: str, status: int
) -> None:
    run = floor.start("coat")
    answer = api(floor.technician).get("/api/v1/" + address.format(pk=run.pk))
    assert answer.status_code == status
