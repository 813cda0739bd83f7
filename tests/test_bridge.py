"""The API's way from ASGI to Django's WSGI handler."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse

from testbed.bridge import Bridge, environment

Sent = list[dict[str, Any]]


def scope(**more: Any) -> dict[str, Any]:
    return {
        "type": "http", "method": "POST", "path": "/api/v1/예약/", "query_string": b"a=1",
        "http_version": "1.1", "scheme": "https", "server": ("host", 443),
        "client": ("10.0.0.1", 5), "root_path": "",
        "headers": [
            (b"host", b"host"), (b"content-type", b"application/json"), (b"cookie", b"a=1"),
            (b"x-twice", b"1"), (b"x-twice", b"2"), (b"x_spoofed", b"1"),
        ],
    } | more  # fmt: skip


def asked(handler: Callable[..., Any], *parts: bytes) -> Sent:
    """What the bridge sends for a request whose body comes in these parts."""
    sent: Sent = []
    coming = [
        {"type": "http.request", "body": part, "more_body": number + 1 < len(parts)}
        for number, part in enumerate(parts)
    ] + [{"type": "http.disconnect"}]

    async def receive() -> Any:
        return coming.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(Bridge(handler, threads=1)(scope(), receive, send))
    return sent


def test_the_environment_is_that_of_pep_3333() -> None:
    environ = environment(scope(), io.BytesIO())
    assert environ["PATH_INFO"].encode("latin-1").decode() == "/api/v1/예약/"
    assert (environ["REQUEST_METHOD"], environ["QUERY_STRING"]) == ("POST", "a=1")
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("host", "443")
    assert (environ["REMOTE_ADDR"], environ["wsgi.url_scheme"]) == ("10.0.0.1", "https")
    assert environ["CONTENT_TYPE"] == "application/json"
    assert environ["HTTP_X_TWICE"] == "1,2"
    assert "HTTP_X_SPOOFED" not in environ


def test_a_body_in_parts_is_read_whole_and_the_answer_is_closed() -> None:
    closed: list[bool] = []

    def handler(environ: dict[str, Any], start: Any) -> HttpResponse:
        answer: Any = HttpResponse(environ["wsgi.input"].read(), status=201)
        answer._resource_closers.append(lambda: closed.append(True))
        start("201 Created", [("X-One", "1"), ("Set-Cookie", "a"), ("Set-Cookie", "b")])
        made: HttpResponse = answer
        return made

    head, body = asked(handler, b"one ", b"two")
    assert head["status"] == 201
    assert head["headers"] == [(b"x-one", b"1"), (b"set-cookie", b"a"), (b"set-cookie", b"b")]
    assert (body["body"], closed) == (b"one two", [True])


def test_a_stream_goes_out_piece_by_piece() -> None:
    def handler(environ: dict[str, Any], start: Any) -> StreamingHttpResponse:
        start("200 OK", [])
        return StreamingHttpResponse(iter([b"one", b"two"]))

    _head, *parts = asked(handler, b"")
    assert [part["body"] for part in parts] == [b"one", b"two", b""]
    assert [part.get("more_body", False) for part in parts] == [True, True, False]


def test_nothing_is_done_for_a_client_that_went_away() -> None:
    def handler(environ: dict[str, Any], start: Any) -> HttpResponse:
        raise AssertionError("the body never came")

    assert asked(handler) == []
