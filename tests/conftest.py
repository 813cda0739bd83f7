"""The cast and the smallest facility that every test may ask for."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from datetime import time
from typing import Any

import pytest
from django.contrib.contenttypes.management import create_contenttypes
from django.db import connection
from django.db.models.signals import post_migrate
from django.test import Client
from django.utils import translation
from hypothesis import settings as hypothesis_settings
from rest_framework.test import APIClient
from rest_framework.throttling import ScopedRateThrottle

from testbed.people import tokens
from testbed.people.models import Company, Role, Sector, SizeClass, User
from testbed.tools import states
from testbed.tools.models import Area, Cell, ContaminationClass, E10State, Tool
from tests import migrated

pytest_plugins = ["tests.world"]
# A busy machine is no reason for an example to fail.
hypothesis_settings.register_profile("unhurried", deadline=None)
hypothesis_settings.load_profile("unhurried")
PASSWORD = "a long enough sentence"
NIGHTLY = os.environ.get("TESTBED_NIGHTLY") == "1"
WIDE = os.environ.get("TESTBED_WIDE") == "1"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes longest goes first, or at the end the other processes wait for it.

    Tests marked `nightly` run only with TESTBED_NIGHTLY=1, before all else; then the groups that
    must stay on one process; then, mixed evenly, what waits for wires, servers and leases and what
    computes, so that the cores are never all waiting.
    """
    if not NIGHTLY:
        long_ones = [item for item in items if item.get_closest_marker("nightly")]
        config.hook.pytest_deselected(items=long_ones)
        items[:] = [item for item in items if item not in long_ones]
    kinds = {item: _waits(item) for item in items}
    many, seen = Counter(kinds.values()), Counter[bool]()
    shares = {}
    for item, kind in kinds.items():
        shares[item] = seen[kind] / many[kind]
        seen[kind] += 1

    def turn(item: pytest.Item) -> tuple[bool, bool, float]:
        nightly, grouped = map(item.get_closest_marker, ("nightly", "xdist_group"))
        return nightly is None, grouped is None, shares[item]

    items.sort(key=turn)


def _waits(item: pytest.Item) -> bool:
    """False for a test inside one transaction, which computes from its beginning to its end."""
    asked = item.get_closest_marker("django_db")
    fixtures = getattr(item, "fixturenames", ())
    commits = "transactional_db" in fixtures or (asked and asked.kwargs.get("transaction"))
    return "db" not in fixtures or bool(commits)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Each worker's database is a copy of the one that the session has migrated."""
    connection.settings_dict["TEST"]["TEMPLATE"] = migrated.template()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> None:
    """Emptied tables stay empty: nothing of ours asks for Django's own permissions or types.

    Writing them anew after every test that commits takes longer than most of these tests.
    """
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
    post_migrate.disconnect(create_contenttypes)


@pytest.fixture(autouse=True)
def unhurried_sign_ins(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sign-ins are counted in a cache that all tests share: one test must not use up another's."""
    settings.ACCOUNT_RATE_LIMITS = False
    monkeypatch.setattr(ScopedRateThrottle, "THROTTLE_RATES", {"sign_in": "1000000/min"})


@pytest.fixture(autouse=True)
def korean_first() -> None:
    """A request leaves its language behind in the thread; the next test begins with the default."""
    translation.deactivate()


@pytest.fixture(autouse=True)
def quick_passwords(settings: Any) -> None:
    """A hash that is meant to be slow would take most of the tests' time."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def make_user(email: str, role: Role, company: Company | None = None) -> User:
    return User.objects.create_user(
        email=email, password=PASSWORD, name=email.split("@")[0], role=role, company=company
    )


@pytest.fixture
def company_a(db: None) -> Company:
    """A small resist maker: alice's and bob's company."""
    return Company.objects.create(
        name_ko="가온소재",
        name_en="Gaon Materials",
        business_number="9998100015",
        sector=Sector.MATERIALS,
        size_class=SizeClass.SME,
    )


@pytest.fixture
def company_b(db: None) -> Company:
    """A large parts maker: charlie's company, the stranger to company A."""
    return Company.objects.create(
        name_ko="누리부품",
        name_en="Nuri Parts",
        business_number="9998100029",
        sector=Sector.PARTS,
        size_class=SizeClass.LARGE,
    )


@pytest.fixture
def alice(company_a: Company) -> User:
    return make_user("alice@gaon.example", Role.ENGINEER, company_a)


@pytest.fixture
def bob(company_a: Company) -> User:
    return make_user("bob@gaon.example", Role.READER, company_a)


@pytest.fixture
def charlie(company_b: Company) -> User:
    return make_user("charlie@nuri.example", Role.ENGINEER, company_b)


@pytest.fixture
def technician(db: None) -> User:
    return make_user("technician@testbed.example", Role.TECHNICIAN)


@pytest.fixture
def process_engineer(db: None) -> User:
    return make_user("process@testbed.example", Role.PROCESS_ENGINEER)


@pytest.fixture
def administrator(db: None) -> User:
    return make_user("admin@testbed.example", Role.ADMINISTRATOR)


@pytest.fixture
def auditor(db: None) -> User:
    return make_user("auditor@testbed.example", Role.AUDITOR)


def make_tool(code: str, **fields: Any) -> Tool:
    """A tool that is open around the clock, in STANDBY, unless `fields` say otherwise."""
    defaults: dict[str, Any] = {
        "name_ko": code,
        "name_en": code,
        "kind": code.split("-")[0],
        "area": Area.LITHO,
        "contamination_class": ContaminationClass.FEOL,
        "rate_won_per_hour": 600_000,
        "opens_at": time(0),
        "closes_at": time(0),
        "works_weekends": True,
        "registration_number": f"NFEC-{code}",
        "serial": f"SN-{code}",
    }
    tool = Tool.objects.create(code=code, **defaults | fields)
    states.enter(tool=tool, state=E10State.STANDBY)
    return tool


@pytest.fixture
def litho_cell(db: None) -> Cell:
    return Cell.objects.create(code="litho", name_ko="노광 셀", name_en="Litho cell")


@pytest.fixture
def track(litho_cell: Cell) -> Tool:
    return make_tool("track", cell=litho_cell, name_ko="트랙", name_en="Track")


@pytest.fixture
def scanner(litho_cell: Cell) -> Tool:
    return make_tool(
        "scanner",
        cell=litho_cell,
        name_ko="ArF 액침 스캐너",
        name_en="ArF immersion scanner",
        rate_won_per_hour=2_400_000,
    )


@pytest.fixture
def cd_sem(db: None) -> Tool:
    return make_tool("cd_sem", area=Area.METROLOGY, rate_won_per_hour=350_000, name_en="CD-SEM")


@pytest.fixture
def sign_in(client: Client) -> Callable[[User], Client]:
    """A page client signed in as the given person (a fresh one on each call)."""

    def signed_in(user: User) -> Client:
        fresh = Client()
        fresh.force_login(user, backend="testbed.people.backend.Backend")
        return fresh

    return signed_in


@pytest.fixture
def api(db: None) -> Callable[[User], APIClient]:
    """An API client with a real bearer token of the given person."""

    def with_token(user: User) -> APIClient:
        _token, key = tokens.issue(actor=user, name="test")
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
        return client

    return with_token
