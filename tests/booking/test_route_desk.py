"""Chains, weekly series and modules at the desk: on a company's behalf, and with rules aside."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from testbed.booking.bundles import steps_in
from testbed.booking.models import Booking, BookingState, Bundle
from testbed.booking.override import Override
from testbed.booking.place import Answers
from testbed.booking.repeat import Weekly, repeat
from testbed.booking.route_place import (
    Chosen,
    extend_route,
    hold_route,
    place_route,
    submit_route,
)
from testbed.booking.target import Target
from testbed.people.models import JournalEntry, User
from testbed.refusals import Refusal
from testbed.tools.models import Supply, SupplyKind, Tool
from tests.booking.conftest import setting, tomorrow

pytestmark = pytest.mark.django_db
WHY = "agreed with the line manager"


@pytest.fixture
def wish(cell_target: Target, sem_target: Target) -> list[Chosen]:
    """Two hours on the cell, then an hour of CD-SEM within four."""
    return [
        Chosen(cell_target, tomorrow(8), tomorrow(10)),
        Chosen(sem_target, tomorrow(11), tomorrow(12), within_minutes=240),
    ]


def late(wish: list[Chosen]) -> list[Chosen]:
    """The CD-SEM comes two hours after its limit."""
    hour = timedelta(hours=1)
    second = replace(wish[1], starts_at=tomorrow(16), ends_at=tomorrow(16) + hour)
    return [wish[0], second]


class TestOnBehalf:
    def test_from_hold_to_booking(
        self, administrator: User, alice: User, wish: list[Chosen]
    ) -> None:
        bundle = hold_route(actor=administrator, steps=wish, on_behalf_of=alice)
        assert (bundle.booked_by, bundle.company) == (alice, alice.company)
        extend_route(actor=administrator, bundle=bundle)
        submit_route(actor=administrator, bundle=bundle, answers=Answers())
        steps = steps_in(bundle)
        assert {(one.booked_by, one.placed_by) for one in steps} == {(alice, administrator)}
        assert {one.state for one in steps} == {BookingState.PENDING}
        entries = JournalEntry.objects.filter(action="booking.placed")
        assert {one.details["on_behalf_of"] for one in entries} == {alice.pk}

    def test_not_without_an_engineer_and_not_by_companies(
        self, administrator: User, alice: User, charlie: User, wish: list[Chosen]
    ) -> None:
        for verb, more in ((hold_route, {}), (place_route, {"answers": Answers()})):
            with pytest.raises(Refusal, match="not_allowed"):
                verb(actor=administrator, steps=wish, **more)  # type: ignore[operator]
            with pytest.raises(Refusal, match="not_allowed"):
                verb(  # type: ignore[operator]
                    actor=alice, steps=wish, on_behalf_of=charlie, **more
                )
        assert not Bundle.objects.exists()


class TestOverride:
    def test_a_limit_gives_way_and_is_noted_where_it_did(
        self, administrator: User, alice: User, wish: list[Chosen]
    ) -> None:
        asked: dict[str, Any] = {"steps": late(wish), "on_behalf_of": alice, "answers": Answers()}
        with pytest.raises(Refusal, match="queue_time"):
            place_route(actor=administrator, **asked)
        given = Override(frozenset({"queue_time", "horizon"}), WHY)
        bundle = place_route(actor=administrator, override=given, **asked)
        first, second = steps_in(bundle)
        assert (first.overridden, second.overridden) == ([], ["queue_time"])
        assert second.override_reason == WHY
        [entry] = JournalEntry.objects.filter(action="booking.overridden")
        assert (entry.subject_id, entry.actor) == (second.pk, administrator)

    def test_a_tools_rule_gives_way_from_hold_to_booking(
        self, administrator: User, alice: User, wish: list[Chosen], cd_sem: Tool
    ) -> None:
        setting("maximum_length", cd_sem, minutes=30)
        asked: dict[str, Any] = {"actor": administrator, "steps": wish, "on_behalf_of": alice}
        with pytest.raises(Refusal, match="maximum_length"):
            hold_route(**asked)
        given = Override(frozenset({"maximum_length"}), WHY)
        bundle = hold_route(**asked, override=given)
        submit_route(actor=alice, bundle=bundle, answers=Answers())
        assert [one.overridden for one in steps_in(bundle)] == [[], ["maximum_length"]]

    def test_what_never_yields_does_not(
        self, administrator: User, alice: User, wish: list[Chosen]
    ) -> None:
        crossed = [wish[0], replace(wish[1], starts_at=tomorrow(9))]
        given = Override(frozenset({"queue_time"}), WHY)
        with pytest.raises(Refusal, match="queue_time"):
            hold_route(actor=administrator, steps=crossed, on_behalf_of=alice, override=given)
        with pytest.raises(Refusal, match="not_allowed"):
            hold_route(actor=alice, steps=late(wish), override=given)
        short = Override(frozenset({"queue_time"}), "no")
        with pytest.raises(Refusal, match="reason_missing"):
            hold_route(actor=administrator, steps=late(wish), on_behalf_of=alice, override=short)

    def test_a_series_takes_what_gives_way(
        self, administrator: User, alice: User, booked: Callable[..., Booking]
    ) -> None:
        booking = booked(alice)
        setting("horizon", days=10)
        rhythm = Weekly(1, 3)
        taken = [one.booking for one in repeat(actor=alice, booking=booking, rhythm=rhythm)]
        assert [one is not None for one in taken] == [True, False, False]
        given = Override(frozenset({"horizon"}), WHY)
        with pytest.raises(Refusal, match="not_allowed"):
            repeat(actor=alice, booking=booking, rhythm=rhythm, override=given)
        done = repeat(actor=administrator, booking=booking, rhythm=rhythm, override=given)
        new = [one.booking for one in done if one.booking]
        assert [one.overridden for one in new] == [[], ["horizon"], ["horizon"]]
        assert {one.booked_by for one in new} == {alice}


class TestPages:
    def test_staff_find_hold_with_a_rule_aside_and_book(
        self, administrator: User, alice: User, wish: list[Chosen],
        sign_in: Callable[[User], Client],
    ) -> None:  # fmt: skip
        client = sign_in(administrator)
        asked = {
            "for": str(alice.pk), "what_1": "cell:litho", "minutes_1": "120",
            "what_2": "tool:cd_sem", "minutes_2": "60", "within_2": "240",
            "at_1": tomorrow(8).strftime("%Y-%m-%dT%H:%M"),
            "at_2": tomorrow(16).strftime("%Y-%m-%dT%H:%M"),
        }  # fmt: skip
        page = client.get("/book/route/", asked)
        assert (page.context["behalf"], page.context["may_book"]) == (alice, True)
        sent = asked | {"steps": page.context["exact"]["wish"]}
        refused = client.post("/book/route/hold/", sent)
        assert refused.status_code == 422
        assert [one["code"] for one in refused.context["yielding"]] == ["queue_time"]
        silent = client.post("/book/route/hold/", sent | {"override": "queue_time"})
        assert silent.status_code == 422
        assert [one["code"] for one in silent.context["yielding"]] == ["queue_time"]
        said = {"override": "queue_time", "override_reason": WHY}
        held = client.post("/book/route/hold/", sent | said)
        bundle = Bundle.objects.get()
        assert held.headers["Location"] == f"/bundles/{bundle.pk}/"
        form = {"step": "submit", "wafer_count": "0", "test_wafers": "0", "use_mode": "requested"}
        assert client.post(f"/bundles/{bundle.pk}/", form).status_code == 302
        assert [one.overridden for one in steps_in(bundle)] == [[], ["queue_time"]]

    def test_companies_are_offered_no_boxes(
        self, alice: User, wish: list[Chosen], sign_in: Callable[[User], Client]
    ) -> None:
        steps = [
            {"target": one.target.key, "starts_at": one.starts_at.isoformat(),
             "ends_at": one.ends_at.isoformat(), "within_minutes": one.within_minutes}
            for one in late(wish)
        ]  # fmt: skip
        sent = {"steps": json.dumps(steps), "override": "queue_time", "override_reason": WHY}
        refused = sign_in(alice).post("/book/route/hold/", sent)
        assert (refused.status_code, refused.context["yielding"]) == (422, [])

    def test_the_chains_form_asks_what_a_bookings_does(
        self, alice: User, wish: list[Chosen], cd_sem: Tool, scanner: Tool,
        sign_in: Callable[[User], Client],
    ) -> None:  # fmt: skip
        reticle = Supply.objects.create(
            code="r-1", name_ko="레티클", name_en="Reticle", kind=SupplyKind.RETICLE
        )
        reticle.tools.add(scanner)
        bundle, client = hold_route(actor=alice, steps=wish), sign_in(alice)
        form = {
            "step": "submit", "wafer_count": "0", "test_wafers": "0", "use_mode": "requested",
            "wished_document": "test_report", "supplies": str(reticle.pk),
        }  # fmt: skip
        page = client.get(f"/bundles/{bundle.pk}/").content.decode()
        assert all(f'name="{name}"' in page for name in ("wished_document", "buddy", "supplies"))
        assert client.post(f"/bundles/{bundle.pk}/", form).status_code == 302
        first, second = steps_in(bundle)
        assert [list(one.supplies.all()) for one in (first, second)] == [[reticle], []]
        assert {first.wished_document, second.wished_document} == {"test_report"}

    def test_a_series_page_has_boxes_for_staff(
        self, administrator: User, alice: User, booked: Callable[..., Booking],
        sign_in: Callable[[User], Client],
    ) -> None:  # fmt: skip
        booking, asked = booked(alice), {"every": "1", "times": "2", "until": ""}
        setting("horizon", days=10)
        address, client = f"/bookings/{booking.pk}/repeat/", sign_in(administrator)
        page = client.get(address, asked)
        assert [one["code"] for one in page.context["yielding"]] == ["horizon"]
        assert sign_in(alice).get(address, asked).context["yielding"] == []
        silent = client.post(address, asked | {"override": "horizon"})
        assert silent.status_code == 422
        assert [one["code"] for one in silent.context["yielding"]] == ["horizon"]
        client.post(address, asked | {"override": "horizon", "override_reason": WHY})
        assert Booking.objects.filter(overridden=["horizon"]).count() == 1


def test_the_api_takes_both(
    administrator: User, alice: User, wish: list[Chosen], api: Callable[[User], APIClient]
) -> None:
    steps = [
        {"target": one.target.key, "starts_at": one.starts_at, "ends_at": one.ends_at,
         "within_minutes": one.within_minutes}
        for one in late(wish)
    ]  # fmt: skip
    aside = {"codes": ["queue_time"], "reason": WHY}
    asked = {"steps": steps, "on_behalf_of": alice.email, "override": aside}
    for address in ("/api/v1/route-holds/", "/api/v1/route-bookings/"):
        assert api(alice).post(address, asked, format="json").status_code == 403
    made = api(administrator).post("/api/v1/route-holds/", asked, format="json")
    assert made.status_code == 201, made.content
    one = f"/api/v1/bundles/{made.json()['id']}/submit/"
    done = api(administrator).post(one, {"override": None}, format="json")
    assert [row["overridden"] for row in done.json()["bookings"]] == [[], ["queue_time"]]
    assert {row["booked_by"] for row in done.json()["bookings"]} == {alice.name}
