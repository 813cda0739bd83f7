"""Every address of the product, tried by a stranger, a visitor and its owner."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from rest_framework.test import APIClient

from testbed.people.models import User
from tests.doors import API, PAGES, Door, some_at_once
from tests.world import World, undone

SignIn = Callable[[User], Client]
Api = Callable[[User], APIClient]
Ask = Callable[[list[str], "User | None"], dict[str, list[int]]]
TABLE = PAGES | API


def routes(resolver: URLResolver | None = None) -> Iterator[str]:
    """The names of all routes; a route without a name is told by its pattern."""
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLPattern):
            yield entry.name or f"unnamed: {entry.pattern}"
        else:
            yield from routes(entry)


def named(*doors: Door) -> list[list[str]]:
    """The routes behind these doors."""
    return some_at_once(name for name, which in TABLE.items() if which in doors)


def test_every_route_stands_in_the_table() -> None:
    known = set(routes())
    assert known - set(TABLE) == set(), "give these routes a door in tests/doors.py"
    assert set(TABLE) - known == set(), "these doors lead nowhere any more"


@pytest.fixture
def ask(world: World, sign_in: SignIn, api: Api) -> Ask:
    """Each route asked by GET and POST, which leaves no trace: statuses by the route's name.

    405 says that the route knows no such method and is left out.
    """

    def statuses(name: str, user: User | None) -> list[int]:
        address = reverse(name, kwargs=world.arguments(name))
        found = []
        for method in ("get", "post"):
            with undone():
                client: Any = Client()
                if user is not None:
                    client = sign_in(user) if name in PAGES else api(user)
                found.append(getattr(client, method)(address).status_code)
        return [status for status in found if status != 405]

    return lambda names, user: {name: statuses(name, user) for name in names}


def unlike(asked: dict[str, list[int]], fits: Callable[[int], bool]) -> dict[str, list[int]]:
    return {name: found for name, found in asked.items() if not all(map(fits, found))}


@pytest.mark.parametrize("names", named(Door.OWN), ids=str)
def test_a_stranger_gets_404(names: list[str], ask: Ask, charlie: User) -> None:
    asked = ask(names, charlie)
    assert all(asked.values())
    assert unlike(asked, lambda status: status == 404) == {}


@pytest.mark.parametrize("names", named(Door.OWN), ids=str)
def test_the_owner_is_not_a_stranger(names: list[str], ask: Ask, alice: User) -> None:
    assert unlike(ask(names, alice), lambda status: status != 404) == {}


@pytest.mark.parametrize("names", named(*(set(Door) - {Door.OPEN})), ids=str)
def test_a_visitor_is_asked_to_sign_in(names: list[str], ask: Ask) -> None:
    assert unlike(ask(names, None), lambda status: status in {302, 401}) == {}


@pytest.mark.parametrize("names", named(Door.STAFF), ids=str)
def test_a_company_does_not_get_through_a_staff_door(
    names: list[str], ask: Ask, alice: User
) -> None:
    assert unlike(ask(names, alice), lambda status: status in {403, 404}) == {}


@pytest.mark.parametrize("names", named(Door.SIGNED_IN, Door.OPEN), ids=str)
def test_nothing_breaks_for_a_member(names: list[str], ask: Ask, charlie: User) -> None:
    assert unlike(ask(names, charlie), lambda status: status < 500) == {}
