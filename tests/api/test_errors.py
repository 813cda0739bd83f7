"""Every error of the API has one shape, in the reader's language, and tells nothing it must not."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient
from rest_framework.throttling import ScopedRateThrottle

from testbed.booking.models import Allocation
from testbed.material.models import Lot
from testbed.people.models import User
from testbed.process.models import RecipeVersion
from tests.conftest import PASSWORD
from tests.world import World

Api = Callable[[User], APIClient]
HANGUL = re.compile(r"[가-힣]")
SECRETS = re.compile(
    r"psycopg|duplicate key|violates|constraint|SELECT|relation|Traceback|people_", re.I
)
LANGUAGES = ("ko", "en")
HUGE = 2**63


def sent(client: Any, method: str, address: str, body: Any = None, **more: Any) -> Any:
    """The answer to a request, its body as given when it is bytes."""
    raw = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
    kind = more.pop("content_type", "application/json")
    return client.generic(method, f"/api/v1/{address}", raw, content_type=kind, headers=more)


def check(answer: Any, status: int, code: str, language: str) -> dict[str, Any]:
    """Status, shape, code, language and secrecy of one error; its body for more."""
    assert answer.status_code == status, answer.content
    assert answer.headers["Content-Type"] == "application/json"
    body: dict[str, Any] = answer.json()
    assert set(body) == {"code", "message", "fields"}
    assert body["code"] == code
    texts = [body["message"], *(line for lines in body["fields"].values() for line in lines)]
    assert all(isinstance(text, str) and text for text in texts)
    assert all(bool(HANGUL.search(text)) == (language == "ko") for text in texts), texts
    assert not SECRETS.search(answer.content.decode())
    return body


@dataclass(frozen=True)
class Wrong:
    """A request by alice and the error it deserves."""

    method: str
    address: str
    status: int
    code: str
    body: Any = None
    kind: str = "application/json"
    fields: frozenset[str] = field(default_factory=frozenset)


def lot(**more: Any) -> Any:
    return {"product": "resist", "wafer_count": 3} | more


WRONGS = {
    "broken JSON": Wrong("POST", "lots/", 400, "parse_error", b'{"product": '),
    "not UTF-8": Wrong("POST", "lots/", 400, "parse_error", b'{"product": "\xff\xfe"}'),
    "NUL in text": Wrong("POST", "lots/", 400, "parse_error", lot(product="a\x00b")),
    "half a surrogate": Wrong("POST", "lots/", 400, "parse_error", b'{"product": "\\ud800"}'),
    "NaN": Wrong("POST", "recipes/own-cd/versions/", 400, "parse_error", b'{"body": {"a": NaN}}'),
    "infinity in digits": Wrong(
        "POST", "recipes/own-cd/versions/", 400, "parse_error", b'{"body": {"a": 1e999}}'
    ),
    "nested deeply": Wrong(
        "POST", "recipes/own-cd/versions/", 400, "parse_error", b"[" * 90_000 + b"]" * 90_000
    ),
    "nested somewhat deeply": Wrong(
        "POST", "recipes/own-cd/versions/", 400, "parse_error", b"[" * 60 + b"]" * 60
    ),
    "5000 digits": Wrong("POST", "lots/", 400, "parse_error", b"[" + b"9" * 5_000 + b"]"),
    "field missing": Wrong("POST", "lots/", 400, "not_valid", {}, fields=frozenset({"product"})),
    "a list for an object": Wrong(
        "POST", "lots/", 400, "not_valid", [1], fields=frozenset({"non_field_errors"})
    ),
    "page size": Wrong(
        "GET", "lots/?page_size=0", 400, "not_valid", fields=frozenset({"page_size"})
    ),
    "page size in words": Wrong(
        "GET", "runs/?page_size=many", 400, "not_valid", fields=frozenset({"page_size"})
    ),
    "a year far away": Wrong(
        "GET", "timeline/?from=9999-12-31T23:59:59Z", 400, "not_valid", fields=frozenset({"from"})
    ),
    "a day far away": Wrong("GET", "usage/summary/?from=0001-01-01", 400, "bad_period"),
    "NUL in a query": Wrong("GET", "runs/?tool=%00", 400, "not_valid", fields=frozenset({"tool"})),
    "NaN in a query": Wrong(
        "GET", "runs/{run}/traces/beam/?start=nan", 400, "not_valid", fields=frozenset({"start"})
    ),
    "not allowed": Wrong("POST", "tools/cd_sem/emergency-stop/", 403, "not_allowed"),
    "no such page": Wrong("GET", "lots/?page=7", 404, "not_found"),
    "an empty page number": Wrong("GET", "lots/?page=", 404, "not_found"),
    "the last page": Wrong("GET", "lots/?page=last", 404, "not_found"),
    "no such address": Wrong("GET", "no/such/thing/", 404, "not_found"),
    "a line break in the address": Wrong("GET", "tools/a%0Ab/", 404, "not_found"),
    "the root": Wrong("GET", "", 404, "not_found"),
    "no such run": Wrong("GET", "runs/987654321/", 404, "not_found"),
    "id of 64 bits": Wrong("GET", f"runs/{HUGE}/", 404, "not_found"),
    "id of 200 digits": Wrong("POST", f"bookings/{'9' * 200}/cancel/", 404, "not_found"),
    "id of 5000 digits": Wrong("GET", f"runs/{'9' * 5_000}/", 404, "not_found"),
    "version of 64 bits": Wrong(
        "POST", f"recipes/own-cd/versions/{HUGE}/submit/", 404, "not_found"
    ),
    "no such method": Wrong("PATCH", "lots/", 405, "method_not_allowed"),
    "a form": Wrong(
        "POST", "lots/", 415, "unsupported_media_type", b"product=resist",
        kind="application/x-www-form-urlencoded",
    ),
    "XML": Wrong("POST", "bookings/", 415, "unsupported_media_type", b"<a/>", kind="text/xml"),
    "taken code": Wrong(
        "POST", "lots/", 409, "already_there", lot(code="LOT-A"), fields=frozenset({"code"})
    ),
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", WRONGS)
def test_what_is_wrong_is_said_in_one_shape(
    name: str, language: str, world: World, alice: User, api: Api
) -> None:
    wrong, tongue = WRONGS[name], {"Accept-Language": language}
    address = wrong.address.replace("{run}", str(world.run.pk))
    answer = sent(api(alice), wrong.method, address, wrong.body, content_type=wrong.kind, **tongue)
    assert set(check(answer, wrong.status, wrong.code, language)["fields"]) == wrong.fields


def test_korean_is_what_nobody_asked_for(db: None) -> None:
    check(APIClient().get("/api/v1/me/"), 401, "not_authenticated", "ko")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_missing_and_a_wrong_token(language: str, db: None) -> None:
    tongue = {"Accept-Language": language}
    for key, code in (("", "not_authenticated"), ("Bearer tb_guessed", "bad_token")):
        answer = sent(APIClient(), "GET", "me/", Authorization=key, **tongue)
        check(answer, 401, code, language)
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_browser_without_its_csrf_token(language: str, alice: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice, backend="testbed.people.backend.Backend")
    answer = sent(browser, "POST", "lots/", lot(), **{"Accept-Language": language})
    check(answer, 403, "permission_denied", language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_used_up_sign_in(language: str, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ScopedRateThrottle, "THROTTLE_RATES", {"sign_in": "1/hour"})
    person = {"email": alice.email, "password": PASSWORD}
    tongue = {"Accept-Language": language}
    # Nobody else's address: sign-ins are counted in a cache that all tests share.
    client = APIClient(REMOTE_ADDR=f"fd00::{secrets.token_hex(2)}:{secrets.token_hex(2)}")
    assert sent(client, "POST", "tokens/", person).status_code == 201
    answer = sent(client, "POST", "tokens/", person, **tongue)
    check(answer, 429, "throttled", language)
    assert 3_500 < int(answer.headers["Retry-After"]) <= 3_600


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_key_used_for_another_request(language: str, world: World, alice: User, api: Api) -> None:
    client, full = api(alice), timezone.localtime().replace(minute=0, second=0, microsecond=0)
    span = {"tool": "cd_sem", "starts_at": str(full + timedelta(days=2))}
    statuses = []
    for hours in (2, 3):
        body = span | {"ends_at": str(full + timedelta(days=2, hours=hours))}
        more = {"Accept-Language": language, "Idempotency-Key": "the-same"}
        answer = sent(client, "POST", "holds/", body, **more)
        statuses.append(answer.status_code)
    assert statuses == [201, 422]
    check(answer, 422, "key_reused", language)


def twice(world: World) -> None:
    """A lot of company A's once more: a unique index says no."""
    Lot.objects.create(
        code=world.lot.code,
        company=world.lot.company,
        product="-",
        registered_by=world.lot.registered_by,
    )


