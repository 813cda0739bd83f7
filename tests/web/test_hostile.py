"""Nothing a browser can send makes a page fail: every page, hostile addresses and forms."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from testbed.people.models import User
from tests.conftest import WIDE
from tests.doors import PAGES, Door, some_at_once
from tests.world import World, undone

SignIn = Callable[[User], Client]

# What has broken most pages; and what is tried a part of it a page, all of it by `make wide`.
WORST = ("9" * 5000, "\x00", '{"a": "\\u0000"}')
OTHERS = (
    "", "abc", "-1", "1e999", "²", "9999-99-99", "9999-12-31T23:59:59+09:00", "tool:\x00",
    "'\"><script>", "[" * 20_000, '{"\\ud800": NaN}', '{"a": ' + "9" * 5000 + "}",
)  # fmt: skip
TURNS = 4
FIELDS = (
    "page", "from", "to", "show", "what", "minutes", "first", "last", "at", "zoom", "area",
    "company", "tool", "wafer", "booking", "operation", "slot", "chosen", "phase", "next", "theme",
    "language", "carrier", "code", "product", "wafer_count", "wafer_ids", "title", "tool_kind",
    "body", "lot", "route", "test_wafers", "use_mode", "purpose", "starts_at", "ends_at", "reason",
    "choice", "note", "login", "password", "email", "carried",
)  # fmt: skip
QUERIES = (
    "%ff%fe",
    "page=%ed%a0%80",
    "slot=" + "&slot=".join(map(str, range(200))),
    "&&==&%00=%00",
)


def hostile(turn: int) -> tuple[str, ...]:
    """The values to try on the page or field number `turn`: together, pages see all of them."""
    return WORST + of_turn(OTHERS, turn)


def of_turn(values: tuple[str, ...], turn: int) -> tuple[str, ...]:
    """A part of `values`, or all of them (`make wide`)."""
    return values if WIDE else values[turn % TURNS :: TURNS]


def quiet(client: Client) -> Client:
    """A failure is answered as in production, not raised."""
    client.raise_request_exception = False
    return client


def failures(client: Client, address: str, fields: Mapping[str, str]) -> list[str]:
    """Which methods of `address` answer 5xx to `fields`, as sentences."""
    found = []
    for verb in ("get", "post"):
        with undone():
            status = getattr(client, verb)(address, fields).status_code
        if status >= 500:
            shown = {name: value[:40] for name, value in list(fields.items())[:4]}
            found.append(f"{verb} {address} {shown!r} → {status}")
    return found


def fields_of(client: Client, address: str) -> list[str]:
    """What addresses and forms are known to carry, and what this page's own forms ask for."""
    page = client.get(address)
    text = "" if page.streaming else page.content.decode(errors="replace")
    asked = re.findall(r'<(?:input|select|textarea|button)[^>]*?\bname="([^"]+)"', text)
    return sorted({*FIELDS, *asked} - {"csrfmiddlewaretoken"})


@pytest.mark.parametrize("names", some_at_once(PAGES), ids=str)
def test_no_page_fails_at_hostile_values(
    names: list[str], world: World, alice: User, administrator: User, sign_in: SignIn
) -> None:
    found = []
    for turn, name in enumerate(names):
        address = reverse(name, kwargs=world.arguments(name))
        client = quiet(sign_in(administrator if PAGES[name] is Door.STAFF else alice))
        fields = fields_of(client, address)
        for value in hostile(turn):
            found += failures(client, address, dict.fromkeys(fields, value))
        for query in of_turn(QUERIES, turn):
            found += failures(client, f"{address}?{query}", {})
    assert found == []


