"""A closure and the bookings in its way: all in one step, nothing dropped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone, translation

from testbed.booking.approve import approve
from testbed.booking.hold import hold
from testbed.booking.models import Allocation, Booking, BookingState, Penalty
from testbed.booking.place import Answers, place
from testbed.booking.target import Target
from testbed.notices.models import Notice
from testbed.outages.announce import announce, change
from testbed.outages.models import (
    Fate,
    Outage,
    OutageKind,
    OutageOccurrence,
    Rebooking,
    RebookingState,
    Repeat,
    Scope,
    Utility,
)
from testbed.outages.plan import look
from testbed.outages.rebook import Chosen
from testbed.outages.withdraw import end_early, withdraw
from testbed.people.models import JournalEntry
from testbed.refusals import Refusal
from tests.booking.conftest import setting, tomorrow
from tests.conftest import make_tool
from tests.outages.conftest import book, live_claims, suggested, terms, uncovered

if TYPE_CHECKING:
    from testbed.people.models import User
    from testbed.tools.models import Cell, Tool

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_approval(db: None) -> None:
    row = setting("needs_approval")
    row.is_active = False
    row.save()


def test_a_closure_of_an_empty_line(administrator: User, cd_sem: Tool) -> None:
    outage = announce(actor=administrator, terms=terms(cd_sem), fates={})
    assert live_claims(cd_sem) == [(tomorrow(10), tomorrow(12), "closure")]
    claim = Allocation.objects.get()
    assert (claim.reason_ko, claim.reason_en, claim.note) == (
        "정기 점검", "Yearly check", "call the vendor",
    )  # fmt: skip
    assert outage.occurrences.get().claims.get() == claim
    assert JournalEntry.objects.filter(action="outage.announced", subject_id=outage.pk).exists()


def test_a_booking_is_moved_and_keeps_its_number(
    administrator: User, alice: User, cd_sem: Tool
) -> None:
    booking = book(alice, cd_sem, 10, wafer_count=3, purpose="slurry")
    asked = terms(cd_sem)
    plan = look(actor=administrator, terms=asked)
    assert [one.booking for one in plan.affected] == [booking]
    best = plan.affected[0].alternatives[0]
    assert (best.starts_at, best.ends_at) == (tomorrow(9), tomorrow(10))
    outage = announce(
        actor=administrator, terms=asked, fates={booking.pk: Chosen(Fate.MOVED, best.starts_at)}
    )
    moved = Booking.objects.get(pk=booking.pk)
    assert (moved.starts_at, moved.ends_at) == (tomorrow(9), tomorrow(10))
    assert (moved.state, moved.purpose, moved.quote) == (
        BookingState.CONFIRMED, "slurry", booking.quote,
    )  # fmt: skip
    assert moved.moved_by_facility_at is not None
    row = Rebooking.objects.get(outage=outage)
    assert (row.state, row.from_starts_at, row.to_starts_at) == (
        RebookingState.OPEN, tomorrow(10), tomorrow(9),
    )  # fmt: skip
    assert row.answer_by == tomorrow(9)
    assert live_claims(cd_sem) == [
        (tomorrow(9), tomorrow(10), "booking"),
        (tomorrow(10), tomorrow(12), "closure"),
    ]
    notice = Notice.objects.get(kind="closure", reader=alice)
    assert "정기 점검" in str(notice.texts["ko"])
    assert "Yearly check" in str(notice.texts["en"])
    assert "10:00–11:00" in str(notice.texts["en"])
    assert "09:00–10:00" in str(notice.texts["en"])
    assert notice.attachments[0]["data"]["method"] == "REQUEST"
    assert "call the vendor" not in str(notice.texts)


def test_others_get_no_notice(
    administrator: User, alice: User, charlie: User, cd_sem: Tool
) -> None:
    booking = book(alice, cd_sem, 10)
    book(charlie, cd_sem, 20)
    asked = terms(cd_sem)
    announce(actor=administrator, terms=asked, fates={booking.pk: Chosen(Fate.CANCELLED)})
    told = Notice.objects.filter(kind="closure")
    assert [one.reader for one in told] == [alice]


def test_an_offer_leaves_the_line_and_waits(administrator: User, alice: User, cd_sem: Tool) -> None:
    booking = book(alice, cd_sem, 10)
    outage = announce(
        actor=administrator, terms=terms(cd_sem), fates={booking.pk: Chosen(Fate.OFFERED)}
    )
    booking.refresh_from_db()
    assert booking.state == BookingState.DISPLACED
    assert not booking.allocations.filter(live=True).exists()
    row = Rebooking.objects.get(outage=outage)
    assert row.state == RebookingState.OPEN
    assert {one["tools"][0] for one in row.proposed} == {"cd_sem"}
    told = str(Notice.objects.get(kind="closure").texts["en"])
    assert "Free then" in told


def test_a_cancellation_costs_nothing(administrator: User, alice: User, cd_sem: Tool) -> None:
    setting("late_cancel", hours_before=72, fee_percent=100, debt_percent=100)
    booking = book(alice, cd_sem, 10)
    announce(actor=administrator, terms=terms(cd_sem), fates={booking.pk: Chosen(Fate.CANCELLED)})
    booking.refresh_from_db()
    assert booking.state == BookingState.CANCELLED
    assert not Penalty.objects.exists()
    assert Rebooking.objects.get().state == RebookingState.SETTLED


def test_suggestions_do_not_collide(
    administrator: User, alice: User, charlie: User, cd_sem: Tool
) -> None:
    bookings = [book(alice, cd_sem, 10), book(charlie, cd_sem, 11), book(alice, cd_sem, 12)]
    asked = terms(cd_sem, hours=4)
    fates = suggested(administrator, asked)
    assert {one.fate for one in fates.values()} == {Fate.MOVED}
    assert len({one.starts_at for one in fates.values()}) == len(bookings)
    announce(actor=administrator, terms=asked, fates=fates)
    assert Booking.objects.filter(state=BookingState.CONFIRMED).count() == len(bookings)
    assert Allocation.objects.live().count() == len(bookings) + 1


def test_a_booking_without_a_fate_stops_everything(
    administrator: User, alice: User, charlie: User, cd_sem: Tool
) -> None:
    first, second = book(alice, cd_sem, 10), book(charlie, cd_sem, 11)
    with pytest.raises(Refusal) as refused:
        announce(actor=administrator, terms=terms(cd_sem), fates={first.pk: Chosen(Fate.CANCELLED)})
    assert refused.value.code == "bookings_affected"
    shown = refused.value.extra["plan"]["affected"]
    assert [one["booking"] for one in shown] == [first.pk, second.pk]
    assert not Outage.objects.exists()
    assert Booking.objects.filter(state=BookingState.CONFIRMED).count() == 2


def test_a_fate_for_a_booking_that_is_elsewhere_stops_everything(
    administrator: User, alice: User, cd_sem: Tool
) -> None:
    booking = book(alice, cd_sem, 20)
    with pytest.raises(Refusal) as refused:
        announce(
            actor=administrator, terms=terms(cd_sem), fates={booking.pk: Chosen(Fate.CANCELLED)}
        )
    assert refused.value.code == "bookings_affected"
    booking.refresh_from_db()
    assert booking.state == BookingState.CONFIRMED


def test_a_slot_taken_meanwhile_stops_everything(
    administrator: User, alice: User, charlie: User, cd_sem: Tool
) -> None:
    booking = book(alice, cd_sem, 10)
    asked = terms(cd_sem)
    fates = suggested(administrator, asked)
    book(charlie, cd_sem, 9)
    with pytest.raises(Refusal) as refused:
        announce(actor=administrator, terms=asked, fates=fates)
    assert refused.value.code == "alternative_gone"
    assert refused.value.extra["plan"]["affected"][0]["alternatives"][0]["starts_at"] == (
        tomorrow(8).isoformat()
    )
    assert not Outage.objects.exists()
    booking.refresh_from_db()
    assert booking.starts_at == tomorrow(10)
    assert booking.allocations.get().live


def test_a_booking_that_has_begun_blocks(administrator: User, alice: User, cd_sem: Tool) -> None:
    booking = book(alice, cd_sem, 10)
    Booking.objects.filter(pk=booking.pk).update(begun_at=timezone.now())
    asked = terms(cd_sem)
    assert [one.booking for one in look(actor=administrator, terms=asked).running] == [booking]
    with pytest.raises(Refusal) as refused:
        announce(actor=administrator, terms=asked, fates={booking.pk: Chosen(Fate.CANCELLED)})
    assert refused.value.code == "booking_running"
    with translation.override("en"):
        assert str(booking) in str(refused.value.message)
        assert "11:00" in str(refused.value.message)
    assert not Outage.objects.exists()


def test_a_cells_booking_moves_with_all_its_tools(
    administrator: User, alice: User, litho_cell: Cell, track: Tool, scanner: Tool
) -> None:
    booking = place(
        actor=alice, target=Target(cell=litho_cell), starts_at=tomorrow(10),
        ends_at=tomorrow(11), answers=Answers(),
    )  # fmt: skip
    asked = terms(track)
    announce(actor=administrator, terms=asked, fates=suggested(administrator, asked))
    booking.refresh_from_db()
    assert booking.starts_at == tomorrow(9)
    assert live_claims(scanner) == [(tomorrow(9), tomorrow(10), "booking")]


def test_a_hold_only_ends(administrator: User, alice: User, cd_sem: Tool) -> None:
    held = hold(
        actor=alice, target=Target(tool=cd_sem), starts_at=tomorrow(10), ends_at=tomorrow(11)
    )
    asked = terms(cd_sem)
    assert look(actor=administrator, terms=asked).affected[0].fates == [Fate.CANCELLED]
    with pytest.raises(Refusal) as refused:
        announce(actor=administrator, terms=asked, fates={held.pk: Chosen(Fate.MOVED, tomorrow(9))})
    assert refused.value.code == "fate_not_possible"
    announce(actor=administrator, terms=asked, fates={held.pk: Chosen(Fate.CANCELLED)})
    held.refresh_from_db()
    assert held.state == BookingState.CANCELLED


def test_a_stale_hold_is_no_obstacle(administrator: User, alice: User, cd_sem: Tool) -> None:
    held = hold(
        actor=alice, target=Target(tool=cd_sem), starts_at=tomorrow(10), ends_at=tomorrow(11)
    )
    Booking.objects.filter(pk=held.pk).update(hold_expires_at=timezone.now())
    announce(actor=administrator, terms=terms(cd_sem), fates={})
    held.refresh_from_db()
    assert held.state == BookingState.EXPIRED


def test_a_pending_booking_stays_pending(
    administrator: User, process_engineer: User, alice: User, cd_sem: Tool
) -> None:
    setting("needs_approval", cd_sem)
    booking = book(alice, cd_sem, 10)
    assert booking.state == BookingState.PENDING
    asked = terms(cd_sem)
    announce(actor=administrator, terms=asked, fates=suggested(administrator, asked))
    booking.refresh_from_db()
    assert (booking.state, booking.starts_at) == (BookingState.PENDING, tomorrow(9))
    assert approve(actor=process_engineer, booking=booking).state == BookingState.CONFIRMED


def test_a_supply_closes_exactly_the_tools_that_need_it(
    administrator: User, cd_sem: Tool, track: Tool, scanner: Tool
) -> None:
    water = Utility.objects.create(code="di", name_ko="초순수", name_en="DI water")
    water.tools.set([track, scanner])
    announce(
        actor=administrator,
        terms=terms(kind=OutageKind.OUTAGE, scope=Scope.UTILITY, utility=water),
        fates={},
    )
    assert [live_claims(tool) for tool in (track, scanner)] == [
        [(tomorrow(10), tomorrow(12), "outage")]
    ] * 2
    assert live_claims(cd_sem) == []
    assert {row.reason_en for row in Allocation.objects.all()} == {"DI water: Yearly check"}
    assert {row.reason_ko for row in Allocation.objects.all()} == {"초순수: 정기 점검"}


def test_an_area_and_the_facility(administrator: User, cd_sem: Tool, track: Tool) -> None:
    announce(actor=administrator, terms=terms(scope=Scope.AREA, area="litho"), fates={})
    assert live_claims(cd_sem) == []
    announce(actor=administrator, terms=terms(scope=Scope.FACILITY, start=14), fates={})
    assert len(live_claims(cd_sem)) == 1
    assert len(live_claims(track)) == 2


def test_two_closures_share_a_stretch(administrator: User, cd_sem: Tool) -> None:
    """The later one claims what is left, and takes the rest over when the first one goes."""
    first = announce(actor=administrator, terms=terms(cd_sem, start=10, hours=2), fates={})
    announce(actor=administrator, terms=terms(cd_sem, start=9, hours=4), fates={})
    assert live_claims(cd_sem) == [
        (tomorrow(9), tomorrow(10), "closure"),
        (tomorrow(10), tomorrow(12), "closure"),
        (tomorrow(12), tomorrow(13), "closure"),
    ]
    withdraw(actor=administrator, outage=first)
    assert uncovered() == []
    assert [(start, end) for start, end, _kind in live_claims(cd_sem)] == [
        (tomorrow(9), tomorrow(10)), (tomorrow(10), tomorrow(12)), (tomorrow(12), tomorrow(13)),
    ]  # fmt: skip


def test_withdrawing_frees_the_time(administrator: User, alice: User, cd_sem: Tool) -> None:
    outage = announce(actor=administrator, terms=terms(cd_sem), fates={})
    withdraw(actor=administrator, outage=outage)
    assert live_claims(cd_sem) == []
    assert book(alice, cd_sem, 10).state == BookingState.CONFIRMED
    with pytest.raises(Refusal) as refused:
        withdraw(actor=administrator, outage=outage)
    assert refused.value.code == "outage_over"


def test_a_tool_down_now_and_back_early(technician: User, alice: User, cd_sem: Tool) -> None:
    now = timezone.now()
    asked = terms(
        cd_sem, kind=OutageKind.OUTAGE, starts_at=now - timedelta(minutes=5),
        ends_at=now + timedelta(hours=4),
    )  # fmt: skip
    outage = announce(actor=technician, terms=asked, fates={})
    claim = Allocation.objects.get()
    assert claim.starts_at >= now
    assert claim.ends_at == now + timedelta(hours=4)
    end_early(actor=technician, outage=outage)
    claim.refresh_from_db()
    assert claim.ends_at < now + timedelta(hours=1)
    occurrence = OutageOccurrence.objects.get()
    assert occurrence.live
    assert occurrence.ends_at == claim.ends_at
    with pytest.raises(Refusal) as refused:
        end_early(actor=technician, outage=outage)
    assert refused.value.code == "outage_over"


def test_the_tool_stays_down_longer(technician: User, alice: User, cd_sem: Tool) -> None:
    now = timezone.now()
    asked = terms(
        cd_sem, kind=OutageKind.OUTAGE, starts_at=now - timedelta(minutes=5), ends_at=tomorrow(10)
    )
    outage = announce(actor=technician, terms=asked, fates={})
    booking = book(alice, cd_sem, 10)
    longer = replace(asked, ends_at=tomorrow(12))
    with pytest.raises(Refusal) as refused:
        change(actor=technician, outage=outage, terms=longer, fates={})
    assert refused.value.code == "bookings_affected"
    assert len(live_claims(cd_sem)) == 2
    fates = suggested(technician, longer)
    assert fates[booking.pk] == Chosen(Fate.MOVED, tomorrow(12))
    change(actor=technician, outage=outage, terms=longer, fates=fates)
    assert uncovered() == []
    assert live_claims(cd_sem)[-1] == (tomorrow(12), tomorrow(13), "booking")
    assert live_claims(cd_sem)[-2][1] == tomorrow(12)


def test_a_weekly_closure_is_claimed_each_time_and_withdrawn_whole(
    administrator: User, cd_sem: Tool
) -> None:
    asked = terms(
        cd_sem, repeat=Repeat.WEEKLY, until=(tomorrow(10) + timedelta(days=21)).date(),
        exceptions=[(tomorrow(10) + timedelta(days=7)).date()],
    )  # fmt: skip
    outage = announce(actor=administrator, terms=asked, fates={})
    starts = [start for start, _end, _kind in live_claims(cd_sem)]
    assert starts == [tomorrow(10) + timedelta(days=days) for days in (0, 14, 21)]
    withdraw(actor=administrator, outage=outage)
    assert live_claims(cd_sem) == []


def test_who_may(
    alice: User, technician: User, auditor: User, administrator: User, cd_sem: Tool
) -> None:
    for person in (alice, auditor, technician):
        with pytest.raises(Refusal) as refused:
            announce(actor=person, terms=terms(cd_sem), fates={})
        assert refused.value.code == "not_allowed"
    outage = announce(actor=technician, terms=terms(cd_sem, kind=OutageKind.MAINTENANCE), fates={})
    assert live_claims(cd_sem)[0][2] == "maintenance"
    closure = announce(actor=administrator, terms=terms(cd_sem, start=15), fates={})
    with pytest.raises(Refusal):
        withdraw(actor=technician, outage=closure)
    withdraw(actor=technician, outage=outage)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("ends_at", {"ends_at": tomorrow(9)}),
        ("ends_at", {"ends_at": tomorrow(9) + timedelta(days=400)}),
        ("starts_at", {"starts_at": tomorrow(9) - timedelta(days=30), "ends_at": tomorrow(10)}),
        ("reason_ko", {"reason_ko": "  "}),
        ("reason_en", {"reason_en": "x" * 81}),
        ("note", {"note": "x" * 121}),
        ("kind", {"kind": "party"}),
        ("scope", {"scope": "moon"}),
        ("area", {"scope": "area", "area": "moon"}),
        ("utility", {"scope": "utility"}),
        ("tools", {"tools": ()}),
        ("until", {"repeat": "weekly"}),
        ("every", {"repeat": "weekly", "every": 0, "until": tomorrow(0).date()}),
        ("weekdays", {"repeat": "weekly", "weekdays": [7], "until": tomorrow(0).date()}),
        ("repeat", {"repeat": "hourly", "until": tomorrow(0).date()}),
    ],
)
def test_terms_that_make_no_sense(
    administrator: User, cd_sem: Tool, field: str, wrong: dict[str, Any]
) -> None:
    with pytest.raises(Refusal) as refused:
        announce(actor=administrator, terms=replace(terms(cd_sem), **wrong), fates={})
    assert (refused.value.code, refused.value.status) == ("terms_not_valid", 422)
    assert field in refused.value.fields


def test_a_repetition_does_not_run_into_itself(administrator: User, cd_sem: Tool) -> None:
    asked = terms(
        cd_sem, hours=30, repeat=Repeat.WEEKLY, weekdays=range(7),
        until=(tomorrow(10) + timedelta(days=7)).date(),
    )  # fmt: skip
    with pytest.raises(Refusal) as refused:
        look(actor=administrator, terms=asked)
    assert "ends_at" in refused.value.fields


def test_the_number_of_queries_does_not_grow_with_the_times(
    administrator: User, cd_sem: Tool, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    asked = terms(
        cd_sem, hours=1, repeat=Repeat.WEEKLY, weekdays=range(7),
        until=(tomorrow(10) + timedelta(days=200)).date(),
    )  # fmt: skip
    make_tool("film")
    with django_assert_max_num_queries(40):
        announce(actor=administrator, terms=asked, fates={})
    assert OutageOccurrence.objects.count() == 201
