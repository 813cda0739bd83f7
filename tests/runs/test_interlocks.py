"""Every interlock, met and unmet, and all of them shown together."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pgtrigger
import pytest
import time_machine
from django.utils import timezone, translation

from testbed.booking.models import Booking, BookingState
from testbed.material.models import LotState, SubstrateState, Wafer
from testbed.outages import failures
from testbed.outages.models import Utility
from testbed.people.models import User
from testbed.process.models import RecipeVersion
from testbed.refusals import Refusal
from testbed.runs.interlocks import Situation, interlocks, unmet
from testbed.runs.models import Run, RunWafer
from testbed.runs.start import start
from testbed.tools import states
from testbed.tools.models import E10State
from tests.runs.floor import Floor


def open_ones(floor: Floor, name: str = "coat", slots: tuple[int, ...] = (1, 2)) -> set[str]:
    operation = floor.operation(name)
    booking = Booking.objects.get(pk=floor.bookings[operation.tool_kind].pk)
    situation = Situation(floor.technician, booking, operation, list(slots))
    return {check.code for check in unmet(interlocks(situation))}


def passed(floor: Floor, name: str, slots: tuple[int, ...] = (1, 2)) -> Run:
    """As if `name` had processed the wafers in `slots`."""
    run = floor.start(name, slots)
    RunWafer.objects.filter(run=run).update(state=SubstrateState.PROCESSED)
    for state in ("setting_up", "running", "completed"):
        Run.objects.filter(pk=run.pk).update(state=state)
    return run


def test_a_right_situation_meets_every_interlock(floor: Floor) -> None:
    assert open_ones(floor) == set()
    passed(floor, "coat")
    assert open_ones(floor, "expose") == set()


def cancelled(floor: Floor) -> None:
    Booking.objects.update(state=BookingState.CANCELLED)


def over(floor: Floor) -> None:
    Booking.objects.update(ends_at=timezone.now() - timedelta(minutes=1))


def too_early(floor: Floor) -> None:
    Booking.objects.update(starts_at=timezone.now() + timedelta(minutes=1))


def without_tool(floor: Floor) -> None:
    floor.bookings["track"].allocations.update(tool=floor.tools["scanner"], live=False)


def stopped(floor: Floor) -> None:
    states.emergency_stop(actor=floor.technician, tool=floor.tools["track"])


def down(floor: Floor) -> None:
    states.enter(tool=floor.tools["track"], state=E10State.SCHEDULED_DOWN)


def busy(floor: Floor) -> None:
    floor.start("coat", (3,))


def without_address(floor: Floor) -> None:
    tool = floor.tools["track"]
    tool.visa_resource = ""
    tool.save()


def not_arrived(floor: Floor) -> None:
    floor.lot.state = LotState.REGISTERED
    floor.lot.save()


def unsigned(floor: Floor) -> None:
    RecipeVersion.objects.filter(recipe=floor.operation("coat").recipe).update(state="withdrawn")


def changed_recipe(floor: Floor) -> None:
    version = RecipeVersion.objects.get(recipe=floor.operation("coat").recipe)
    with pgtrigger.ignore("process.RecipeVersion:signed_body_stays"):
        body = version.body | {"spin_rpm": 2000}
        RecipeVersion.objects.filter(pk=version.pk).update(body=body)


def dirty(floor: Floor) -> None:
    Wafer.objects.filter(lot=floor.lot, slot=2).update(contamination_class=3)


def wrong_check_character(floor: Floor) -> None:
    wafer = Wafer.objects.get(lot=floor.lot, slot=2)
    wafer.wafer_id = wafer.wafer_id[:-1] + str((int(wafer.wafer_id[-1]) + 1) % 8)
    wafer.save()


def without_water(floor: Floor) -> None:
    water = Utility.objects.create(code="di", name_ko="초순수", name_en="DI water")
    water.tools.set([floor.tools["track"]])
    failures.report(actor=floor.technician, utility=water)


BROKEN: list[tuple[Callable[[Floor], None], set[str]]] = [
    (cancelled, {"booking_confirmed"}),
    (over, {"booking_now"}),
    (too_early, {"booking_now"}),
    (without_tool, {"tool_booked"}),
    (stopped, {"emergency_stop", "tool_able"}),
    (down, {"tool_able"}),
    (busy, {"tool_free"}),
    (without_address, {"tool_address"}),
    (not_arrived, {"lot_checked_in"}),
    (unsigned, {"recipe_signed"}),
    (changed_recipe, {"recipe_signed"}),
    (dirty, {"contamination"}),
    (wrong_check_character, {"wafer_ids"}),
    (without_water, {"supplies"}),
]


@pytest.mark.parametrize(
    ("breaking", "expected"), BROKEN, ids=lambda case: getattr(case, "__name__", "")
)
def test_one_thing_wrong_opens_its_own_interlock(
    floor: Floor, breaking: Callable[[Floor], None], expected: set[str]
) -> None:
    breaking(floor)
    assert open_ones(floor) == expected


@pytest.mark.parametrize("jump", [-3600, 3600])
def test_a_clock_that_jumped_starts_nothing(floor: Floor, jump: int) -> None:
    with time_machine.travel(timezone.now() + timedelta(seconds=jump), tick=False):
        assert open_ones(floor) >= {"clock"}
        with pytest.raises(Refusal) as refused:
            floor.start("coat")
    assert re.search(r"(?<!\d)3[56]\d\d(?!\d)", str(refused.value.fields["clock"][0]))
    assert not Run.objects.exists()


def test_a_changed_recipe_says_that_its_hash_differs(floor: Floor) -> None:
    changed_recipe(floor)
    with pytest.raises(Refusal) as refused, translation.override("en"):
        floor.start("coat")
    assert "SHA-256" in str(refused.value.fields["recipe_signed"][0])


def test_wafers_must_be_of_the_lot(floor: Floor) -> None:
    assert open_ones(floor, slots=()) == {"wafers_present"}
    assert open_ones(floor, slots=(1, 25)) == {"wafers_present"}


def test_only_those_who_operate_may_start(floor: Floor, alice: User) -> None:
    operation = floor.operation("coat")
    situation = Situation(alice, floor.bookings["track"], operation, [1])
    assert {check.code for check in unmet(interlocks(situation))} == {"operator"}
    with pytest.raises(Refusal, match="not_allowed"):
        start(actor=alice, booking=floor.bookings["track"], operation=operation, slots=[1])


def test_the_operation_before_must_be_complete_for_each_wafer(floor: Floor) -> None:
    assert open_ones(floor, "expose") == {"operation_before"}
    passed(floor, "coat", (1,))
    assert open_ones(floor, "expose", (1,)) == set()
    assert open_ones(floor, "expose", (1, 2)) == {"operation_before"}


def test_a_process_takes_a_wafer_once_a_measurement_as_often_as_needed(floor: Floor) -> None:
    for name in ("coat", "expose", "develop", "measure"):
        passed(floor, name)
    assert open_ones(floor, "coat") == {"not_yet_processed"}
    assert open_ones(floor, "coat", (3,)) == set()
    assert open_ones(floor, "measure") == set()


def test_all_that_is_wrong_is_said_at_once(floor: Floor) -> None:
    for breaking in (cancelled, down, not_arrived, unsigned):
        breaking(floor)
    with pytest.raises(Refusal) as refused:
        floor.start("coat")
    assert set(refused.value.fields) == {
        "booking_confirmed", "tool_able", "lot_checked_in", "recipe_signed",
    }  # fmt: skip
    assert not Run.objects.exists()


def test_another_companys_lot_does_not_run_under_this_booking(floor: Floor, charlie: User) -> None:
    floor.lot.company = charlie.company
    floor.lot.save()
    assert "lot_checked_in" in open_ones(floor)


def test_every_interlock_speaks_both_languages(floor: Floor) -> None:
    situation = Situation(floor.technician, floor.bookings["track"], floor.operation("coat"), [1])
    for language in ("ko", "en"):
        with translation.override(language):
            for check in interlocks(situation):
                words = f"{check.label} {check.sentence} {check.cleared_by}"
                assert "%" not in words
                assert any("가" <= c <= "힣" for c in str(check.label)) == (language == "ko")


def test_a_second_start_is_refused_in_words(floor: Floor) -> None:
    floor.start("coat", (1,))
    with pytest.raises(Refusal) as refused:
        floor.start("coat", (2,))
    assert set(refused.value.fields) == {"tool_free"}
    assert Run.objects.count() == 1
