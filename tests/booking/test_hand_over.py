"""A booking passes to a colleague of the same company, and to nobody else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from testbed.booking.approve import approve
from testbed.booking.cancel import cancel
from testbed.booking.hand_over import hand_over
from testbed.booking.hold import hold
from testbed.booking.models import Booking, BookingState, UseMode
from testbed.booking.place import Answers, place
from testbed.booking.share import share
from testbed.booking.target import Target
from testbed.people.models import Company, JournalEntry, Role, User
from testbed.refusals import Refusal
from testbed.tools.models import Qualification, Tool
from tests.booking.conftest import setting, tomorrow
from tests.conftest import make_user

pytestmark = pytest.mark.django_db
Book = Callable[..., Booking]


@pytest.fixture
def dana(company_a: Company) -> User:
    return make_user("dana@gaon.example", Role.ENGINEER, company_a)


def test_the_colleague_answers_for_it_and_the_rest_stays(
    alice: User, dana: User, administrator: User, booked: Book
) -> None:
    booking = approve(actor=administrator, booking=booked(alice))
    passed = hand_over(actor=alice, booking=booking, colleague=dana)
    passed.refresh_from_db()
    assert (passed.booked_by, passed.state) == (dana, BookingState.CONFIRMED)
    assert (passed.starts_at, passed.quote) == (booking.starts_at, booking.quote)
    entry = JournalEntry.objects.get(action="booking.handed_over")
    assert entry.details == {"before": alice.pk, "after": dana.pk}
    assert hand_over(actor=dana, booking=passed, colleague=alice).booked_by == alice


def test_only_another_engineer_of_the_company_takes_it(
    alice: User, bob: User, charlie: User, dana: User, administrator: User, booked: Book
) -> None:
    booking = booked(alice)
    User.objects.filter(pk=dana.pk).update(is_active=False)
    for nobody in (alice, bob, charlie, dana, administrator):
        with pytest.raises(Refusal, match="not_a_colleague") as refused:
            hand_over(actor=alice, booking=booking, colleague=nobody)
        assert refused.value.status == 422
    booking.refresh_from_db()
    assert booking.booked_by == alice


def test_only_its_company_hands_it_over(
    alice: User, bob: User, charlie: User, dana: User, administrator: User, booked: Book
) -> None:
    booking = booked(alice)
    with pytest.raises(Refusal, match="not_found"):
        hand_over(actor=charlie, booking=booking, colleague=dana)
    for actor in (bob, administrator):
        with pytest.raises(Refusal, match="not_allowed"):
            hand_over(actor=actor, booking=booking, colleague=dana)


def test_rules_about_the_person_hold(
    alice: User, dana: User, company_a: Company, booked: Book
) -> None:
    booking = booked(alice)
    Company.objects.filter(pk=company_a.pk).update(is_active=False)
    with pytest.raises(Refusal, match="company_active"):
        hand_over(actor=alice, booking=booking, colleague=dana)


def test_what_the_new_booker_may_do_on_the_tool_holds(
    alice: User, dana: User, administrator: User, cd_sem: Tool, sem_target: Target
) -> None:
    setting("qualification_missing")
    Qualification.objects.create(
        user=alice, tool=cd_sem, granted_by=administrator, granted_at=timezone.now()
    )
    booking = place(
        actor=alice, target=sem_target, starts_at=tomorrow(10), ends_at=tomorrow(12),
        answers=Answers(use_mode=UseMode.SELF_OPERATED),
    )  # fmt: skip
    with pytest.raises(Refusal, match="qualification_missing"):
        hand_over(actor=alice, booking=booking, colleague=dana)
    Qualification.objects.create(
        user=dana, tool=cd_sem, granted_by=administrator, granted_at=timezone.now()
    )
    assert hand_over(actor=alice, booking=booking, colleague=dana).booked_by == dana


def test_the_new_bookers_own_hours_count(alice: User, dana: User, booked: Book) -> None:
    setting("user_hours_day", hours=3)
    mine, _hers = booked(alice, 10), booked(dana, 15)
    with pytest.raises(Refusal, match="user_hours_day"):
        hand_over(actor=alice, booking=mine, colleague=dana)


def test_those_who_share_it_stay_and_the_new_booker_shares_no_more(
    alice: User, bob: User, dana: User, booked: Book
) -> None:
    booking = booked(alice)
    for colleague in (bob, dana):
        share(actor=alice, booking=booking, colleague=colleague)
    hand_over(actor=alice, booking=booking, colleague=dana)
    assert [one.user for one in booking.sharers.all()] == [bob]


def test_holds_and_closed_ones_stay(
    alice: User, dana: User, booked: Book, sem_target: Target
) -> None:
    held = hold(actor=alice, target=sem_target, starts_at=tomorrow(6), ends_at=tomorrow(8))
    with pytest.raises(Refusal, match="hold_not_submitted"):
        hand_over(actor=alice, booking=held, colleague=dana)
    past, booking = timezone.now() - timedelta(days=1), booked(alice)
    Booking.objects.filter(pk=booking.pk).update(starts_at=past, ends_at=past + timedelta(hours=1))
    with pytest.raises(Refusal, match="over"):
        hand_over(actor=alice, booking=booking, colleague=dana)
    other = booked(alice, 15)
    cancel(actor=alice, booking=other)
    with pytest.raises(Refusal, match="over"):
        hand_over(actor=alice, booking=other, colleague=dana)


def test_the_page(
    sign_in: Callable[[User], Client], alice: User, bob: User, charlie: User, booked: Book,
    dana: User,
) -> None:  # fmt: skip
    booking, client = booked(alice), sign_in(alice)
    address = f"/bookings/{booking.pk}/hand-over/"
    assert address in client.get(f"/bookings/{booking.pk}/").content.decode()
    offered = client.get(address).context["form"].fields["colleague"].queryset
    assert list(offered) == [dana]
    assert client.post(address, {"colleague": charlie.pk}).context["form"].errors
    page = client.post(address, {"colleague": dana.pk}, follow=True)
    booking.refresh_from_db()
    assert booking.booked_by == dana
    assert "dana" in page.content.decode()


def test_alone_there_is_nobody_to_choose(
    sign_in: Callable[[User], Client], alice: User, booked: Book
) -> None:
    page = sign_in(alice).get(f"/bookings/{booked(alice).pk}/hand-over/")
    assert page.status_code == 200
    assert page.context["anybody"] is False


def test_the_endpoint_tells_strangers_and_nobody_alike(
    api: Callable[[User], APIClient], alice: User, charlie: User, dana: User, booked: Book
) -> None:
    address, client = f"/api/v1/bookings/{booked(alice).pk}/hand-over/", api(alice)
    answers = [
        client.post(address, {"colleague": email}, format="json")
        for email in (charlie.email, "nobody@nowhere.example")
    ]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert answers[0].json() == answers[1].json()
    done = client.post(address, {"colleague": dana.email.upper()}, format="json")
    assert done.status_code == 200
    assert done.json()["booked_by"] == dana.name


def test_two_tabs_nobody_hands_over_what_they_have_not_seen(
    sign_in: Callable[[User], Client], api: Callable[[User], APIClient], alice: User, dana: User,
    administrator: User, booked: Book,
) -> None:  # fmt: skip
    booking, client = booked(alice), sign_in(alice)
    address = f"/bookings/{booking.pk}/hand-over/"
    seen = client.get(address).context["version"]
    approve(actor=administrator, booking=booking)
    sent = {"colleague": dana.pk, "expected": seen}
    said = client.post(address, sent)
    assert said.status_code == 409
    assert said.context["refused"].code == "changed_meanwhile"
    over_api = {"colleague": dana.email, "expected": seen}
    assert api(alice).post(f"/api/v1{address}", over_api, format="json").status_code == 409
    assert Booking.objects.get().booked_by == alice
    sent["expected"] = said.context["version"]
    assert client.post(address, sent).status_code == 302
    assert Booking.objects.get().booked_by == dana
