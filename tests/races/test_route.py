"""Two chains want one step: exactly one whole chain is booked, in whatever order they lock."""

from __future__ import annotations

import pytest

from testbed.booking.models import Allocation, Booking, Bundle
from testbed.booking.place import Answers
from testbed.booking.route_place import Chosen, place_route
from testbed.booking.target import Target
from testbed.people.models import User
from testbed.refusals import Refusal
from testbed.tools.models import Tool
from tests.booking.conftest import tomorrow
from tests.conftest import make_tool
from tests.races.conftest import Race

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]
THREADS = 8


def test_exactly_one_whole_chain_wins(
    race: Race, alice: User, charlie: User, cd_sem: Tool, track: Tool
) -> None:
    """Every chain has the CD-SEM at ten; the other step is its own, before or after it."""
    tools = [make_tool(f"etcher-{number}") for number in range(THREADS)]
    wanted = Chosen(Target(tool=cd_sem), tomorrow(10), tomorrow(11))

    def place(number: int) -> Bundle:
        other = Target(tool=tools[number])
        before = Chosen(other, tomorrow(8), tomorrow(9))
        after = Chosen(other, tomorrow(12), tomorrow(13))
        steps = [before, wanted] if number % 2 else [wanted, after]
        who = (alice, charlie)[number % 2]
        return place_route(actor=who, steps=steps, answers=Answers())

    outcomes = race(place, THREADS)
    won = [one for one in outcomes if isinstance(one, Bundle)]
    codes = [one.code for one in outcomes if isinstance(one, Refusal)]
    assert len(won) == 1
    assert set(codes) <= {"tool_taken", "busy"}
    assert len(codes) == THREADS - 1
    assert Booking.objects.filter(bundle=won[0]).count() == 2 == Booking.objects.count()
    assert Allocation.objects.filter(live=True).count() == 2
