"""A facility with something on every page: the demo, one company's work done on the simulated fab
for real (coat, expose, develop, measure), and what still waits for somebody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from testbed.booking.models import Allocation, AllocationKind, Booking, BookingState, RuleSetting
from testbed.booking.route_place import chosen
from testbed.material.models import Lot
from testbed.material.register import register
from testbed.ops.demo import closures, floor, people, recipes, services
from testbed.outages.announce import announce
from testbed.outages.models import Fate, OutageKind, Repeat, Scope, Utility
from testbed.outages.plan import look
from testbed.outages.rebook import Chosen
from testbed.outages.terms import Terms
from testbed.people.models import User
from testbed.pools.seats import open_seats
from testbed.process import versions
from testbed.process.models import Recipe
from testbed.runs.models import Run, Traveler
from testbed.runs.states import RunState
from testbed.services.models import Module
from testbed.services.order import find_offers, order
from testbed.tools import states
from testbed.tools.models import E10State, Tool
from tests.runs.floor import RECIPES, lay, sign, simulated_fab

# Thousand times faster than a real line: a whole route in seconds.
SCALE = 1000.0
WAFERS = 2
KINDS = {"scanner": "scanner", "track": "track", "cd_sem": "cd-sem"}


@dataclass(frozen=True)
class Facility:
    """Keys of the things that pages are about; plain numbers and codes, no rows."""

    lot: str
    arriving_lot: str
    traveler: int
    exposure: int
    measurement: int
    held_run: int
    booking: int
    pending_booking: int
    held_booking: int
    outage: int
    rebooking: int
    offered: int
    poolable_booking: int
    pool: int
    recipe: str
    route: str
    service_order: int
    bundle: int
    rule_setting: int


def build(folder: Path) -> Facility:
    """Fill the present database; `folder` takes the simulated fab's files."""
    cast = people.load()
    floor.load()
    recipes.load(author=cast["author@testbed.example"], signer=cast["process@testbed.example"])
    services.load()
    alice, technician = cast["alice@gaon.example"], cast["technician@testbed.example"]
    process_engineer = cast["process@testbed.example"]
    tools = {kind: _tool(kind, code) for kind, code in KINDS.items()}
    with simulated_fab(folder, scale=SCALE) as fab:
        laid = lay(
            alice=alice, technician=technician, process_engineer=process_engineer,
            tools=tools, wafers=WAFERS, fab=fab,
        )  # fmt: skip
        runs = {name: laid.run(name) for name in ("coat", "expose", "develop", "measure")}
        states.emergency_stop(actor=technician, tool=Tool.objects.get(code="cmp"))
    states.enter(
        tool=Tool.objects.get(code="cvd"), state=E10State.SCHEDULED_DOWN, reason="chamber clean"
    )
    assert {run.state for run in runs.values()} == {RunState.COMPLETED}
    # From now on the coat may differ by wafer.
    body = RECIPES["coat"] | {"vary": {"spin_rpm": {"low": 1200.0, "high": 1800.0}}}
    sign(laid.operation("coat").recipe, body, alice, process_engineer)
    waiting = _waiting(alice, laid.lot, laid.route, process_engineer)
    return Facility(
        lot=laid.lot.code,
        traveler=Traveler.objects.get(lot=laid.lot).pk,
        exposure=runs["expose"].pk,
        measurement=runs["measure"].pk,
        booking=laid.bookings["scanner"].pk,
        rule_setting=RuleSetting.objects.filter(code="grid")[0].pk,
        held_run=_held_run(laid.lot, runs["coat"], technician, laid.bookings["track"]),
        **waiting,
    )


def _tool(kind: str, code: str) -> Tool:
    """The demo's tool, with the serial number of the simulator that stands in for it here."""
    tool = Tool.objects.get(code=code)
    tool.serial = f"SN-{kind}"
    tool.save(update_fields=["serial"])
    return tool


def _waiting(alice: User, lot: Lot, route: Any, process_engineer: User) -> dict[str, Any]:
    """A booking to approve, a hold, a lot on its way, a recipe to sign."""
    arriving = register(actor=alice, product="photoresist", code="LOT-NEXT", wafer_count=5)
    recipe = versions.create_recipe(actor=alice, code="own-cd", title="Own CD", tool_kind="cd_sem")
    body = Recipe.objects.get(code__startswith="measure-").versions.get().body
    version = versions.write_version(actor=alice, recipe=recipe, body=body)
    versions.submit(actor=alice, version=version)
    pending = _book(alice, "overlay", BookingState.PENDING, 30, lot=lot, route=route)
    held = _book(alice, "film", BookingState.HELD, 32)
    return {
        "arriving_lot": arriving.code,
        "recipe": recipe.code,
        "route": route.code,
        "pending_booking": pending.pk,
        "held_booking": held.pk,
        **_pools(alice, arriving, route),
        **_closure(alice),
        **_service(alice),
    }


