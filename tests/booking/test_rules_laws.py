"""Laws of the rule table: which setting wins, the cheapest clean way, whose day it is."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from testbed.booking.clean_path import Cleaning, Plan, Stop, cheapest
from testbed.booking.models import RuleSetting
from testbed.booking.rules import RULES, RuleBook, by_code
from testbed.booking.rules.closed import is_own_day, turns_in
from testbed.booking.rules.parameters import PARAMETERS, complaints
from tests.booking.conftest import kst
from tests.booking.test_rules import a_tool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PLACES: list[dict[str, Any]] = [{"tool_id": 1}, {"cell_id": 3}, {"area": "litho"}, {}]
# The strong group, which counts most, then the weak one, then everybody.
GROUPS = [8, 7, None]
SCOPES = [place | {"group_id": group} for place in PLACES for group in GROUPS]


@given(st.sets(st.integers(0, len(SCOPES) - 1), min_size=1))
def test_of_any_settings_the_nearest_place_wins_and_there_the_strongest_group(
    chosen: set[int],
) -> None:
    settings = [
        RuleSetting(code="maximum_length", parameters={"minutes": number}, **SCOPES[number])
        for number in chosen
    ]
    rule, tool = by_code("maximum_length"), a_tool(cell_id=3)
    book = RuleBook.of(settings)
    assert book.of_groups([7, 8]).parameters(rule, tool) == {"minutes": min(chosen)}
    everybodys = [one for one in chosen if SCOPES[one]["group_id"] is None]
    assert book.parameters(rule, tool) == {"minutes": min(everybodys, default=720)}
    weak = [one for one in chosen if SCOPES[one]["group_id"] != 8]
    assert book.of_groups([7]).parameters(rule, tool) == {"minutes": min(weak, default=720)}


def test_a_groups_privilege_for_the_facility_does_not_lift_a_tools_own_limit() -> None:
    tool, rule = a_tool(), by_code("horizon")
    own = RuleSetting(code="horizon", tool_id=1, parameters={"days": 14})
    groups = RuleSetting(code="horizon", group_id=7, parameters={"days": 90})
    both = RuleSetting(code="horizon", tool_id=1, group_id=7, parameters={"days": 21})
    member = RuleBook.of([own, groups]).of_groups([7])
    assert member.parameters(rule, tool) == {"days": 14}
    assert member.parameters(rule, a_tool(pk=2)) == {"days": 90}
    assert RuleBook.of([own, groups, both]).of_groups([7]).parameters(rule, tool) == {"days": 21}
    assert RuleBook.of([own, groups]).parameters(rule, a_tool(pk=2)) == {"days": 60}


def test_every_parameter_has_a_name_and_takes_its_own_default() -> None:
    for rule in RULES:
        assert set(rule.defaults) <= set(PARAMETERS)
        assert complaints(rule, rule.defaults) == {}


classes = st.integers(0, 4)
kinds = st.sampled_from(["wet", "etch", "scope"])
stops_ = st.lists(
    st.builds(Stop, st.just("op"), kinds, st.frozensets(classes, min_size=1), st.booleans()),
    min_size=1, max_size=4,
)  # fmt: skip
cleanings_ = st.lists(
    st.tuples(classes, classes, st.integers(0, 3)).filter(lambda one: one[0] > one[1]).map(
        lambda one: Cleaning(one[0], one[1], one[2], "clean", "wet")
    ),
    max_size=2,
)  # fmt: skip


def orders(stops: Sequence[Stop]) -> Iterator[tuple[int, ...]]:
    """Every order in which only measurements that follow one another change places."""
    for order in permutations(range(len(stops))):
        swapped = [
            (one, other)
            for place, one in enumerate(order)
            for other in order[place + 1 :]
            if one > other
        ]
        between = (range(other, one + 1) for one, other in swapped)
        if all(stops[number].measures for part in between for number in part):
            yield order


def chains(dirt: int, cleanings: Sequence[Cleaning]) -> Iterator[tuple[int, int]]:
    """(cost, class) after any sensible chain of cleans, none among them."""
    yield 0, dirt
    for clean in cleanings:
        if clean.applies(dirt):
            for cost, after in chains(clean.to_class, cleanings):
                yield cost + clean.cost_won, after


def by_trying(start: int, stops: Sequence[Stop], cleanings: Sequence[Cleaning]) -> int | None:
    """The least cost by trying every order, every clean before every stop, and every tool."""
    best: int | None = None
    for order in orders(stops):
        costs = {start: 0}
        for number in order:
            after: dict[int, int] = {}
            for dirt, cost in costs.items():
                for more, cleaned in chains(dirt, cleanings):
                    for left in leaves(cleaned, stops[number], cleanings):
                        after[left] = min(after.get(left, cost + more), cost + more)
            costs = after
        if costs:
            best = min([*costs.values(), *([] if best is None else [best])])
    return best


def leaves(dirt: int, stop: Stop, cleanings: Sequence[Cleaning]) -> set[int]:
    own = {
        one.to_class for one in cleanings if one.tool_kind == stop.tool_kind and one.applies(dirt)
    }
    return own | {allowed for allowed in stop.classes if dirt <= allowed}


def is_legal(start: int, plan: Plan, stops: Sequence[Stop], cleanings: Sequence[Cleaning]) -> bool:
    """Walk the plan step by step."""
    reached = {start}
    for done, number in enumerate(plan.order):
        for before, clean in plan.inserted:
            if before == done:
                reached = {clean.to_class for dirt in reached if clean.applies(dirt)}
        reached = {after for dirt in reached for after in leaves(dirt, stops[number], cleanings)}
    return bool(reached) and plan.order in set(orders(stops))


@given(classes, stops_, cleanings_)
def test_the_way_found_is_legal_and_none_is_cheaper(
    start: int, stops: list[Stop], cleanings: list[Cleaning]
) -> None:
    plan, least = cheapest(start, stops, cleanings), by_trying(start, stops, cleanings)
    assert (plan.cost_won if plan else None) == least
    if plan:
        assert is_legal(start, plan, stops, cleanings)


def test_measurements_change_places_before_anything_is_paid() -> None:
    stops = [
        Stop("etch", "etcher", frozenset({0})),
        Stop("CD", "cd_sem", frozenset({1}), measures=True),
        Stop("particles", "particles", frozenset({0}), measures=True),
    ]
    plan = cheapest(0, stops, [Cleaning(4, 0, 1, "RCA", "clean")])
    assert plan == Plan((0, 2, 1))
    assert not plan.is_the_routes


numbers = st.from_regex(r"\A[0-9]{10}\Z")
turns = st.integers(0, 9)


@given(numbers, turns, st.booleans(), st.booleans())
def test_every_company_has_its_turn_each_week_and_one_turn_a_day(
    number: str, turns: int, by_hash: bool, weekends: bool
) -> None:
    parameters = {"turns": turns, "by_hash": by_hash, "weekends_too": weekends}
    week = [kst(1) + timedelta(days=day) for day in range(7)]
    own = [is_own_day(day, number, parameters) for day in week]
    assert any(own[: 7 if weekends else 5])
    assert weekends or own[5:] == [True, True]
    if not by_hash and turns_in(parameters) == 5 and not weekends:
        assert own[:5].index(True) == (int(number[-1]) - 1) % 5
        assert sum(own[:5]) == 1
