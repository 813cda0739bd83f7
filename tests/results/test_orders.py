"""A service order is finished when its last run's results are there, and not before."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.utils import timezone

from testbed.booking.models import Booking, Bundle, BundleKind
from testbed.people.models import JournalEntry, User
from testbed.results import orders, tasks
from testbed.runs.models import Run
from testbed.runs.signals import run_ended
from testbed.runs.states import RunState
from testbed.services.models import Module, Order, OrderState
from testbed.tools.models import Tool
from tests.runs.floor import Floor, lay
from tests.usage.conftest import Ended, _ended

NAMES = ("coat", "expose", "develop", "measure")


@pytest.fixture
def floor(
    alice: User, technician: User, process_engineer: User, scanner: Tool, track: Tool, cd_sem: Tool
) -> Floor:
    tools = {"scanner": scanner, "track": track, "cd_sem": cd_sem}
    return lay(alice=alice, technician=technician, process_engineer=process_engineer, tools=tools)


@pytest.fixture
def order(floor: Floor, alice: User) -> Order:
    """Two wafers through the floor's route, promised for tomorrow."""
    module = Module.objects.create(
        code="m", name_ko="m", name_en="m", description_ko="-", description_en="-",
        route=floor.route, price_won=1_000, turnaround_days=1,
    )  # fmt: skip
    company = floor.lot.company
    bundle = Bundle.objects.create(kind=BundleKind.MODULE, company=company, booked_by=alice)
    for position, booking in enumerate(floor.bookings.values(), start=1):
        Booking.objects.filter(pk=booking.pk).update(bundle=bundle, position=position)
        booking.refresh_from_db()
    return Order.objects.create(
        module=module, company=company, ordered_by=alice, bundle=bundle, wafer_count=2,
        quote={}, promised_at=timezone.now() + timedelta(days=1),
    )  # fmt: skip


@pytest.fixture
def ended(floor: Floor) -> Ended:
    return lambda name, state=RunState.COMPLETED: _ended(floor, name, 10.0, 0.0, state)


def state(order: Order) -> str:
    order.refresh_from_db()
    return str(order.state)


def say_so(run: Run) -> None:
    run_ended.send(Run, run=run)


def test_the_last_operations_results_finish_it(order: Order, ended: Ended) -> None:
    for name in NAMES[:-1]:
        say_so(ended(name))
        assert state(order) == OrderState.OPEN
    last = ended(NAMES[-1])
    say_so(last)
    assert state(order) == OrderState.FINISHED
    assert order.finished_at == last.ended_at
    entry = JournalEntry.objects.get(action="order.finished")
    assert entry.actor is None
    say_so(last)
    assert JournalEntry.objects.filter(action="order.finished").count() == 1


@pytest.mark.parametrize("end", [RunState.ABORTED, RunState.FAILED, RunState.STOPPED])
def test_a_run_that_was_not_completed_finishes_nothing(
    order: Order, ended: Ended, end: RunState
) -> None:
    for name in NAMES[:-1]:
        ended(name)
    say_so(ended(NAMES[-1], end))
    assert state(order) == OrderState.OPEN
    say_so(ended(NAMES[-1]))  # done again, and completed
    assert state(order) == OrderState.FINISHED


def test_wafers_that_are_missing_or_a_run_that_still_goes_keep_it_open(
    order: Order, ended: Ended
) -> None:
    Order.objects.filter(pk=order.pk).update(wafer_count=3)
    runs = [ended(name) for name in NAMES]
    say_so(runs[-1])
    assert state(order) == OrderState.OPEN
    Order.objects.filter(pk=order.pk).update(wafer_count=2)
    going = ended("measure", RunState.HELD)
    say_so(runs[-1])
    assert state(order) == OrderState.OPEN
    Run.objects.filter(pk=going.pk).update(state=RunState.ABORTED)
    say_so(going)
    assert state(order) == OrderState.FINISHED


def test_what_fails_or_was_not_heard_is_found_by_the_sweep(
    order: Order, ended: Ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [ended(name) for name in NAMES]

    def fail(**_named: object) -> None:
        raise DatabaseError

    with monkeypatch.context() as broken:
        broken.setattr(orders, "complete", fail)
        say_so(runs[-1])
    assert state(order) == OrderState.OPEN
    assert tasks.finish_missed() == 1
    assert tasks.finish_missed() == 0
    assert state(order) == OrderState.FINISHED


def test_a_run_without_an_order_is_nobodys_business(floor: Floor, ended: Ended) -> None:
    say_so(ended("coat"))
    assert tasks.finish_missed() == 0
