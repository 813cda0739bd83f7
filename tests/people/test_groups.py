"""User groups: made and renamed, members in and out, by page, API and verb."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from testbed.people import groups
from testbed.people.models import Company, Group, JournalEntry, User
from testbed.refusals import Refusal

SignIn = Callable[[User], Client]
Api = Callable[[User], APIClient]
NAMES: dict[str, Any] = {"name_ko": "국산화 지원", "name_en": "Localisation programme", "rank": 10}


@pytest.fixture
def group(administrator: User) -> Group:
    return groups.save(actor=administrator, code="local", **NAMES)


def test_members_come_and_go(
    group: Group, administrator: User, company_a: Company, charlie: User
) -> None:
    for _twice in range(2):
        groups.take_in(actor=administrator, group=group, company=company_a)
    groups.take_in(actor=administrator, group=group, user=charlie)
    assert (list(group.companies.all()), list(group.users.all())) == ([company_a], [charlie])
    groups.take_out(actor=administrator, group=group, company=company_a)
    groups.take_out(actor=administrator, group=group, company=company_a)
    assert not group.companies.exists()
    told = JournalEntry.objects.filter(action__startswith="group.").order_by("pk")
    assert [entry.action.split(".")[1] for entry in told] == [
        "saved", "member_added", "member_added", "member_removed",
    ]  # fmt: skip
    assert {entry.company for entry in told if entry.company} == {company_a, charlie.company}


def test_saving_the_same_code_renames(group: Group, administrator: User) -> None:
    again = groups.save(actor=administrator, code="local", **NAMES | {"name_en": "Locals"})
    assert (again.pk, again.name_en, Group.objects.count()) == (group.pk, "Locals", 1)


@pytest.mark.parametrize(
    ("code", "rank", "says"),
    [("local", 1000, "rank_not_valid"), ("x" * 21, 1, "code_not_valid"), ("", 1, "code_not_valid")],
)
def test_what_cannot_be_saved(administrator: User, code: str, rank: int, says: str) -> None:
    with pytest.raises(Refusal) as refused:
        groups.save(actor=administrator, code=code, **NAMES | {"rank": rank})
    assert (refused.value.code, Group.objects.exists()) == (says, False)


def test_only_the_administrator_changes_and_only_one_member_at_a_time(
    group: Group, technician: User, administrator: User, company_a: Company, alice: User
) -> None:
    for actor, members, says in (
        (technician, {"company": company_a}, "not_allowed"),
        (alice, {"company": company_a}, "not_allowed"),
        (administrator, {"company": company_a, "user": alice}, "no_member"),
        (administrator, {}, "no_member"),
    ):
        with pytest.raises(Refusal) as refused:
            groups.take_in(actor=actor, group=group, **members)
        assert refused.value.code == says
    assert not group.companies.exists()


def test_the_pages(sign_in: SignIn, administrator: User, technician: User, alice: User) -> None:
    client = sign_in(administrator)
    assert client.post("/groups/", {"code": "local", **NAMES}).status_code == 302
    assert "국산화 지원" in client.get("/groups/").content.decode()
    assert client.post("/groups/", {"code": "local", **NAMES}).status_code == 422
    assert client.post("/groups/local/", NAMES | {"name_ko": "소재"}).status_code == 302
    taken = client.post("/groups/local/take-in/", {"person": alice.pk})
    assert taken.status_code == 302
    page = client.get("/groups/local/").content.decode()
    assert "소재" in page
    assert "구성원을 사용자 그룹에 넣었습니다" in page
    assert client.post("/groups/local/take-in/", {}).status_code == 422
    client.post("/groups/local/take-out/", {"person": alice.pk})
    assert not Group.objects.get().users.exists()
    reader = sign_in(technician)
    assert '<form method="post" class' not in reader.get("/groups/local/").content.decode()
    assert reader.post("/groups/local/", NAMES).status_code == 403


def test_the_api(api: Api, administrator: User, technician: User, company_a: Company) -> None:
    client = api(administrator)
    made = client.put("/api/v1/groups/local/", NAMES, format="json")
    assert (made.status_code, made.json()["companies"]) == (200, [])
    number = company_a.business_number
    taken = client.post("/api/v1/groups/local/take-in/", {"company": number}, format="json")
    assert taken.json()["companies"] == [number]
    unknown = client.post("/api/v1/groups/local/take-in/", {"person": "no@body.x"}, format="json")
    assert (unknown.status_code, list(unknown.json()["fields"])) == (400, ["person"])
    out = client.post("/api/v1/groups/local/take-out/", {"company": number}, format="json")
    assert out.json()["companies"] == []
    assert client.put("/api/v1/groups/" + "x" * 21 + "/", NAMES, format="json").status_code == 422
    reader = api(technician)
    assert reader.get("/api/v1/groups/").json()["count"] == 1
    assert reader.put("/api/v1/groups/local/", NAMES, format="json").status_code == 403
