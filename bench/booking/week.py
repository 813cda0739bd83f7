"""A week of forty tools, and the search for free time, over a database that grows to a million.

The week that is shown, and three months behind it, are always full; what is more lies before
it, as years of history do.
"""

from __future__ import annotations

import json
import time
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.booking.facility import midnight
from bench.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from bench.booking.facility import Facility
    from testbed.booking.models import Booking

SIZES = {"1k": 1_000, "10k": 10_000, "100k": 100_000, "1m": 1_000_000}
SHOWN = 15
# Far enough ahead that no other measurement has booked there.
AHEAD = timedelta(days=700)
SEARCHED = timedelta(days=92)
EVERY = timedelta(hours=8)
LENGTH = timedelta(hours=3)
WEEK_SQL = """
    SELECT tool_id, starts_at, ends_at FROM booking_allocation
    WHERE live AND tstzrange(starts_at, ends_at, '[)') && tstzrange(%s, %s, '[)')
"""
BOOKINGS_SQL = """
    INSERT INTO booking_booking (id, {columns})
    SELECT %(base)s + number, {values} FROM booking_booking AS model,
    LATERAL (
        SELECT number, %(start)s::timestamptz + (number / %(many)s) * %(every)s::interval AS begins
        FROM generate_series(%(first)s::int, %(last)s::int - 1) AS number
    ) AS spans WHERE model.id = %(model)s
"""
CLAIMS_SQL = """
    INSERT INTO booking_allocation
        (tool_id, booking_id, kind, starts_at, ends_at, live, note, reason_ko, reason_en)
    SELECT (%(tools)s::bigint[])[1 + (booking.id - %(base)s) %% %(many)s], booking.id, 'booking',
           booking.starts_at, booking.ends_at, true, '', '', ''
    FROM booking_booking AS booking
    WHERE booking.id BETWEEN %(base)s + %(first)s AND %(base)s + %(last)s - 1
"""


def figures(facility: Facility) -> Iterator[Figure]:
    """week_queries, week_ms_<size> (the slower of page and API), week_growth; then searches."""
    start = midnight() + AHEAD
    taken: dict[str, float] = {}
    limits: dict[str, float] = {}
    before = 0
    clear()
    for name, size in SIZES.items():
        fill(facility, start, before, size)
        before = size
        page, api = readers(facility, start)
        if name == "1k":
            count = max(queries(page), queries(api))
            yield Figure("booking.week_queries", count, "queries", 1, 1)
        limits[name] = milliseconds(week_by_sql(start, start + timedelta(days=7)))
        slower = {"page": milliseconds(page), "API": milliseconds(api)}
        which, taken[name] = max(slower.items(), key=lambda one: one[1])
        yield Figure(f"booking.week_ms_{name}", taken[name], f"ms, {which}", limits[name], SHOWN)
    growth, limit = taken["1m"] / taken["1k"], limits["1m"] / limits["1k"]
    yield Figure("booking.week_growth", growth, "1m/1k", limit, SHOWN)
    best = milliseconds(week_by_sql(start, start + SEARCHED))
    for name, search in searches(facility, start):
        yield Figure(f"booking.{name}_ms", milliseconds(search), "ms", best, SHOWN)


