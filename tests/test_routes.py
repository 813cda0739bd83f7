"""Every address of the product, tried by a stranger, a visitor and its owner."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from rest_framework.test import APIClient

from testbed.people.models import User
from tests.doors import API, PAGES, Door
from tests.world import World

SignIn = Callable[[User], Client]
Api = Callable[[User], APIClient]
TABLE = PAGES | API


def routes(resolver: URLResolver | None = None) -> Iterator[str]:
    """The names of all routes; a route without a name is told by its pattern."""
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLPattern):
            yield entry.name or f"unnamed: {entry.pattern}"
        else:
            yield from routes(entry)


def named(door: Door, table: dict[str, Door]) -> list[str]:
    return sorted(name for name, which in table.items() if which is door)


def test_every_route_stands_in_the_table() -> None:
    known = set(routes())
    assert known - set(TABLE) == set(), "give these routes a door in tests/doors.py"
    assert set(TABLE) - known == set(), "these doors lead nowhere any more"


def ask(client: Any, address: str) -> list[int]:
    """The statuses of GET and POST; 405 says that the route knows no such method."""
    statuses = [client.get(address).status_code, client.post(address).status_code]
    return [status for status in statuses if status != 405]


@pytest.mark.parametrize("name", named(Door.OWN, PAGES))
def test_a_stranger_gets_404_from_every_page(
    name: str, world: World, charlie: User, sign_in: SignIn
) -> None:
    statuses = ask(sign_in(charlie), reverse(name, kwargs=world.arguments(name)))
    assert set(statuses) == {404}


@pytest.mark.parametrize("name", named(Door.OWN, API))
def test_a_stranger_gets_404_from_every_endpoint(
    name: str, world: World, charlie: User, api: Api
) -> None:
    statuses = ask(api(charlie), reverse(name, kwargs=world.arguments(name)))
    assert set(statuses) == {404}


@pytest.mark.parametrize("name", named(Door.OWN, TABLE))
def test_the_owner_is_not_a_stranger(
    name: str, world: World, alice: User, sign_in: SignIn, api: Api
) -> None:
    client = sign_in(alice) if name in PAGES else api(alice)
    assert 404 not in ask(client, reverse(name, kwargs=world.arguments(name)))


@pytest.mark.parametrize("name", [name for name, door in TABLE.items() if door is not Door.OPEN])
def test_a_visitor_is_asked_to_sign_in(name: str, world: World, client: Client) -> None:
    for status in ask(client, reverse(name, kwargs=world.arguments(name))):
        assert status in {302, 401}


@pytest.mark.parametrize("name", named(Door.STAFF, TABLE))
def test_a_company_does_not_get_through_a_staff_door(
    name: str, world: World, alice: User, sign_in: SignIn, api: Api
) -> None:
    client = sign_in(alice) if name in PAGES else api(alice)
    for status in ask(client, reverse(name, kwargs=world.arguments(name))):
        assert status in {403, 404}


@pytest.mark.parametrize("name", named(Door.SIGNED_IN, TABLE) + named(Door.OPEN, TABLE))
def test_nothing_breaks_for_a_member(
    name: str, world: World, charlie: User, sign_in: SignIn, api: Api
) -> None:
    client = sign_in(charlie) if name in PAGES else api(charlie)
    for status in ask(client, reverse(name, kwargs=world.arguments(name))):
        assert status < 500
