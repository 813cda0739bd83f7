"""The booking pages as people use them, without JavaScript."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from testbed.booking.hold import hold
from testbed.booking.models import Allocation, Booking, BookingState
from testbed.booking.target import Target
from testbed.material.models import Lot
from testbed.people.models import Company, User
from testbed.tools.models import Supply, Tool
from tests.booking.conftest import setting, tomorrow

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]


def text(response: Any) -> str:
    return str(response.content.decode())


def slot(hour: int = 10, what: str = "tool:cd_sem") -> dict[str, str]:
    return {
        "what": what,
        "starts_at": tomorrow(hour).isoformat(),
        "ends_at": tomorrow(hour + 2).isoformat(),
        "minutes": "120",
    }


@pytest.fixture
def held(alice: User, sem_target: Target) -> Booking:
    return hold(actor=alice, target=sem_target, starts_at=tomorrow(10), ends_at=tomorrow(12))


def english(client: Client) -> Client:
    client.cookies["django_language"] = "en"
    return client


class TestFind:
    def test_the_first_page_answers_at_once(
        self, sign_in: SignIn, alice: User, cell_target: Target
    ) -> None:
        page = sign_in(alice).get("/book/")
        assert page.status_code == 200
        assert page.context["found"].slots
        assert page.context["target"].key == "cell:litho"
        assert "노광 셀" in text(page)
        assert "원" in text(page)

    def test_more_free_times_than_are_shown_can_be_asked_for(
        self, sign_in: SignIn, alice: User, cd_sem: Tool
    ) -> None:
        client = sign_in(alice)
        first = client.get("/book/?what=tool:cd_sem&minutes=60")
        assert len(first.context["found"].slots) == 40
        assert first.context["more"] == "?what=tool%3Acd_sem&minutes=60&more=2"
        second = client.get(f"/book/{first.context['more']}")
        assert len(second.context["found"].slots) == 80
        assert "more=3" in text(second)
        assert second.context["found"].slots[:40] == first.context["found"].slots
        for asked, shown in (("-1", 40), ("x", 40), ("0", 40), ("९९९९", 40), ("9" * 99, 40)):
            page = client.get("/book/", {"what": "tool:cd_sem", "minutes": "60", "more": asked})
            assert len(page.context["found"].slots) == shown
        few = client.get("/book/?what=tool:cd_sem&minutes=720")
        assert few.context["more"] == ""
        assert "more=" not in text(few)

    def test_every_reason_is_told_when_there_is_no_slot(
        self, sign_in: SignIn, alice: User, cd_sem: Tool
    ) -> None:
        setting("minimum_length", minutes=180)
        page = english(sign_in(alice)).get("/book/", {"what": "tool:cd_sem", "minutes": 120})
        assert "CD-SEM is booked for at least 180 minutes." in text(page)

    def test_an_exact_time_gets_a_verdict(
        self, sign_in: SignIn, alice: User, cd_sem: Tool, booked: Callable[..., Booking]
    ) -> None:
        booked(alice)
        query = {"what": "tool:cd_sem", "minutes": 120, "at": f"{tomorrow(11):%Y-%m-%dT%H:%M}"}
        page = english(sign_in(alice)).get("/book/", query)
        assert "is already taken in that time." in text(page)
        assert page.context["verdict"].nearest[0].starts_at == tomorrow(12)
        free = sign_in(alice).get("/book/", query | {"at": f"{tomorrow(14):%Y-%m-%dT%H:%M}"})
        assert free.context["verdict"].is_free

    @pytest.mark.parametrize(
        "query",
        [
            {"what": "tool:none"},
            {"what": "\x00"},
            {"minutes": "9" * 40},
            {"first": "never", "last": "0000-00-00"},
            {"first": "9999-12-31", "last": "9999-12-31"},
            {"first": "2030-01-02", "last": "2030-01-01"},
            {"at": "9999-12-31T23:59"},
            {"at": "<script>"},
        ],
    )
    def test_bad_input_is_shown_again_with_a_sentence(
        self, sign_in: SignIn, alice: User, cd_sem: Tool, query: dict[str, str]
    ) -> None:
        page = sign_in(alice).get("/book/", query)
        assert page.status_code == 200
        assert page.context["form"].errors
        assert "<script>" not in text(page)

    def test_people_who_may_not_book_see_slots_without_buttons(
        self, sign_in: SignIn, bob: User, administrator: User, cd_sem: Tool
    ) -> None:
        for user in (bob, administrator):
            page = sign_in(user).get("/book/")
            assert page.context["found"].slots
            assert 'name="starts_at"' not in text(page)

    def test_an_empty_facility_says_so(self, sign_in: SignIn, alice: User) -> None:
        assert "Ask the facility" in text(english(sign_in(alice)).get("/book/"))


class TestHold:
    def test_a_slot_is_held_answered_checked_and_booked(
        self, sign_in: SignIn, alice: User, company_a: Company, cd_sem: Tool,
        lot_of: Callable[..., Lot],
    ) -> None:  # fmt: skip
        client, lot = english(sign_in(alice)), lot_of(company_a, alice)
        response = client.post("/book/hold/", slot(), follow=True)
        booking = Booking.objects.get()
        assert response.redirect_chain == [(f"/book/hold/{booking.pk}/", 302)]
        assert "count-down" in text(response)
        answers = {
            "lot": lot.pk, "route": "", "wafer_count": 2, "test_wafers": 3, "purpose": "=1+1",
            "use_mode": "self_operated",
        }  # fmt: skip
        check = client.post(f"/book/hold/{booking.pk}/", {**answers, "step": "check"})
        assert "Submit the booking" in text(check)
        assert "Self-operated" in text(check)
        assert check.context["quote"]["lines"][-1]["quantity"] == 3
        again = client.post(f"/book/hold/{booking.pk}/", {**answers, "step": "edit"})
        assert 'value="3"' in text(again)
        done = client.post(f"/book/hold/{booking.pk}/", {**answers, "step": "submit"}, follow=True)
        assert done.redirect_chain == [(f"/bookings/{booking.pk}/", 302)]
        booking.refresh_from_db()
        assert (booking.state, booking.lot, booking.test_wafers) == ("pending", lot, 3)
        assert "placed the booking" in text(done)

    def test_a_lost_race_shows_the_nearest_slots_and_the_search_again(
        self, sign_in: SignIn, alice: User, charlie: User, cd_sem: Tool,
        booked: Callable[..., Booking],
    ) -> None:  # fmt: skip
        booked(charlie)
        page = english(sign_in(alice)).post("/book/hold/", slot())
        assert page.status_code == 409
        assert "CD-SEM is already taken in that time." in text(page)
        assert "Nearest free slots" in text(page)
        assert "Nuri" not in text(page)
        assert page.context["form"]["minutes"].value() == "120"

    @pytest.mark.parametrize(
        "sent",
        [
            {},
            {"what": "tool:none"},
            {"starts_at": "soon"},
            {"ends_at": "9999-12-31T23:59:59-12:00"},
        ],
    )
    def test_an_unreadable_slot_is_chosen_again(
        self, sign_in: SignIn, alice: User, cd_sem: Tool, sent: dict[str, str]
    ) -> None:
        response = sign_in(alice).post("/book/hold/", {**slot(), **sent} if sent else {})
        assert response.status_code == 302
        assert not Booking.objects.exists()

    def test_the_price_says_hours_in_the_readers_language(
        self, sign_in: SignIn, alice: User, held: Booking
    ) -> None:
        client = sign_in(alice)
        assert ">2시간</td>" in text(client.get(f"/book/hold/{held.pk}/"))
        assert ">2 h</td>" in text(english(client).get(f"/book/hold/{held.pk}/"))

    def test_bad_answers_come_back_as_typed(
        self, sign_in: SignIn, alice: User, held: Booking
    ) -> None:
        sent = {"wafer_count": "26", "test_wafers": "0", "purpose": "keep me", "step": "check"}
        page = sign_in(alice).post(f"/book/hold/{held.pk}/", sent)
        assert set(page.context["form"].errors) == {"wafer_count", "use_mode"}
        assert "keep me" in text(page)

    def test_more_wafers_than_the_lot_has(
        self, sign_in: SignIn, alice: User, company_a: Company, held: Booking,
        lot_of: Callable[..., Lot],
    ) -> None:  # fmt: skip
        sent = {
            "lot": lot_of(company_a, alice, wafers=2).pk, "wafer_count": 3, "test_wafers": 0,
            "use_mode": "requested", "step": "check",
        }  # fmt: skip
        page = english(sign_in(alice)).post(f"/book/hold/{held.pk}/", sent)
        assert "The lot has only 2 wafers." in text(page)

    def test_somebody_elses_lot_is_no_choice(
        self, sign_in: SignIn, alice: User, charlie: User, company_b: Company, held: Booking,
        lot_of: Callable[..., Lot],
    ) -> None:  # fmt: skip
        theirs = lot_of(company_b, charlie, code="THEIRS")
        page = sign_in(alice).post(f"/book/hold/{held.pk}/", {"lot": theirs.pk, "step": "check"})
        assert "lot" in page.context["form"].errors
        assert "THEIRS" not in text(page)

    def test_extending_keeps_what_was_typed(
        self, sign_in: SignIn, alice: User, held: Booking
    ) -> None:
        client = english(sign_in(alice))
        sent = {"purpose": "half a sentence", "step": "extend"}
        page = client.post(f"/book/hold/{held.pk}/", sent, follow=True)
        assert "half a sentence" in text(page)
        assert "Extend the hold" not in text(page)
        refused = client.post(f"/book/hold/{held.pk}/", sent)
        assert refused.status_code == 409
        assert "half a sentence" in text(refused)

    def test_a_hold_that_runs_out_while_the_form_is_open_loses_nothing(
        self, sign_in: SignIn, alice: User, held: Booking
    ) -> None:
        client = english(sign_in(alice))
        Booking.objects.filter(pk=held.pk).update(hold_expires_at=timezone.now())
        sent = {
            "wafer_count": 0, "test_wafers": 4, "purpose": "written slowly",
            "use_mode": "requested", "step": "submit",
        }  # fmt: skip
        page = client.post(f"/book/hold/{held.pk}/", sent)
        assert page.status_code == 409
        assert "The hold has run out" in text(page)
        response = client.post("/book/hold/", {**slot(), "carried": "1"}, follow=True)
        assert response.status_code == 200
        assert "written slowly" in text(response)
        assert 'value="4"' in text(response)

    def test_every_ticked_supply_is_kept_when_a_hold_runs_out(
        self, sign_in: SignIn, alice: User, held: Booking, cd_sem: Tool
    ) -> None:
        supplies = [
            Supply.objects.create(code=code, name_ko=code, name_en=code, kind="gas")
            for code in ("n2", "cf4")
        ]
        for one in supplies:
            one.tools.add(cd_sem)
        Booking.objects.filter(pk=held.pk).update(hold_expires_at=timezone.now())
        ticked = [str(one.pk) for one in supplies]
        client = sign_in(alice)
        client.post(f"/book/hold/{held.pk}/", {"supplies": ticked, "step": "submit"})
        page = client.post("/book/hold/", {**slot(), "carried": "1"}, follow=True)
        assert page.context["form"]["supplies"].value() == ticked

    def test_a_company_suspended_meanwhile_reads_why(
        self, sign_in: SignIn, alice: User, company_a: Company, held: Booking
    ) -> None:
        Company.objects.filter(pk=company_a.pk).update(suspended_at=timezone.now())
        sent = {
            "wafer_count": 0, "test_wafers": 0, "use_mode": "requested", "step": "submit",
            "purpose": "mine",
        }  # fmt: skip
        page = english(sign_in(alice)).post(f"/book/hold/{held.pk}/", sent)
        assert page.status_code == 403
        assert "access is suspended" in text(page)
        assert "mine" in text(page)

    def test_strangers_and_readers(
        self, sign_in: SignIn, bob: User, charlie: User, held: Booking
    ) -> None:
        assert sign_in(charlie).get(f"/book/hold/{held.pk}/").status_code == 404
        reader = sign_in(bob)
        assert "button--big" not in text(reader.get(f"/book/hold/{held.pk}/"))
        sent = {"wafer_count": 0, "test_wafers": 0, "use_mode": "requested", "step": "submit"}
        assert reader.post(f"/book/hold/{held.pk}/", sent).status_code == 403


class TestBookings:
    def test_tabs_sort_bookings_by_what_became_of_them(
        self, sign_in: SignIn, alice: User, booked: Callable[..., Booking]
    ) -> None:
        ahead, over, gone = booked(alice, 8), booked(alice, 10), booked(alice, 12)
        past = timezone.now() - timedelta(days=1)
        Booking.objects.filter(pk=over.pk).update(state="confirmed")
        Booking.objects.filter(pk=over.pk).update(starts_at=past, ends_at=past + timedelta(hours=1))
        Booking.objects.filter(pk=gone.pk).update(state="cancelled")
        client = sign_in(alice)
        for show, expected in (("open", ahead), ("past", over), ("closed", gone)):
            page = client.get("/bookings/", {"show": show})
            assert list(page.context["page"]) == [expected]
        assert list(client.get("/bookings/", {"show": "nonsense"}).context["page"]) == [ahead]

    def test_a_stale_hold_is_among_the_closed(
        self, sign_in: SignIn, alice: User, held: Booking
    ) -> None:
        Booking.objects.filter(pk=held.pk).update(hold_expires_at=timezone.now())
        client = sign_in(alice)
        assert list(client.get("/bookings/").context["page"]) == []
        assert list(client.get("/bookings/", {"show": "closed"}).context["page"]) == [held]
        assert "만료됨" in text(client.get(f"/bookings/{held.pk}/"))

    def test_companies_see_only_their_own(
        self, sign_in: SignIn, alice: User, charlie: User, auditor: User,
        booked: Callable[..., Booking],
    ) -> None:  # fmt: skip
        mine = booked(alice)
        assert list(sign_in(charlie).get("/bookings/").context["page"]) == []
        assert sign_in(charlie).get(f"/bookings/{mine.pk}/").status_code == 404
        assert sign_in(charlie).get(f"/bookings/{mine.pk}/cancel/").status_code == 404
        assert sign_in(auditor).get(f"/bookings/{mine.pk}/").status_code == 200
        assert sign_in(alice).get(f"/bookings/{10**30}/").status_code == 404

    def test_cancel_takes_two_steps(
        self, sign_in: SignIn, alice: User, bob: User, booked: Callable[..., Booking]
    ) -> None:
        booking, client = booked(alice), english(sign_in(alice))
        warning = client.get(f"/bookings/{booking.pk}/cancel/")
        assert "It costs nothing" in text(warning)
        assert sign_in(bob).post(f"/bookings/{booking.pk}/cancel/").status_code == 403
        booking.refresh_from_db()
        assert booking.is_live
        done = client.post(f"/bookings/{booking.pk}/cancel/", follow=True)
        assert "Cancelled" in text(done)
        again = client.post(f"/bookings/{booking.pk}/cancel/")
        assert again.status_code == 409
        assert "already closed" in text(again)

    def test_the_list_costs_the_same_for_one_and_for_many(
        self, sign_in: SignIn, alice: User, booked: Callable[..., Booking],
        django_assert_max_num_queries: Any,
    ) -> None:  # fmt: skip
        for hour in (0, 2, 4, 6, 8, 10, 12, 14):
            booked(alice, hour + 4)
        client = sign_in(alice)
        # Session, person, company and the two of the lamp belong to the frame.
        with django_assert_max_num_queries(5 + 4):
            client.get("/bookings/")


class TestApprovals:
    def test_the_desk_is_the_facilitys(
        self, sign_in: SignIn, alice: User, technician: User, booked: Callable[..., Booking]
    ) -> None:
        pk = booked(alice).pk
        for user in (alice, technician):
            assert sign_in(user).get("/approvals/").status_code == 403
            assert sign_in(user).post(f"/approvals/{pk}/approve/").status_code == 403

    def test_oldest_first_and_approve(
        self, sign_in: SignIn, alice: User, charlie: User, administrator: User,
        booked: Callable[..., Booking],
    ) -> None:  # fmt: skip
        older, newer = booked(charlie, 14), booked(alice, 10)
        client = sign_in(administrator)
        shown = [row.booking for row in client.get("/approvals/").context["waiting"]]
        assert shown == [older, newer]
        client.post(f"/approvals/{older.pk}/approve/")
        older.refresh_from_db()
        assert older.state == BookingState.CONFIRMED
        again = client.post(f"/approvals/{older.pk}/approve/")
        assert again.status_code == 409

    def test_a_refusal_needs_its_reason_and_shows_it(
        self, sign_in: SignIn, alice: User, process_engineer: User,
        booked: Callable[..., Booking],
    ) -> None:  # fmt: skip
        booking, desk = booked(alice), english(sign_in(process_engineer))
        empty = desk.post(f"/approvals/{booking.pk}/refuse/", {"reason": " "})
        assert empty.status_code == 422
        long = desk.post(f"/approvals/{booking.pk}/refuse/", {"reason": "x" * 201})
        assert "x" * 201 in text(long)
        desk.post(f"/approvals/{booking.pk}/refuse/", {"reason": "<b>Reticle missing</b>"})
        shown = text(sign_in(alice).get(f"/bookings/{booking.pk}/"))
        assert "&lt;b&gt;Reticle missing&lt;/b&gt;" in shown


class TestTimeline:
    def blocks(self, response: HttpResponse) -> str:
        return text(response)

    def test_own_is_linked_and_others_are_only_busy(
        self, sign_in: SignIn, alice: User, charlie: User, booked: Callable[..., Booking]
    ) -> None:
        mine, theirs = booked(alice, 10), booked(charlie, 14)
        query = {"zoom": "day", "from": f"{tomorrow(0):%Y-%m-%d}"}
        page = text(sign_in(alice).get("/book/timeline/", query))
        assert f"/bookings/{mine.pk}/" in page
        assert f"/bookings/{theirs.pk}/" not in page
        assert "claim--pending" in page
        assert "예약됨" in page
        assert "누리" not in page
        assert str(theirs) not in page
        # 10:00 on a grid of quarter hours, two hours long.
        assert "s41 n8 claim claim--pending" in page

    def test_staff_see_whose_it_is(
        self, sign_in: SignIn, technician: User, alice: User, booked: Callable[..., Booking]
    ) -> None:
        booked(alice)
        query = {"from": f"{tomorrow(0):%Y-%m-%d}"}
        assert "가온소재" in text(sign_in(technician).get("/book/timeline/", query))

    def test_maintenance_is_told_without_its_note(
        self, sign_in: SignIn, alice: User, cd_sem: Tool
    ) -> None:
        Allocation.objects.create(
            tool=cd_sem, kind="maintenance", note="supplier X", starts_at=tomorrow(8),
            ends_at=tomorrow(9),
        )  # fmt: skip
        query = {"from": f"{tomorrow(0):%Y-%m-%d}"}
        page = text(sign_in(alice).get("/book/timeline/", query))
        assert "claim--maintenance" in page
        assert "supplier X" not in page

    @pytest.mark.parametrize("first", ["", "never", "0001-01-01", "9999-12-31", "2027-02-30"])
    @pytest.mark.parametrize("zoom", ["day", "week", "century", ""])
    def test_any_address_shows_a_timetable(
        self, sign_in: SignIn, alice: User, cd_sem: Tool, first: str, zoom: str
    ) -> None:
        page = sign_in(alice).get("/book/timeline/", {"from": first, "zoom": zoom})
        assert page.status_code == 200
        assert "style=" not in text(page)

    def test_a_week_costs_the_same_empty_and_full(
        self, sign_in: SignIn, alice: User, charlie: User, booked: Callable[..., Booking],
        django_assert_max_num_queries: Any,
    ) -> None:  # fmt: skip
        for hour in (4, 6, 8, 10, 12, 14, 16):
            booked(charlie if hour % 4 else alice, hour)
        client = sign_in(alice)
        with django_assert_max_num_queries(5 + 2):
            client.get("/book/timeline/", {"from": f"{tomorrow(0):%Y-%m-%d}"})
