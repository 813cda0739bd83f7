"""A wish that says what is to be done: its offer keeps the rules about it, one press books it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from testbed.booking.models import (
    Allocation,
    Booking,
    BookingState,
    UseMode,
    WishedDocument,
)
from testbed.booking.place import Answers
from testbed.material.models import Lot
from testbed.people.models import User
from testbed.refusals import Refusal
from testbed.tools.models import Cell, Tool
from testbed.waiting.models import Offer, OfferState, Wish, WishState
from testbed.waiting.offer import sweep
from testbed.waiting.queue import in_order, last_offers, with_places
from testbed.waiting.wish import take
from tests.booking.conftest import tomorrow
from tests.waiting.conftest import free

SignIn = Callable[[User], Client]
Api = Callable[[User], APIClient]
Waits = Callable[..., Wish]
pytestmark = pytest.mark.django_db
SAID = Answers(
    wafer_count=3, purpose="new resist", use_mode=UseMode.REQUESTED,
    wished_document=WishedDocument.TEST_REPORT,
)  # fmt: skip


@pytest.fixture
def offered(waits: Waits, full: Allocation, alice: User) -> Offer:
    waits(alice, answers=SAID)
    free(full, 10, 12)
    assert sweep() == 1
    return Offer.objects.get()


def test_an_offer_is_booked_with_the_wishs_answers(offered: Offer, alice: User) -> None:
    taken = take(actor=alice, offer=offered)
    booking = Booking.objects.get(pk=offered.booking_id)
    assert (taken.state, taken.wish.state) == (OfferState.TAKEN, WishState.TAKEN)
    assert booking.state in (BookingState.PENDING, BookingState.CONFIRMED)
    assert (booking.wafer_count, booking.purpose) == (3, "new resist")
    assert booking.wished_document == WishedDocument.TEST_REPORT
    with pytest.raises(Refusal, match="offer_over"):
        take(actor=alice, offer=offered)


def test_one_press_on_the_page_and_one_call_of_the_api(
    offered: Offer, alice: User, charlie: User, sign_in: SignIn, api: Api
) -> None:
    url = f"/api/v1/waiting/offers/{offered.pk}/take/"
    assert api(charlie).post(url).status_code == 404
    client = sign_in(alice)
    page = client.get("/waiting/", headers={"accept-language": "en"}).content.decode()
    assert f'name="take" value="{offered.pk}"' in page
    assert "new resist" in page
    answered = client.post("/waiting/", {"take": offered.pk})
    assert answered.headers["location"] == f"/bookings/{offered.booking_id}/"
    again = api(alice).post(url)
    assert (again.status_code, again.json()["code"]) == (409, "offer_over")


def test_without_answers_the_form_is_asked_for(
    waits: Waits, full: Allocation, alice: User, api: Api
) -> None:
    waits(alice)
    free(full, 10, 12)
    sweep()
    refused = api(alice).post(f"/api/v1/waiting/offers/{Offer.objects.get().pk}/take/")
    assert (refused.status_code, refused.json()["code"]) == (409, "answers_missing")
    assert Offer.objects.get().state == OfferState.OPEN


def test_answers_that_break_a_rule_get_no_offer_and_nothing_is_held(
    waits: Waits, full: Allocation, alice: User, charlie: User
) -> None:
    """Only self-operated use may not ask for a test report: the second in the queue gets it."""
    waits(alice, answers=Answers(
        use_mode=UseMode.SELF_OPERATED, wished_document=WishedDocument.TEST_REPORT, purpose="x",
    ))  # fmt: skip
    second = waits(charlie, answers=SAID)
    free(full, 10, 12)
    assert sweep() == 1
    offer = Offer.objects.get()
    assert offer.wish == second
    assert [one["because"] for one in offer.passed_over] != ["no_time_fits"]
    assert Booking.objects.get().company == charlie.company


def test_a_time_that_the_answers_do_not_fit_gives_way_to_the_next(
    waits: Waits, full: Allocation, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    from testbed.waiting import offer as offering

    def only_later(booking: Booking, *_more: Any) -> None:
        if booking.starts_at < tomorrow(12):
            raise Refusal("reticle_taken", "the reticle is elsewhere until noon")

    monkeypatch.setattr(offering, "demand_answers_fit", only_later)
    waits(alice, answers=SAID)
    free(full, 10, 14)
    assert sweep() == 1
    assert Offer.objects.get().booking.starts_at == tomorrow(12)
    assert Booking.objects.count() == 1


def test_what_cannot_be_right_is_refused_at_once(
    waits: Waits, alice: User, charlie: User, company_b: Any
) -> None:
    theirs = Lot.objects.create(code="L-B", company=company_b, registered_by=charlie)
    for wrong in (Answers(lot=theirs), Answers(wafer_count=26), Answers(use_mode="both")):
        with pytest.raises(Refusal, match="answers_not_valid"):
            waits(alice, answers=wrong)
    assert not Wish.objects.exists()


def test_the_database_knows_how_many_wafers_a_carrier_takes(waits: Waits, alice: User) -> None:
    wish = waits(alice)
    with pytest.raises(IntegrityError, match="wish_wafers"), transaction.atomic():
        Wish.objects.filter(pk=wish.pk).update(wafer_count=26)


def test_answers_come_over_the_form_and_the_api(
    full: Allocation, alice: User, sign_in: SignIn, api: Api
) -> None:
    full.starts_at, full.ends_at = tomorrow(0), tomorrow(0) + timedelta(hours=23, minutes=59)
    full.save()
    day = f"{timezone.localtime(tomorrow(8)):%Y-%m-%d}"
    asked = {"what": "tool:cd_sem", "minutes": "120", "first": day, "last": day}
    more = {"wafer_count": "4", "purpose": "p", "use_mode": "requested"}
    assert sign_in(alice).post("/waiting/new/", asked | more).status_code == 302
    body = {
        "tool": "cd_sem", "minutes": 60, "earliest": tomorrow(8).isoformat(),
        "latest": tomorrow(20).isoformat(), "answers": {"wafer_count": 2, "purpose": "q"},
    }  # fmt: skip
    made = api(alice).post("/api/v1/waiting/wishes/", body, format="json")
    assert (made.status_code, made.json()["wafer_count"], made.json()["place"]) == (201, 2, 2)
    first, second = Wish.objects.order_by("pk")
    assert (first.answers and first.answers.wafer_count, first.purpose) == (4, "p")
    assert second.answers == Answers(wafer_count=2, purpose="q")
    body["answers"] = {"wafer_count": 99}
    assert api(alice).post("/api/v1/waiting/wishes/", body, format="json").status_code == 400


# -- the place in the queue ----------------------------------------------------------------------
def test_places_are_the_law_counted_in_one_statement(
    waits: Waits, full: Allocation, alice: User, charlie: User, scanner: Tool, track: Tool,
    litho_cell: Cell, django_assert_num_queries: Any,
) -> None:  # fmt: skip
    """Against the law in Python: turn by turn, among wishes that share a tool."""
    facts = {"minutes": 60, "earliest": tomorrow(8), "latest": tomorrow(20)}
    wanted: list[dict[str, Any]] = [
        {"tool": scanner}, {"cell": litho_cell}, {"tool": track}, {"tool": full.tool},
        {"tool": scanner}, {"cell": litho_cell},
    ]  # fmt: skip
    for number, target in enumerate(wanted):
        who = (alice, charlie)[number % 2]
        Wish.objects.create(user=who, company_id=who.company_id, **target, **facts)
    waits(charlie)
    free(full, 10, 11)
    assert sweep(tool_ids=[full.tool.pk]) == 1  # charlie's company has had its turn
    now = timezone.now()
    with django_assert_num_queries(1):
        found = {wish.pk: wish.place for wish in with_places(Wish.objects.waiting(), now)}
    queue = in_order(Wish.objects.waiting(), last_offers(now), now)
    for wish in queue:
        before = queue[: queue.index(wish)]
        rivals = [one for one in before if tools(one) & tools(wish)]
        assert found[wish.pk] == 1 + len(rivals)


def tools(wish: Wish) -> set[int]:
    return set(wish.target.tool_ids())


def test_the_list_over_the_api_costs_the_same_however_long_it_is(
    waits: Waits, alice: User, api: Api, django_assert_num_queries: Any
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client = api(alice)
    waits(alice)
    client.get("/api/v1/waiting/wishes/")
    with CaptureQueriesContext(connection) as one:
        client.get("/api/v1/waiting/wishes/")
    for _more in range(4):
        waits(alice)
    with django_assert_num_queries(len(one)):
        found = client.get("/api/v1/waiting/wishes/").json()["results"]
    assert [wish["place"] for wish in found] == [1, 2, 3, 4, 5]
