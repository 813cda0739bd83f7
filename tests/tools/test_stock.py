"""Courses, trainings, supplies, loadings, capabilities and kinds of clean: verbs and API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from testbed.people.models import Company, JournalEntry, User
from testbed.refusals import Refusal
from testbed.tools import abilities, courses, supplies
from testbed.tools.models import (
    Capability,
    Clean,
    Course,
    Loading,
    Supply,
    SupplyKind,
    Tool,
    Training,
)
from testbed.tools.supplies import Stock

Api = Callable[[User], APIClient]
NAMES = {"name_ko": "이름", "name_en": "Name"}
WHY = "The certificate was another person's"


def refused(work: Callable[[], Any]) -> str:
    with pytest.raises(Refusal) as stopped:
        work()
    return stopped.value.code


def day(ahead: int) -> date:
    return timezone.localdate() + timedelta(days=ahead)


@pytest.fixture
def course(process_engineer: User, scanner: Tool) -> Course:
    return courses.save_course(actor=process_engineer, code="laser", tools=[scanner], **NAMES)


@pytest.fixture
def reticle(technician: User, scanner: Tool, cd_sem: Tool) -> Supply:
    return supplies.save_supply(
        actor=technician, code="l40", kind=SupplyKind.RETICLE, tools=[scanner, cd_sem], **NAMES
    )


def test_a_training_is_recorded_renewed_and_withdrawn(
    course: Course, administrator: User, alice: User
) -> None:
    asked: dict[str, Any] = {"actor": administrator, "user": alice, "course": course}
    first = courses.record(completed_on=day(-400), valid_until=day(-35), trainer="Kim", **asked)
    again = courses.record(completed_on=day(-1), valid_until=day(29), trainer="Lee", **asked)
    assert (again.pk, again.trainer, again.recorded_by) == (first.pk, "Lee", administrator)
    rows = Training.objects.visible_to(administrator)
    assert list(courses.ending_soon(rows, day(0))) == [again]
    assert not courses.ending_soon(rows, day(30))
    courses.withdraw(actor=administrator, training=again, reason=WHY)
    assert not Training.objects.exists()
    told = JournalEntry.objects.filter(action__startswith="training.").order_by("pk")
    assert [entry.action.split(".")[1] for entry in told] == ["recorded", "recorded", "withdrawn"]
    assert {entry.company for entry in told} == {alice.company}
    gone = refused(lambda: courses.withdraw(actor=administrator, training=again, reason=WHY))
    assert gone == "not_found"


@pytest.mark.parametrize(
    ("on", "until"), [(1, None), (-5, -6), (-800_000 // 365, 100 * 365)], ids=str
)
def test_a_training_is_over_and_ends_after_it(
    course: Course, administrator: User, alice: User, on: int, until: int | None
) -> None:
    asked: dict[str, Any] = {"actor": administrator, "user": alice, "course": course}
    last = None if until is None else day(until)
    said = refused(lambda: courses.record(completed_on=day(on), valid_until=last, **asked))
    assert (said, Training.objects.exists()) == ("date_not_valid", False)


def test_who_may_not(course: Course, technician: User, alice: User, auditor: User) -> None:
    asked: dict[str, Any] = {"user": alice, "course": course, "completed_on": day(0)}
    for actor in (technician, alice, auditor):
        said = refused(lambda by=actor: courses.record(actor=by, **asked))  # type: ignore[misc]
        assert said == "not_allowed"
    assert refused(lambda: courses.save_course(actor=technician, code="x", **NAMES)) == (
        "not_allowed"
    )
    User.objects.filter(pk=alice.pk).update(is_active=False)
    alice.refresh_from_db()
    trainer = User.objects.create_user("p@testbed.example", role="administrator", name="p")
    assert refused(lambda: courses.record(actor=trainer, **asked)) == "account_closed"


def test_the_courses_of_a_tool(course: Course, administrator: User, cd_sem: Tool) -> None:
    by_area = courses.save_course(actor=administrator, code="litho", area="litho", **NAMES)
    assert set(courses.asked_on("scanner")) == {course, by_area}
    assert not courses.asked_on("cd_sem")
    with pytest.raises(Refusal):
        courses.save_course(actor=administrator, code="x", area="nowhere", **NAMES)


def test_a_reticle_is_in_one_tool_at_a_time(
    reticle: Supply, technician: User, scanner: Tool, cd_sem: Tool
) -> None:
    first = supplies.load(actor=technician, tool=scanner, supply=reticle)
    for tool, says in ((scanner, "already_loaded"), (cd_sem, "reticle_elsewhere")):
        assert refused(lambda t=tool: supplies.load(actor=technician, tool=t, supply=reticle)) == (  # type: ignore[misc]
            says
        )
    with pytest.raises(IntegrityError, match="reticle_elsewhere"), transaction.atomic():
        Loading.objects.create(tool=cd_sem, supply=reticle, loaded_at=timezone.now())
    ended = supplies.unload(actor=technician, loading=first)
    assert supplies.unload(actor=technician, loading=first).unloaded_at == ended.unloaded_at
    supplies.load(actor=technician, tool=cd_sem, supply=reticle)
    told = JournalEntry.objects.filter(action__startswith="loading.")
    assert [entry.action for entry in told] == ["loading.begun", "loading.ended", "loading.begun"]


@pytest.mark.parametrize(
    "stock",
    [Stock(is_withdrawn=True), Stock(quantity=0), Stock(expires_on=date(2020, 1, 1))],
    ids=["withdrawn", "out", "expired"],
)
def test_what_is_not_loaded(technician: User, track: Tool, stock: Stock) -> None:
    resist = supplies.save_supply(
        actor=technician, code="par", kind=SupplyKind.RESIST, stock=stock, **NAMES
    )
    said = refused(lambda: supplies.load(actor=technician, tool=track, supply=resist))
    assert said == "supply_not_fit"


def test_loading_takes_a_piece_from_the_stock_where_pieces_are_counted(
    technician: User, track: Tool, scanner: Tool
) -> None:
    def left(kind: str, quantity: int | None) -> tuple[int | None, int | None]:
        """After it was loaded, and after it was taken out again."""
        one = supplies.save_supply(
            actor=technician, code=kind, kind=kind, stock=Stock(quantity=quantity), **NAMES
        )
        loading = supplies.load(actor=technician, tool=track, supply=one)
        loaded = Supply.objects.get(pk=one.pk).quantity
        supplies.unload(actor=technician, loading=loading)
        return loaded, Supply.objects.get(pk=one.pk).quantity

    assert left("resist", 2) == (1, 1)
    assert left("gas", None) == (None, None)
    assert left("reticle", 1) == (1, 1)
    assert left("consumable", 1) == (0, 0)
    slurry = Supply.objects.get(code="consumable")
    said = refused(lambda: supplies.load(actor=technician, tool=scanner, supply=slurry))
    assert said == "supply_not_fit"


def test_a_supply_is_loaded_where_it_fits_and_keeps_its_owner_there(
    reticle: Supply, technician: User, track: Tool, scanner: Tool, company_b: Company
) -> None:
    assert refused(lambda: supplies.load(actor=technician, tool=track, supply=reticle)) == (
        "supply_not_fit"
    )
    supplies.load(actor=technician, tool=scanner, supply=reticle)
    said = refused(
        lambda: supplies.save_supply(
            actor=technician, code="l40", kind=SupplyKind.RETICLE, company=company_b, **NAMES
        )
    )
    assert said == "supply_is_loaded"


@pytest.mark.parametrize(
    ("kind", "stock"),
    [
        ("lamp", Stock()),
        (SupplyKind.GAS, Stock(quantity=10**7)),
        (SupplyKind.GAS, Stock(quantity=-1)),
        (SupplyKind.GAS, Stock(expires_on=date(1999, 1, 1))),
    ],
)
def test_a_stock_that_makes_no_sense(technician: User, kind: str, stock: Stock) -> None:
    said = refused(
        lambda: supplies.save_supply(actor=technician, code="x", kind=kind, stock=stock, **NAMES)
    )
    assert (said, Supply.objects.exists()) == ("supply_not_valid", False)


def test_capabilities_and_kinds_of_clean(
    process_engineer: User, technician: User, scanner: Tool
) -> None:
    for tools in ([scanner], []):
        able = abilities.save_capability(actor=process_engineer, code="arf", tools=tools, **NAMES)
        assert list(able.tools.all()) == tools
    terms: dict[str, Any] = {
        "tool_kind": "scanner", "from_class": 3, "to_class": 0, "cost_won": 1000, **NAMES
    }  # fmt: skip
    abilities.save_clean(actor=process_engineer, code="rca", **terms)
    for wrong in ({"tool_kind": "no"}, {"to_class": 3}, {"from_class": 9}, {"cost_won": -1}):
        said = refused(
            lambda w=wrong: abilities.save_clean(actor=process_engineer, code="y", **terms | w)  # type: ignore[misc]
        )
        assert said == "clean_not_valid"
    assert refused(lambda: abilities.save_clean(actor=technician, code="z", **terms)) == (
        "not_allowed"
    )
    assert (Clean.objects.count(), Capability.objects.count()) == (1, 1)


def test_the_api(
    api: Api, process_engineer: User, alice: User, charlie: User, scanner: Tool, company_a: Company
) -> None:
    client = api(process_engineer)

    def put(path: str, **said: Any) -> Any:
        answer = client.put(f"/api/v1/{path}/", NAMES | said, format="json")
        assert answer.status_code == 200, answer.json()
        return answer.json()

    assert put("courses/laser", tools=["scanner"])["tools"] == ["scanner"]
    assert put("capabilities/arf", tools=["scanner"])["tools"] == ["scanner"]
    owned = {"kind": "reticle", "company": company_a.business_number, "quantity": 1}
    assert put("supplies/l40", **owned)["company"] == company_a.business_number
    passed = {"course": "laser", "person": alice.email, "completed_on": str(day(0))}
    made = client.post("/api/v1/trainings/", passed, format="json")
    assert (made.status_code, made.json()["email"]) == (201, alice.email)
    loaded = client.post("/api/v1/loadings/", {"tool": "scanner", "supply": "l40"}, format="json")
    assert loaded.status_code == 201
    for who, sees in ((alice, 1), (charlie, 0)):
        for path in ("trainings/?tool=scanner", "supplies/?kind=reticle", "loadings/"):
            assert api(who).get(f"/api/v1/{path}").json()["count"] == sees, path
    assert api(charlie).get("/api/v1/supplies/l40/").status_code == 404
    assert api(alice).get("/api/v1/supplies/l40/").json()["times_loaded"] == 1
    out = client.post(f"/api/v1/loadings/{loaded.json()['id']}/unload/")
    assert out.json()["unloaded_at"] is not None
    ended = client.post(
        f"/api/v1/trainings/{made.json()['id']}/withdraw/", {"reason": WHY}, format="json"
    )
    assert ended.status_code == 204
    assert api(alice).put("/api/v1/courses/laser/", NAMES, format="json").status_code == 403
