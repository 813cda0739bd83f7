"""A booking moves: its number stays, its price and claims follow, its history is kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from testbed.booking.approve import approve
from testbed.booking.cancel import cancel
from testbed.booking.change import change, preview
from testbed.booking.hold import hold
from testbed.booking.intervals import Interval
from testbed.booking.models import Allocation, Booking, BookingState
from testbed.booking.target import Target
from testbed.people.models import Company, JournalEntry, User
from testbed.process.models import Operation, Recipe, Route
from testbed.refusals import Refusal
from testbed.tools.models import Tool
from tests.booking.conftest import setting, tomorrow

pytestmark = pytest.mark.django_db
Book = Callable[..., Booking]
SignIn = Callable[[User], Client]
Api = Callable[[User], APIClient]


def moved(actor: User, booking: Booking, target: Target, hour: int, hours: int = 2) -> Booking:
    start = tomorrow(hour)
    return change(
        actor=actor, booking=booking, target=target,
        starts_at=start, ends_at=start + timedelta(hours=hours),
    )  # fmt: skip


def claims(booking: Booking) -> list[tuple[str, datetime, datetime]]:
    found = Allocation.objects.filter(booking=booking, live=True)
    return list(found.values_list("tool__code", "starts_at", "ends_at"))


def form(hour: int, what: str = "tool:cd_sem", **more: str) -> dict[str, str]:
    span = {"starts_at": tomorrow(hour).isoformat(), "ends_at": tomorrow(hour + 2).isoformat()}
    return {"what": what, **span, **more}


class TestTheVerb:
    def test_the_number_stays_and_the_claim_moves(
        self, alice: User, charlie: User, booked: Book, sem_target: Target
    ) -> None:
        booking = booked(alice)
        after = moved(alice, booking, sem_target, 15)
        assert after.pk == booking.pk
        assert claims(after) == [("cd_sem", tomorrow(15), tomorrow(17))]
        assert after.purpose == "dose to size"
        assert booked(charlie, 10).is_live

    def test_it_may_overlap_with_its_own_old_time(
        self, alice: User, booked: Book, sem_target: Target
    ) -> None:
        after = moved(alice, booked(alice), sem_target, 11)
        assert claims(after) == [("cd_sem", tomorrow(11), tomorrow(13))]

    def test_another_tool_and_length_is_priced_anew(
        self, alice: User, booked: Book, sem_target: Target, scanner: Tool
    ) -> None:
        booking = booked(alice)
        after = moved(alice, booking, Target(tool=scanner), 10, hours=3)
        assert after.quote["supply_won"] == 2_400_000 * 3 * 80 // 100
        assert claims(after) == [("scanner", tomorrow(10), tomorrow(13))]

    def test_from_a_tool_to_a_cell_and_back(
        self, alice: User, booked: Book, sem_target: Target, cell_target: Target
    ) -> None:
        booking = booked(alice)
        in_cell = moved(alice, booking, cell_target, 10)
        assert in_cell.cell == cell_target.cell
        assert {code for code, _start, _end in claims(in_cell)} == {"track", "scanner"}
        back = moved(alice, booking, sem_target, 10)
        assert back.cell is None
        assert claims(back) == [("cd_sem", tomorrow(10), tomorrow(12))]

    def test_the_journal_keeps_before_and_after(
        self, alice: User, booked: Book, sem_target: Target
    ) -> None:
        booking = booked(alice)
        moved(alice, booking, sem_target, 15)
        entry = JournalEntry.objects.get(action="booking.changed", subject_id=booking.pk)
        assert entry.details["before"]["starts_at"] == tomorrow(10).isoformat()
        assert entry.details["after"]["starts_at"] == tomorrow(15).isoformat()
        assert entry.details["after"]["tools"] == ["cd_sem"]
        assert entry.company == booking.company

    def test_a_confirmed_one_waits_again_only_where_approval_is_needed(
        self, alice: User, administrator: User, booked: Book, sem_target: Target
    ) -> None:
        booking = approve(actor=administrator, booking=booked(alice))
        waits = moved(alice, booking, sem_target, 15)
        assert (waits.state, waits.decided_by) == (BookingState.PENDING, None)
        setting("needs_approval", required=False)
        assert moved(alice, booking, sem_target, 17).state == BookingState.CONFIRMED
        assert moved(alice, booking, sem_target, 19).state == BookingState.CONFIRMED

    def test_a_taken_time_is_refused_and_nothing_moves(
        self, alice: User, charlie: User, booked: Book, sem_target: Target
    ) -> None:
        booking = booked(alice, 10)
        booked(charlie, 15)
        with pytest.raises(Refusal, match="tool_taken") as refused:
            moved(alice, booking, sem_target, 15)
        assert refused.value.extra["nearest_slots"]
        booking.refresh_from_db()
        assert booking.starts_at == tomorrow(10)
        assert claims(booking) == [("cd_sem", tomorrow(10), tomorrow(12))]

    def test_every_rule_is_told(self, alice: User, booked: Book, sem_target: Target) -> None:
        start = timezone.now() - timedelta(days=1, minutes=1)
        with pytest.raises(Refusal, match="rules_broken") as refused:
            change(
                actor=alice, booking=booked(alice), target=sem_target,
                starts_at=start, ends_at=start + timedelta(minutes=7),
            )  # fmt: skip
        codes = {one["code"] for one in refused.value.extra["broken_rules"]}
        assert {"not_past", "grid", "minimum_length"} <= codes

    def test_a_stale_hold_gives_way(
        self, alice: User, charlie: User, booked: Book, sem_target: Target
    ) -> None:
        held = hold(actor=charlie, target=sem_target, starts_at=tomorrow(15), ends_at=tomorrow(17))
        Booking.objects.filter(pk=held.pk).update(hold_expires_at=timezone.now())
        assert moved(alice, booked(alice), sem_target, 15).starts_at == tomorrow(15)
        held.refresh_from_db()
        assert held.state == BookingState.EXPIRED

    def test_a_route_must_have_an_operation_on_the_new_tool(
        self, alice: User, booked: Book, sem_target: Target, scanner: Tool
    ) -> None:
        booking = booked(alice)
        recipe = Recipe.objects.create(code="cd", title="cd", tool_kind="cd_sem")
        route = Route.objects.create(code="r1", name_ko="경로", name_en="Route")
        Operation.objects.create(
            route=route, position=1, name_ko="측정", name_en="CD", tool_kind="cd_sem", recipe=recipe
        )
        Booking.objects.filter(pk=booking.pk).update(route=route)
        with pytest.raises(Refusal, match="answers_not_valid") as refused:
            moved(alice, booking, Target(tool=scanner), 10)
        assert set(refused.value.fields) == {"route"}
        assert moved(alice, booking, sem_target, 15).route == route

    def test_what_cannot_move_says_why(self, alice: User, booked: Book, sem_target: Target) -> None:
        held = hold(actor=alice, target=sem_target, starts_at=tomorrow(6), ends_at=tomorrow(8))
        with pytest.raises(Refusal, match="hold_not_submitted"):
            moved(alice, held, sem_target, 15)
        booking = booked(alice)
        with pytest.raises(Refusal, match="nothing_changes"):
            moved(alice, booking, sem_target, 10)
        cancel(actor=alice, booking=booking)
        with pytest.raises(Refusal, match="over"):
            moved(alice, booking, sem_target, 15)

    def test_not_after_it_began(
        self, alice: User, administrator: User, booked: Book, sem_target: Target
    ) -> None:
        booking = approve(actor=administrator, booking=booked(alice))
        past = timezone.now() - timedelta(minutes=1)
        Booking.objects.filter(pk=booking.pk).update(starts_at=past)
        with pytest.raises(Refusal, match="already_started"):
            moved(alice, booking, sem_target, 15)

    def test_strangers_readers_and_technicians_move_nothing(
        self, alice: User, bob: User, charlie: User, technician: User, booked: Book,
        sem_target: Target,
    ) -> None:  # fmt: skip
        booking = booked(alice)
        with pytest.raises(Refusal, match="not_found"):
            moved(charlie, booking, sem_target, 15)
        for actor in (bob, technician):
            with pytest.raises(Refusal, match="not_allowed"):
                moved(actor, booking, sem_target, 15)

    def test_a_suspended_company_moves_nothing(
        self, alice: User, company_a: Company, booked: Book, sem_target: Target
    ) -> None:
        booking = booked(alice)
        Company.objects.filter(pk=company_a.pk).update(is_active=False)
        with pytest.raises(Refusal, match="company_active"):
            moved(alice, booking, sem_target, 15)

    def test_the_preview_writes_nothing_and_agrees_with_the_change(
        self, alice: User, booked: Book, scanner: Tool
    ) -> None:
        booking, span = booked(alice), Interval(tomorrow(10), tomorrow(13))
        target = Target(tool=scanner)
        seen = preview(actor=alice, booking=booking, target=target, span=span)
        booking.refresh_from_db()
        assert booking.starts_at == tomorrow(10)
        assert claims(booking)[0][0] == "cd_sem"
        after = moved(alice, booking, target, 10, hours=3)
        assert (seen.quote, seen.state) == (after.quote, after.state)


class TestThePage:
    def test_find_choose_check_confirm(self, sign_in: SignIn, alice: User, booked: Book) -> None:
        booking, client = booked(alice), sign_in(alice)
        address = f"/bookings/{booking.pk}/change/"
        assert address in client.get(f"/bookings/{booking.pk}/").content.decode()
        found = client.get(address)
        assert found.context["form"]["minutes"].value() == "120"
        offered = [slot for _day, slots in found.context["days"] for slot in slots]
        assert offered
        assert all(slot.starts_at != booking.starts_at for slot in offered)
        check = client.post(address, form(15))
        assert check.status_code == 200
        assert check.context["preview"].quote["total_won"] == booking.quote["total_won"]
        booking.refresh_from_db()
        assert booking.starts_at == tomorrow(10)
        done = client.post(address, form(15, confirm="1"), follow=True)
        assert done.redirect_chain[-1][0] == f"/bookings/{booking.pk}/"
        booking.refresh_from_db()
        assert booking.starts_at == tomorrow(15)
        assert "10:00–12:00" in done.content.decode()  # the history tells the old time

    def test_a_taken_time_shows_the_reason_and_the_nearest(
        self, sign_in: SignIn, alice: User, charlie: User, booked: Book
    ) -> None:
        booking = booked(alice)
        booked(charlie, 15)
        for more in ({}, {"confirm": "1"}):
            page = sign_in(alice).post(f"/bookings/{booking.pk}/change/", form(15, **more))
            assert page.status_code == 409
            assert page.context["nearest"]

    def test_an_exact_time_can_be_checked(self, sign_in: SignIn, alice: User, booked: Book) -> None:
        booking = booked(alice)
        asked = {"at": f"{tomorrow(17):%Y-%m-%dT%H:%M}"}
        page = sign_in(alice).get(f"/bookings/{booking.pk}/change/", asked)
        assert page.context["exact"] == Interval(tomorrow(17), tomorrow(19))

    def test_a_length_that_is_no_usual_one_is_kept(
        self, sign_in: SignIn, alice: User, booked: Book, sem_target: Target
    ) -> None:
        booking = booked(alice)
        change(
            actor=alice, booking=booking, target=sem_target,
            starts_at=tomorrow(10), ends_at=tomorrow(11, 45),
        )  # fmt: skip
        page = sign_in(alice).get(f"/bookings/{booking.pk}/change/")
        assert page.context["form"].cleaned_data["minutes"] == 105
        assert page.context["days"]

    @pytest.mark.parametrize(
        "body", [{}, {"what": "x"}, form(15, what="tool:none"), {**form(15), "starts_at": "9"}]
    )
    def test_an_unreadable_slot_is_asked_for_again(
        self, sign_in: SignIn, alice: User, booked: Book, body: dict[str, str]
    ) -> None:
        page = sign_in(alice).post(f"/bookings/{booked(alice).pk}/change/", body)
        assert page.status_code == 302


class TestTheEndpoint:
    def test_preview_then_change(self, api: Api, alice: User, booked: Book) -> None:
        booking, client = booked(alice), api(alice)
        address = f"/api/v1/bookings/{booking.pk}/change/"
        body: dict[str, Any] = form(15)
        body["tool"] = body.pop("what").partition(":")[2]
        seen = client.get(address, body).json()
        assert seen["broken_rules"] == []
        assert seen["state"] == "pending"
        after = client.post(address, body, format="json")
        assert after.status_code == 200
        assert after.json()["id"] == booking.pk
        assert after.json()["quote"] == seen["quote"]
        assert datetime.fromisoformat(after.json()["starts_at"]) == tomorrow(15)

    def test_a_repeated_request_is_done_once(self, api: Api, alice: User, booked: Book) -> None:
        booking, client = booked(alice), api(alice)
        body = {**form(15), "tool": "cd_sem"}
        for _ in range(2):
            answer = client.post(
                f"/api/v1/bookings/{booking.pk}/change/", body, format="json",
                headers={"Idempotency-Key": "move-1"},
            )  # fmt: skip
            assert answer.status_code == 200
        assert JournalEntry.objects.filter(action="booking.changed").count() == 1

    def test_a_taken_time_names_nobody(
        self, api: Api, alice: User, charlie: User, booked: Book, company_b: Company
    ) -> None:
        booking = booked(alice)
        theirs = booked(charlie, 15)
        body = {**form(15), "tool": "cd_sem"}
        answers = [
            api(alice).get(f"/api/v1/bookings/{booking.pk}/change/", body),
            api(alice).post(f"/api/v1/bookings/{booking.pk}/change/", body, format="json"),
        ]
        assert [answer.status_code for answer in answers] == [200, 409]
        for answer in answers:
            text = answer.content.decode()
            assert "tool_taken" in text
            for mark in (charlie.name, company_b.name_en, company_b.name_ko, str(theirs)):
                assert mark not in text
