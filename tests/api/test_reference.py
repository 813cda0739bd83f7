"""The page that explains the API, rendered from the schema, and the schema itself."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from django.test import Client
from django.utils import translation
from drf_spectacular.validation import validate_schema
from rest_framework.test import APIClient

from testbed.api.generator import public_schema
from testbed.api.reference import METHODS
from testbed.api.schema import MEANINGS
from testbed.people.models import User

SignIn = Callable[[User], Client]
Api = Callable[[User], APIClient]


def operations(schema: Any) -> list[tuple[str, str]]:
    return [
        (method.upper(), address)
        for address, item in schema["paths"].items()
        for method in METHODS
        if method in item
    ]


@pytest.mark.parametrize(
    ("language", "word", "other"),
    [("ko", "보낼 내용", "What to send"), ("en", "What to send", "보낼 내용")],
)
def test_the_page_lists_every_operation(
    language: str, word: str, other: str, alice: User, sign_in: SignIn
) -> None:
    answer = sign_in(alice).get("/api/v1/docs/", headers={"Accept-Language": language})
    assert answer.status_code == 200
    page = html.unescape(answer.content.decode())
    assert f'lang="{language}"' in page
    assert word in page
    assert other not in page
    shown = re.findall(r"<strong>([A-Z]+)</strong> <code>([^<]+)</code>", page)
    expected = operations(public_schema())
    assert len(expected) > 45
    assert sorted(shown) == sorted(expected)


def test_the_page_says_what_may_go_wrong(alice: User, sign_in: SignIn) -> None:
    page = sign_in(alice).get("/api/v1/docs/", headers={"Accept-Language": "ko"}).content.decode()
    english = sign_in(alice).get("/api/v1/docs/", headers={"Accept-Language": "en"})
    assert "요청이 너무 많음" in page
    assert "too many requests" in english.content.decode()
    assert "<script" not in page.partition("<main")[2].partition("</main>")[0]


def test_a_visitor_is_asked_to_sign_in(client: Client, db: None) -> None:
    assert client.get("/api/v1/docs/").status_code == 302
    assert client.get("/api/v1/schema/").status_code == 401


def test_the_schema_is_good_openapi(alice: User, api: Api) -> None:
    served = yaml.load(api(alice).get("/api/v1/schema/").content, yaml.CSafeLoader)
    validate_schema(served)  # type: ignore[no-untyped-call]
    assert operations(served) == operations(public_schema())
    assert (
        api(alice).get("/api/v1/schema/?format=json").json()["paths"].keys()
        == served["paths"].keys()
    )


def test_the_schema_is_made_once_a_language(alice: User, api: Api) -> None:
    said = {}
    for language in ("ko", "en"):
        with translation.override(language):
            made = public_schema()
            said[language] = made["components"]["schemas"]["Error"]["description"]
            assert public_schema() is made
    assert said["ko"] != said["en"]
    for language in ("ko", "en"):
        served = api(alice).get(f"/api/v1/schema/?format=json&lang={language}").json()
        assert served["components"]["schemas"]["Error"]["description"] == said[language]


def test_a_language_that_nobody_speaks_and_a_version_are_no_failure(alice: User, api: Api) -> None:
    for query in ("lang=xx", "lang=%00", "version=9"):
        assert api(alice).get(f"/api/v1/schema/?format=json&{query}").status_code == 200


def test_every_error_has_a_body_and_a_meaning() -> None:
    paths = public_schema()["paths"]
    for method, address in operations({"paths": paths}):
        answers = paths[address][method.lower()]["responses"]
        for status in answers.keys() & MEANINGS.keys():
            assert answers[status]["description"] not in {"", "No response body"}
            shape = answers[status]["content"]["application/json"]["schema"]["$ref"]
            assert shape.endswith(("/Error", "/RefusedClaim", "/RefusedRoute", "/Blocked"))
        assert "401" in answers or address == "/api/v1/tokens/"
        assert ("404" in answers) or "{" not in address


def test_a_download_may_be_asked_for_as_what_it_is(alice: User, api: Api, world: Any) -> None:
    address = f"/api/v1/runs/{world.run.pk}/sites.csv"
    answer = api(alice).get(address, headers={"Accept": "text/csv"})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/csv")
    missing = api(alice).get("/api/v1/runs/987654/sites.csv", headers={"Accept": "text/csv"})
    assert missing.status_code == 404
    assert missing.json()["code"] == "not_found"
