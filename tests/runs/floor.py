"""A floor to run on: the simulated fab as a real process, tools wired to it, a lot, a route."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from instruments.fab.control import FabControl
from testbed.booking.models import Allocation, AllocationKind, Booking, BookingState
from testbed.material.models import Carrier, Lot, LotState, Wafer
from testbed.material.wafer_id import with_check
from testbed.people.models import Company, User
from testbed.process.models import Operation, Recipe, RecipeState, RecipeVersion, Route
from testbed.process.versions import body_hash
from testbed.runs import advance as engine
from testbed.runs.models import Run
from testbed.runs.start import start
from testbed.tools.models import Tool

ROOT = Path(__file__).resolve().parents[2]
RESOURCES = {"scanner": "hislip", "track": "vxi11", "cd_sem": "socket"}
RECIPES: dict[str, dict[str, Any]] = {
    "coat": {"operation": "coat", "resist": "PAR-193"},
    "expose": {
        "reticle": "LINE-40",
        "layout": {
            "kind": "fem",
            "dose_start": 24.0, "dose_step": 2.0, "dose_count": 7,
            "focus_start": -100.0, "focus_step": 20.0, "focus_count": 11,
        },
    },
    "develop": {"operation": "develop"},
    "measure": {"target_nm": 40.0},
}  # fmt: skip
ROUTE = (("coat", "track"), ("expose", "scanner"), ("develop", "track"), ("measure", "cd_sem"))
_numbers = itertools.count(int(time.time()) % 100_000 * 10)


@dataclass(frozen=True)
class Fab:
    """The simulated fab of a test session: its control channel, and where its tools listen."""

    control: FabControl
    tools: dict[str, dict[str, Any]]

    def resource(self, kind: str) -> str:
        return str(self.tools[kind]["resources"][RESOURCES[kind]])


@contextmanager
def simulated_fab(folder: Path, *, scale: float, seed: int = 7) -> Iterator[Fab]:
    """The fab as its own process, stopped at the end."""
    config, ports = folder / "fab.json", folder / "ports.json"
    tools = [
        {"kind": kind, "name": kind, "serial": f"SN-{kind}", "seed": seed,
         "wires": {"socket": 0, "hislip": 0, "vxi11": 0}}
        for kind in RESOURCES
    ]  # fmt: skip
    config.write_text(json.dumps({"tools": tools, "seed": seed, "scale": scale}))
    command = [sys.executable, "-m", "instruments.fab", "--config", config, "--ports-file", ports]
    process = subprocess.Popen([str(word) for word in command], cwd=ROOT)
    try:
        yield _connected(process, ports)
    finally:
        process.terminate()
        process.wait(10)


def _connected(process: subprocess.Popen[bytes], ports: Path) -> Fab:
    until = time.monotonic() + 20
    while not ports.exists():
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError("the simulated fab did not start")
        time.sleep(0.05)
    open_at = json.loads(ports.read_text())
    return Fab(FabControl(open_at["host"], open_at["control_port"]), open_at["tools"])


@dataclass
class Floor:
    """Everything a start needs: staff, a booking for now on every tool, a checked-in lot."""

    technician: User
    lot: Lot
    route: Route
    tools: dict[str, Tool]
    bookings: dict[str, Booking]
    fab: Fab | None = None

    def operation(self, name: str) -> Operation:
        return self.route.operations.get(name_en=name)

    def start(self, name: str, slots: Sequence[int] = (1, 2)) -> Run:
        operation = self.operation(name)
        return start(
            actor=self.technician,
            booking=self.bookings[operation.tool_kind],
            operation=operation,
            slots=slots,
        )

    def run(self, name: str, slots: Sequence[int] = (1, 2)) -> Run:
        """Start the operation and drive it to its end in this process."""
        return drive(self.start(name, slots))


def drive(run: Run, turns: int = 200) -> Run:
    """Answer the doorbell until the run waits for a person or is over."""
    for _turn in range(turns):
        if not engine.advance(run.pk):
            break
    run.refresh_from_db()
    return run


def lay(
    *, alice: User, technician: User, process_engineer: User, tools: dict[str, Tool],
    wafers: int = 4, fab: Fab | None = None,
) -> Floor:  # fmt: skip
    """Build the floor; with `fab`, the carrier stands in its stocker."""
    number = next(_numbers)
    carrier = Carrier.objects.create(code=f"FOUP-{number}")
    lot = Lot.objects.create(
        code=f"L{number}", company=company_of(alice), product="resist", state=LotState.CHECKED_IN,
        carrier=carrier, registered_by=alice, checked_in_at=timezone.now(),
    )  # fmt: skip
    for slot in range(1, wafers + 1):
        wafer_id = with_check(f"W{number}-{slot:02}")
        Wafer.objects.create(lot=lot, wafer_id=wafer_id, slot=slot)
    route = _route(number, alice, process_engineer)
    bookings = {kind: book(alice, tool, lot, route) for kind, tool in tools.items()}
    if fab is not None:
        for kind, tool in tools.items():
            tool.visa_resource = fab.resource(kind)
            tool.save(update_fields=["visa_resource"])
        fab.control.deliver(carrier.code, {w.slot: w.wafer_id for w in lot.wafers.all()})
    return Floor(technician, lot, route, tools, bookings, fab)


def company_of(user: User) -> Company:
    """The company of one of its members."""
    assert user.company is not None
    return user.company


def _route(number: int, alice: User, process_engineer: User) -> Route:
    route = Route.objects.create(code=f"r{number}", name_ko="경로", name_en="Route")
    for position, (name, kind) in enumerate(ROUTE, start=1):
        recipe = Recipe.objects.create(code=f"{name}-{number}", title=name, tool_kind=kind)
        sign(recipe, RECIPES[name], alice, process_engineer)
        Operation.objects.create(
            route=route, position=position, name_ko=name, name_en=name, tool_kind=kind,
            recipe=recipe, is_measurement=name == "measure",
        )  # fmt: skip
    return route


def sign(recipe: Recipe, body: dict[str, Any], writer: User, signer: User) -> RecipeVersion:
    """An approved version of `recipe`."""
    return RecipeVersion.objects.create(
        recipe=recipe, number=recipe.versions.count() + 1, body=body, sha256=body_hash(body),
        state=RecipeState.APPROVED, written_by=writer, approved_by=signer,
        approved_at=timezone.now(),
    )  # fmt: skip


def book(alice: User, tool: Tool, lot: Lot, route: Route) -> Booking:
    """A confirmed booking of `tool` from an hour ago for eight hours."""
    now = timezone.now()
    times = {"starts_at": now - timedelta(hours=1), "ends_at": now + timedelta(hours=7)}
    booking = Booking.objects.create(
        company=company_of(alice), booked_by=alice, state=BookingState.CONFIRMED, lot=lot,
        route=route, wafer_count=lot.wafers.count(), **times,
    )  # fmt: skip
    Allocation.objects.create(tool=tool, booking=booking, kind=AllocationKind.BOOKING, **times)
    return booking