def clear() -> None:
    """Take away what was booked before, so that the fill meets no claim."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE booking_booking, booking_allocation CASCADE")


def fill(facility: Facility, start: datetime, before: int, size: int) -> None:
    """Claims number `before` to `size`, one every eight hours on each tool."""
    from django.db import connection

    per_round = len(facility.tools)
    ahead = int(SEARCHED / EVERY) * per_round
    past = start - EVERY * (SIZES["1m"] // per_round + 1)
    place(facility, start, before, min(size, ahead))
    place(facility, past, max(before, ahead), size)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE booking_allocation, booking_booking")


def place(facility: Facility, start: datetime, first: int, last: int) -> None:
    """Confirmed bookings and their claims, as copies of one that the ORM writes."""
    from django.db import connection

    if first >= last:
        return
    model = template(facility, start)
    given = {"starts_at": "begins", "ends_at": "begins + %(length)s::interval"}
    columns = [str(field.column) for field in model._meta.local_concrete_fields][1:]
    values: dict[str, Any] = {
        "base": 1_000_000_000, "start": start, "every": EVERY, "length": LENGTH, "first": first,
        "last": last, "model": model.pk, "many": len(facility.tools),
        "tools": [tool.pk for tool in facility.tools],
    }  # fmt: skip
    written = ", ".join(f'"{column}"' for column in columns)
    read = ", ".join(given.get(column, f'model."{column}"') for column in columns)
    with connection.cursor() as cursor:
        # The fill is no request of anybody's.
        cursor.execute("SET statement_timeout = 0")
        # Names of our own columns alone.
        cursor.execute(BOOKINGS_SQL.format(columns=written, values=read), values)
        cursor.execute(CLAIMS_SQL, values)


def template(facility: Facility, start: datetime) -> Booking:
    """A confirmed booking without a claim."""
    from testbed.booking.models import Booking

    engineer = facility.engineers[-1]
    assert engineer.company is not None
    return Booking.objects.create(
        company=engineer.company, booked_by=engineer, state="confirmed", starts_at=start,
        ends_at=start + LENGTH,
    )  # fmt: skip


def readers(
    facility: Facility, start: datetime
) -> tuple[Callable[[], object], Callable[[], object]]:
    """The timeline's page and its API answer, whole, as the owner of the claims."""
    from django.test import Client

    engineer, key = facility.engineers[-1], facility.keys[-1]
    # A client loads the middleware at its first request, as a web process does at its start.
    client, program = Client(), Client()
    client.force_login(engineer, backend="testbed.people.backend.Backend")
    day = f"{start:%Y-%m-%d}"

    def page() -> None:
        answer = client.get("/book/timeline/", {"from": day})
        assert answer.status_code == 200
        assert answer.content.count(b"tool") >= len(facility.tools)

    def api() -> None:
        answer = program.get(
            "/api/v1/timeline/",
            {"from": start.isoformat(), "days": "7"},
            headers={"Authorization": f"Bearer {key}"},
        )
        rows = json.loads(answer.content)["rows"]
        assert sum(len(row["blocks"]) for row in rows) >= 800

    return page, api


def searches(facility: Facility, start: datetime) -> Iterator[tuple[str, Callable[[], object]]]:
    """Twenty slots of any of the forty tools, and of a route of three steps, in three months."""
    from testbed.booking.route_slots import find_route_slots
    from testbed.booking.route_steps import Step
    from testbed.booking.target import Target

    actor, end = facility.engineers[0], start + SEARCHED
    every = [Target(tool=tool) for tool in facility.tools]
    anywhere = [Step(every, minutes=90, title="any")]
    third = len(every) // 3
    route = [
        Step(every[:third], minutes=90, title="coat"),
        Step(every[third : 2 * third], minutes=60, within_minutes=240, title="measure"),
        Step(every[2 * third :], minutes=120, within_minutes=1_440, title="etch"),
    ]

    def search(steps: list[Any], limit: int) -> Callable[[], object]:
        def run() -> None:
            found = find_route_slots(actor=actor, steps=steps, start=start, end=end, limit=limit)
            assert len(found.combinations) == limit

        return run

    yield "slots", search(anywhere, 20)
    yield "route_slots", search(route, 5)


def queries(work: Callable[[], object]) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    work()
    with CaptureQueriesContext(connection) as captured:
        work()
    return len(captured)


def week_by_sql(start: datetime, end: datetime) -> Callable[[], object]:
    from django.db import connection

    def read() -> None:
        with connection.cursor() as cursor:
            cursor.execute(WEEK_SQL, [start, end])
            assert len(cursor.fetchall()) >= 800

    return read


def milliseconds(work: Callable[[], object]) -> float:
    """The median of SHOWN calls, after one that warms up."""
    work()
    taken = []
    for _ in range(SHOWN):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return median(taken) * 1_000