def good_forms(world: World) -> dict[str, dict[str, Any]]:
    """A form of each page that reads one, with values it accepts."""
    now = timezone.localtime()
    span = {
        "starts_at": world.held.starts_at.isoformat(),
        "ends_at": world.held.ends_at.isoformat(),
    }
    answers = {"lot": world.lot.pk, "route": "", "wafer_count": 1, "test_wafers": 0}
    answers |= {"use_mode": "requested", "purpose": "CD"}
    day = f"{now:%Y-%m-%d}"
    return {
        "new_lot": {"code": "LOT-Z", "product": "resist", "wafer_count": 3, "wafer_ids": ""},
        "check_in_lot": {"carrier": "FOUP-02"},
        "new_recipe": {"code": "other", "title": "CD", "tool_kind": "cd_sem"},
        "new_recipe_version": {"body": '{"target_nm": 40.0}'},
        "book": {"what": "tool:cd_sem", "minutes": 60, "first": day, "last": day, "at": ""},
        "hold_slot": {"what": "tool:cd_sem", **span, "carried": ""},
        "hold": {"step": "submit", **answers},
        "timeline": {"from": day, "zoom": "week"},
        "start_run": {"booking": world.booking.pk, "operation": 1, "chosen": 1, "slot": 1},
        "resolve_run": {"choice": "repeat", "note": "looked at it"},
        "refuse_booking": {"reason": "full"},
        "run_traces": {"wafer": 1},
        "usage": {"from": day, "to": day, "company": world.lot.company_id, "tool": "cd_sem"},
        "usage_csv": {"from": day, "to": day, "company": world.lot.company_id, "tool": "cd_sem"},
        "ops": {"from": day, "to": day},
        "ops_e10_csv": {"from": day, "to": day},
        "account_login": {"login": "alice@gaon.example", "password": "x", "next": "/"},
        "account_change_password": {"oldpassword": "x", "password1": "y", "password2": "y"},
    }


FORMS = (
    "account_change_password", "account_login", "book", "check_in_lot", "hold", "hold_slot",
    "new_lot", "new_recipe", "new_recipe_version", "ops", "ops_e10_csv", "refuse_booking",
    "resolve_run", "run_traces", "start_run", "timeline", "usage", "usage_csv",
)  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_one_hostile_field_among_good_ones_fails_no_page(
    name: str, world: World, alice: User, administrator: User, technician: User, sign_in: SignIn
) -> None:
    form = {key: str(value) for key, value in good_forms(world)[name].items()}
    address = reverse(name, kwargs=world.arguments(name))
    at_the_tool = dict.fromkeys(("start_run", "resolve_run", "check_in_lot"), technician)
    at_the_desk = dict.fromkeys(("ops", "ops_e10_csv", "refuse_booking"), administrator)
    client = quiet(sign_in((at_the_tool | at_the_desk).get(name, alice)))
    found = []
    for turn, field in enumerate(form):
        for value in hostile(turn):
            found += failures(client, address, {**form, field: value})
    assert found == []


@pytest.mark.parametrize(
    "path",
    [
        "/%00",
        "/lots/%00/",
        "/tools/a%00b/",
        "/runs/99999999999999999999/",
        "/bookings/0/",
        "/lots/LOT-A/wafers/99999999999999999999/",
        "/recipes/own-cd/versions/99999999999999999999/submit/",
        "/runs/1/traces/%00.csv",
        "/" + "a" * 3000,
        "/" + quote_from_bytes(b"\xff\xfe"),
    ],
)
def test_no_address_fails(path: str, alice: User, sign_in: SignIn) -> None:
    client = quiet(sign_in(alice))
    for verb in (client.get, client.post):
        with undone():
            assert verb(path).status_code < 500


@pytest.mark.parametrize("name", ["set_language", "theme", "account_login", "account_logout"])
@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "\\\\evil.example"])
def test_nobody_is_sent_to_another_site(
    name: str, target: str, alice: User, sign_in: SignIn
) -> None:
    fields = {"next": target, "language": "en", "theme": "dark", "login": alice.email}
    answer = sign_in(alice).post(reverse(name), {**fields, "password": "a long enough sentence"})
    assert answer.status_code in {204, 302}
    assert "evil" not in answer.headers.get("Location", "")
