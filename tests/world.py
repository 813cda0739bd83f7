"""What company A owns, one of each kind, for tests that walk over everything."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import transaction
from django.urls import get_resolver
from django.utils import timezone

from instruments.jobs import Done, TraceBlock
from testbed.booking.calendars import issue
from testbed.booking.models import (
    Allocation,
    AllocationKind,
    Booking,
    BookingState,
    Bundle,
    BundleKind,
    CalendarFeed,
    FeedKind,
    Holiday,
    Penalty,
    RuleSetting,
)
from testbed.booking.question_models import Question
from testbed.material.check_in import check_in
from testbed.material.models import Carrier, Lot, SlotMap
from testbed.material.register import register
from testbed.notices.models import Notice
from testbed.notices.tell import tell
from testbed.outages.models import (
    Fate,
    Outage,
    OutageKind,
    Rebooking,
    RebookingState,
    Scope,
    Utility,
)
from testbed.people.models import Group, User
from testbed.pools.models import Pool, PoolState
from testbed.process import versions
from testbed.process.models import Operation, Recipe, RecipeVersion, Route
from testbed.runs.hold_models import HoldKind, LotHold
from testbed.runs.models import Run, RunPhoto, RunWafer, Step, Traveler
from testbed.runs.states import RunState
from testbed.runs.store import keep
from testbed.services.models import Module, Order
from testbed.services.order import price_of
from testbed.tools.models import (
    Capability,
    Clean,
    Course,
    Loading,
    Qualification,
    Supply,
    SupplyKind,
    Tool,
    Training,
)
from testbed.waiting.models import Offer, Watch, Wish, WishState

CD_RECIPE = {"target_nm": 40.0, "landing_v": 500.0, "dose_pc": 10.0, "fields": "full"}


@dataclass
class World:
    """One of each: company A's (alice's) things, and the tool they are on."""

    lot: Lot
    recipe: Recipe
    version: RecipeVersion
    booking: Booking
    held: Booking
    traveler: Traveler
    run: Run
    step: Step
    tool: Tool
    calendar: CalendarFeed
    notice: Notice
    wish: Wish
    offer: Offer
    watch: Watch
    question: Question
    pool: Pool
    bundle: Bundle
    capability: Capability
    order: Order

    def arguments(self, name: str) -> dict[str, Any]:
        """Values for the path arguments of the route called `name`."""
        return {key: self._argument(name, key) for key in _argument_names(name)}

    def _argument(self, name: str, key: str) -> Any:
        fixed: dict[str, Any] = {
            "number": self.version.number,
            "verb": "submit",
            "slot": 1,
            "key": "dose",
            "area": "litho",
            "photo": RunPhoto.objects.values_list("pk", flat=True).first(),
            "uidb36": "1",
            "rest": "no/such/thing",
            "seq": self.step.seq,
            "position": 1,
            "token": "no-such-secret",
        }
        if name == "account_reset_password_from_key":
            return {"uidb36": "1", "key": "abc-123"}[key]
        if key in fixed:
            return fixed[key]
        owner = next(thing for part, thing in self._by_name().items() if part in name)
        return getattr(owner, key)

    def _by_name(self) -> dict[str, Any]:
        """The first part found in a route's name tells whose key it wants."""
        return {
            "operation_rules": self.run.operation.route,
            "rework_wafers": self.lot,
            "split": self.booking,
            "hold_wafers": self.lot,
            "lot_holds": self.lot,
            "lot_hold": LotHold.objects.first(),
            "scrap_wafers": self.lot,
            "rebooking": Rebooking.objects.first(),
            "outage": Outage.objects.first(),
            "utility": Utility.objects.first(),
            "notice": self.notice,
            "wish": self.wish,
            "offer": self.offer,
            "watch": self.watch,
            "service_order": self.order,
            "finish_order": self.order,
            "service": self.order.module,
            "bundle": self.bundle,
            "course": Course(code="fire"),
            "training": Training(pk=1),
            "loading": Loading(pk=1),
            "clean_lot": self.lot,
            "clean": Clean(code="rca"),
            "supply": Supply.objects.first(),
            "capability": self.capability,
            "recipe": self.recipe,
            "answer_question": self.question,
            "qualification": self.booking.booked_by.qualifications.first(),
            "group": Group(code="support"),
            "company": self.lot.company,
            "member": self.booking.booked_by,
            "hold": self.held,
            "extend": self.held,
            "api_submit": self.held,
            "api_pool_open": self.booking,
            "pool": self.pool,
            "open_seats": self.booking,
            "approve": self.booking,
            "refuse": self.booking,
            "cancel": self.booking,
            "change": self.booking,
            "hand_over": self.booking,
            "finish": self.booking,
            # Everybody of whom the tables ask is turned away before it is looked for.
            "holiday": Holiday(pk=1),
            "rule": RuleSetting(pk=1, code="grid"),
            "penalty": Penalty(pk=1),
            "calendar": self.calendar,
            "booking": self.booking,
            "lot": self.lot,
            "wafer": self.lot,
            "traveler": self.traveler,
            "process_window": self.traveler,
            "result": self.traveler,
            "tool": self.tool,
            "carrier": self.lot,
            "trace": self.run,
            "site": self.run,
            "run": self.run,
        }


