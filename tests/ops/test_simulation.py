"""What the simulated transport brings: wafers that the lot's first booked operation can use."""

from __future__ import annotations

import pytest

from instruments.fab.clock import HandClock
from instruments.fab.world import World
from testbed.booking.models import BookingState
from testbed.material.models import Lot
from testbed.material.register import register
from testbed.ops import simulation
from testbed.people.models import User
from testbed.process import versions
from testbed.process.models import Operation, Route
from tests.conftest import make_tool
from tests.world import make_booking


@pytest.fixture
def lot(alice: User) -> Lot:
    return register(actor=alice, product="etch test", code="LOT-E", wafer_count=2)


def book(lot: Lot, alice: User, signer: User, film: str, *, is_signed: bool = True) -> None:
    """Book a route for the lot that begins with an etch of `film`."""
    recipe = versions.create_recipe(actor=alice, code="etch", title="Etch", tool_kind="etcher")
    version = versions.write_version(actor=alice, recipe=recipe, body={"film": film})
    versions.submit(actor=alice, version=version)
    if is_signed:
        versions.approve(actor=signer, version=version)
    route = Route.objects.create(code="etch", name_ko="식각", name_en="Etch")
    Operation.objects.create(
        route=route, position=1, name_ko="식각", name_en="Etch", tool_kind="etcher", recipe=recipe
    )
    tool = make_tool("etch-ox", kind="etcher")
    make_booking(alice, tool, BookingState.CONFIRMED, 1, lot=lot, route=route, wafer_count=2)


@pytest.mark.parametrize(("film", "stack"), [("metal", ["oxide", "metal"]), ("oxide", ["oxide"])])
def test_who_etches_first_brings_the_film_and_lines_on_it(
    lot: Lot, alice: User, process_engineer: User, film: str, stack: list[str]
) -> None:
    book(lot, alice, process_engineer, film)
    world = World(1, HandClock())
    world.deliver("F", {1: "W1"}, **simulation.brings(lot))
    wafer = world.wafer("W1")
    assert [one.material for one in wafer.films] == stack
    assert wafer.state() == "developed"
    assert len(wafer.lines) == 57


def test_who_books_no_etch_or_an_unsigned_one_brings_plain_wafers(
    lot: Lot, alice: User, process_engineer: User
) -> None:
    assert simulation.brings(lot) == {}
    book(lot, alice, process_engineer, "metal", is_signed=False)
    assert simulation.brings(lot) == {}
