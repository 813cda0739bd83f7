"""Sampling plans: what each picks, and that an operation's rules are whole."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from testbed.people.models import User
from testbed.process.models import Operation, Sampling
from testbed.process.sampling import Plan, pick
from tests.world import World

SLOTS = st.lists(st.integers(1, 25), unique=True)
PLANS = st.one_of(
    st.just(Plan()),
    st.builds(Plan, st.sampled_from(["every", "random"]), st.integers(1, 25)),
    st.builds(Plan, st.just("listed"), st.just(0), SLOTS.map(tuple)),
)


@settings(max_examples=60, deadline=None)
@given(PLANS, SLOTS, st.text(max_size=8))
def test_a_plan_picks_occupied_slots_in_order_and_the_same_again(
    plan: Plan, slots: list[int], seed: str
) -> None:
    chosen = pick(plan, slots, seed)
    assert chosen == sorted(set(chosen))
    assert set(chosen) <= set(slots)
    assert pick(plan, list(reversed(slots)), seed) == chosen
    size = {
        Sampling.EVERY: -(-len(slots) // plan.number) if plan.number else 0,
        Sampling.RANDOM: min(plan.number, len(slots)),
        Sampling.LISTED: len(set(plan.slots) & set(slots)),
    }
    assert len(chosen) == size.get(Sampling(plan.kind), len(slots))


def test_plans_by_example() -> None:
    assert pick(Plan("every", 5), range(1, 26), "") == [1, 6, 11, 16, 21]
    assert pick(Plan("listed", 0, (1, 13, 25)), range(1, 14), "") == [1, 13]
    seeds = {tuple(pick(Plan("random", 3), range(1, 26), str(seed))) for seed in range(20)}
    assert len(seeds) > 10


@pytest.mark.parametrize(
    "broken",
    [
        {"sampling": "every"},
        {"sampling": "random", "sampling_number": 0},
        {"sampling": "listed"},
        {"sampling": "all", "sampling_number": 3},
        {"sampling": "listed", "sampling_slots": [1], "sampling_number": 2},
    ],
)
def test_the_database_keeps_no_half_plan(world: World, broken: dict[str, object]) -> None:
    with pytest.raises(IntegrityError, match="operation_sampling_is_whole"), transaction.atomic():
        Operation.objects.update(**broken)
    Operation.objects.update(sampling="every", sampling_number=3)


def test_the_process_engineer_sets_the_rules_on_the_page_and_over_the_api(
    world: World, sign_in: Callable[[User], Client], api: Callable[[User], APIClient],
    process_engineer: User, technician: User,
) -> None:  # fmt: skip
    client, page = sign_in(process_engineer), "/routes/cd-only/1/rules/"
    assert client.get(page).status_code == 200
    form = {"sampling": "listed", "sampling_slots": "1, 3", "max_rework": 2, "within_minutes": 90}
    assert client.post(page, form).status_code == 302
    operation = world.run.operation
    operation.refresh_from_db()
    assert (operation.sampling_slots, operation.max_rework) == ([1, 3], 2)
    for wrong in ({"sampling": "every"}, {"sampling_slots": "one"}, {"sampling_slots": "26"}):
        assert client.post(page, form | wrong).status_code == 422
    address = "/api/v1/routes/cd-only/operations/1/rules/"
    body = {"sampling": "random", "sampling_number": 2}
    assert api(process_engineer).put(address, body, format="json").json()["sampling_number"] == 2
    assert api(technician).put(address, body, format="json").status_code == 403
    halved = api(process_engineer).put(address, {"sampling": "every"}, format="json")
    assert halved.status_code == 400
    assert sign_in(technician).post(page, form).status_code == 403
