"""Combinations for a route keep every rule, between their own steps too, and come in order."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from testbed.booking.intervals import Interval
from testbed.booking.models import Allocation, AllocationKind
from testbed.booking.place import Answers, place
from testbed.booking.request import gather, price
from testbed.booking.route_slots import Combination, Other, RouteFound, beside, find_route_slots
from testbed.booking.route_steps import Step, steps_of, typed_step
from testbed.booking.rules import check_all, refusing
from testbed.booking.slots import find_slots
from testbed.booking.target import Target
from testbed.people.models import Role, User
from testbed.process.models import Operation, Recipe, Route
from testbed.refusals import Refusal
from testbed.tools.models import Capability, Tool
from tests.booking.conftest import kst, setting
from tests.conftest import make_tool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django import DjangoAssertNumQueries

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def wednesday_morning() -> Iterator[None]:
    with time_machine.travel(kst(3, 8, 7), tick=False):
        yield


@pytest.fixture
def etcher(db: None) -> Tool:
    return make_tool("etcher", rate_won_per_hour=100_000)


def block(tool: Tool, start: datetime, end: datetime) -> None:
    Allocation.objects.create(
        tool=tool, kind=AllocationKind.MAINTENANCE, starts_at=start, ends_at=end
    )


def step(target: Tool | Target, minutes: int = 120, **more: Any) -> Step:
    return Step([target if isinstance(target, Target) else Target(tool=target)], minutes, **more)


def search(
    actor: User, *steps: Step, start: datetime | None = None, days: float = 2, limit: int = 5
) -> RouteFound:
    start = start or kst(4)
    return find_route_slots(
        actor=actor, steps=steps, start=start, end=start + timedelta(days=days), limit=limit
    )


def told(found: RouteFound) -> list[list[str]]:
    zone = kst(1).tzinfo
    return [
        [f"{leg.tools[0].code} {leg.starts_at.astimezone(zone):%d %H:%M}" for leg in one.legs]
        for one in found.combinations
    ]


def test_steps_follow_each_other_within_the_limit(
    alice: User, cell_target: Target, track: Tool, cd_sem: Tool, etcher: Tool
) -> None:
    block(cd_sem, kst(4, 0), kst(4, 9))
    found = search(
        alice, step(cell_target), step(cd_sem, 60, within_minutes=240),
        step(etcher, 60, within_minutes=60),
        limit=2,
    )  # fmt: skip
    # As late as the first end allows: wafers do not wait for nothing.
    assert told(found) == [
        ["track 04 07:00", "cd_sem 04 09:00", "etcher 04 10:00"],
        ["track 04 09:00", "cd_sem 04 11:00", "etcher 04 12:00"],
    ]
    assert [len(leg.tools) for leg in found.combinations[0].legs] == [2, 1, 1]


def test_the_chain_goes_back_when_the_wait_would_be_too_long(
    alice: User, etcher: Tool, cd_sem: Tool
) -> None:
    block(cd_sem, kst(4, 0), kst(4, 15))
    block(etcher, kst(4, 10), kst(4, 14))
    found = search(alice, step(etcher, 60), step(cd_sem, 60, within_minutes=120), limit=1)
    assert told(found) == [["etcher 04 14:00", "cd_sem 04 15:00"]]


def test_a_limit_that_no_free_time_keeps_is_told(alice: User, etcher: Tool, cd_sem: Tool) -> None:
    block(cd_sem, kst(4, 0), kst(4, 15))
    block(etcher, kst(4, 10), kst(5))
    found = search(alice, step(etcher, 60), step(cd_sem, 60, within_minutes=120), days=1)
    assert found.combinations == []
    [(number, [broken])] = found.nothing_because
    assert (number, broken.code) == (2, "queue_time")
    assert "follow each other" in broken.message or "이어지는" in broken.message


def test_the_cheaper_of_two_tools_that_end_at_the_same_time(alice: User, cd_sem: Tool) -> None:
    dear = make_tool("etcher-a", rate_won_per_hour=900_000)
    cheap = make_tool("etcher-b", rate_won_per_hour=100_000)
    either = Step([Target(tool=dear), Target(tool=cheap)], 60)
    assert told(search(alice, either, limit=1)) == [["etcher-b 04 00:00"]]
    block(cheap, kst(4, 0), kst(4, 1))
    assert told(search(alice, either, limit=1)) == [["etcher-a 04 00:00"]]


def test_steps_of_one_chain_count_together(alice: User, cd_sem: Tool) -> None:
    """Each alone is fine; both on one day would be too many hours."""
    setting("company_hours_day", hours=3)
    found = search(alice, step(cd_sem), step(cd_sem), days=3, limit=1)
    # Two hours and the last one of the day: the second step's other hour counts tomorrow.
    assert told(found) == [["cd_sem 04 21:00", "cd_sem 04 23:00"]]
    assert_bookable(alice, found.combinations[0])


def test_own_gaps_count_between_the_steps(alice: User, cd_sem: Tool) -> None:
    setting("own_gap", minutes=90)
    found = search(alice, step(cd_sem, 60), step(cd_sem, 60), limit=1)
    first, second = found.combinations[0].legs
    assert second.starts_at - first.ends_at == timedelta(minutes=90)


def test_holds_of_all_steps_count(alice: User, cd_sem: Tool, etcher: Tool) -> None:
    setting("open_holds", maximum=1)
    found = search(alice, step(cd_sem), step(etcher))
    assert [one.code for _number, broken in found.nothing_because for one in broken] == [
        "open_holds"
    ]


def test_a_step_without_any_time_names_its_rules(alice: User, cd_sem: Tool) -> None:
    tool = make_tool("etcher", opens_at=time(9), closes_at=time(18))
    block(tool, kst(4, 9), kst(4, 18))
    found = search(alice, step(cd_sem), step(tool), days=1)
    assert [(number, {one.code for one in broken}) for number, broken in found.nothing_because] == [
        (2, {"operating_hours", "tool_taken"})
    ]


def test_nothing_in_an_empty_range_or_without_steps(alice: User, cd_sem: Tool) -> None:
    assert search(alice).nothing_because == []
    assert [n for n, _broken in search(alice, step(cd_sem), days=0).nothing_because] == [1]


def test_a_search_ends_though_the_rules_turn_everything_down(
    alice: User, cd_sem: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("testbed.booking.route_slots.MOST_CHECKS", 50)
    setting("own_gap", minutes=20_000)
    found = search(alice, step(cd_sem), step(cd_sem), days=5)
    assert found.is_cut_short
    assert [one.code for _number, broken in found.nothing_because for one in broken] == ["own_gap"]


def test_people_who_may_not_book_see_the_same(technician: User, alice: User, cd_sem: Tool) -> None:
    assert told(search(technician, step(cd_sem))) == told(search(alice, step(cd_sem)))


def test_one_step_is_as_early_as_a_slot(alice: User, cell_target: Target, scanner: Tool) -> None:
    block(scanner, kst(4, 1), kst(4, 7, 15))
    found = search(alice, step(cell_target, 90), limit=3)
    slots = find_slots(
        actor=alice, target=cell_target, minutes=90, start=kst(4), end=kst(6), limit=3
    )
    assert found.combinations[0].starts_at == slots.slots[0].starts_at
    assert found.combinations[0].total_won == slots.slots[0].quote["total_won"]


def test_queries_do_not_grow(
    alice: User, cd_sem: Tool, etcher: Tool, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for day in range(5, 25):
        block(cd_sem, kst(day, 3), kst(day, 23))
    search(alice, step(cd_sem))
    for days in (1, 60):
        with django_assert_num_queries(QUERIES):
            search(alice, step(cd_sem), step(etcher), step(cd_sem), days=days)


# Tools, settings, claims, the company's holds.
QUERIES = 4


def assert_bookable(actor: User, combination: Combination) -> None:
    """No rule says no to any step, the others counted."""
    for leg in combination.legs:
        others = [
            Other(one.tools, Interval(one.starts_at, one.ends_at), one.quote["total_won"])
            for one in combination.legs
            if one is not leg
        ]
        request = gather(
            actor=actor,
            tools=leg.tools,
            starts_at=leg.starts_at,
            ends_at=leg.ends_at,
            now=kst(3, 8, 7),
        )
        assert refusing(check_all(beside(request, others))) == []


TAKEN = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 22), st.integers(1, 6)), max_size=6
)  # fmt: skip
WISHES = st.lists(
    st.tuples(st.integers(0, 2), st.integers(1, 4), st.none() | st.integers(0, 6)),
    min_size=1,
    max_size=3,
)
RULES = st.sampled_from([(), ("own_gap",), ("company_hours_day",), ("prime_time", "own_gap")])


@settings(
    max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(TAKEN, WISHES, RULES)
def test_the_first_combination_is_the_best_of_all(
    alice: User,
    charlie: User,
    cd_sem: Tool,
    track: Tool,
    taken: list[tuple[int, int, int]],
    wishes: list[tuple[int, int, int | None]],
    rules: tuple[str, ...],
) -> None:
    """Against trying everything, on half-hour marks of six hours and two tools."""
    from django.db import transaction

    with transaction.atomic():
        setting("grid", minutes=30)
        for code in rules:
            setting(code, **LIMITS[code])
        tools = [cd_sem, track]
        _claim(tools, taken)
        wide = [[cd_sem], [track], [cd_sem, track]]
        steps = [
            Step([Target(tool=tool) for tool in wide[what]], 30 * length,
                 within_minutes=None if limit is None else 30 * limit)
            for what, length, limit in wishes
        ]  # fmt: skip
        found = search(alice, *steps, days=0.25, limit=1).combinations
        best = _by_trying(alice, steps)
        assert [(one.ends_at, one.total_won) for one in found] == ([best] if best else [])
        for one in found:
            assert_bookable(alice, one)
        transaction.set_rollback(True)


LIMITS: dict[str, dict[str, int]] = {
    "own_gap": {"minutes": 30},
    "company_hours_day": {"hours": 2},
    "prime_time": {"hours": 1, "from_hour": 2, "until_hour": 6},
}


def _claim(tools: list[Tool], taken: list[tuple[int, int, int]]) -> None:
    used: set[tuple[int, int]] = set()
    for which, at, length in taken:
        part = {(which, at + offset) for offset in range(length)}
        if not used & part:
            used |= part
            start = kst(4) + at * timedelta(minutes=15)
            block(tools[which], start, start + length * timedelta(minutes=15))


def _by_trying(actor: User, steps: list[Step]) -> tuple[datetime, int] | None:
    """The best (end, won) over every start and tool of every step."""
    marks = [kst(4) + number * timedelta(minutes=30) for number in range(12)]
    options = [[(target, mark) for target in one.targets for mark in marks] for one in steps]
    requests: dict[tuple[int, str, datetime], Any] = {}
    for number, of_step in enumerate(options):
        for target, mark in of_step:
            assert target.tool
            end = mark + timedelta(minutes=steps[number].minutes)
            request = gather(
                actor=actor, tools=target.tools(), starts_at=mark, ends_at=end, now=kst(3, 8, 7)
            )
            if end <= marks[-1] + timedelta(minutes=30) and not refusing(check_all(request)):
                requests[number, target.key, mark] = request
    kept = [
        [(target.key, mark) for target, mark in of_step if (number, target.key, mark) in requests]
        for number, of_step in enumerate(options)
    ]
    good = [
        _value(chosen)
        for picks in product(*kept)
        if _in_order(chosen := [requests[n, *pick] for n, pick in enumerate(picks)], steps)
        and _together(chosen)
    ]
    return min(good, default=None)


def _in_order(chosen: list[Any], steps: list[Step]) -> bool:
    for before, after, one in zip(chosen, chosen[1:], steps[1:], strict=False):
        wait = after.starts_at - before.ends_at
        if wait < timedelta(0):
            return False
        if one.within_minutes is not None and wait > timedelta(minutes=one.within_minutes):
            return False
    return True


def _together(chosen: list[Any]) -> bool:
    for request in chosen:
        others = [Other(one.tools, one.span, 0) for one in chosen if one is not request]
        if refusing(check_all(beside(request, others))):
            return False
    return True


def _value(chosen: list[Any]) -> tuple[datetime, int]:
    won = sum(
        price(
            company=one.company, tools=one.tools, starts_at=one.starts_at, ends_at=one.ends_at
        ).total_won
        for one in chosen
    )
    return chosen[-1].ends_at, won


@pytest.fixture
def route(db: None, cell_target: Target, cd_sem: Tool) -> Route:
    recipe = Recipe.objects.create(code="r", title="R", tool_kind="track")
    made = Route.objects.create(code="fem", name_ko="평가", name_en="Evaluation")
    for position, (kind, minutes, each, limit) in enumerate(
        [
            ("track", 10, 2, None),
            ("scanner", 20, 4, 30),
            ("track", 10, 2, 30),
            ("cd_sem", 15, 5, 240),
        ],
        start=1,
    ):
        Operation.objects.create(
            route=made, position=position, name_ko=kind, name_en=kind, tool_kind=kind,
            recipe=recipe, minutes=minutes, minutes_per_wafer=each, within_minutes=limit,
        )  # fmt: skip
    return made


def test_a_route_books_a_cell_once_for_operations_that_follow_on_it(route: Route) -> None:
    cell, sem = steps_of(route, wafers=5)
    assert [target.key for target in cell.targets] == ["cell:litho"]
    assert (cell.minutes, cell.within_minutes) == (40 + 8 * 5, None)
    assert (sem.minutes, sem.within_minutes, sem.wafers) == (15 + 25, 240, 5)


def test_an_operation_with_a_capability_takes_only_tools_that_have_it(
    route: Route, cd_sem: Tool
) -> None:
    second = make_tool("cd_sem-2", kind="cd_sem")
    assert len(steps_of(route, wafers=1)[1].targets) == 2
    fine = Capability.objects.create(code="cd-10", name_ko="CD 10 nm", name_en="CD 10 nm")
    second.capabilities.add(fine)
    route.operations.filter(tool_kind="cd_sem").update(capability=fine)
    assert steps_of(route, wafers=1)[1].targets == [Target(tool=second)]
    second.capabilities.clear()
    with pytest.raises(Refusal, match="no_tool_for_operation"):
        steps_of(route, wafers=1)


def test_typed_steps(alice: User, cd_sem: Tool, cell_target: Target) -> None:
    able = Capability.objects.create(code="cd", name_ko="CD 측정", name_en="CD")
    cd_sem.capabilities.add(able)
    for key in ("tool:cd_sem", "capability:cd", "kind:cd_sem"):
        assert typed_step(alice, key, 60, within_minutes=30).targets == [Target(tool=cd_sem)]
    assert typed_step(alice, "cell:litho", 60).targets == [cell_target]
    for unknown in ("tool:none", "capability:none", "kind:", "", "capability:\x00"):
        with pytest.raises(Refusal, match="no_such_target"):
            typed_step(alice, unknown, 60)


def test_others_bookings_are_avoided_with_the_changeover(
    alice: User, charlie: User, cd_sem: Tool
) -> None:
    setting("changeover", set_up_minutes=15, clean_down_minutes=15)
    place(
        actor=charlie, target=Target(tool=cd_sem), starts_at=kst(4), ends_at=kst(4, 2),
        answers=Answers(),
    )  # fmt: skip
    assert charlie.role == Role.ENGINEER
    assert told(search(alice, step(cd_sem, 60), limit=1)) == [["cd_sem 04 02:30"]]


@given(
    hours=st.sampled_from([6, 11, 20, 29, 40, 47]),
    blocked=st.lists(st.integers(0, 44), max_size=6),
    limit=st.integers(1, 4),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_reading_the_near_part_first_changes_nothing(
    hours: int, blocked: list[int], limit: int, alice: User, etcher: Tool, cd_sem: Tool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    Allocation.objects.all().delete()
    for hour in set(blocked):
        block(cd_sem, kst(4) + timedelta(hours=hour), kst(4) + timedelta(hours=hour + 1))
    steps = [step(etcher, 120), step(cd_sem, 90, within_minutes=120)]
    whole = search(alice, *steps, limit=limit)
    monkeypatch.setattr("testbed.booking.route_slots.FORTNIGHT", timedelta(hours=hours))
    assert told(search(alice, *steps, limit=limit)) == told(whole)
    monkeypatch.undo()
