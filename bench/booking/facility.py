"""A facility to measure: forty tools, sixteen companies with two engineers each."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from datetime import time as clock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testbed.booking.target import Target
    from testbed.people.models import User
    from testbed.tools.models import Tool

TOOLS = 40
COMPANIES = 16


@dataclass(frozen=True)
class Facility:
    """keys: one API token an engineer, in the engineers' order; cell: the first two tools."""

    tools: list[Tool]
    engineers: list[User]
    staff: User
    keys: list[str]
    cell: Target


@contextmanager
def scratch_database() -> Iterator[str]:
    """A migrated database of its own beside the environment's, dropped afterwards: its URL."""
    import os

    from django.db import connection

    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        base = os.environ["DATABASE_URL"].rsplit("/", 1)[0]
        yield f"{base}/{connection.settings_dict['NAME']}"
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def midnight() -> datetime:
    from django.utils import timezone

    return timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)


def build() -> Facility:
    """Tools open around the clock that need no approval; every other rule as delivered."""
    from testbed.booking.models import RuleSetting
    from testbed.booking.target import Target
    from testbed.people import tokens
    from testbed.tools import states
    from testbed.tools.models import Cell, E10State, Tool

    cell = Cell.objects.create(code="litho", name_ko="노광 셀", name_en="Litho cell")
    tools = Tool.objects.bulk_create(
        Tool(
            code=f"tool{n}", name_ko=f"장비 {n}", name_en=f"Tool {n}", kind="scanner",
            area="litho", cell=cell if n < 2 else None, contamination_class=0,
            rate_won_per_hour=600_000, opens_at=clock(0), closes_at=clock(0),
            works_weekends=True, registration_number=f"N{n}", serial=f"S{n}", position=n,
        )
        for n in range(TOOLS)
    )  # fmt: skip
    for tool in tools:
        states.enter(tool=tool, state=E10State.STANDBY)
    RuleSetting.objects.create(code="needs_approval", parameters={"required": False})
    RuleSetting.objects.create(code="horizon", parameters={"days": 4_000})
    engineers = [engineer for number in range(COMPANIES) for engineer in company(number)]
    keys = [tokens.issue(actor=engineer, name="bench")[1] for engineer in engineers]
    return Facility(tools, engineers, administrator(), keys, Target(cell=cell))


def administrator() -> User:
    """Who books for others and sets rules aside."""
    from testbed.people.models import Role, User

    made: User = User.objects.create(
        email="admin@bench.example", name="admin", role=Role.ADMINISTRATOR, company=None
    )
    return made


def company(number: int) -> list[User]:
    """A company with two engineers."""
    from testbed.people.models import Company, Role, User

    owner = Company.objects.create(
        name_ko=f"회사 {number}", name_en=f"Company {number}", sector="materials",
        business_number=f"99981{number:05d}", size_class="sme",
    )  # fmt: skip
    return User.objects.bulk_create(
        User(
            email=f"{place}@c{number}.example", name=f"{number}-{place}",
            role=Role.ENGINEER, company=owner,
        )
        for place in range(2)
    )  # fmt: skip