def _closure(alice: User) -> dict[str, int]:
    """A repeated service of the water that moves one booking and takes the time of another."""
    closures.load()
    moved = _book(alice, "clean", BookingState.CONFIRMED, 72)
    offered = _book(alice, "clean", BookingState.CONFIRMED, 75)
    terms = Terms(
        kind=OutageKind.MAINTENANCE, scope=Scope.UTILITY,
        utility=Utility.objects.get(code="di-water"), repeat=Repeat.MONTHLY,
        starts_at=moved.starts_at, ends_at=offered.ends_at, note="for the staff alone",
        until=(moved.starts_at + timedelta(days=100)).date(),
        reason_ko="필터 교체", reason_en="Change of filters",
    )  # fmt: skip
    administrator = User.objects.get(email="admin@testbed.example")
    plan = look(actor=administrator, terms=terms)
    slot = next(one for one in plan.affected if one.booking == moved).alternatives[0]
    fates = {moved.pk: Chosen(Fate.MOVED, slot.starts_at), offered.pk: Chosen(Fate.OFFERED)}
    outage = announce(actor=administrator, terms=terms, fates=fates)
    return {
        "outage": outage.pk,
        "rebooking": outage.rebookings.get(booking=moved).pk,
        "offered": outage.rebookings.get(booking=offered).pk,
    }


def _service(alice: User) -> dict[str, int]:
    """An order of a module: a chain of two steps with a promise."""
    module, start = Module.objects.get(code="film-particles"), timezone.now() + timedelta(days=5)
    found = find_offers(
        actor=alice, module=module, wafers=2, start=start, end=start + timedelta(days=12), limit=1
    )
    steps = chosen(found.offers[0].combination)
    placed = order(actor=alice, module=module, wafers=2, steps=steps)
    return {"service_order": placed.pk, "bundle": placed.bundle_id}


def _pools(alice: User, lot: Lot, route: Any) -> dict[str, int]:
    """A confirmed booking whose slots may be opened, and one whose slots are."""
    plain = _book(alice, "cd-sem", BookingState.CONFIRMED, 50, lot=lot, route=route)
    host = _book(alice, "cd-sem", BookingState.CONFIRMED, 54, lot=lot, route=route)
    closes_at = timezone.now() + timedelta(hours=24)
    pool = open_seats(actor=alice, booking=host, seats=8, closes_at=closes_at, note="ArF")
    return {"poolable_booking": plain.pk, "pool": pool.pk}


def _book(user: User, code: str, state: BookingState, hours: float, **more: Any) -> Booking:
    """A two-hour booking that starts `hours` from now, and its claim."""
    assert user.company is not None
    starts_at = (timezone.now() + timedelta(hours=hours)).replace(minute=0, second=0, microsecond=0)
    times = {"starts_at": starts_at, "ends_at": starts_at + timedelta(hours=2)}
    booking = Booking.objects.create(
        company=user.company, booked_by=user, state=state, wafer_count=2,
        hold_expires_at=timezone.now() + timedelta(hours=1), **times, **more,
    )  # fmt: skip
    Allocation.objects.create(
        tool=Tool.objects.get(code=code), booking=booking, kind=AllocationKind.BOOKING, **times
    )
    return booking


def _held_run(lot: Lot, like: Run, technician: User, booking: Booking) -> int:
    """A run that waits for a person's decision, on a second traveler of the lot."""
    route = like.traveler.route
    Traveler.objects.filter(pk=like.traveler.pk).update(closed_at=timezone.now())
    second = Traveler.objects.create(lot=lot, route=route)
    run = Run.objects.create(
        traveler=second, operation=like.operation, booking=booking, company=lot.company,
        tool=like.tool, recipe_version=like.recipe_version, recipe_sha256=like.recipe_sha256,
        state=RunState.HELD, started_by=technician, started_at=timezone.now(),
    )  # fmt: skip
    return run.pk
