"""A closure that takes one step of a chain: new times for the whole of it, with its limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from testbed.booking.bundles import steps_in
from testbed.booking.models import (
    Allocation,
    AllocationKind,
    Booking,
    BookingState,
    Bundle,
    Penalty,
)
from testbed.booking.place import Answers, place
from testbed.booking.route_place import Chosen, cancel_route, chosen, combination_json, place_route
from testbed.booking.route_views import wish_for
from testbed.booking.target import Target
from testbed.outages import chain
from testbed.outages.announce import announce
from testbed.outages.models import Fate, Rebooking, RebookingState
from testbed.outages.rebook import Chosen as Fated
from testbed.people.models import User
from testbed.refusals import Refusal
from testbed.tools.models import Tool
from tests.booking.conftest import setting, tomorrow
from tests.outages.conftest import book, terms

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
Api = Callable[[User], APIClient]
LIMIT = timedelta(minutes=60)


@pytest.fixture(autouse=True)
def no_approval(db: None) -> None:
    setting("needs_approval", required=False)


@pytest.fixture
def bundle(alice: User, track: Tool, scanner: Tool, cd_sem: Tool) -> Bundle:
    """The track at nine, the scanner at ten, the CD-SEM at eleven: each within an hour."""
    steps = [
        Chosen(Target(tool=tool), tomorrow(9 + n), tomorrow(10 + n), 60 if n else None)
        for n, tool in enumerate((track, scanner, cd_sem))
    ]
    return place_route(actor=alice, steps=steps, answers=Answers(purpose="resist"))


@pytest.fixture
def row(bundle: Bundle, administrator: User, scanner: Tool) -> Rebooking:
    """The scanner is closed until the evening; its step has no time."""
    [_coat, expose, _measure] = steps_in(bundle)
    asked = terms(scanner, start=10, hours=8)
    announce(actor=administrator, terms=asked, fates={expose.pk: Fated(Fate.OFFERED)})
    return Rebooking.objects.get()


def assert_limits(bundle: Bundle) -> None:
    steps = steps_in(bundle)
    for before, step in pairwise(steps):
        assert timedelta(0) <= step.starts_at - before.ends_at <= LIMIT
    for step in steps:
        claims = step.allocations.filter(live=True)
        assert [(one.starts_at, one.ends_at) for one in claims] == [(step.starts_at, step.ends_at)]


def test_the_whole_chain_is_offered_within_its_limits(row: Rebooking, bundle: Bundle) -> None:
    before = list(Allocation.objects.order_by("pk").values_list("pk", "live", "starts_at"))
    found = chain.proposals(row)
    assert found
    for one in found:
        assert [leg.tools[0].code for leg in one.legs] == ["track", "scanner", "cd_sem"]
        for first, second in pairwise(one.legs):
            assert timedelta(0) <= second.starts_at - first.ends_at <= LIMIT
    # Looking leaves no trace.
    assert list(Allocation.objects.order_by("pk").values_list("pk", "live", "starts_at")) == before
    states = [step.state for step in steps_in(bundle)]
    assert states == [BookingState.CONFIRMED, BookingState.DISPLACED, BookingState.CONFIRMED]


def test_its_own_time_counts_as_free(
    bundle: Bundle, administrator: User, alice: User, track: Tool, scanner: Tool
) -> None:
    """The closure ends at eleven: the track's own hour, and the next, serve again."""
    expose = steps_in(bundle)[1]
    asked = terms(scanner, start=10, hours=1)
    announce(actor=administrator, terms=asked, fates={expose.pk: Fated(Fate.OFFERED)})
    Allocation.objects.create(
        tool=track, kind=AllocationKind.MAINTENANCE, starts_at=timezone.now(),
        ends_at=tomorrow(9),
    )  # fmt: skip
    Allocation.objects.create(
        tool=track, kind=AllocationKind.MAINTENANCE, starts_at=tomorrow(11), ends_at=tomorrow(23),
    )  # fmt: skip
    first = chain.proposals(Rebooking.objects.get())[0]
    assert tomorrow(9) <= first.legs[0].starts_at <= tomorrow(10)
    assert [leg.starts_at for leg in first.legs[1:]] == [tomorrow(11), tomorrow(12)]


