"""The booking endpoints, from a free slot to an approved booking, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from testbed.booking.models import Allocation, Booking, IdempotencyKey
from testbed.booking.tasks import forget_idempotency_keys, sweep_holds
from testbed.material.models import Lot
from testbed.people.models import Company, User
from testbed.process.models import Operation, Recipe, Route
from testbed.tools.models import Tool
from tests.booking.conftest import setting, tomorrow

pytestmark = pytest.mark.django_db
Api = Callable[[User], APIClient]
HUGE = 10**30


def span(hour: int = 10, **target: str) -> dict[str, str]:
    return {
        **target,
        "starts_at": tomorrow(hour).isoformat(),
        "ends_at": tomorrow(hour + 2).isoformat(),
    }


@pytest.fixture
def route(db: None) -> Route:
    recipe = Recipe.objects.create(code="expose", title="expose", tool_kind="scanner")
    route = Route.objects.create(code="fem", name_ko="FEM", name_en="FEM")
    Operation.objects.create(
        route=route, position=1, name_ko="노광", name_en="Expose", tool_kind="scanner",
        recipe=recipe,
    )  # fmt: skip
    return route


def test_from_slot_to_approved_booking(
    api: Api,
    alice: User,
    administrator: User,
    company_a: Company,
    track: Tool,
    scanner: Tool,
    route: Route,
    lot_of: Callable[..., Lot],
) -> None:
    client, lot = api(alice), lot_of(company_a, alice)
    found = client.get("/api/v1/slots/", {"cell": "litho", "minutes": 120, "limit": 3}).json()
    assert len(found["slots"]) == 3
    assert found["nothing_because"] == []
    slot = found["slots"][0]
    assert set(slot["tools"]) == {"track", "scanner"}
    when = {"starts_at": slot["starts_at"], "ends_at": slot["ends_at"]}
    held = client.post("/api/v1/holds/", {"cell": "litho", **when}, format="json")
    assert held.status_code == 201
    assert held.json()["state"] == "held"
    assert held.json()["extensions_left"] == 1
    assert held.json()["quote"] == slot["quote"]
    one = f"/api/v1/bookings/{held.json()['id']}/"
    assert client.post(f"{one}extend/").json()["extensions_left"] == 0
    answers = {
        "lot": lot.code, "route": "fem", "wafer_count": 2, "purpose": "FEM",
        "use_mode": "requested",
    }  # fmt: skip
    placed = client.post(f"{one}submit/", answers, format="json")
    assert placed.status_code == 200
    assert (placed.json()["state"], placed.json()["lot"]) == ("pending", lot.code)
    approved = api(administrator).post(f"{one}approve/")
    assert approved.json()["state"] == "confirmed"
    assert client.get(one).json() == approved.json()
    assert client.get("/api/v1/bookings/").json()["count"] == 1
    assert client.post(f"{one}cancel/").json()["state"] == "cancelled"
    assert client.post(f"{one}cancel/").status_code == 409


def test_quotes_show_price_and_every_broken_rule(api: Api, alice: User, cd_sem: Tool) -> None:
    start = timezone.now() - timedelta(days=2)
    body = {
        "tool": "cd_sem",
        "starts_at": start.isoformat(),
        "ends_at": (start + timedelta(hours=1)).isoformat(),
        "test_wafers": 25,
    }
    answer = api(alice).post("/api/v1/quotes/", body, format="json").json()
    assert answer["quote"]["supply_won"] == 350_000 * 80 // 100 + 25 * 87_000
    assert {"not_past", "lead_time"} <= {rule["code"] for rule in answer["broken_rules"]}
    assert answer["nearest_slots"]
    good = api(alice).post("/api/v1/quotes/", span(tool="cd_sem"), format="json").json()
    assert good["broken_rules"] == []
    assert good["nearest_slots"] == []


def test_rules_are_listed_with_the_parameters_in_force(api: Api, bob: User, cd_sem: Tool) -> None:
    setting("lead_time", minutes=30)
    setting("grid", tool=cd_sem, minutes=60)
    client = api(bob)
    rules = {rule["code"]: rule for rule in client.get("/api/v1/rules/").json()["results"]}
    assert rules["lead_time"]["parameters"] == {"minutes": 30}
    assert "30" in rules["lead_time"]["sentence"]
    assert rules["grid"]["tools"] == {"cd_sem": {"minutes": 60}}
    english = client.get("/api/v1/rules/", headers={"Accept-Language": "en"}).json()["results"]
    assert english[0]["sentence"] == "Only an active engineer of a company books."


def test_a_taken_slot_answers_with_the_nearest_and_names_nobody(
    api: Api, alice: User, charlie: User, cd_sem: Tool
) -> None:
    first = api(alice).post(
        "/api/v1/bookings/", {**span(tool="cd_sem"), "purpose": "SECRET"}, format="json"
    )
    assert first.status_code == 201
    second = api(charlie).post("/api/v1/holds/", span(11, tool="cd_sem"), format="json")
    assert second.status_code == 409
    assert second.json()["code"] == "tool_taken"
    assert second.json()["nearest_slots"]
    text = second.content.decode()
    for word in ("SECRET", "Gaon", "가온", "alice", tomorrow(12).isoformat()[11:16] + ":01"):
        assert word not in text


def test_several_broken_rules_come_in_one_answer(api: Api, alice: User, cd_sem: Tool) -> None:
    body = {
        "tool": "cd_sem",
        "starts_at": tomorrow(10, 7).isoformat(),
        "ends_at": tomorrow(10, 12).isoformat(),
    }
    answer = api(alice).post("/api/v1/holds/", body, format="json")
    assert answer.status_code == 422
    assert answer.json()["code"] == "rules_broken"
    assert set(answer.json()["fields"]) == {"starts_at", "ends_at"}


def test_strangers_get_404_and_readers_403(
    api: Api, alice: User, bob: User, charlie: User, booked: Callable[..., Booking]
) -> None:
    one = f"/api/v1/bookings/{booked(alice).pk}/"
    stranger, reader = api(charlie), api(bob)
    assert stranger.get(one).status_code == 404
    assert stranger.get("/api/v1/bookings/").json()["count"] == 0
    for verb in ("submit", "extend", "approve", "refuse", "cancel"):
        body = {"reason": "no"} if verb == "refuse" else {}
        assert stranger.post(f"{one}{verb}/", body, format="json").status_code == 404
        assert reader.post(f"{one}{verb}/", body, format="json").status_code == 403
    assert reader.get(one).status_code == 200
    assert APIClient().get(one).status_code == 401
    assert api(bob).post("/api/v1/holds/", span(tool="cd_sem"), format="json").status_code == 403


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"request", "starts_at", "ends_at"}),
        ({"tool": "cd_sem", "cell": "litho"}, {"starts_at", "ends_at"}),
        ({"tool": "none", **span()}, {"tool"}),
        ({"tool": "cd_sem\x00", **span()}, {"request"}),
        ({"tool": 7, **span()}, {"tool"}),
        ({"tool": "cd_sem", "starts_at": "soon", "ends_at": 7}, {"starts_at", "ends_at"}),
        (
            {"tool": "cd_sem", "starts_at": "0001-01-01T00:00:00+09:00",
             "ends_at": "9999-12-31T23:59:59-12:00"},
            {"starts_at", "ends_at"},
        ),
        ([], {"non_field_errors"}),
    ],
)  # fmt: skip
def test_bad_input_is_a_400_with_fields(
    api: Api, alice: User, cd_sem: Tool, body: Any, fields: set[str]
) -> None:
    for address in ("/api/v1/holds/", "/api/v1/quotes/", "/api/v1/bookings/"):
        answer = api(alice).post(address, body, format="json")
        assert answer.status_code == 400, answer.content
        assert answer.json()["code"] in ("not_valid", "parse_error")
        assert set(answer.json()["fields"]) <= fields


@pytest.mark.parametrize(
    "query",
    [
        {"minutes": 60},
        {"tool": "cd_sem"},
        {"tool": "cd_sem", "minutes": HUGE},
        {"tool": "cd_sem", "minutes": -5},
        {"tool": "cd_sem\x00", "minutes": 60},
        {"tool": "cd_sem", "minutes": 60, "from": "1500-01-01"},
        {"tool": "cd_sem", "minutes": 60, "from": "2027-03-01T00:00Z", "to": "2027-02-01T00:00Z"},
        {"tool": "cd_sem", "minutes": 60, "limit": 0},
    ],
)
def test_bad_searches_are_400(api: Api, alice: User, cd_sem: Tool, query: dict[str, Any]) -> None:
    assert api(alice).get("/api/v1/slots/", query).status_code == 400


def test_unknown_and_impossible_ids_are_404(api: Api, alice: User) -> None:
    client = api(alice)
    for pk in (0, 1, HUGE):
        assert client.get(f"/api/v1/bookings/{pk}/").status_code == 404
        assert client.post(f"/api/v1/bookings/{pk}/cancel/").status_code == 404
    assert client.get("/api/v1/bookings/", {"page": "x"}).status_code == 404


def test_answers_are_checked(
    api: Api, alice: User, charlie: User, company_b: Company, cd_sem: Tool,
    lot_of: Callable[..., Lot],
) -> None:  # fmt: skip
    lot_of(company_b, charlie, code="THEIRS")
    client = api(alice)
    held = client.post("/api/v1/holds/", span(tool="cd_sem"), format="json").json()
    address = f"/api/v1/bookings/{held['id']}/submit/"
    for bad in (
        {"lot": "THEIRS"}, {"route": "none"}, {"wafer_count": 26}, {"wafer_count": HUGE},
        {"use_mode": "both"}, {"purpose": "x" * 201}, {"test_wafers": -1},
    ):  # fmt: skip
        answer = client.post(address, bad, format="json")
        assert answer.status_code == 400
        assert set(answer.json()["fields"]) == set(bad)


def test_the_timeline_shows_own_and_only_busy(
    api: Api, alice: User, charlie: User, technician: User, cd_sem: Tool,
    booked: Callable[..., Booking],
) -> None:  # fmt: skip
    mine, theirs = booked(alice, 10), booked(charlie, 14)
    Allocation.objects.create(
        tool=cd_sem, kind="maintenance", starts_at=tomorrow(18), ends_at=tomorrow(19),
        note="pump of supplier X",
    )  # fmt: skip
    query = {"from": tomorrow(0).isoformat(), "days": 1}
    answer = api(alice).get("/api/v1/timeline/", query)
    [row] = answer.json()["rows"]
    assert [(b["kind"], b["booking"], b["note"]) for b in row["blocks"]] == [
        ("pending", mine.pk, str(mine)),
        ("busy", None, ""),
        ("maintenance", None, ""),
    ]
    assert str(theirs) not in answer.content.decode()
    staff = api(technician).get("/api/v1/timeline/", query).json()["rows"][0]["blocks"]
    assert [b["booking"] for b in staff] == [mine.pk, theirs.pk, None]
    assert staff[2]["note"] == "pump of supplier X"


def test_a_stale_hold_reads_as_expired(api: Api, alice: User, cd_sem: Tool) -> None:
    client = api(alice)
    held = client.post("/api/v1/holds/", span(tool="cd_sem"), format="json").json()
    Booking.objects.filter(pk=held["id"]).update(hold_expires_at=timezone.now())
    shown = client.get(f"/api/v1/bookings/{held['id']}/").json()
    assert (shown["state"], shown["extensions_left"]) == ("expired", 0)
    assert sweep_holds() == 1
    assert client.get(f"/api/v1/bookings/{held['id']}/").json()["state"] == "expired"


class TestIdempotency:
    """The same key does the same thing once."""

    def post(self, client: APIClient, key: str, hour: int = 10, **more: Any) -> Any:
        body = {**span(hour, tool="cd_sem"), **more}
        return client.post(
            "/api/v1/bookings/", body, format="json", headers={"Idempotency-Key": key}
        )

    def test_the_same_request_is_done_once(self, api: Api, alice: User, cd_sem: Tool) -> None:
        first, again = (self.post(api(alice), "k1") for _ in range(2))
        assert (first.status_code, again.status_code) == (201, 201)
        assert first.json() == again.json()
        assert again.headers["Idempotent-Replayed"] == "true"
        assert "Idempotent-Replayed" not in first.headers
        assert Booking.objects.count() == 1

    def test_another_body_is_refused(self, api: Api, alice: User, cd_sem: Tool) -> None:
        self.post(api(alice), "k1")
        other = self.post(api(alice), "k1", purpose="something else")
        assert (other.status_code, other.json()["code"]) == (422, "key_reused")

    def test_another_address_is_refused(self, api: Api, alice: User, cd_sem: Tool) -> None:
        self.post(api(alice), "k1")
        other = api(alice).post(
            "/api/v1/holds/", span(tool="cd_sem"), format="json",
            headers={"Idempotency-Key": "k1"},
        )  # fmt: skip
        assert other.json()["code"] == "key_reused"

    def test_a_key_belongs_to_its_user(
        self, api: Api, alice: User, charlie: User, cd_sem: Tool
    ) -> None:
        mine = self.post(api(alice), "k1")
        theirs = self.post(api(charlie), "k1", hour=14)
        assert theirs.status_code == 201
        assert theirs.json()["id"] != mine.json()["id"]

    def test_a_refused_request_may_be_tried_again(
        self, api: Api, alice: User, charlie: User, cd_sem: Tool
    ) -> None:
        blocking = self.post(api(charlie), "theirs")
        assert self.post(api(alice), "k1").status_code == 409
        api(charlie).post(f"/api/v1/bookings/{blocking.json()['id']}/cancel/")
        assert self.post(api(alice), "k1").status_code == 201

    @pytest.mark.parametrize("key", ["", "a b", "x" * 81, "키"])
    def test_unusable_keys(self, api: Api, alice: User, cd_sem: Tool, key: str) -> None:
        answer = api(alice).post(
            "/api/v1/holds/", span(tool="cd_sem"), format="json", HTTP_IDEMPOTENCY_KEY=key
        )
        assert (answer.status_code, answer.json()["code"]) == (400, "key_not_valid")

    def test_old_keys_are_forgotten(self, api: Api, alice: User, cd_sem: Tool) -> None:
        self.post(api(alice), "k1")
        assert forget_idempotency_keys() == 0
        IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(days=2))
        assert forget_idempotency_keys() == 1


def test_a_page_of_bookings_costs_the_same_for_two_and_for_twenty(
    api: Api, alice: User, cd_sem: Tool, django_assert_max_num_queries: Any,
    booked: Callable[..., Booking],
) -> None:  # fmt: skip
    client = api(alice)
    client.get("/api/v1/bookings/")  # the token's use is noted once
    for hour in (2, 4, 6, 8, 10, 12, 14, 16, 18):
        booked(alice, hour)
    with django_assert_max_num_queries(7):
        assert client.get("/api/v1/bookings/").json()["count"] == 9
    with django_assert_max_num_queries(5):
        client.get("/api/v1/timeline/", {"from": tomorrow(0).isoformat()})
    with django_assert_max_num_queries(7):
        client.get("/api/v1/slots/", {"tool": "cd_sem", "minutes": 60})
