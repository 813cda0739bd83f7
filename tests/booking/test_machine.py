"""The product beside a plain model of it: the same acts on both, compared after every one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.db.models import Sum
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RULE_MARKER,
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from bench.booking.plain import ACTS, HOLD, MOST_HOURS, NONE, VAT_PERCENT, Held, Plain
from testbed.booking.approve import approve
from testbed.booking.cancel import cancel
from testbed.booking.change import change
from testbed.booking.hand_over import hand_over
from testbed.booking.hold import extend, hold
from testbed.booking.models import Allocation, Booking, Penalty
from testbed.booking.override import Override
from testbed.booking.penalties import Charge, tool_won, waive
from testbed.booking.place import Answers, place, submit
from testbed.booking.share import share
from testbed.booking.target import Target
from testbed.booking.version import version_of
from testbed.people.models import Company, Role, User
from testbed.prices.fees import discount_percent
from testbed.refusals import Refusal
from testbed.tools.models import Tool
from tests.booking.conftest import kst, setting
from tests.conftest import make_tool, make_user

NOW = kst(1, 9)
ASIDE = Override(frozenset({"maximum_length"}), "a long anneal, agreed")
EVERYBODY = ("alice", "dora", "charlie")
Codes = frozenset[str]
# Hours from now on: some cost something when they are given back, some do not.
hours = st.integers(18, 30)
lengths = st.integers(1, MOST_HOURS + 1)
places = st.integers(0, 1)
people = st.sampled_from(EVERYBODY)


@dataclass(frozen=True)
class World:
    """The people by name, the staff member, and two tools: the second asks for approval."""

    people: dict[str, User]
    staff: User
    tools: list[Tool]

    def plain(self) -> Plain:
        companies = {one.company for one in self.people.values() if one.company}
        return Plain(
            now=NOW,
            rates=[tool.rate_won_per_hour for tool in self.tools],
            asking=frozenset({1}),
            people={name: str(user.company_id) for name, user in self.people.items()},
            discounts={str(one.pk): discount_percent(one.size_class) for one in companies},
        )


class Machine(RuleBasedStateMachine):
    """Every act is one of `ACTS`; a refusal must be the one that the model foretells."""

    world: World
    done = 0
    known = Bundle("known")

    def __init__(self) -> None:
        super().__init__()
        self.example = transaction.atomic()
        self.example.__enter__()
        self.clock = time_machine.travel(NOW, tick=False)
        self.time = self.clock.start()
        self.plain = self.world.plain()
        self.seen: dict[int, list[str]] = {}

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.example.__exit__(None, None, None)
        self.clock.stop()

    def attempt(self, foretold: Codes, work: Callable[[], Any]) -> Any:
        """What `work` returns; None when it is refused, exactly as foretold."""
        done, told = None, NONE
        try:
            done = work()
        except Refusal as refused:
            broken = refused.extra.get("broken_rules", [])
            told = frozenset(one["code"] for one in broken) or frozenset({refused.code})
        assert told == foretold
        self.done += done is not None
        return done

    def added(self, booking: Booking | None, held: Held) -> int | MultipleResults[int]:
        if booking is None:
            return multiple()
        self.plain.bookings[booking.pk] = held
        self.noted(booking.pk)
        return booking.pk

    def noted(self, key: int) -> None:
        """What somebody who looks at it now has seen."""
        self.seen.setdefault(key, []).append(self.version(key))

    def version(self, key: int) -> str:
        booking = Booking.objects.get(pk=key)
        return version_of(booking, booking.allocations.values_list("tool_id", flat=True))

    def booker(self, key: int) -> User:
        return self.world.people[self.plain.bookings[key].booker]

    def slot(self, tool: int, at: int, length: int) -> dict[str, Any]:
        start = NOW + timedelta(hours=at)
        span = {"starts_at": start, "ends_at": start + timedelta(hours=length)}
        return {"target": Target(tool=self.world.tools[tool]), **span}

    def new(self, who: str, tool: int, at: int, length: int, **more: Any) -> Held:
        state = more.pop("state", self.plain.placed(tool))
        start = NOW + timedelta(hours=at)
        return Held(self.plain.people[who], who, tool, start, length, state, **more)

    @rule(target=known, who=people, tool=places, at=hours, length=lengths)
    def book(self, who: str, tool: int, at: int, length: int) -> Any:
        foretold = self.plain.broken(tool, NOW + timedelta(hours=at), length)
        slot = self.slot(tool, at, length)
        actor = self.world.people[who]
        booking = self.attempt(foretold, lambda: place(actor=actor, **slot, answers=Answers()))
        return self.added(booking, self.new(who, tool, at, length))

    @rule(target=known, who=people, tool=places, at=hours, length=lengths)
    def hold(self, who: str, tool: int, at: int, length: int) -> Any:
        foretold = self.plain.broken(tool, NOW + timedelta(hours=at), length)
        slot = self.slot(tool, at, length)
        booking = self.attempt(foretold, lambda: hold(actor=self.world.people[who], **slot))
        expires = self.plain.now + HOLD
        return self.added(booking, self.new(who, tool, at, length, state="held", expires=expires))

    @rule(target=known, tool=places, at=hours)
    def override(self, tool: int, at: int) -> Any:
        """Staff book for alice longer than anybody may."""
        aside, length = ASIDE.codes, MOST_HOURS + 2
        foretold = self.plain.broken(tool, NOW + timedelta(hours=at), length, aside=aside)
        wish: dict[str, Any] = {
            **self.slot(tool, at, length), "answers": Answers(), "override": ASIDE,
            "on_behalf_of": self.world.people["alice"],
        }  # fmt: skip
        booking = self.attempt(foretold, lambda: place(actor=self.world.staff, **wish))
        return self.added(booking, self.new("alice", tool, at, length, overridden=aside))

    @rule(key=known)
    def confirm(self, key: int) -> None:
        booking, actor = Booking.objects.get(pk=key), self.booker(key)
        work: Callable[[], Any] = lambda: submit(  # noqa: E731
            actor=actor, booking=booking, answers=Answers()
        )
        if self.attempt(self.plain.why_not_confirm(key), work):
            self.plain.confirm(key)
            self.noted(key)

    @rule(key=known)
    def extend(self, key: int) -> None:
        booking, actor = Booking.objects.get(pk=key), self.booker(key)
        foretold = self.plain.why_not_extend(key)
        if self.attempt(foretold, lambda: extend(actor=actor, booking=booking)):
            self.plain.extend(key)

    @rule(key=known, tool=places, at=hours, knows=st.booleans())
    def move(self, key: int, tool: int, at: int, knows: bool) -> None:
        start, length = NOW + timedelta(hours=at), self.plain.bookings[key].hours
        self.change(key, tool, start, length, knows=knows)

    @rule(key=known, length=lengths, knows=st.booleans())
    def resize(self, key: int, length: int, knows: bool) -> None:
        one = self.plain.bookings[key]
        self.change(key, one.tool, one.start, length, knows=knows)

    def change(self, key: int, tool: int, start: Any, length: int, *, knows: bool) -> None:
        """knows: the person has seen how it stands; else what they have seen first."""
        now = self.version(key)
        expected = now if knows else self.seen[key][0]
        foretold = self.plain.why_not_move(key, tool, start, length)
        foretold = frozenset({"changed_meanwhile"}) if expected != now else foretold
        wish: dict[str, Any] = {
            "actor": self.booker(key), "booking": Booking.objects.get(pk=key),
            "target": Target(tool=self.world.tools[tool]), "expected": expected,
            "starts_at": start, "ends_at": start + timedelta(hours=length),
        }  # fmt: skip
        if self.attempt(foretold, lambda: change(**wish)):
            self.plain.move(key, tool, start, length)
            self.noted(key)

    @rule(key=known, knows=st.booleans(), agrees=st.booleans())
    def cancel(self, key: int, knows: bool, agrees: bool) -> None:
        won, minutes = self.plain.cost(self.plain.bookings[key])
        agreed = Charge(won + won * VAT_PERCENT // 100, minutes) if agrees else Charge()
        now = self.version(key)
        expected = now if knows else self.seen[key][0]
        foretold = self.plain.why_not_cancel(key)
        if not foretold and expected != now:
            foretold = frozenset({"changed_meanwhile"})
        elif not foretold and (won, minutes) != (0, 0) and not agrees:
            foretold = frozenset({"cost_changed"})
        wish: dict[str, Any] = {
            "actor": self.booker(key), "booking": Booking.objects.get(pk=key),
            "agreed": agreed, "expected": expected,
        }  # fmt: skip
        if self.attempt(foretold, lambda: cancel(**wish)):
            self.plain.cancel(key)
            self.noted(key)

    @rule(key=known, whom=people)
    def share(self, key: int, whom: str) -> None:
        booking, actor = Booking.objects.get(pk=key), self.booker(key)
        colleague = self.world.people[whom]
        foretold = self.plain.why_not_share(key, whom)
        if self.attempt(foretold, lambda: share(actor=actor, booking=booking, colleague=colleague)):
            self.plain.bookings[key].sharers.add(whom)

    @rule(key=known, whom=people)
    def hand_over(self, key: int, whom: str) -> None:
        wish: dict[str, Any] = {
            "actor": self.booker(key), "booking": Booking.objects.get(pk=key),
            "colleague": self.world.people[whom],
        }  # fmt: skip
        if self.attempt(self.plain.why_not_hand_over(key, whom), lambda: hand_over(**wish)):
            self.plain.hand_over(key, whom)
            self.noted(key)

    @rule(key=known)
    def approve(self, key: int) -> None:
        booking, staff = Booking.objects.get(pk=key), self.world.staff
        foretold = self.plain.why_not_approve(key)
        if self.attempt(foretold, lambda: approve(actor=staff, booking=booking)):
            self.plain.bookings[key].state = "confirmed"
            self.noted(key)

    @rule(minutes=st.integers(4, 11))
    def wait(self, minutes: int) -> None:
        self.plain.wait(minutes)
        self.time.move_to(self.plain.now)

    @rule()
    def waive(self) -> None:
        standing = Penalty.objects.filter(reverses=None, waiver=None).first()
        if standing is not None:
            waive(actor=self.world.staff, penalty=standing, reason="the facility's fault")
            owed = self.plain.ledgers[str(standing.company_id)]
            owed.won -= standing.fee_won
            owed.minutes -= standing.debt_minutes

    @invariant()
    def lines_are_the_models(self) -> None:
        """Nothing overlaps, for the model's lines cannot, and these are the same."""
        for number, tool in enumerate(self.world.tools):
            claims = Allocation.objects.claiming(self.plain.now).filter(tool=tool)
            rows = claims.order_by("starts_at").values_list("starts_at", "ends_at", "booking_id")
            line = self.plain.line(number)
            assert list(rows) == line
            assert all(before[1] <= after[0] for before, after in pairwise(line))

    @invariant()
    def bookings_are_the_models(self) -> None:
        rows = Booking.objects.prefetch_related("sharers__user", "allocations__tool")
        stored = {one.pk: one for one in rows.select_related("booked_by")}
        assert set(stored) == set(self.plain.bookings)
        for key, one in self.plain.bookings.items():
            booking, tool = stored[key], self.world.tools[one.tool]
            assert booking.state_at(self.plain.now) == one.state
            assert (booking.starts_at, booking.ends_at) == (one.start, one.end)
            assert booking.booked_by == self.world.people[one.booker]
            assert str(booking.company_id) == one.company
            assert {sharer.user.name for sharer in booking.sharers.all()} == one.sharers
            assert frozenset(booking.overridden) == one.overridden
            assert tool_won(booking.quote, tool) == self.plain.won(one)

    @invariant()
    def ledgers_balance(self) -> None:
        rows = Penalty.objects.order_by().values_list("company_id")
        sums = rows.annotate(won=Sum("fee_won"), minutes=Sum("debt_minutes"))
        stored = {str(company): (won, minutes) for company, won, minutes in sums}
        owed = {company: (one.won, one.minutes) for company, one in self.plain.ledgers.items()}
        nothing = (0, 0)
        assert {key: one for key, one in stored.items() if one != nothing} == {
            key: one for key, one in owed.items() if one != nothing
        }


@pytest.fixture
def world(company_a: Company, alice: User, charlie: User, administrator: User) -> World:
    tools = [make_tool(f"machine-{number}") for number in range(2)]
    setting("needs_approval", tools[0], required=False)
    setting("maximum_length", minutes=MOST_HOURS * 60)
    setting("late_cancel", hours_before=24, fee_percent=50, debt_percent=50)
    setting("open_holds", maximum=100)
    dora = make_user("dora@gaon.example", Role.ENGINEER, company_a)
    return World({"alice": alice, "dora": dora, "charlie": charlie}, administrator, tools)


def run(world: World, examples: int, steps: int, **more: Any) -> None:
    machine = type("Machine", (Machine,), {"world": world})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            suppress_health_check=list(HealthCheck),
            deadline=None,
            **more,
        ),
    )


def test_the_machine_knows_every_act() -> None:
    acts = {name for name, one in vars(Machine).items() if hasattr(one, RULE_MARKER)}
    assert acts == set(ACTS)


def test_a_few_days_at_the_facility(world: World) -> None:
    run(world, 8, 15, derandomize=True, phases=[Phase.generate])


@pytest.mark.nightly
def test_many_days_at_the_facility(world: World) -> None:
    run(world, 400, 60)
