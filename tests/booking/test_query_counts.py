"""How many statements a booking, a hold, a search and a week cost: more of anything costs none."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from testbed.booking.hold import hold
from testbed.booking.models import Allocation
from testbed.booking.place import Answers, place
from testbed.booking.slots import find_slots
from testbed.booking.target import Target
from testbed.people.models import User
from testbed.tools.models import Tool
from tests.booking.conftest import setting, tomorrow

HOUR = timedelta(hours=1)


def span(hour: int) -> dict[str, Any]:
    return {"starts_at": tomorrow(hour), "ends_at": tomorrow(hour + 1)}


def test_place_and_hold(
    alice: User, cd_sem: Tool, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    setting("needs_approval", required=False)
    target = Target(tool=cd_sem)
    place(actor=alice, target=target, **span(1), answers=Answers())
    with django_assert_max_num_queries(13):
        place(actor=alice, target=target, **span(2), answers=Answers())
    with django_assert_max_num_queries(13):
        hold(actor=alice, target=target, **span(3))


def test_booking_over_the_api(
    alice: User,
    cd_sem: Tool,
    api: Callable[[User], APIClient],
    django_assert_max_num_queries: Callable[..., Any],
) -> None:
    setting("needs_approval", required=False)
    client = api(alice)
    for hour, most in ((1, 40), (2, 22)):
        with django_assert_max_num_queries(most):
            answer = client.post(
                "/api/v1/bookings/",
                {"tool": "cd_sem"} | span(hour),
                format="json",
                headers={"Idempotency-Key": f"key-{hour}"},
            )
        assert (answer.status_code, answer.json()["state"]) == (201, "confirmed")


def test_a_search_and_a_week(
    alice: User,
    cd_sem: Tool,
    sign_in: Callable[[User], Client],
    api: Callable[[User], APIClient],
    django_assert_max_num_queries: Callable[..., Any],
) -> None:
    for hour in range(1, 6):
        place(actor=alice, target=Target(tool=cd_sem), **span(hour), answers=Answers())
    with django_assert_max_num_queries(6):
        find_slots(
            actor=alice, target=Target(tool=cd_sem), minutes=60, start=tomorrow(0),
            end=tomorrow(20),
        )  # fmt: skip
    page, client = sign_in(alice), api(alice)
    with django_assert_max_num_queries(6):
        assert page.get("/book/timeline/").status_code == 200
    client.get("/api/v1/timeline/")
    with django_assert_max_num_queries(4):
        assert client.get("/api/v1/timeline/").status_code == 200


def test_the_planner_knows_how_claims_lie_in_time(cd_sem: Tool) -> None:
    """It would take every stretch of time for a hundredth of the claims, and plan for that."""
    begin = tomorrow(0)
    Allocation.objects.bulk_create(
        Allocation(
            tool=cd_sem, kind="closure", starts_at=begin + hour * HOUR,
            ends_at=begin + (hour + 1) * HOUR,
        )
        for hour in range(200)
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE booking_allocation")
    for hours, least, most in ((200, 100, 400), (20, 10, 50)):
        found = Allocation.objects.between(begin, begin + hours * HOUR)
        [plan] = json.loads(found.explain(format="json"))
        assert least <= plan["Plan"]["Plan Rows"] <= most