def _argument_names(name: str) -> list[str]:
    """The path arguments of a route, by its name."""
    for candidates, _pattern, _defaults, _converters in _possibilities(get_resolver(), name):
        return list(candidates[0][1])
    return []


def _possibilities(resolver: Any, name: str) -> list[Any]:
    return list(resolver.reverse_dict.getlist(name))


def make_recipe(author: User, signer: User, code: str = "own-cd") -> RecipeVersion:
    """A signed CD recipe; the company's when `author` is a company's engineer."""
    recipe = versions.create_recipe(actor=author, code=code, title="CD", tool_kind="cd_sem")
    version = versions.write_version(actor=author, recipe=recipe, body=CD_RECIPE)
    versions.submit(actor=author, version=version)
    return versions.approve(actor=signer, version=version)


def make_booking(user: User, tool: Tool, state: BookingState, hours: float, **more: Any) -> Booking:
    """A one-hour booking that starts `hours` from now, with its claim on the tool."""
    starts_at = timezone.now() + timedelta(hours=hours)
    assert user.company is not None
    booking = Booking.objects.create(
        company=user.company,
        booked_by=user,
        state=state,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=1),
        hold_expires_at=timezone.now() + timedelta(minutes=10),
        **more,
    )
    Allocation.objects.create(
        tool=tool,
        booking=booking,
        kind=AllocationKind.BOOKING,
        starts_at=booking.starts_at,
        ends_at=booking.ends_at,
    )
    return booking


def _closure(booking: Booking, by: User, tool: Tool) -> None:
    """A failure of the water that was announced, and what it did to a booking."""
    water = Utility.objects.create(code="di", name_ko="초순수", name_en="DI water")
    water.tools.add(tool)
    outage = Outage.objects.create(
        kind=OutageKind.OUTAGE, scope=Scope.UTILITY, utility=water, created_by=by,
        starts_at=booking.starts_at, ends_at=booking.ends_at, reason_ko="누수", reason_en="Leak",
    )  # fmt: skip
    outage.tools.add(tool)
    Rebooking.objects.create(
        outage=outage, booking=booking, fate=Fate.OFFERED, state=RebookingState.OPEN,
        former_state=booking.state, from_starts_at=booking.starts_at,
        from_ends_at=booking.ends_at, answer_by=booking.ends_at, created_by=by,
    )  # fmt: skip


def _own_bundle(user: User, tool: Tool, route: Route) -> tuple[Bundle, Capability, Order]:
    """A chain of the company's, what the tool can do, and an order of a module."""
    able = Capability.objects.create(code="cd-10", name_ko="CD 10 nm", name_en="CD 10 nm")
    able.tools.add(tool)
    kind = BundleKind.ROUTE
    bundle = Bundle.objects.create(kind=kind, company=user.company, booked_by=user)
    module = Module.objects.create(
        code="cd", name_ko="CD", name_en="CD", description_ko="CD", description_en="CD",
        route=route, price_won=1_000, turnaround_days=3,
    )  # fmt: skip
    order = Order.objects.create(
        module=module, company=user.company, ordered_by=user, bundle=bundle, wafer_count=1,
        quote=price_of(module), promised_at=timezone.now(),
    )  # fmt: skip
    return bundle, able, order


