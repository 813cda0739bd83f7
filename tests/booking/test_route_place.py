"""A chain is held, booked, extended and cancelled as a whole; each step tells its broken rules."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from testbed.booking.bundles import held_until, steps_in
from testbed.booking.cancel import cancel
from testbed.booking.change import change, preview
from testbed.booking.hold import extend, hold
from testbed.booking.intervals import Interval
from testbed.booking.models import Allocation, Booking, BookingState, Bundle
from testbed.booking.place import Answers, submit
from testbed.booking.route_place import (
    Chosen,
    cancel_route,
    chosen,
    extend_route,
    hold_route,
    place_route,
    submit_route,
)
from testbed.booking.route_slots import find_route_slots
from testbed.booking.route_steps import Step
from testbed.booking.target import Target
from testbed.people.models import Company, User
from testbed.refusals import Refusal
from testbed.tools.models import Tool
from tests.booking.conftest import setting, tomorrow

pytestmark = pytest.mark.django_db


@pytest.fixture
def wish(cell_target: Target, sem_target: Target) -> list[Chosen]:
    """Two hours on the cell, then an hour of CD-SEM within four."""
    return [
        Chosen(cell_target, tomorrow(8), tomorrow(10)),
        Chosen(sem_target, tomorrow(11), tomorrow(12), within_minutes=240),
    ]


def live() -> int:
    return Allocation.objects.filter(live=True).count()


def test_a_chain_is_held_with_one_countdown(alice: User, wish: list[Chosen], cd_sem: Tool) -> None:
    setting("hold_time", cd_sem, minutes=5)
    bundle = hold_route(actor=alice, steps=wish)
    first, second = steps_in(bundle)
    assert (first.state, second.state) == (BookingState.HELD, BookingState.HELD)
    assert first.hold_expires_at == second.hold_expires_at == held_until([first], timezone.now())
    assert first.hold_expires_at <= timezone.now() + timedelta(minutes=5)
    assert [(one.position, one.within_minutes) for one in (first, second)] == [(1, None), (2, 240)]
    assert live() == 3


def test_the_form_is_answered_once(alice: User, wish: list[Chosen]) -> None:
    bundle = hold_route(actor=alice, steps=wish)
    submit_route(actor=alice, bundle=bundle, answers=Answers(test_wafers=2, purpose="resist"))
    first, second = steps_in(bundle)
    assert {first.state, second.state} == {BookingState.PENDING}
    # The facility's wafers are supplied once, with the first step.
    assert [first.test_wafers, second.test_wafers] == [2, 0]
    assert first.purpose == second.purpose == "resist"


def test_a_chain_found_can_be_booked_at_once(
    alice: User, cell_target: Target, sem_target: Target
) -> None:
    steps = [Step([cell_target], 120), Step([sem_target], 60, within_minutes=240)]
    found = find_route_slots(
        actor=alice, steps=steps, start=tomorrow(0), end=tomorrow(0) + timedelta(days=2)
    ).combinations
    bundle = place_route(actor=alice, steps=chosen(found[0]), answers=Answers())
    assert sum(one.quote["total_won"] for one in steps_in(bundle)) == found[0].total_won


def test_nothing_is_kept_when_one_step_is_taken(
    alice: User, charlie: User, wish: list[Chosen], sem_target: Target
) -> None:
    hold(actor=charlie, target=sem_target, starts_at=tomorrow(11), ends_at=tomorrow(12))
    with pytest.raises(Refusal) as caught:
        hold_route(actor=alice, steps=wish)
    refused = caught.value
    assert refused.code == "tool_taken"
    assert [one["step"] for one in refused.extra["broken_steps"]] == [2]
    near = refused.extra["nearest_combinations"]
    assert near
    assert [step["target"] for step in near[0]["steps"]] == ["cell:litho", "tool:cd_sem"]
    assert not Bundle.objects.exists()
    assert live() == 1


def test_all_broken_rules_of_all_steps_are_told(alice: User, wish: list[Chosen]) -> None:
    past = [
        Chosen(one.target, one.starts_at - timedelta(days=9), one.ends_at - timedelta(days=9))
        for one in wish
    ]
    with pytest.raises(Refusal) as caught:
        place_route(actor=alice, steps=past, answers=Answers())
    assert caught.value.code == "rules_broken"
    told = {
        one["step"]: {rule["code"] for rule in one["broken_rules"]}
        for one in caught.value.extra["broken_steps"]
    }
    assert told == {1: {"not_past", "lead_time"}, 2: {"not_past", "lead_time"}}


def test_limits_count_all_steps_together(
    alice: User, sem_target: Target, wish: list[Chosen]
) -> None:
    setting("company_hours_day", hours=1)
    twice = [wish[1], Chosen(sem_target, tomorrow(13), tomorrow(14))]
    with pytest.raises(Refusal) as caught:
        place_route(actor=alice, steps=twice, answers=Answers())
    assert caught.value.code == "company_hours_day"
    assert live() == 0


@pytest.mark.parametrize(
    ("start", "limit", "code"),
    [(9, None, "queue_time"), (11, 30, "queue_time"), (10, 0, None)],
)
def test_steps_keep_their_order_and_limits(
    alice: User, wish: list[Chosen], start: int, limit: int | None, code: str | None
) -> None:
    second = Chosen(wish[1].target, tomorrow(start), tomorrow(start + 1), limit)
    if code is None:
        assert hold_route(actor=alice, steps=[wish[0], second])
        return
    with pytest.raises(Refusal) as caught:
        hold_route(actor=alice, steps=[wish[0], second])
    assert caught.value.code == code
    assert caught.value.extra["broken_steps"][0]["step"] == 2


def test_a_chain_has_some_steps_and_not_too_many(alice: User, wish: list[Chosen]) -> None:
    for steps in ([], wish * 5):
        with pytest.raises(Refusal, match="no_steps"):
            hold_route(actor=alice, steps=steps)


def test_a_reader_does_not_place(bob: User, wish: list[Chosen]) -> None:
    for verb in (hold_route, place_route):
        more: dict[str, Any] = {"answers": Answers()} if verb is place_route else {}
        with pytest.raises(Refusal, match="not_allowed"):
            verb(actor=bob, steps=wish, **more)


def test_a_company_suspended_meanwhile_books_no_step(
    alice: User, company_a: Company, wish: list[Chosen]
) -> None:
    bundle = hold_route(actor=alice, steps=wish)
    company_a.is_active = False
    company_a.save()
    alice.refresh_from_db()
    with pytest.raises(Refusal) as caught:
        submit_route(actor=alice, bundle=bundle, answers=Answers())
    assert [one["step"] for one in caught.value.extra["broken_steps"]] == [1, 2]
    assert {one.state for one in steps_in(bundle)} == {BookingState.HELD}


def test_a_chain_whose_hold_ran_out_is_not_booked(alice: User, wish: list[Chosen]) -> None:
    bundle = hold_route(actor=alice, steps=wish)
    Booking.objects.update(hold_expires_at=timezone.now())
    with pytest.raises(Refusal, match="hold_expired"):
        submit_route(actor=alice, bundle=bundle, answers=Answers())


def test_one_held_step_is_not_booked_or_extended_alone(alice: User, wish: list[Chosen]) -> None:
    step = steps_in(hold_route(actor=alice, steps=wish))[0]
    with pytest.raises(Refusal, match="held_together"):
        submit(actor=alice, booking=step, answers=Answers())
    with pytest.raises(Refusal, match="held_together"):
        extend(actor=alice, booking=step)


def test_a_chain_is_extended_as_one(alice: User, wish: list[Chosen]) -> None:
    bundle = hold_route(actor=alice, steps=wish)
    Booking.objects.update(hold_expires_at=timezone.now() + timedelta(seconds=30))
    extend_route(actor=alice, bundle=bundle)
    first, second = steps_in(bundle)
    assert first.hold_expires_at == second.hold_expires_at
    assert first.hold_expires_at > timezone.now() + timedelta(minutes=1)
    with pytest.raises(Refusal, match="hold_time"):
        extend_route(actor=alice, bundle=bundle)


def test_a_chain_is_cancelled_as_a_whole(alice: User, charlie: User, wish: list[Chosen]) -> None:
    bundle = place_route(actor=alice, steps=wish, answers=Answers())
    with pytest.raises(Refusal, match="not_found"):
        cancel_route(actor=charlie, bundle=bundle)
    cancel_route(actor=alice, bundle=bundle)
    assert {one.state for one in steps_in(bundle)} == {BookingState.CANCELLED}
    assert live() == 0
    with pytest.raises(Refusal, match="over"):
        cancel_route(actor=alice, bundle=bundle)


def test_one_step_may_be_cancelled_and_its_limit_falls(alice: User, wish: list[Chosen]) -> None:
    first, second = steps_in(place_route(actor=alice, steps=wish, answers=Answers()))
    cancel(actor=alice, booking=first)
    late = Interval(tomorrow(20), tomorrow(21))
    seen = preview(actor=alice, booking=second, target=wish[1].target, span=late)
    assert seen.broken == []


def test_moving_one_step_warns_when_the_wafers_would_wait_too_long(
    alice: User, wish: list[Chosen]
) -> None:
    _first, second = steps_in(place_route(actor=alice, steps=wish, answers=Answers()))
    target = wish[1].target

    def codes(start: int) -> list[tuple[str, bool]]:
        span = Interval(tomorrow(start), tomorrow(start + 1))
        seen = preview(actor=alice, booking=second, target=target, span=span)
        return [(one.code, one.is_warning) for one in seen.broken]

    assert codes(13) == []
    assert codes(15) == codes(9) == [("queue_time", True)]
    setting("queue_time", refuse=True)
    assert codes(15) == [("queue_time", False)]
    with pytest.raises(Refusal, match="queue_time"):
        change(
            actor=alice, booking=second, target=target,
            starts_at=tomorrow(15), ends_at=tomorrow(16),
        )  # fmt: skip


def test_moving_the_first_step_looks_at_the_one_after(alice: User, wish: list[Chosen]) -> None:
    first, _second = steps_in(place_route(actor=alice, steps=wish, answers=Answers()))
    for start, broken in ((7, []), (4, ["queue_time"]), (10, ["queue_time"])):
        span = Interval(tomorrow(start), tomorrow(start + 2))
        seen = preview(actor=alice, booking=first, target=wish[0].target, span=span)
        assert [one.code for one in seen.broken] == broken