def test_choosing_moves_every_step_and_answers(row: Rebooking, bundle: Bundle, alice: User) -> None:
    found = chain.proposals(row)[0]
    answered = chain.choose(actor=alice, rebooking=row, steps=chosen(found))
    assert answered.state == RebookingState.CHANGED
    steps = steps_in(bundle)
    assert [one.starts_at for one in steps] == [leg.starts_at for leg in found.legs]
    assert {one.state for one in steps} == {BookingState.CONFIRMED}
    assert {one.purpose for one in steps} == {"resist"}
    assert not any(one.moved_by_facility_at for one in steps)
    assert_limits(bundle)
    assert alice.notices.filter(kind="booking_changed").count() == 3
    assert not Penalty.objects.exists()
    with pytest.raises(Refusal, match="answered"):
        chain.choose(actor=alice, rebooking=row, steps=chosen(found))


def test_nothing_moves_when_one_step_is_taken_meanwhile(
    row: Rebooking, bundle: Bundle, alice: User, charlie: User
) -> None:
    found = chain.proposals(row)[0]
    last, before = found.legs[-1], [one.starts_at for one in steps_in(bundle)]
    place(
        actor=charlie, target=last.target, starts_at=last.starts_at, ends_at=last.ends_at,
        answers=Answers(),
    )  # fmt: skip
    with pytest.raises(Refusal) as refused:
        chain.choose(actor=alice, rebooking=row, steps=chosen(found))
    assert refused.value.extra["nearest_combinations"]
    assert refused.value.extra["broken_steps"][0]["step"] == 3
    assert [one.starts_at for one in steps_in(bundle)] == before
    row.refresh_from_db()
    assert row.state == RebookingState.OPEN


def test_other_tools_lengths_and_limits_are_refused(
    row: Rebooking, alice: User, charlie: User, cd_sem: Tool
) -> None:
    good = chosen(chain.proposals(row)[0])
    hour = timedelta(hours=1)
    for wrong in (
        good[:2],
        [replace(good[0], target=Target(tool=cd_sem)), *good[1:]],
        [*good[:2], replace(good[2], ends_at=good[2].ends_at + hour)],
    ):
        with pytest.raises(Refusal, match="not_this_chain"):
            chain.choose(actor=alice, rebooking=row, steps=wrong)
    late = replace(
        good[2], starts_at=good[2].starts_at + 3 * hour, ends_at=good[2].ends_at + 3 * hour,
        within_minutes=None,
    )  # fmt: skip
    with pytest.raises(Refusal, match="queue_time"):
        chain.choose(actor=alice, rebooking=row, steps=[*good[:2], late])
    with pytest.raises(Refusal, match="not_found"):
        chain.choose(actor=charlie, rebooking=row, steps=good)


def test_a_step_that_has_begun_stays_and_the_limit_counts_from_it(
    row: Rebooking, bundle: Bundle
) -> None:
    """The first step ran; the scanner is closed for longer than its wafers may wait."""
    first = steps_in(bundle)[0]
    Booking.objects.filter(pk=first.pk).update(begun_at=timezone.now())
    row.booking.refresh_from_db()
    rest = chain.rest_of(row.booking, timezone.now())
    assert rest is not None
    assert rest.before == first
    assert [one.within_minutes for one in rest.times()] == [60, 60]
    assert chain.proposals(row) == []


def test_a_lone_booking_has_no_chain(
    administrator: User, alice: User, cd_sem: Tool, bundle: Bundle
) -> None:
    lone = book(alice, cd_sem, 14)
    assert chain.rest_of(lone, timezone.now()) is None
    cancel_route(actor=alice, bundle=bundle)
    assert chain.rest_of(steps_in(bundle)[0], timezone.now()) is None


def test_the_page_and_the_api(
    row: Rebooking, bundle: Bundle, alice: User, charlie: User, sign_in: SignIn, api: Api
) -> None:
    page = sign_in(alice).get(
        reverse("rebooking", args=[row.pk]), headers={"accept-language": "en"}
    )
    assert "Move the whole chain here" in page.content.decode()
    url = f"/api/v1/rebookings/{row.pk}/"
    found = api(alice).get(url).json()["chains"]
    assert found[0] == combination_json(chain.proposals(row)[0])
    steps = [
        {name: step[name] for name in ("target", "starts_at", "ends_at")}
        for step in found[0]["steps"]
    ]
    assert (
        api(charlie).post(url + "choose-chain/", {"steps": steps}, format="json").status_code == 404
    )
    assert api(alice).post(url + "choose-chain/", {"steps": []}, format="json").status_code == 400
    button = {"steps": wish_for(chosen(chain.proposals(row)[0]))}
    unread = sign_in(alice).post(reverse("choose_rebooking_chain", args=[row.pk]), {"steps": "x"})
    assert unread.headers["location"] == reverse("rebooking", args=[row.pk])
    answered = sign_in(alice).post(reverse("choose_rebooking_chain", args=[row.pk]), button)
    assert answered.headers["location"] == reverse("booking", args=[row.booking_id])
    assert_limits(bundle)