def make_wish(user: User, tool: Tool, held: Booking) -> tuple[Wish, Offer, Watch]:
    """A wish for the tool, the offer of the held slot, and a watch."""
    now = timezone.now()
    asked: dict[str, Any] = {
        "company": user.company, "user": user, "tool": tool, "minutes": 60,
        "earliest": now, "latest": now + timedelta(days=7),
    }  # fmt: skip
    wish = Wish.objects.create(state=WishState.OFFERED, **asked)
    offer = Offer.objects.create(
        wish=wish, company=wish.company, booking=held, offered_at=now, expires_at=held.starts_at
    )
    return wish, offer, Watch.objects.create(**asked)


@contextmanager
def undone() -> Iterator[None]:
    """What happens inside leaves no trace, even where the database refused a statement."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def world(alice: User, technician: User, process_engineer: User, cd_sem: Tool) -> World:
    """Company A with a lot in the facility, bookings, and a run that is done."""
    version = make_recipe(alice, process_engineer)
    route = Route.objects.create(code="cd-only", name_ko="CD 측정", name_en="CD only")
    operation = Operation.objects.create(
        route=route,
        position=1,
        name_ko="CD 측정",
        name_en="Measure CD",
        tool_kind="cd_sem",
        recipe=version.recipe,
        is_measurement=True,
    )
    lot = register(actor=alice, product="resist", code="LOT-A", wafer_count=3)
    check_in(actor=technician, lot=lot, carrier=Carrier.objects.create(code="FOUP-01"))
    booking = make_booking(
        alice, cd_sem, BookingState.CONFIRMED, -0.5, lot=lot, route=route, wafer_count=3
    )
    held = make_booking(alice, cd_sem, BookingState.HELD, 3)
    _closure(booking, technician, cd_sem)
    traveler = Traveler.objects.create(lot=lot, route=route)
    now = timezone.now()
    run = Run.objects.create(
        traveler=traveler,
        operation=operation,
        booking=booking,
        company=lot.company,
        tool=cd_sem,
        recipe_version=version,
        recipe_sha256=version.sha256,
        state=RunState.COMPLETED,
        started_by=technician,
        started_at=now - timedelta(minutes=10),
        ended_at=now - timedelta(minutes=5),
    )
    wafer = lot.wafers.get(slot=1)
    RunWafer.objects.create(run=run, wafer=wafer)
    step = Step.objects.create(
        run=run,
        tool=cd_sem,
        seq=1,
        kind="measure",
        title="Measure",
        wafer=wafer,
        slot=1,
        after_unknown="repeat",
        state="done",
        ended_at=now,
    )
    samples = np.linspace(29.0, 31.0, 100, dtype=np.float32)
    keep(step, Done(traces=(TraceBlock("dose", "mJ/cm²", 0.0, 0.1, samples),)))
    SlotMap.objects.create(
        lot=lot,
        carrier=Carrier.objects.get(code="FOUP-01"),
        marks="OOO" + 22 * ".",
        seen_by=technician,
    )
    RunPhoto.objects.create(
        run=run, sha256=hashlib.sha256(b"a picture").hexdigest(), media_type="image/png", width=1,
        height=1, content=b"a picture", taken_by=technician,
    )  # fmt: skip
    calendar, _token = issue(actor=alice, kind=FeedKind.MINE)
    wish, offer, watch = make_wish(alice, cd_sem, held)
    [notice] = tell(to=[alice], kind="booking_placed", subject="B", sentences=["B"])
    LotHold.objects.create(lot=lot, kind=HoldKind.QUALITY, reason="edge", opened_by=technician)
    Supply.objects.create(
        code="own-40", name_ko="L40", name_en="L40", kind=SupplyKind.RETICLE, company=alice.company
    )
    Qualification.objects.create(user=alice, tool=cd_sem, granted_at=timezone.now())
    question = Question.objects.create(
        booking=booking, asked_by=process_engineer, text="Which resist is on them?"
    )
    # Its split is fixed: an open one would be everybody's to see.
    pool = Pool.objects.create(
        host=booking, seats=2, state=PoolState.FIXED, opened_by=alice, closes_at=now
    )
    return World(
        lot, version.recipe, version, booking, held, traveler, run, step, cd_sem, calendar,
        notice, wish, offer, watch, question, pool, *_own_bundle(alice, cd_sem, route),
    )  # fmt: skip
