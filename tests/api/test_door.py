"""The API's short way for programs: the same answers, from the same addresses."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.test import RequestFactory

from testbed.api.door import ApiHandler, is_program
from testbed.people import tokens
from testbed.people.models import User

pytestmark = pytest.mark.usefixtures("one_connection")
SHORT = {"content-security-policy", "vary", "set-cookie"}


class Asked:
    """What the handler answers: status, headers in small letters, content."""

    def __init__(self, handler: ApiHandler, method: str, path: str, **more: Any) -> None:
        body = b"{}" if method == "POST" else b""
        environ = RequestFactory().generic(method, path, body, "application/json").environ
        said: list[Any] = []
        start: Any = lambda *head: said.append(head)  # noqa: E731
        answer: Any = handler({**environ, "wsgi.input": io.BytesIO(body), **more}, start)
        self.status = said[0][0]
        self.headers = {name.lower(): value for name, value in said[0][1]}
        self.content = answer.content
        answer.close()


@pytest.fixture
def handler() -> ApiHandler:
    return ApiHandler()


@pytest.fixture
def bearer(alice: User) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"Bearer {tokens.issue(actor=alice, name='x')[1]}"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/bookings/", "200"),
        ("POST", "/api/v1/bookings/", "400"),
        ("GET", "/api/v1/bookings/0/", "404"),
        ("GET", "/api/v1/docs/", "302"),
        ("GET", "/api/v1/nothing", "404"),
        ("PUT", "/api/v1/bookings/", "405"),
    ],
)
@pytest.mark.parametrize("language", ["ko", "en"])
def test_a_program_is_answered_as_by_the_long_way(
    handler: ApiHandler, bearer: dict[str, str], method: str, path: str, status: str, language: str
) -> None:
    asked = {**bearer, "HTTP_ACCEPT_LANGUAGE": language}
    short = Asked(handler, method, path, **asked)
    # A cookie that means nothing is enough for the way of the browsers.
    long = Asked(handler, method, path, **asked, HTTP_COOKIE="a=1")
    assert short.status.startswith(status)
    assert (short.status, short.content) == (long.status, long.content)
    for name in set(long.headers) - SHORT:
        assert short.headers[name] == long.headers[name]


@pytest.mark.django_db
def test_a_known_address_is_answered_anew_each_time(
    handler: ApiHandler, bearer: dict[str, str]
) -> None:
    first, second = (Asked(handler, "GET", "/api/v1/me/", **bearer) for _ in range(2))
    assert first.status == second.status == "200 OK"
    assert json.loads(first.content) == json.loads(second.content)
    assert Asked(handler, "GET", "/api/v1/me/").status == "401 Unauthorized"


@pytest.mark.parametrize(
    ("said", "short"),
    [
        ({"HTTP_AUTHORIZATION": "Bearer tb_x"}, True),
        ({"HTTP_AUTHORIZATION": "bearer tb_x"}, True),
        ({"HTTP_AUTHORIZATION": "Basic eA=="}, False),
        ({"HTTP_AUTHORIZATION": "Bearer tb_x", "HTTP_COOKIE": "sessionid=1"}, False),
        ({}, False),
    ],
)
def test_who_goes_the_short_way(said: dict[str, str], short: bool) -> None:
    request = RequestFactory().get("/", **said)  # type: ignore[arg-type]
    request.COOKIES.clear()
    assert is_program(request) is short
