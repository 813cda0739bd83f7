"""schemathesis reads the OpenAPI schema and tries to break every endpoint with it."""

from __future__ import annotations

import copy
import re
import zlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from rest_framework.test import APIClient
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import negative_data_rejection

from testbed.api.generator import public_schema
from testbed.people import tokens
from testbed.people.models import ApiToken, User
from testbed.results import measurements
from tests.api.test_reference import operations
from tests.conftest import PASSWORD, WIDE
from tests.results.synthetic import matrix
from tests.world import CD_RECIPE, World

# On top of some forty cases per operation that schemathesis derives from the limits in the schema.
EXAMPLES = 20 if WIDE else 3
# Of all of them one in so many is sent.
SHARE = 1 if WIDE else 2
# Beside the schema there are rules that JSON Schema cannot say: a cell or a tool, not both; a
# range that ends after it starts; codes of things that exist. They answer 400, rightly, so
# `positive_data_acceptance` would call them wrong. That nothing opens without a token is asked
# once per operation below, not three times per case as `ignored_auth` does. Neither strings
# found in the sources nor what failed before change what is tried.
CONFIG = schemathesis.Config.from_dict(
    {
        "checks": {
            "positive_data_acceptance": {"enabled": False},
            "ignored_auth": {"enabled": False},
        },
        "analysis": {"constants": {"enabled": False}},
        "cache": {"enabled": False},
        "phases": {"coverage": {"unexpected-methods": ["patch"]}},
    }
)
schema = schemathesis.openapi.from_dict(copy.deepcopy(public_schema()), config=CONFIG)
schema.app = get_wsgi_application()


@pytest.fixture
def keys(alice: User, technician: User, process_engineer: User, administrator: User) -> list[str]:
    """Tokens of a company's engineer, as often as of those who may do what companies may not."""
    callers = (alice, technician, process_engineer, administrator)
    keys = [tokens.issue(actor=caller, name="schemathesis")[1] for caller in callers]
    # Lately used, so that not every request notes its use.
    ApiToken.objects.update(last_used_at=timezone.now())
    return [keys[0], keys[0], *keys]


@dataclass(frozen=True)
class Existing:
    """What exists, by the first part of an address and the name that requests use."""

    addresses: dict[str, dict[str, Any]]
    contents: dict[str, dict[str, Any]]


@pytest.fixture
def existing(measured: World) -> Existing:
    """Things of the world; their bookings lie two days ahead, their reports behind."""
    start = timezone.localtime().replace(minute=0, second=0, microsecond=0) + timedelta(days=2)
    last_week = timezone.localdate() - timedelta(days=7)
    span = {"starts_at": start.isoformat(), "ends_at": (start + timedelta(hours=2)).isoformat()}
    work = {"tool": "cd_sem", "lot": "LOT-A", "route": "cd-only", "wafer_count": 3}
    return Existing(
        addresses={
            "bookings": {"id": measured.held.pk},
            "runs": {"id": measured.run.pk, "key": "beam"},
            "travelers": {"id": measured.traveler.pk},
            "lots": {"code": measured.lot.code},
            "tools": {"code": measured.tool.code},
            "recipes": {"code": measured.recipe.code, "number": measured.version.number},
            "questions": {"id": measured.question.pk},
            "qualifications": {"id": measured.tool.qualifications.get().pk},
            "companies": {"business_number": measured.lot.company.business_number},
            "members": {"id": measured.booking.booked_by.pk},
            "supplies": {"code": "own-40"},
            "capabilities": {"code": measured.capability.code},
        },
        contents={
            "bookings": span | work,
            "holds": span | work,
            "qualifications": {"tool": "cd_sem", "person": "alice@gaon.example"},
            "quotes": span | work,
            "slots": {"tool": "cd_sem", "from": start.isoformat(), "to": span["ends_at"]},
            "lots": {"code": "LOT-B", "carrier": "FOUP-02", "wafer_ids": []},
            "recipes": {"tool_kind": "cd_sem", "body": CD_RECIPE},
            "runs": {"booking": measured.booking.pk, "operation": 1, "wafers": [1], "key": "cd"},
            "tokens": {"email": "alice@gaon.example", "password": PASSWORD},
            "usage": {"from": str(last_week), "to": str(timezone.localdate())},
        },
    )


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_endpoint_keeps_its_word(
    case: Any,
    existing: Existing,
    keys: list[str],
    one_connection: None,
) -> None:
    """No 500, and only the statuses, headers and bodies that the schema declares.

    What a request changes is undone, so that a failing one fails again when tried alone.
    """
    # Decided by the case itself, so that the same case is always tried in the same way.
    chance = zlib.crc32(repr((case.path_parameters, case.query, case.body)).encode())
    if chance % SHARE:
        return
    if chance % 3:
        name_what_exists(case, existing)
    key = keys[chance // 3 % len(keys)]
    # Blanks around a text are left out before it is measured: it may be shorter than it was.
    excluded = [negative_data_rejection] if has_blanks_around([case.query, case.body]) else []
    with transaction.atomic():
        case.call_and_validate(
            headers={"Authorization": f"Bearer {key}"}, excluded_checks=excluded
        )  # fmt: skip
        transaction.set_rollback(True)


def has_blanks_around(value: Any) -> bool:
    """True when a text anywhere in `value` begins or ends with what `str.strip` takes away."""
    if isinstance(value, dict):
        return any(map(has_blanks_around, value.values()))
    if isinstance(value, list):
        return any(map(has_blanks_around, value))
    return isinstance(value, str) and value != value.strip()


def test_nothing_opens_without_a_token(db: None) -> None:
    """Not even a word whether the thing exists."""
    opened = [
        f"{method} {path}"
        for method, address in operations(public_schema())
        for path in [re.sub(r"{[^}]+}", "1", address)]
        for headers in ({}, {"Authorization": "Bearer tb_guessed"})
        if not is_shut(APIClient(headers=headers).generic(method, path))
    ]
    assert opened == ["POST /api/v1/tokens/"] * 2


def is_shut(answer: Any) -> bool:
    return answer.status_code == 401 and set(answer.json()) == {"code", "message", "fields"}


def test_a_process_window_has_its_declared_shape(
    world: World, keys: list[str], one_connection: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one answer that needs more than a small world: a whole matrix of measured fields."""
    monkeypatch.setattr(measurements, "measurement_run", lambda traveler: world.run)
    monkeypatch.setattr(measurements, "matrix_of", lambda sites: matrix(seed=1))
    operation = schema["/api/v1/travelers/{id}/process-window/"]["GET"]
    case = operation.Case(path_parameters={"id": world.traveler.pk})
    answer = case.call_and_validate(headers={"Authorization": f"Bearer {keys[0]}"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["wafers"] == 3


def name_what_exists(case: Any, existing: Existing) -> None:
    """Two of three requests are about things that exist; the rest hardly come past a 404."""
    group = case.path.split("/")[3]
    contents = existing.contents.get(group, {})
    places = {
        "path": (case.path_parameters, existing.addresses.get(group, {})),
        "query": (case.query, contents),
        "body": (case.body, contents),
    }
    for place, (values, known) in places.items():
        if isinstance(values, dict) and not case.meta.is_negative_at(ParameterLocation(place)):
            if "cell" in values:
                values["tool"] = values.pop("cell")
            values.update({name: known[name] for name in values if name in known})
