"""The desk's pages: what waits, questions, booking for a company, rules set aside."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from testbed.booking.models import Booking, BookingState
from testbed.booking.override import Override
from testbed.booking.place import Answers, place
from testbed.booking.question_models import Question
from testbed.booking.questions import ask
from testbed.booking.target import Target
from testbed.people.models import Company, User
from testbed.tools.models import Tool
from tests.booking.conftest import setting, tomorrow

SignIn = Callable[[User], Client]
Book = Callable[..., Booking]


def english(client: Client) -> Client:
    client.cookies["django_language"] = "en"
    return client


def slot(hour: int = 10, **more: Any) -> dict[str, Any]:
    start, end = tomorrow(hour).isoformat(), tomorrow(hour + 2).isoformat()
    return {"what": "tool:cd_sem", "starts_at": start, "ends_at": end, **more}


class TestTheDesk:
    def test_the_head_counts_and_tells_the_age(
        self, administrator: User, alice: User, booked: Book, sign_in: SignIn
    ) -> None:
        page = english(sign_in(administrator))
        assert "0 waiting" in page.get("/approvals/").content.decode()
        old = booked(alice, 10)
        booked(alice, 14)
        Booking.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(hours=2))
        assert "2 waiting, the oldest for 2 h" in page.get("/approvals/").content.decode()

    def test_ask_and_answer(
        self, administrator: User, alice: User, bob: User, booked: Book, sign_in: SignIn
    ) -> None:
        booking = booked(alice)
        desk = english(sign_in(administrator))
        short = desk.post(f"/approvals/{booking.pk}/ask/", {"question": "?"})
        assert short.status_code == 422
        asking = {"question": "Which resist is on them?"}
        assert desk.post(f"/approvals/{booking.pk}/ask/", asking).status_code == 302
        shown = desk.get("/approvals/").content.decode()
        assert "0 waiting · 1 with the company" in shown
        assert "Which resist is on them?" in shown
        company = english(sign_in(alice))
        page = company.get(f"/bookings/{booking.pk}/").content.decode()
        assert "Which resist is on them?" in page
        assert "Send the answer" in page
        assert "Which resist is on them?" in company.get("/").content.decode()
        assert "Send the answer" not in english(sign_in(bob)).get(
            f"/bookings/{booking.pk}/"
        ).content.decode()  # fmt: skip
        question = Question.objects.get()
        body = {"answer": "An ArF resist.", "purpose": "Dose", "wafer_count": "3", "lot": ""}
        sent = company.post(f"/questions/{question.pk}/answer/", body)
        assert sent.status_code == 302
        booking.refresh_from_db()
        assert (booking.purpose, booking.wafer_count) == ("Dose", 3)
        assert "An ArF resist." in desk.get("/approvals/").content.decode()

    def test_an_answer_that_does_not_fit_is_kept(
        self, administrator: User, alice: User, booked: Book, sign_in: SignIn
    ) -> None:
        question = ask(actor=administrator, booking=booked(alice), text="Which resist is it?")
        address = f"/questions/{question.pk}/answer/"
        company = english(sign_in(alice))
        for body in (
            {"answer": "", "wafer_count": "3", "purpose": "kept words"},
            {"answer": "Fine by us", "wafer_count": "26", "purpose": "kept words"},
            {"answer": "Fine by us", "wafer_count": "1", "lot": "999", "purpose": "kept words"},
            {"answer": "Fine\x00by us", "wafer_count": "1", "purpose": "kept words"},
        ):
            answer = company.post(address, body)
            assert answer.status_code == 422
            assert "kept words" in answer.content.decode()
        assert Question.objects.open().exists()

    def test_a_decided_one_is_not_answered(
        self, administrator: User, alice: User, booked: Book, sign_in: SignIn
    ) -> None:
        booking = booked(alice)
        question = ask(actor=administrator, booking=booking, text="Which resist is it?")
        sign_in(administrator).post(f"/approvals/{booking.pk}/approve/")
        late = {"answer": "An ArF resist.", "wafer_count": "0"}
        answer = english(sign_in(alice)).post(f"/questions/{question.pk}/answer/", late)
        assert answer.status_code == 409
        assert "has already answered this request" in answer.content.decode()

    def test_the_second_at_the_desk_is_told_who_was_first(
        self, administrator: User, process_engineer: User, alice: User, booked: Book,
        sign_in: SignIn,
    ) -> None:  # fmt: skip
        booking = booked(alice)
        sign_in(administrator).post(f"/approvals/{booking.pk}/approve/")
        late = english(sign_in(process_engineer)).post(
            f"/approvals/{booking.pk}/refuse/", {"reason": "No wafers here"}
        )
        assert late.status_code == 409
        assert f"{administrator.name} has already answered" in late.content.decode()


class TestOnBehalf:
    def test_choose_hold_answer_submit(
        self, administrator: User, alice: User, cd_sem: Tool, lot_of: Any, sign_in: SignIn
    ) -> None:
        lot = lot_of(alice.company, alice)
        client = english(sign_in(administrator))
        page = client.get("/book/").content.decode()
        assert f"Gaon Materials · {alice.name}" in page
        page = client.get(f"/book/?for={alice.pk}&what=tool:cd_sem").content.decode()
        assert "You book on behalf of" in page
        assert f'name="for" value="{alice.pk}"' in page
        held = client.post("/book/hold/", slot(**{"for": alice.pk}))
        booking = Booking.objects.get()
        assert (booking.booked_by, booking.placed_by) == (alice, administrator)
        form = client.get(held["Location"]).content.decode()
        assert "You book on behalf of" in form
        assert lot.code in form
        answers = {"wafer_count": "1", "test_wafers": "0", "use_mode": "requested", "purpose": "x"}
        checked = client.post(held["Location"], {**answers, "step": "check"})
        assert checked.status_code == 200
        assert client.post(held["Location"], {**answers, "step": "submit"}).status_code == 302
        booking.refresh_from_db()
        assert booking.state == BookingState.PENDING
        for reader in (alice, administrator):
            seen = english(sign_in(reader)).get(f"/bookings/{booking.pk}/").content.decode()
            assert f"placed on the company's behalf by {administrator.name}" in seen.replace(
                "&#x27;", "'"
            )
            assert f"On behalf of {alice.name}" in seen

    @pytest.mark.parametrize("who", ["alice", "technician"])
    def test_nobody_else_may(
        self, who: str, request: pytest.FixtureRequest, charlie: User, cd_sem: Tool,
        sign_in: SignIn,
    ) -> None:  # fmt: skip
        client = sign_in(request.getfixturevalue(who))
        assert client.get(f"/book/?for={charlie.pk}").status_code == 403
        assert client.post("/book/hold/", slot(**{"for": charlie.pk})).status_code == 403
        assert 'name="for"' not in client.get("/book/").content.decode()

    @pytest.mark.parametrize("whom", ["0", "nobody", "%00", "9" * 30])
    def test_nobody_there(
        self, whom: str, administrator: User, cd_sem: Tool, sign_in: SignIn
    ) -> None:
        assert sign_in(administrator).get(f"/book/?for={whom}").status_code == 422


class TestOverrides:
    def test_tick_and_say_why(
        self, administrator: User, alice: User, cd_sem: Tool, sign_in: SignIn
    ) -> None:
        setting("minimum_length", minutes=240)
        client = english(sign_in(administrator))
        wish = slot(**{"for": alice.pk})
        refused = client.post("/book/hold/", wish)
        assert refused.status_code == 422
        assert 'name="override" value="minimum_length"' in refused.content.decode()
        no_reason = client.post("/book/hold/", {**wish, "override": "minimum_length"})
        assert no_reason.status_code == 422
        assert 'value="minimum_length" id="override-minimum_length" checked' in (
            no_reason.content.decode()
        )
        ticked = {**wish, "override": "minimum_length", "override_reason": "A demonstration"}
        held = client.post("/book/hold/", ticked)
        assert held.status_code == 302
        booking = Booking.objects.get()
        assert booking.overridden == ["minimum_length"]
        staff, company = client, english(sign_in(alice))
        pages = [one.get(f"/bookings/{booking.pk}/").content.decode() for one in (staff, company)]
        assert all("A booking takes at least 240 minutes." in page for page in pages)
        assert ["A demonstration" in page for page in pages] == [True, False]

    def test_an_exact_time_offers_the_boxes_too(
        self, administrator: User, alice: User, cd_sem: Tool, sign_in: SignIn
    ) -> None:
        setting("minimum_length", minutes=240)
        at = tomorrow(10).strftime("%Y-%m-%dT%H:%M")
        query = f"for={alice.pk}&what=tool:cd_sem&minutes=120&at={at}"
        page = english(sign_in(administrator)).get(f"/book/?{query}").content.decode()
        assert 'value="minimum_length"' in page
        own = english(sign_in(alice)).get(f"/book/?what=tool:cd_sem&minutes=120&at={at}")
        assert 'name="override"' not in own.content.decode()

    def test_a_taken_time_has_no_boxes(
        self, administrator: User, alice: User, charlie: User, booked: Book, sign_in: SignIn
    ) -> None:
        booked(charlie)
        setting("minimum_length", minutes=240)
        page = english(sign_in(administrator)).post("/book/hold/", slot(**{"for": alice.pk}))
        assert 'name="override"' not in page.content.decode()

    def test_a_company_that_sends_the_boxes_sets_nothing_aside(
        self, alice: User, cd_sem: Tool, sign_in: SignIn
    ) -> None:
        setting("minimum_length", minutes=240)
        ticked = slot(override="minimum_length", override_reason="A demonstration")
        assert sign_in(alice).post("/book/hold/", ticked).status_code == 422
        assert not Booking.objects.exists()

    def test_the_form_of_a_held_slot(
        self, administrator: User, alice: User, cd_sem: Tool, sign_in: SignIn
    ) -> None:
        setting("use_mode", self_operated=False)
        client = english(sign_in(administrator))
        form = client.post("/book/hold/", slot(**{"for": alice.pk}))["Location"]
        answers = {"wafer_count": "0", "test_wafers": "0", "use_mode": "self_operated"}
        told = client.post(form, {**answers, "step": "check"}).content.decode()
        assert 'name="override" value="use_mode"' in told
        ticked = {**answers, "override": "use_mode", "override_reason": "Trained at the maker"}
        short = client.post(form, {**ticked, "override_reason": "no", "step": "check"})
        assert 'name="override" value="use_mode"' in short.content.decode()
        checked = client.post(form, {**ticked, "step": "check"}).content.decode()
        assert '<input type="hidden" name="override" value="use_mode">' in checked
        assert client.post(form, {**ticked, "step": "submit"}).status_code == 302
        assert Booking.objects.get().overridden == ["use_mode"]

    def test_moving_with_rules_set_aside(
        self, administrator: User, alice: User, booked: Book, sign_in: SignIn
    ) -> None:
        booking = booked(alice)
        setting("minimum_length", minutes=240)
        client = english(sign_in(administrator))
        address = f"/bookings/{booking.pk}/change/"
        told = client.post(address, slot(14)).content.decode()
        assert 'name="override" value="minimum_length"' in told
        ticked = slot(14, override="minimum_length", override_reason="A demonstration")
        checked = client.post(address, ticked).content.decode()
        assert '<input type="hidden" name="override" value="minimum_length">' in checked
        assert client.post(address, {**ticked, "confirm": "1"}).status_code == 302
        booking.refresh_from_db()
        assert booking.overridden == ["minimum_length"]
        assert english(sign_in(alice)).post(address, slot(16)).status_code == 409


def test_a_lapsed_request_says_so(
    alice: User, company_a: Company, administrator: User, sem_target: Target, sign_in: SignIn
) -> None:
    """Expired without having been a hold: nobody answered."""
    booking = place(
        actor=administrator, target=sem_target, starts_at=tomorrow(10), ends_at=tomorrow(12),
        answers=Answers(), on_behalf_of=alice,
        override=Override.of(["lead_time"], "A demonstration"),
    )  # fmt: skip
    Booking.objects.filter(pk=booking.pk).update(state=BookingState.EXPIRED)
    page = english(sign_in(alice)).get(f"/bookings/{booking.pk}/").content.decode()
    assert "Nobody answered before it was to start" in page
