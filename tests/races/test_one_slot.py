"""Sixteen engineers want one slot: first without the lock, so that the race shows, then with it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from testbed.booking import explain, line
from testbed.booking.expire import sweep
from testbed.booking.hold import extend, hold, hold_now
from testbed.booking.models import Allocation, Booking, BookingState
from testbed.booking.place import Answers, place, submit
from testbed.booking.target import Target
from testbed.compiled import Among, Statement
from testbed.people.models import User
from testbed.refusals import Refusal
from testbed.tools.models import Tool
from testbed.transactions import in_transaction, sqlstate
from tests.booking.conftest import setting, tomorrow
from tests.races.conftest import Race

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]
THREADS = 16
RAW = {"23P01", "40P01"}  # exclusion violation, deadlock


@pytest.fixture
def cell(alice: User, charlie: User, track: Tool, scanner: Tool) -> Target:
    setting("open_holds", maximum=1_000)
    assert scanner.cell is not None
    return Target(cell=scanner.cell)


def wish(actor: User, target: Target) -> dict[str, Any]:
    return {
        "actor": actor,
        "target": target,
        "starts_at": tomorrow(10),
        "ends_at": tomorrow(12),
    }


def test_without_the_lock_the_race_shows(
    race: Race, alice: User, cell: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every thread passes the check before one writes: only the constraint stands between."""
    all_checked = threading.Barrier(THREADS)
    write = line.write

    def write_when_all_have_checked(booking: Booking, tools: list[Tool]) -> None:
        all_checked.wait(timeout=20)
        write(booking, tools)

    unlocked: Statement[Tool] = Statement(
        lambda: Tool.objects.filter(Among("pk", "tools")).with_state().order_by("pk")
    )
    monkeypatch.setattr(line, "LOCKED", unlocked)
    monkeypatch.setattr(line, "write", write_when_all_have_checked)

    def raw(number: int) -> Booking:
        # Once, as the database answers it: no second try and no translation.
        with transaction.atomic():
            return hold_now(**wish(alice, cell))

    outcomes = race(raw, THREADS)
    raw_errors = [one for one in outcomes if isinstance(one, DatabaseError)]
    assert len(raw_errors) == THREADS - 1
    assert {sqlstate(error) for error in raw_errors} <= RAW
    assert Allocation.objects.filter(live=True).count() == 2


def test_with_the_lock_one_wins_and_fifteen_are_refused(
    race: Race, alice: User, charlie: User, cell: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    caught: list[Target] = []
    net = explain.caught_by_the_net

    def noted(target: Target, error: IntegrityError) -> Any:
        caught.append(target)
        return net(target, error)

    monkeypatch.setattr(explain, "caught_by_the_net", noted)
    outcomes = race(lambda number: hold(**wish((alice, charlie)[number % 2], cell)), THREADS)
    won = [one for one in outcomes if isinstance(one, Booking)]
    refused = [one for one in outcomes if isinstance(one, Refusal)]
    assert len(won) == 1
    assert [one.code for one in refused] == ["tool_taken"] * (THREADS - 1)
    assert all(one.extra["nearest_slots"] for one in refused)
    # The lock and the check did it; the constraint never had to.
    assert caught == []
    assert Booking.objects.count() == 1
    assert Allocation.objects.filter(live=True).count() == 2


def test_the_net_still_helps_when_a_check_is_blind(
    race: Race, alice: User, cell: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should a check ever miss a claim, the constraint becomes the same refusal."""
    monkeypatch.setattr(line, "claims", lambda *args, **kwargs: [])
    outcomes = race(lambda number: hold(**wish(alice, cell)), THREADS)
    assert sum(isinstance(one, Booking) for one in outcomes) == 1
    refused = [one for one in outcomes if isinstance(one, Refusal)]
    assert {one.code for one in refused} <= {"tool_taken", "busy"}
    assert len(refused) == THREADS - 1


def test_a_cell_against_its_tools_in_every_order(
    race: Race, alice: User, charlie: User, cell: Target, track: Tool, scanner: Tool
) -> None:
    """Locks by pk: no circle, whichever tools are wanted."""
    targets = [cell, Target(tool=scanner), Target(tool=track), cell]
    outcomes = race(
        lambda number: place(**wish((alice, charlie)[number % 2], targets[number % 4]),
                             answers=Answers()),
        THREADS,
    )  # fmt: skip
    won = [one for one in outcomes if isinstance(one, Booking)]
    refused = [one for one in outcomes if isinstance(one, Refusal)]
    assert len(won) + len(refused) == THREADS
    assert {one.code for one in refused} == {"tool_taken"}
    assert 1 <= len(won) <= 2
    assert Allocation.objects.filter(live=True).count() in (1, 2)


def test_a_stale_hold_is_taken_over_by_exactly_one(
    race: Race, alice: User, charlie: User, cell: Target
) -> None:
    stale = hold(**wish(charlie, cell))
    Booking.objects.filter(pk=stale.pk).update(hold_expires_at=timezone.now())
    works: list[Callable[[], Any]] = [
        lambda: hold(**wish(alice, cell)),
        lambda: sweep(),
        lambda: submit(actor=charlie, booking=stale, answers=Answers()),
        lambda: extend(actor=charlie, booking=stale),
    ]
    outcomes = race(lambda number: works[number % 4](), THREADS)
    won = [one for one in outcomes if isinstance(one, Booking)]
    codes = [one.code for one in outcomes if isinstance(one, Refusal)]
    assert len(won) == 1
    assert won[0].company_id == alice.company_id
    assert set(codes) <= {"tool_taken", "hold_expired"}
    assert len(won) + len(codes) + sum(isinstance(one, int) for one in outcomes) == THREADS
    stale.refresh_from_db()
    assert stale.state == BookingState.EXPIRED


def test_the_same_idempotent_request_at_once_is_done_once(
    race: Race, alice: User, cd_sem: Tool, api: Callable[[User], APIClient]
) -> None:
    body = {
        "tool": "cd_sem",
        "starts_at": tomorrow(10).isoformat(),
        "ends_at": (tomorrow(10) + timedelta(hours=2)).isoformat(),
    }
    clients = [api(alice) for _ in range(THREADS)]

    def send(number: int) -> tuple[int, int]:
        answer = clients[number].post(
            "/api/v1/bookings/", body, format="json", headers={"Idempotency-Key": "once"}
        )
        return answer.status_code, answer.json().get("id")

    outcomes = race(send, THREADS)
    booking = Booking.objects.get()
    assert outcomes == [(201, booking.pk)] * THREADS


def test_different_slots_do_not_wait_for_ever(race: Race, alice: User, cell: Target) -> None:
    """Sixteen slots side by side on one cell: all are placed, none is lost."""
    outcomes = race(
        lambda number: hold(
            actor=alice,
            target=cell,
            starts_at=tomorrow(4) + number * timedelta(minutes=30),
            ends_at=tomorrow(4) + (number + 1) * timedelta(minutes=30),
        ),
        THREADS,
    )
    assert [one for one in outcomes if not isinstance(one, Booking)] == []
    assert in_transaction(lambda: Allocation.objects.filter(live=True).count()) == 2 * THREADS
