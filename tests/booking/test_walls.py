"""Nothing of another company's bookings shows, on any page, in any answer, in any refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from testbed.booking.approve import approve, refuse
from testbed.booking.hold import hold
from testbed.booking.models import Booking
from testbed.booking.place import Answers, place
from testbed.booking.target import Target
from testbed.material.models import Lot
from testbed.people.models import Company, User
from tests.booking.conftest import tomorrow

pytestmark = pytest.mark.django_db


@pytest.fixture
def theirs(
    charlie: User, company_b: Company, administrator: User, cell_target: Target,
    sem_target: Target, lot_of: Callable[..., Lot],
) -> list[Booking]:  # fmt: skip
    """Company B's bookings in every state, all of them marked."""
    lot = lot_of(company_b, charlie, code="MARKLOT-9")
    answers = Answers(lot=lot, wafer_count=1, test_wafers=7, purpose="MARKPURPOSE resist")
    made = [
        place(
            actor=charlie,
            target=target,
            starts_at=tomorrow(hour),
            ends_at=tomorrow(hour + 1),
            answers=answers,
        )
        for target, hour in ((cell_target, 9), (sem_target, 10), (sem_target, 12))
    ]
    approve(actor=administrator, booking=made[0])
    refuse(actor=administrator, booking=made[1], reason="MARKREASON")
    made.append(
        hold(actor=charlie, target=sem_target, starts_at=tomorrow(14), ends_at=tomorrow(15))
    )
    return made


def marks(theirs: list[Booking], charlie: User, company_b: Company) -> list[str]:
    return [
        "MARKLOT", "MARKPURPOSE", "MARKREASON", charlie.name, charlie.email,
        company_b.name_ko, company_b.name_en, company_b.business_number,
        *(str(booking) for booking in theirs),
    ]  # fmt: skip


def body(hour: int, **more: Any) -> dict[str, Any]:
    return {
        "tool": "cd_sem",
        "starts_at": tomorrow(hour).isoformat(),
        "ends_at": tomorrow(hour + 1).isoformat(),
        **more,
    }


def answers_of_the_api(client: APIClient, theirs: list[Booking]) -> Iterator[Any]:
    day = {"from": tomorrow(0).isoformat(), "days": 2}
    yield client.get("/api/v1/timeline/", day)
    yield client.get("/api/v1/slots/", {"cell": "litho", "minutes": 60})
    yield client.get("/api/v1/bookings/")
    yield client.get("/api/v1/rules/")
    for hour in (9, 12, 14):
        for target in ({}, {"tool": "scanner"}):
            yield client.post("/api/v1/quotes/", body(hour, **target), format="json")
            yield client.post("/api/v1/holds/", body(hour, **target), format="json")
            yield client.post("/api/v1/bookings/", body(hour, **target), format="json")
    yield client.post("/api/v1/bookings/", body(20, lot="MARKLOT"), format="json")
    for booking in theirs:
        yield client.get(f"/api/v1/bookings/{booking.pk}/")
        for verb in ("submit", "extend", "approve", "refuse", "cancel"):
            yield client.post(f"/api/v1/bookings/{booking.pk}/{verb}/", {}, format="json")


def pages(client: Client, theirs: list[Booking]) -> Iterator[Any]:
    day = f"{tomorrow(0):%Y-%m-%d}"
    for zoom in ("day", "week"):
        yield client.get("/book/timeline/", {"from": day, "zoom": zoom})
    yield client.get("/book/", {"what": "tool:cd_sem", "minutes": 60})
    for hour in (9, 12, 14):
        at = f"{tomorrow(hour):%Y-%m-%dT%H:%M}"
        yield client.get("/book/", {"what": "tool:cd_sem", "minutes": 60, "at": at})
        yield client.post("/book/hold/", {**body(hour), "what": "tool:cd_sem"})
    yield client.get("/bookings/", {"show": "open"})
    yield client.get("/bookings/", {"show": "closed"})
    for booking in theirs:
        yield client.get(f"/bookings/{booking.pk}/")
        yield client.get(f"/book/hold/{booking.pk}/")
        yield client.post(f"/bookings/{booking.pk}/cancel/")
        yield client.post(f"/approvals/{booking.pk}/approve/")


def assert_silent(responses: Iterator[Any], marked: list[str]) -> None:
    count = 0
    for response in responses:
        count += 1
        text = response.content.decode()
        shown = [mark for mark in marked if mark in text]
        assert not shown, (response.request["PATH_INFO"], shown)
        assert response.status_code < 500
    assert count > 15


def test_the_api_is_silent_about_others(
    api: Callable[[User], APIClient], alice: User, charlie: User, company_b: Company,
    theirs: list[Booking],
) -> None:  # fmt: skip
    assert_silent(answers_of_the_api(api(alice), theirs), marks(theirs, charlie, company_b))


@pytest.mark.parametrize("language", ["ko", "en"])
def test_pages_are_silent_about_others(
    sign_in: Callable[[User], Client], alice: User, charlie: User, company_b: Company,
    theirs: list[Booking], language: str,
) -> None:  # fmt: skip
    client = sign_in(alice)
    client.cookies["django_language"] = language
    assert_silent(pages(client, theirs), marks(theirs, charlie, company_b))


def test_the_marks_do_show_to_their_owner(
    api: Callable[[User], APIClient], charlie: User, company_b: Company, theirs: list[Booking]
) -> None:
    """Otherwise the silence above would prove nothing."""
    text = api(charlie).get("/api/v1/bookings/").content.decode()
    for mark in ("MARKLOT-9", "MARKPURPOSE", "MARKREASON", company_b.business_number):
        assert mark in text
