"""The pages for giving back, sharing and repeating."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from testbed.booking.cancel import cancel, preview
from testbed.booking.hold import hold
from testbed.booking.models import Booking, BookingState, Penalty, RuleSetting
from testbed.booking.place import Answers, place
from testbed.booking.repeat import Weekly, repeat
from testbed.booking.target import Target
from testbed.people.models import User
from tests.booking.conftest import kst, setting, tomorrow
from tests.booking.test_reconfirm import OPENS, placed

pytestmark = pytest.mark.django_db
Book = Callable[..., Booking]
SignIn = Callable[[User], Client]


@pytest.fixture
def strict() -> None:
    setting("late_cancel", hours_before=72, fee_percent=50, debt_percent=50)
    setting("needs_approval", required=False)


def text(answer: Any) -> str:
    return str(answer.content.decode())


class TestCancelling:
    def test_the_cost_stands_before_the_click_and_is_charged(
        self, strict: None, sign_in: SignIn, alice: User, booked: Book
    ) -> None:
        booking, client = booked(alice), sign_in(alice)
        address = f"/bookings/{booking.pk}/cancel/"
        page = client.get(address)
        assert "308,000" in text(page)
        assert (tomorrow(10) - timedelta(hours=72)).strftime("%m-%d %H:%M") in text(page)
        client.post(address, {"total_won": "308000", "debt_minutes": "60"})
        assert Penalty.objects.get().total_won == 308_000
        history = text(client.get(f"/bookings/{booking.pk}/"))
        assert "308,000" in history

    def test_what_silence_costs_stands_before_the_click(
        self, strict: None, sign_in: SignIn, alice: User, sem_target: Target
    ) -> None:
        setting("no_show", minutes=30, fee_percent=100, debt_percent=100)
        setting("reconfirm", hours_before=24, window_hours=24, fee_percent=10, debt_percent=0)
        start = tomorrow(10) + timedelta(days=7)
        held = hold(
            actor=alice, target=sem_target, starts_at=start, ends_at=start + timedelta(hours=2)
        )
        client, form = sign_in(alice), {"use_mode": "requested", "test_wafers": "0"}
        form |= {"wafer_count": "0", "step": "check"}
        check = text(client.post(f"/book/hold/{held.pk}/", form))
        client.post(f"/book/hold/{held.pk}/", form | {"step": "submit"})
        later = text(client.get(f"/bookings/{held.pk}/cancel/"))
        for page in (check, later):
            assert "616,000" in page  # 560,000 won and VAT: nobody came
            assert "61,600" in page  # a tenth of it: not confirmed again
            assert (start + timedelta(minutes=30)).strftime("%m-%d %H:%M") in page
            assert (start - timedelta(hours=24)).strftime("%m-%d %H:%M") in page
        RuleSetting.objects.filter(code__in=("no_show", "reconfirm")).delete()
        assert "616,000" not in text(client.get(f"/bookings/{held.pk}/cancel/"))

    @pytest.mark.parametrize("body", [{}, {"total_won": "1"}, {"total_won": "x\0"}])
    def test_another_cost_is_shown_anew(
        self, strict: None, sign_in: SignIn, alice: User, booked: Book, body: dict[str, str]
    ) -> None:
        booking, client = booked(alice), sign_in(alice)
        page = client.post(f"/bookings/{booking.pk}/cancel/", body)
        assert page.status_code == 409
        assert 'name="total_won" value="308000"' in text(page)
        booking.refresh_from_db()
        assert booking.state == BookingState.CONFIRMED

    def test_free_is_said_to_be_free(self, sign_in: SignIn, alice: User, booked: Book) -> None:
        page = sign_in(alice).get(f"/bookings/{booked(alice).pk}/cancel/")
        assert page.context["cost"].is_free
        assert 'name="total_won" value="0"' in text(page)

    def test_a_reader_is_told_that_they_cannot(
        self, sign_in: SignIn, alice: User, bob: User, booked: Book
    ) -> None:
        page = sign_in(bob).get(f"/bookings/{booked(alice).pk}/cancel/")
        assert (page.status_code, page.context["cost"]) == (200, None)

    def test_the_form_says_until_when_it_is_free(
        self, strict: None, sign_in: SignIn, alice: User, sem_target: Target
    ) -> None:
        start = tomorrow(10) + timedelta(days=10)
        held = hold(
            actor=alice, target=sem_target, starts_at=start, ends_at=start + timedelta(hours=1)
        )
        page = text(sign_in(alice).get(f"/book/hold/{held.pk}/"))
        assert (start - timedelta(hours=72)).strftime("%m-%d %H:%M") in page


class TestPenalties:
    def test_the_company_reads_and_the_administrator_takes_back(
        self, strict: None, sign_in: SignIn, alice: User, bob: User, charlie: User,
        technician: User, administrator: User, booked: Book,
    ) -> None:  # fmt: skip
        booking = booked(alice)
        cancel(actor=alice, booking=booking, agreed=preview(actor=alice, booking=booking).charge)
        penalty = Penalty.objects.get()
        for reader in (alice, bob, administrator):
            assert str(booking) in text(sign_in(reader).get("/penalties/"))
        assert str(booking) not in text(sign_in(charlie).get("/penalties/"))
        assert sign_in(technician).get("/penalties/").status_code == 403
        address = f"/penalties/{penalty.pk}/waive/"
        assert sign_in(alice).post(address, {"reason": "please"}).status_code == 403
        assert sign_in(administrator).post(address, {"reason": " "}).status_code == 422
        page = sign_in(administrator).post(address, {"reason": "road closed"}, follow=True)
        assert "road closed" in text(page)
        assert "road closed" in text(sign_in(bob).get("/penalties/"))


class TestButtons:
    def test_confirm_again(self, sign_in: SignIn, alice: User, sem_target: Target) -> None:
        setting("reconfirm", hours_before=24, window_hours=24)
        setting("needs_approval", required=False)
        booking = placed(alice, sem_target)
        with time_machine.travel(OPENS, tick=False):
            client = sign_in(alice)
            address = f"/bookings/{booking.pk}/reconfirm/"
            for page in (f"/bookings/{booking.pk}/", "/"):
                assert address in text(client.get(page))
            assert "2027-03-07 10:00" in text(client.get("/bookings/"))
            client.post(address)
            assert address not in text(client.get(f"/bookings/{booking.pk}/"))
        booking.refresh_from_db()
        assert booking.reconfirmed_at == OPENS

    def test_they_are_here(
        self, sign_in: SignIn, alice: User, technician: User, sem_target: Target
    ) -> None:
        setting("no_show", minutes=30)
        setting("needs_approval", required=False)
        booking = placed(alice, sem_target)
        address = f"/bookings/{booking.pk}/arrive/"
        with time_machine.travel(kst(8, 10), tick=False):
            assert address not in text(sign_in(alice).get(f"/bookings/{booking.pk}/"))
            page = text(sign_in(technician).get(f"/bookings/{booking.pk}/"))
            assert address in page
            assert "2027-03-08 10:30" in page
            sign_in(technician).post(address)
            assert sign_in(alice).post(address).status_code == 403
        booking.refresh_from_db()
        assert booking.begun_at == kst(8, 10)


class TestSharing:
    def test_share_see_and_end(
        self, sign_in: SignIn, alice: User, bob: User, charlie: User, booked: Book
    ) -> None:
        booking, client = booked(alice), sign_in(alice)
        address = f"/bookings/{booking.pk}/share/"
        mine = "/bookings/?whose=mine"
        assert address in text(client.get(f"/bookings/{booking.pk}/"))
        assert str(booking) not in text(sign_in(bob).get(mine))
        assert client.post(address, {"colleague": charlie.pk}).context["form"].errors
        client.post(address, {"colleague": bob.pk})
        assert str(booking) in text(sign_in(bob).get(mine))
        assert sign_in(bob).get(address).status_code == 403
        for user in ("", "x", str(charlie.pk), str(bob.pk)):
            sign_in(bob).post(f"/bookings/{booking.pk}/unshare/", {"user": user})
        assert not booking.sharers.exists()

    def test_alone_there_is_nobody(self, sign_in: SignIn, alice: User, booked: Book) -> None:
        page = sign_in(alice).get(f"/bookings/{booked(alice).pk}/share/")
        assert page.context["anybody"] is False


class TestRepeating:
    def test_look_then_book(
        self, sign_in: SignIn, alice: User, charlie: User, booked: Book, sem_target: Target
    ) -> None:
        booking, client = booked(alice), sign_in(alice)
        taken = tomorrow(10) + timedelta(days=7)
        place(
            actor=charlie, target=sem_target, starts_at=taken,
            ends_at=taken + timedelta(hours=1), answers=Answers(),
        )  # fmt: skip
        address = f"/bookings/{booking.pk}/repeat/"
        asked = {"every": "1", "times": "2", "until": ""}
        assert client.get(address).status_code == 200
        page = client.get(address, asked)
        assert (page.context["free"], page.context["total"]) == (1, 2)
        assert "Nuri" not in text(page) + "누리" not in text(page)
        done = client.post(address, asked, follow=True)
        assert Booking.objects.filter(booked_by=alice).count() == 2
        assert (done.context["free"], done.context["total"]) == (0, 2)
        again = client.post(address, asked, follow=True)
        assert again.status_code == 200
        assert Booking.objects.filter(booked_by=alice).count() == 2
        series = text(client.get(f"/bookings/{booking.pk}/"))
        assert f"/bookings/{booking.pk}/cancel-rest/" in series

    @pytest.mark.parametrize(
        "asked",
        [
            {"every": "9", "times": "1"},
            {"every": "1", "times": "0"},
            {"every": "1", "times": "", "until": ""},
            {"every": "1", "times": "1", "until": "2099-01-01"},
            {"every": "1", "until": "0001-01-01"},
            {"every": "1", "until": "next week\0"},
        ],
    )
    def test_what_cannot_be_read_is_told_at_its_field(
        self, sign_in: SignIn, alice: User, booked: Book, asked: dict[str, str]
    ) -> None:
        page = sign_in(alice).get(f"/bookings/{booked(alice).pk}/repeat/", asked)
        assert page.status_code in (200, 422)
        assert page.context["form"].errors

    def test_from_the_answers_page(self, sign_in: SignIn, alice: User, sem_target: Target) -> None:
        held = hold(actor=alice, target=sem_target, starts_at=tomorrow(6), ends_at=tomorrow(8))
        answers = {"wafer_count": "0", "test_wafers": "0", "use_mode": "requested",
                   "wished_document": "none", "purpose": "x"}  # fmt: skip
        client, address = sign_in(alice), f"/book/hold/{held.pk}/"
        check = client.post(address, {**answers, "step": "check"})
        assert 'name="repeat"' in text(check)
        done = client.post(address, {**answers, "step": "submit", "repeat": "on"})
        assert done.headers["Location"] == f"/bookings/{held.pk}/repeat/"

    def test_the_rest_goes_in_one(
        self, strict: None, sign_in: SignIn, alice: User, booked: Book
    ) -> None:
        booking, client = booked(alice), sign_in(alice)
        repeat(actor=alice, booking=booking, rhythm=Weekly(1, 2))
        address = f"/bookings/{booking.pk}/cancel-rest/"
        page = client.get(address)
        assert page.context["rest"].charge.total_won == 308_000
        assert client.post(address, {}).status_code == 409
        client.post(address, {"total_won": "308000", "debt_minutes": "60"})
        assert not Booking.objects.live().exists()
        assert client.get(address).status_code == 409
