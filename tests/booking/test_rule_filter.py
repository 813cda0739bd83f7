"""The filter of the page of rules: words, tool, group, and what applies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from testbed.booking.models import RuleSetting
from testbed.people.models import Company, Group, User
from testbed.tools.models import Tool

SignIn = Callable[[User], Client]


@pytest.fixture
def group(company_a: Company, scanner: Tool) -> Group:
    """Company A's group, with a rule of its own on one tool and two on the facility."""
    made = Group.objects.create(code="local", name_ko="소재", name_en="Locals")
    made.companies.add(company_a)
    RuleSetting.objects.create(code="horizon", group=made, parameters={"days": 60})
    RuleSetting.objects.create(code="training_missing", group=made, tool=scanner)
    RuleSetting.objects.create(code="grid", tool=scanner, is_active=False)
    return made


def shown(client: Client, query: str) -> dict[str, list[str]]:
    """Codes of the shown rules by the anchor of their heading."""
    answer = client.get(f"/rules/{query}", headers={"Accept-Language": "en"})
    assert answer.status_code == 200
    families: list[Any] = answer.context["families"]
    return {one.about: [row.rule.code for row in one.rows] for one in families}


def codes(client: Client, query: str) -> set[str]:
    return {code for rows in shown(client, query).values() for code in rows}


def test_words_stand_in_the_sentence_or_the_code(
    sign_in: SignIn, alice: User, group: Group
) -> None:
    client = sign_in(alice)
    every = codes(client, "")
    assert codes(client, "?q=RETICLE+booking") == {"reticle_taken"}
    assert "grid" in codes(client, "?q=grid") < every
    assert shown(client, "?q=no+such+words") == {}
    page = client.get("/rules/?q=no+such+words").content.decode()
    assert "이 조건에 맞는 규칙이 없습니다" in page
    assert codes(client, "?q=&tool=nothing&group=nobody") == every
    assert client.get("/rules/?q=%00%ff").status_code == 200


def test_what_applies_on_a_tool_and_to_whom(
    sign_in: SignIn, alice: User, charlie: User, group: Group, cd_sem: Tool
) -> None:
    mine, theirs = sign_in(alice), sign_in(charlie)
    for query, expected in (("?applies=on&tool=scanner", True), ("?applies=on&tool=cd_sem", False)):
        assert ("training_missing" in codes(mine, query)) is expected
        assert "training_missing" not in codes(theirs, query)
        assert ("grid" in codes(mine, query)) is not expected
        assert "grid" in codes(mine, query.replace("applies=on", ""))


def test_only_ones_own_groups_are_offered(
    sign_in: SignIn, alice: User, charlie: User, administrator: User, group: Group
) -> None:
    for who in (alice, administrator):
        assert codes(sign_in(who), "?group=local") == {"horizon", "training_missing"}
    stranger = sign_in(charlie)
    assert (
        "Locals" not in stranger.get("/rules/", headers={"Accept-Language": "en"}).content.decode()
    )
    assert codes(stranger, "?group=local") == codes(stranger, "")


def test_every_family_can_be_jumped_to(sign_in: SignIn, alice: User, group: Group) -> None:
    page = sign_in(alice).get("/rules/").content.decode()
    families = [f"about-{about}" for about in shown(sign_in(alice), "")]
    for about in (*families, "holidays"):
        assert f'href="#{about}"' in page
        assert page.count(f'id="{about}"') == 1


def test_the_rules_are_folded_until_some_of_them_are_asked_for(
    sign_in: SignIn, alice: User, administrator: User, cd_sem: Tool
) -> None:
    client = sign_in(alice)
    folded = client.get("/rules/").content.decode()
    families = len(shown(client, ""))
    assert folded.count('<details class="card fold">') == families + 1
    for query in ("?q=grid", "?tool=cd_sem", "?applies=on"):
        page = client.get(f"/rules/{query}").content.decode()
        assert page.count('<details class="card fold" open>') == len(shown(client, query)) > 0
    wrong = sign_in(administrator).post("/holidays/", {"day": "nonsense"}).content.decode()
    assert wrong.count('<details class="card fold" open>') == 1
