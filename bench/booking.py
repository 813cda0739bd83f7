"""How fast bookings are placed and shown, each beside what bare SQL does in the same database."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from datetime import time as clock
from statistics import median
from typing import TYPE_CHECKING

import structlog

from bench.figure import Figure

if TYPE_CHECKING:
    from testbed.booking.target import Target
    from testbed.people.models import User
    from testbed.tools.models import Tool

TOOLS = 12
DAYS_BACK, DAYS_AHEAD = 300, 60
PLACED = 200
SHOWN = 30
WEEK_SQL = """
    SELECT tool_id, starts_at, ends_at FROM booking_allocation
    WHERE live AND tstzrange(starts_at, ends_at, '[)') && tstzrange(%s, %s, '[)')
"""
INSERT_SQL = """
    INSERT INTO booking_allocation (tool_id, kind, starts_at, ends_at, live, note)
    VALUES (%s, 'maintenance', %s, %s, true, '')
"""


def figures() -> Iterator[Figure]:
    """place_per_s (verb against bare insert), timeline_ms (page) and slots_ms (search)."""
    # A line per request on the terminal would be measured too.
    quiet = structlog.make_filtering_bound_logger(logging.ERROR)
    structlog.configure(wrapper_class=quiet)
    with scratch_database():
        actor, tools, cell = people_and_tools()
        start = midnight()
        yield placed(actor, tools, start + timedelta(days=DAYS_AHEAD + 1))
        fill(actor, tools, start)
        yield timeline(actor, start)
        yield slots(actor, cell, start)


@contextmanager
def scratch_database() -> Iterator[None]:
    """A migrated database of its own beside the environment's, dropped afterwards."""
    from django.db import connection

    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def midnight() -> datetime:
    from django.utils import timezone

    return timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)


def people_and_tools() -> tuple[User, list[Tool], Target]:
    """An engineer, twelve tools open around the clock, a cell of two; no approval needed."""
    from testbed.booking.models import RuleSetting
    from testbed.booking.target import Target
    from testbed.people.models import Company, Role, User
    from testbed.tools.models import Cell, Tool

    company = Company.objects.create(
        name_ko="가온", name_en="Gaon", business_number="9998100015", sector="materials",
        size_class="sme",
    )  # fmt: skip
    actor = User.objects.create(
        email="bench@gaon.example", name="bench", role=Role.ENGINEER, company=company
    )
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
    RuleSetting.objects.create(code="needs_approval", parameters={"required": False})
    RuleSetting.objects.create(code="horizon", parameters={"days": 400})
    return actor, tools, Target(cell=cell)


def placed(actor: User, tools: list[Tool], start: datetime) -> Figure:
    """Bookings placed one after another, each committed, against bare constrained inserts."""
    from django.db import connection

    from testbed.booking.place import Answers, place
    from testbed.booking.target import Target

    hour = timedelta(hours=1)
    target = Target(tool=tools[0])

    def by_verb(number: int) -> None:
        begin = start + number * hour
        place(actor=actor, target=target, starts_at=begin, ends_at=begin + hour, answers=Answers())

    def by_sql(number: int) -> None:
        begin = start + number * hour
        with connection.cursor() as cursor:
            cursor.execute(INSERT_SQL, [tools[1].pk, begin, begin + hour])

    limit = PLACED / sum(seconds(by_sql, PLACED))
    value = PLACED / sum(seconds(by_verb, PLACED))
    return Figure("booking.place_per_s", value, "1/s", limit, PLACED)


def fill(actor: User, tools: list[Tool], start: datetime) -> None:
    """Eight bookings of 90 minutes a day on each tool."""
    from testbed.booking.models import Allocation, Booking

    length = timedelta(minutes=90)
    begins = [
        (tool, start + timedelta(days=day, hours=3 * part))
        for tool in tools
        for day in range(-DAYS_BACK, DAYS_AHEAD)
        for part in range(8)
    ]
    bookings = Booking.objects.bulk_create(
        [
            Booking(
                company=actor.company, booked_by=actor, state="confirmed", starts_at=begin,
                ends_at=begin + length, quote={},
            )
            for _tool, begin in begins
        ],
        batch_size=2_000,
    )  # fmt: skip
    Allocation.objects.bulk_create(
        [
            Allocation(
                tool=tool, booking=booking, kind="booking", starts_at=begin,
                ends_at=begin + length,
            )
            for (tool, begin), booking in zip(begins, bookings, strict=True)
        ],
        batch_size=2_000,
    )  # fmt: skip
    analyse()


def analyse() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE booking_allocation, booking_booking")


def timeline(actor: User, start: datetime) -> Figure:
    """The week page of twelve tools, rendered, against the bare read of its claims."""
    from django.test import Client

    client = Client()
    client.force_login(actor, backend="allauth.account.auth_backends.AuthenticationBackend")

    def page(number: int) -> None:
        answer = client.get("/book/timeline/", {"from": f"{start:%Y-%m-%d}"})
        assert answer.status_code == 200

    value, limit = milliseconds(page), milliseconds(week_by_sql(start, 7))
    return Figure("booking.timeline_ms", value, "ms", limit, SHOWN)


def slots(actor: User, cell: Target, start: datetime) -> Figure:
    """Twenty slots of a cell in a month, against the bare read of that month's claims."""
    from testbed.booking.slots import find_slots

    def search(number: int) -> None:
        found = find_slots(
            actor=actor, target=cell, minutes=90, start=start, end=start + timedelta(days=30)
        )
        assert len(found.slots) == 20

    value, limit = milliseconds(search), milliseconds(week_by_sql(start, 30))
    return Figure("booking.slots_ms", value, "ms", limit, SHOWN)


def week_by_sql(start: datetime, days: int) -> Callable[[int], None]:
    from django.db import connection

    def read(number: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute(WEEK_SQL, [start, start + timedelta(days=days)])
            assert len(cursor.fetchall()) >= days

    return read


def seconds(work: Callable[[int], None], times: int) -> list[float]:
    """How long each of `times` calls took."""
    taken = []
    for number in range(times):
        began = time.perf_counter()
        work(number)
        taken.append(time.perf_counter() - began)
    return taken


def milliseconds(work: Callable[[int], None]) -> float:
    """The median of SHOWN calls, after one that warms up."""
    work(0)
    return median(seconds(work, SHOWN)) * 1_000
