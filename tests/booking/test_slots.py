"""Free slots keep every rule, come in order, and say why there are none."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

import pytest
import time_machine

from testbed.booking.hold import hold
from testbed.booking.intervals import Interval
from testbed.booking.models import Allocation, AllocationKind, Booking
from testbed.booking.request import gather
from testbed.booking.rules import check_all
from testbed.booking.slots import Found, find_slots, nearest
from testbed.booking.target import Target, choices, find
from testbed.people.models import Company, User
from testbed.refusals import Refusal
from testbed.tools.models import Cell, Tool
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


def search(
    actor: User, target: Target, minutes: int = 120, start: datetime | None = None, days: int = 2,
    limit: int = 50,
) -> Found:  # fmt: skip
    start = start or kst(4)
    return find_slots(
        actor=actor,
        target=target,
        minutes=minutes,
        start=start,
        end=start + timedelta(days=days),
        limit=limit,
    )


def block(tool: Tool, start: datetime, end: datetime) -> None:
    Allocation.objects.create(
        tool=tool, kind=AllocationKind.MAINTENANCE, starts_at=start, ends_at=end
    )


def starts(found: Found) -> list[str]:
    return [f"{slot.starts_at.astimezone(kst(1).tzinfo):%d %H:%M}" for slot in found.slots]


def test_slots_avoid_what_is_taken_on_any_tool_of_the_cell(
    alice: User, cell_target: Target, track: Tool, scanner: Tool
) -> None:
    block(track, kst(4, 0), kst(4, 9))
    block(scanner, kst(4, 11, 30), kst(5, 20))
    assert starts(search(alice, cell_target)) == ["04 09:00", "05 20:00", "05 22:00"]


def test_every_slot_found_can_be_held(alice: User, cell_target: Target, scanner: Tool) -> None:
    setting("open_holds", maximum=100)
    block(scanner, kst(4, 6), kst(4, 7, 15))
    found = search(alice, cell_target, minutes=90)
    assert len(found.slots) > 20
    for slot in found.slots:
        hold(actor=alice, target=cell_target, starts_at=slot.starts_at, ends_at=slot.ends_at)
    assert search(alice, cell_target, minutes=90).slots == []


def test_slots_keep_opening_hours_and_lead_time(alice: User) -> None:
    tool = make_tool("etcher", opens_at=time(9), closes_at=time(18), works_weekends=False)
    found = search(alice, Target(tool=tool), start=kst(3), days=5)
    assert starts(found) == [
        "03 10:15", "03 12:30", "03 14:30", "04 09:00", "04 11:00", "04 13:00", "04 15:00",
        "05 09:00", "05 11:00", "05 13:00", "05 15:00",
    ]  # fmt: skip


def test_a_search_from_now_offers_the_running_grid_cell_where_rules_allow(
    alice: User, sem_target: Target
) -> None:
    setting("lead_time", minutes=0)
    setting("not_past", grace_minutes=15)
    assert starts(search(alice, sem_target, start=kst(3, 8, 7)))[0] == "03 08:00"


def test_a_hold_that_ran_out_is_free(alice: User, charlie: User, sem_target: Target) -> None:
    held = hold(actor=charlie, target=sem_target, starts_at=kst(4, 0), ends_at=kst(4, 12))
    assert starts(search(alice, sem_target))[0] == "04 12:00"
    Booking.objects.filter(pk=held.pk).update(hold_expires_at=kst(3, 8))
    assert starts(search(alice, sem_target))[0] == "04 00:00"


def test_no_slot_tells_every_reason(alice: User) -> None:
    tool = make_tool("etcher", opens_at=time(9), closes_at=time(18))
    block(tool, kst(4, 9), kst(4, 18))
    found = search(alice, Target(tool=tool), days=1)
    assert found.slots == []
    assert {one.code for one in found.nothing_because} == {"operating_hours", "taken_maintenance"}


@pytest.mark.parametrize(
    ("minutes", "start", "days", "codes"),
    [
        (15, kst(4), 2, {"minimum_length"}),
        (1_000, kst(4), 2, {"maximum_length"}),
        (120, kst(1), 1, {"not_past", "lead_time"}),
        (120, kst(4) + timedelta(days=100), 2, {"horizon"}),
    ],
)
def test_impossible_searches_name_the_rule(
    alice: User, sem_target: Target, minutes: int, start: datetime, days: int, codes: set[str]
) -> None:
    found = search(alice, sem_target, minutes, start, days)
    assert found.slots == []
    assert {one.code for one in found.nothing_because} == codes


def test_a_range_shorter_than_the_length_says_so(alice: User, sem_target: Target) -> None:
    found = find_slots(
        actor=alice, target=sem_target, minutes=120, start=kst(4, 10), end=kst(4, 11)
    )
    assert [one.code for one in found.nothing_because] == ["range_too_short"]


def test_a_suspended_company_is_told_so(
    alice: User, company_a: Company, sem_target: Target
) -> None:
    company_a.is_active = False
    company_a.save()
    alice.refresh_from_db()
    assert [one.code for one in search(alice, sem_target).nothing_because] == ["company_active"]


def test_people_who_may_not_book_still_see_slots(
    bob: User, technician: User, sem_target: Target
) -> None:
    assert search(bob, sem_target).slots
    staff = search(technician, sem_target).slots
    assert staff[0].quote["size_class"] == ""


def test_the_price_of_a_slot_follows_the_company(
    alice: User, charlie: User, sem_target: Target
) -> None:
    small, large = search(alice, sem_target).slots[0], search(charlie, sem_target).slots[0]
    assert small.quote["supply_won"] == 700_000 * 80 // 100
    assert large.quote["supply_won"] == 700_000 * 95 // 100


def test_nearest_looks_both_ways(alice: User, sem_target: Target, cd_sem: Tool) -> None:
    block(cd_sem, kst(4, 9), kst(4, 13))
    found = nearest(actor=alice, target=sem_target, span=Interval(kst(4, 10), kst(4, 12)))
    assert starts(Found(found)) == ["04 07:00", "04 13:00", "04 05:00"]


def test_nearest_of_an_impossible_length_is_nothing(alice: User, sem_target: Target) -> None:
    assert nearest(actor=alice, target=sem_target, span=Interval(kst(4, 12), kst(4, 10))) == []
    assert nearest(actor=alice, target=sem_target, span=Interval(kst(4), kst(30))) == []


def test_slots_found_break_no_rule(alice: User, cell_target: Target) -> None:
    tools = cell_target.tools()
    for slot in search(alice, cell_target, minutes=45).slots:
        request = gather(
            actor=alice,
            tools=tools,
            starts_at=slot.starts_at,
            ends_at=slot.ends_at,
            now=kst(3, 8, 7),
        )
        assert check_all(request) == []


def test_a_search_costs_four_queries_however_long(
    alice: User,
    cell_target: Target,
    scanner: Tool,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    assert alice.company is not None
    for day in range(5, 25):
        block(scanner, kst(day, 3), kst(day, 23))
    for days in (1, 60):
        with django_assert_num_queries(4):
            search(alice, cell_target, days=days)


def test_an_empty_cell_is_refused(alice: User, db: None) -> None:
    empty = Target(cell=Cell.objects.create(code="none", name_ko="빈 셀", name_en="Empty"))
    with pytest.raises(Refusal, match="empty_cell"):
        search(alice, empty)


def test_targets_by_key(alice: User, cell_target: Target, sem_target: Target) -> None:
    keys = {target.key for target in choices(alice)}
    assert keys == {"cell:litho", "tool:scanner", "tool:track", "tool:cd_sem"}
    assert {target.key for key in keys if (target := find(alice, key))} == keys
    for unknown in ("cell:none", "tool:none", "litho", "", "tool:\x00"):
        assert find(alice, unknown) is None
