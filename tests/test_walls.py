"""Whatever a stranger opens, sends or asks for: nothing in the answer tells of company A's work."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from testbed.booking.calendars import issue
from testbed.booking.models import Booking, FeedKind
from testbed.people.models import User
from tests.doors import API, PAGES, Door, some_at_once
from tests.world import World

SignIn = Callable[[User], Client]
Api = Callable[[User], APIClient]
PURPOSE = "MARKPURPOSE of a secret resist"
# What a stranger may open at all: their own lists, the shared pages, the tables of everybody.
OPEN = [name for name, door in (PAGES | API).items() if door in (Door.OPEN, Door.SIGNED_IN)]


@pytest.fixture
def marked(world: World, alice: User) -> list[str]:
    """Words that belong to company A alone, all over the world's things."""
    Booking.objects.filter(company=alice.company).update(
        purpose=PURPOSE, refusal_reason="MARKREASON"
    )
    assert alice.company is not None
    return [
        PURPOSE, "MARKREASON", alice.company.name_ko, alice.company.name_en,
        alice.company.business_number, alice.email, world.lot.code, str(world.booking),
        str(world.held), "own-cd", *world.lot.wafers.values_list("wafer_id", flat=True),
    ]  # fmt: skip


def told(answer: Any, marks: list[str]) -> list[str]:
    parts = answer.streaming_content if answer.streaming else [answer.content]
    text = b"".join(parts).decode(errors="replace")
    return [mark for mark in marks if mark in text]


@pytest.mark.parametrize("names", some_at_once(OPEN), ids=str)
def test_no_open_door_shows_it(
    names: list[str], world: World, marked: list[str], charlie: User, sign_in: SignIn, api: Api
) -> None:
    day = f"{world.booking.starts_at:%Y-%m-%d}"
    queries: tuple[dict[str, str], ...] = ({}, {"from": day, "days": "2", "show": "past"})
    asked = itertools.product(names, ("ko", "en"), queries)
    shown = {}
    for name, language, query in asked:
        client = sign_in(charlie) if name in PAGES else api(charlie)
        address = reverse(name, kwargs=world.arguments(name))
        answer = client.get(address, query, headers={"accept-language": language})
        if not getattr(answer, "is_async", False) and (words := told(answer, marked)):
            shown[f"{address} {language} {query}"] = words
    assert shown == {}


def test_no_feed_of_a_tool_shows_it(
    world: World, marked: list[str], charlie: User, client: Client
) -> None:
    _feed, token = issue(actor=charlie, kind=FeedKind.TOOL, tool=world.tool)
    answer = client.get(reverse("calendar_feed", kwargs={"token": token}))
    assert answer.status_code == 200
    assert b"BEGIN:VEVENT" in answer.content, "the time itself is shown"
    assert told(answer, marked) == []


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    begin=st.integers(-90, 90),
    minutes=st.sampled_from([-30, 0, 10, 60, 90, 60 * 24 * 400]),
    address=st.sampled_from(["quotes", "holds", "bookings"]),
    language=st.sampled_from(["ko", "en"]),
)
def test_no_refusal_tells_it(
    begin: int, minutes: int, address: str, language: str,
    world: World, marked: list[str], charlie: User, api: Api,
) -> None:  # fmt: skip
    start = world.held.starts_at + timedelta(minutes=begin)
    body = {
        "tool": world.tool.code,
        "starts_at": start.isoformat(),
        "ends_at": (start + timedelta(minutes=minutes)).isoformat(),
        "lot": world.lot.code,
        "wafer_count": 1,
    }
    answer = api(charlie).post(
        f"/api/v1/{address}/", body, format="json", headers={"accept-language": language}
    )
    assert answer.status_code < 500
    # The stranger's own words come back to them; nothing else does.
    assert [mark for mark in told(answer, marked) if mark != world.lot.code] == []
