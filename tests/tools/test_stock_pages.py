"""The pages of trainings, courses, supplies and capabilities: what they show, to whom."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from testbed.people.models import User
from testbed.tools.models import Capability, Course, Loading, Supply, Tool, Training

SignIn = Callable[[User], Client]
NAMES = {"name_ko": "레이저 안전", "name_en": "Laser safety"}


def words(client: Client, path: str) -> str:
    return client.get(path).content.decode()


def test_define_record_list_withdraw(
    sign_in: SignIn, process_engineer: User, alice: User, charlie: User, scanner: Tool, cd_sem: Tool
) -> None:
    client = sign_in(process_engineer)
    made = client.post("/courses/", {"code": "laser", **NAMES, "tools": ["scanner"]})
    assert made.status_code == 302
    assert client.post("/courses/", {"code": "laser", **NAMES}).status_code == 422
    today = timezone.localdate()
    passed: dict[str, Any] = {
        "course": "laser", "person": alice.pk, "completed_on": today,
        "valid_until": today + timedelta(days=20), "trainer": "김강사",
    }  # fmt: skip
    assert client.post("/trainings/", passed).status_code == 302
    tomorrow = today + timedelta(days=1)
    assert client.post("/trainings/", passed | {"completed_on": tomorrow}).status_code == 422
    [row] = client.get("/trainings/?soon=on&tool=scanner").context["page"]
    assert (row.user, row.trainer) == (alice, "김강사")
    assert not client.get("/trainings/?tool=cd_sem").context["page"].object_list
    page = words(sign_in(alice), "/trainings/")
    assert "30일 안에 만료" in page
    assert "곧 만료" in page
    assert "이수 취소" not in page
    assert "김강사" not in words(sign_in(charlie), "/trainings/")
    withdraw = f"/trainings/{row.pk}/withdraw/"
    assert client.post(withdraw, {"reason": "no"}).status_code == 422
    assert client.post(withdraw, {"reason": "another person's"}).status_code == 302
    assert not Training.objects.exists()
    assert client.post("/courses/laser/", NAMES | {"area": "litho"}).status_code == 302
    changed = Course.objects.get()
    assert (changed.area, changed.tools.count()) == ("litho", 0)


def test_the_stock_and_what_is_loaded(
    sign_in: SignIn, technician: User, alice: User, charlie: User, scanner: Tool, track: Tool
) -> None:
    client = sign_in(technician)
    assert alice.company is not None
    supply: dict[str, Any] = {
        "code": "l40", "name_ko": "레티클 L40", "name_en": "Reticle L40", "kind": "reticle",
        "company": alice.company.business_number, "quantity": 1, "tools": ["scanner"],
        "expires_on": timezone.localdate() + timedelta(days=3),
    }  # fmt: skip
    assert client.post("/supplies/", supply).status_code == 302
    said = client.post("/loadings/", {"tool": "track", "supply": "l40"})
    assert said.status_code == 409
    assert "쓸 수 없습니다" in said.content.decode()
    assert client.post("/loadings/", {"tool": "scanner"}).status_code == 422
    assert client.post("/loadings/", {"tool": "scanner", "supply": "l40"}).status_code == 302
    page = words(client, "/supplies/?soon=on&kind=reticle&tool=scanner")
    assert page.count("레티클 L40") >= 3
    assert "레티클 L40" in words(sign_in(alice), "/supplies/")
    stranger = sign_in(charlie)
    assert "레티클 L40" not in words(stranger, "/supplies/")
    assert stranger.get("/supplies/l40/").status_code == 404
    assert stranger.get("/supplies/?tool=%00").status_code == 200
    changed = {**supply, "quantity": "", "is_withdrawn": "on"}
    assert client.post("/supplies/l40/", changed).status_code == 302
    kept = Supply.objects.get()
    assert (kept.quantity, kept.is_withdrawn, kept.company) == (None, True, alice.company)
    assert client.post(f"/loadings/{Loading.objects.get().pk}/unload/").status_code == 302
    history = words(client, "/supplies/l40/")
    assert "장착 이력" in history
    assert technician.name in history
    assert sign_in(alice).post("/supplies/l40/", changed).status_code == 403


def test_capabilities(sign_in: SignIn, process_engineer: User, alice: User, scanner: Tool) -> None:
    client = sign_in(process_engineer)
    made = {"code": "arf", "name_ko": "ArF 38 nm", "name_en": "ArF 38 nm", "tools": ["scanner"]}
    assert client.post("/capabilities/", made).status_code == 302
    assert "ArF 38 nm" in words(sign_in(alice), "/capabilities/")
    assert "ArF 38 nm" in words(sign_in(alice), "/book/route/")
    assert client.post("/capabilities/arf/", {**made, "tools": []}).status_code == 302
    assert not Capability.objects.get().tools.exists()
    assert sign_in(alice).post("/capabilities/", made).status_code == 403
