"""Rules against the database: what is gathered for them, where they are set and read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from testbed.booking.hold import hold
from testbed.booking.hours import KST
from testbed.booking.models import Booking, Holiday, RuleSetting, UseMode
from testbed.booking.place import Answers, place, submit
from testbed.booking.request import gather
from testbed.booking.rules import RULES, check_all
from testbed.booking.slots import find_slots
from testbed.booking.target import Target
from testbed.material.models import Lot, Wafer
from testbed.people.models import Company, JournalEntry, User
from testbed.refusals import Refusal
from testbed.tools.models import Qualification, Tool
from tests.booking.conftest import kst, setting, tomorrow

SignIn = Callable[[User], Client]
Api = Callable[[User], APIClient]
ALONE = Answers(use_mode=UseMode.SELF_OPERATED)


def starts(actor: User, target: Target, minutes: int = 120, limit: int = 3) -> list[str]:
    """Free starts of tomorrow, as hours and minutes."""
    found = find_slots(
        actor=actor, target=target, minutes=minutes, start=tomorrow(0),
        end=tomorrow(0) + timedelta(days=2), limit=limit,
    )  # fmt: skip
    return [f"{slot.starts_at.astimezone(KST):%d %H:%M}" for slot in found.slots]


def at(hour: int, minute: int = 0, days: int = 0) -> str:
    return f"{tomorrow(hour, minute) + timedelta(days=days):%d %H:%M}"


def test_the_search_steps_over_a_holiday(alice: User, sem_target: Target) -> None:
    Holiday.objects.create(day=tomorrow(0).date(), name_ko="설날", name_en="Lunar New Year")
    setting("lead_time", minutes=0)
    assert starts(alice, sem_target)[0] == at(0)
    setting("holidays", tool=sem_target.tool)
    assert starts(alice, sem_target)[0] == at(0, days=1)


def test_the_search_leaves_the_changeover_to_another_company_only(
    alice: User, charlie: User, sem_target: Target, booked: Callable[..., Booking]
) -> None:
    setting("lead_time", minutes=0)
    setting("changeover", set_up_minutes=15, clean_down_minutes=30)
    booked(alice, 2)
    assert starts(alice, sem_target)[:2] == [at(0), at(4)]
    assert starts(charlie, sem_target)[0] == at(4, 45)


def test_a_changeover_is_asked_between_companies_only(
    alice: User, charlie: User, sem_target: Target, booked: Callable[..., Booking]
) -> None:
    setting("changeover")
    booked(alice, 10)
    with pytest.raises(Refusal) as stopped:
        booked(charlie, 12)
    assert stopped.value.code == "changeover"
    assert "Gaon" not in str(stopped.value.message) + str(stopped.value.extra)
    assert booked(alice, 12).pk


def test_hours_count_the_companys_claims_of_the_day(
    alice: User, sem_target: Target, booked: Callable[..., Booking]
) -> None:
    setting("company_hours_day", tool=sem_target.tool, hours=4)
    setting("lead_time", minutes=0)
    booked(alice, 8)
    booked(alice, 10)
    with pytest.raises(Refusal, match="company_hours_day"):
        booked(alice, 12)
    assert starts(alice, sem_target)[0] == at(0, days=1)


def test_submitting_a_hold_does_not_count_it_twice(alice: User, sem_target: Target) -> None:
    setting("company_hours_day", hours=2)
    setting("future_bookings", maximum=1)
    held = hold(actor=alice, target=sem_target, starts_at=tomorrow(10), ends_at=tomorrow(12))
    assert submit(actor=alice, booking=held, answers=Answers()).state == "pending"
    with pytest.raises(Refusal) as stopped:
        hold(actor=alice, target=sem_target, starts_at=tomorrow(14), ends_at=tomorrow(16))
    broken = {one["code"] for one in stopped.value.extra["broken_rules"]}
    assert broken == {"company_hours_day", "future_bookings"}


def test_a_search_costs_two_queries_more_at_most_however_long(
    alice: User,
    sem_target: Target,
    booked: Callable[..., Booking],
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for hour in (8, 12, 16):
        booked(alice, hour)
    for code in ("holidays", "changeover", "own_gap", "prime_time", "company_hours_week"):
        setting(code)
    assert alice.company is not None  # fetched now, not within the count
    for days in (1, 60):
        with django_assert_num_queries(6):
            find_slots(
                actor=alice, target=sem_target, minutes=60, start=tomorrow(0),
                end=tomorrow(0) + timedelta(days=days),
            )  # fmt: skip


def test_self_operated_use_needs_a_qualification_that_lasts(
    alice: User, sem_target: Target, cd_sem: Tool
) -> None:
    for code in ("qualification_missing", "qualification_expired", "qualification_unused"):
        setting(code, tool=cd_sem)

    def broken(answers: Answers) -> list[str]:
        request = gather(
            actor=alice, tools=[cd_sem], starts_at=tomorrow(10), ends_at=tomorrow(12),
            now=timezone.now(), answers=answers,
        )  # fmt: skip
        return [one.code for one in check_all(request)]

    assert broken(ALONE) == ["qualification_missing"]
    assert broken(Answers()) == []
    Qualification.objects.create(user=alice, tool=cd_sem, granted_at=timezone.now())
    assert broken(ALONE) == []
    Qualification.objects.update(
        valid_until=tomorrow(0).date() - timedelta(days=1),
        granted_at=timezone.now() - timedelta(days=300),
    )
    assert broken(ALONE) == ["qualification_expired", "qualification_unused"]
    used = place(
        actor=alice, target=sem_target, starts_at=tomorrow(14), ends_at=tomorrow(16),
        answers=Answers(),
    )  # fmt: skip
    past = timezone.now() - timedelta(days=20)
    Booking.objects.filter(pk=used.pk).update(state="confirmed", use_mode="self_operated")
    used.allocations.update(starts_at=past, ends_at=past + timedelta(hours=2))
    assert broken(ALONE) == ["qualification_expired"]


def test_dirty_wafers_are_refused_at_booking_time(
    alice: User, company_a: Company, sem_target: Target, lot_of: Callable[..., Lot]
) -> None:
    lot = lot_of(company_a, alice, wafers=3)
    Wafer.objects.filter(lot=lot, slot=1).update(contamination_class=3)
    asked = {"actor": alice, "target": sem_target}
    with pytest.raises(Refusal) as stopped:
        place(
            **asked, starts_at=tomorrow(10), ends_at=tomorrow(12),
            answers=Answers(lot=lot, wafer_count=3),
        )  # fmt: skip
    assert stopped.value.code == "contamination"
    two = Answers(lot=lot, wafer_count=2)
    assert place(**asked, starts_at=tomorrow(10), ends_at=tomorrow(12), answers=two).pk


def test_the_form_says_what_the_answers_break(
    alice: User, sem_target: Target, sign_in: SignIn
) -> None:
    setting("throughput", wafers_per_hour=5)
    held = hold(actor=alice, target=sem_target, starts_at=tomorrow(10), ends_at=tomorrow(12))
    sent = {
        "wafer_count": 11, "test_wafers": 0, "use_mode": "requested", "purpose": "", "step": "check"
    }  # fmt: skip
    page = sign_in(alice).post(f"/book/hold/{held.pk}/", sent).content.decode()
    assert "11장에 132분" in page
    sent["wafer_count"] = 10
    page = sign_in(alice).post(f"/book/hold/{held.pk}/", sent).content.decode()
    assert "걸리는데" not in page


def test_a_setting_has_one_scope_and_stands_once(db: None, cd_sem: Tool) -> None:
    with pytest.raises(IntegrityError, match="rule_setting_one_scope"), transaction.atomic():
        RuleSetting.objects.create(code="grid", tool=cd_sem, area="litho")
    with pytest.raises(IntegrityError, match="ends_after_start"), transaction.atomic():
        RuleSetting.objects.create(code="grid", effective_from=kst(2), effective_until=kst(1))
    setting("grid")
    with pytest.raises(IntegrityError, match="rule_setting_once"), transaction.atomic():
        setting("grid")


def test_the_api_lists_groups_and_what_is_to_come(api: Api, bob: User, cd_sem: Tool) -> None:
    soon = timezone.now() + timedelta(days=3)
    RuleSetting.objects.create(code="holidays", area="metrology")
    RuleSetting.objects.create(code="grid", parameters={"minutes": 30}, effective_from=soon)
    RuleSetting.objects.create(code="grid", tool=cd_sem, is_active=False)
    rules = {row["code"]: row for row in api(bob).get("/api/v1/rules/").json()["results"]}
    assert rules["holidays"]["is_active"] is False
    assert rules["holidays"]["tools"] == {"cd_sem": {}}
    assert rules["holidays"]["settings"][0]["scope"] == "area:metrology"
    assert rules["grid"]["parameters"] == {"minutes": 15}
    assert rules["grid"]["switched_off"] == ["cd_sem"]
    upcoming = [one for one in rules["grid"]["settings"] if one["is_upcoming"]]
    assert [one["parameters"] for one in upcoming] == [{"minutes": 30}]


class TestPage:
    def test_every_rule_is_explained_in_both_languages(
        self, sign_in: SignIn, bob: User, cd_sem: Tool
    ) -> None:
        setting("holidays", tool=cd_sem)
        RuleSetting.objects.create(code="grid", effective_from=timezone.now() + timedelta(days=1))
        client = sign_in(bob)
        for language, sentence in (("ko", "아래 공휴일에는"), ("en", "No booking on the holidays")):
            page = client.get("/rules/", headers={"Accept-Language": language}).content.decode()
            assert sentence in page
            assert all(f'id="rule-{rule.code}"' in page for rule in RULES)
            assert "%(" not in page
        assert "/rules/" in client.get("/book/").content.decode()

    def test_the_administrator_keeps_the_holidays(
        self, sign_in: SignIn, administrator: User, alice: User
    ) -> None:
        client = sign_in(administrator)
        year = timezone.localdate().year
        sent = {"day": f"{year}-12-30", "name_ko": "쉬는 날", "name_en": "Rest <b>day</b>"}
        assert client.post("/holidays/", sent).status_code == 302
        assert client.post("/holidays/", sent).status_code == 409
        assert client.post("/holidays/", {"day": "nonsense"}).status_code == 422
        added = Holiday.objects.get()
        page = client.get("/rules/", headers={"Accept-Language": "en"}).content.decode()
        assert "Rest &lt;b&gt;day" in page
        path = f"/holidays/{added.pk}/remove/"
        assert sign_in(alice).post(path).status_code == 403
        assert sign_in(alice).post("/holidays/", sent).status_code == 403
        assert client.post(path).status_code == 302
        assert not Holiday.objects.exists()
        said = JournalEntry.objects.order_by("pk").values_list("action", flat=True)
        assert list(said) == ["holiday.added", "holiday.removed"]

    def test_it_costs_the_same_however_many_tools(
        self, sign_in: SignIn, bob: User, cd_sem: Tool, scanner: Tool, track: Tool,
        django_assert_max_num_queries: Any,
    ) -> None:  # fmt: skip
        for tool in (cd_sem, scanner, track):
            setting("grid", tool=tool, minutes=30)
        client = sign_in(bob)
        with django_assert_max_num_queries(5 + 3):
            client.get("/rules/")