def signed_by_its_writer(world: World) -> None:
    """A check constraint says no."""
    RecipeVersion.objects.filter(pk=world.version.pk).update(approved_by=F("written_by"))


def overlapping(world: World) -> None:
    """The tool is taken at that time: an exclusion constraint says no, naming the times."""
    claim = world.held.allocations.get()
    Allocation.objects.create(
        tool=claim.tool, kind=claim.kind, booking=world.booking,
        starts_at=claim.starts_at, ends_at=claim.ends_at,
    )  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("break_it", "status", "code"),
    [
        (twice, 409, "already_there"),
        (signed_by_its_writer, 422, "not_valid"),
        (overlapping, 409, "conflict"),
    ],
)
def test_what_the_database_says_stays_with_us(
    break_it: Callable[[World], None],
    status: int,
    code: str,
    language: str,
    world: World,
    alice: User,
    api: Api,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever constraint no verb foresaw: its name, its table and its values are not told."""

    def careless(**given: Any) -> None:
        with transaction.atomic():
            break_it(world)

    with pytest.raises(IntegrityError, match="constraint"):
        careless()
    monkeypatch.setattr("testbed.material.api.register", careless)
    answer = sent(api(alice), "POST", "lots/", lot(), **{"Accept-Language": language})
    check(answer, status, code, language)
    assert world.lot.code not in answer.content.decode()


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_unforeseen_error_tells_nothing(
    language: str, world: World, alice: User, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**given: Any) -> None:
        raise RuntimeError("psycopg: relation people_user")

    monkeypatch.setattr("testbed.material.api.register", broken)
    client = api(alice)
    client.raise_request_exception = False
    answer = sent(client, "POST", "lots/", lot(), **{"Accept-Language": language})
    assert answer.status_code == 500
    assert not SECRETS.search(answer.content.decode())
