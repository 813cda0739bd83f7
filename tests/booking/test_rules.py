"""Every rule both ways, its sentences in both languages, its parameters from the table."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st

from testbed.booking.clean_path import Cleaning, Stop
from testbed.booking.intervals import Interval
from testbed.booking.models import Holiday, RuleSetting, UseMode
from testbed.booking.rules import RULES, BookingRequest, RuleBook, by_code, check_all, refusing
from testbed.booking.rules.base import Chain, CourseAsked, Debt, FacilityClaim, OwnClaim, Qualified
from testbed.booking.rules.when import LongEnoughRange, down_to_grid, on_grid
from testbed.people.models import Company, Group, Role, User
from testbed.process.models import Route
from testbed.tools.models import Course, E10State, Supply, Tool
from tests.booking.conftest import kst

NOW = kst(3, 8)


def a_tool(**fields: Any) -> Tool:
    defaults: dict[str, Any] = {
        "pk": 1,
        "code": "scanner",
        "name_ko": "스캐너",
        "name_en": "Scanner",
        "opens_at": time(0),
        "closes_at": time(0),
        "works_weekends": True,
        "area": "litho",
        "contamination_class": 0,
    }
    return Tool(**defaults | fields)


def a_request(**fields: Any) -> BookingRequest:
    """A request that keeps every rule: Thursday 10 to 12, asked on Wednesday at 8."""
    company = Company(name_ko="가온", name_en="Gaon", size_class="sme")
    actor = User(email="a@b.example", name="alice", role=Role.ENGINEER, company=company)
    defaults: dict[str, Any] = {
        "actor": actor,
        "company": company,
        "tools": [a_tool()],
        "starts_at": kst(4, 10),
        "ends_at": kst(4, 12),
        "now": NOW,
        "rulebook": RuleBook({}),
        "busy": {},
    }
    return BookingRequest(**defaults | fields)


def book_of(code: str, tool: int | None = None, **parameters: Any) -> RuleBook:
    return RuleBook.of([RuleSetting(code=code, tool_id=tool, parameters=parameters)])


def down(state: E10State) -> Tool:
    tool = a_tool()
    tool.state = state
    return tool


BREAKING: dict[str, dict[str, Any]] = {
    "member_active": {"actor": User(is_active=False), "company": None},
    "company_active": {"company": Company(is_active=False)},
    "open_holds": {"open_holds": 5},
    "tool_bookable": {"tools": [a_tool(is_bookable=False)]},
    "tool_up": {"tools": [down(E10State.UNSCHEDULED_DOWN)], "now": kst(4, 0)},
    "ends_after_start": {"ends_at": kst(4, 10)},
    "not_past": {"now": kst(4, 10, 1)},
    "grid": {"starts_at": kst(4, 10, 7)},
    "lead_time": {"now": kst(4, 8, 1)},
    "horizon": {
        "starts_at": kst(4) + timedelta(days=60),
        "ends_at": kst(4, 2) + timedelta(days=60),
    },
    "minimum_length": {"ends_at": kst(4, 10, 15)},
    "maximum_length": {"ends_at": kst(4, 22, 15)},
    "operating_hours": {"tools": [a_tool(opens_at=time(9), closes_at=time(11))]},
    "tool_taken": {"busy": {1: [Interval(kst(4, 11, 45), kst(4, 13))]}},
}


def own(start: datetime, end: datetime, tool: int = 1, user: int = 7, booking: int = 1) -> OwnClaim:
    return OwnClaim(tool, booking, user, Interval(start, end))


def a_person(**fields: Any) -> User:
    return User(
        **{"pk": 7, "email": "a@b.example", "name": "alice", "role": Role.ENGINEER} | fields
    )


SEOLLAL = Holiday(day=date(2027, 3, 4), name_ko="설날", name_en="Lunar New Year")
MORNING = [own(kst(4, 8), kst(4, 10))]
ALONE = {"use_mode": UseMode.SELF_OPERATED}
BREAKING |= {
    "company_suspended": {"company": Company(suspended_at=NOW)},
    "future_bookings": {
        "rulebook": book_of("future_bookings", maximum=1),
        "own": [own(kst(9, 8), kst(9, 10))],
    },
    "user_hours_ahead": {
        "rulebook": book_of("user_hours_ahead", hours=3),
        "actor": a_person(),
        "own": [own(kst(9, 8), kst(9, 10))],
    },
    "company_hours_ahead": {
        "rulebook": book_of("company_hours_ahead", hours=3),
        "own": [own(kst(9, 8), kst(9, 10), user=8)],
    },
    "holidays": {"rulebook": book_of("holidays"), "holidays": [SEOLLAL]},
    "changeover": {
        "rulebook": book_of("changeover"),
        "others": {1: [Interval(kst(4, 8), kst(4, 9, 31))]},
    },
    "own_gap": {"rulebook": book_of("own_gap"), "own": [own(kst(4, 7), kst(4, 9, 1))]},
    "prime_time": {"rulebook": book_of("prime_time", hours=2), "own": MORNING},
    "user_hours_day": {
        "rulebook": book_of("user_hours_day", hours=3),
        "actor": a_person(),
        "own": MORNING,
    },
    "company_hours_day": {"rulebook": book_of("company_hours_day", hours=3), "own": MORNING},
    "user_hours_week": {
        "rulebook": book_of("user_hours_week", hours=3),
        "actor": a_person(),
        "own": [own(kst(1, 8), kst(1, 10))],
    },
    "company_hours_week": {
        "rulebook": book_of("company_hours_week", hours=3),
        "own": [own(kst(7, 8), kst(7, 10))],
    },
    "throughput": {"rulebook": book_of("throughput", wafers_per_hour=10), "wafer_count": 21},
    "use_mode": {"rulebook": book_of("use_mode", self_operated=False), **ALONE},
    "qualification_missing": {"rulebook": book_of("qualification_missing"), **ALONE},
    "qualification_expired": {
        "rulebook": book_of("qualification_expired"),
        "qualifications": {1: Qualified(date(2027, 3, 3), NOW)},
        **ALONE,
    },
    "qualification_unused": {
        "rulebook": book_of("qualification_unused", days=10),
        "qualifications": {1: Qualified(None, kst(4, 10) - timedelta(days=11))},
        **ALONE,
    },
    "contamination": {"tools": [a_tool(contamination_class=1)], "wafer_classes": [3, 3]},
}
CREW = Group(pk=5, code="crew", name_ko="소부장 우대", name_en="Preferred makers")
CREDIT = Company(name_ko="가온", name_en="Gaon", size_class="sme", credit_limit_won=1_000_000)
WET = Cleaning(3, 1, 220_000, "RCA clean", "clean")
DIRTY_ROUTE = {
    "route": Route(code="r", name_ko="경로", name_en="Route"),
    "wafer_count": 2,
    "lot_wafers": 2,
    "wafer_classes": [0, 0],
    "stops": [
        Stop("Copper etch", "etcher", frozenset({3})),
        Stop("Coat", "track", frozenset({1})),
    ],
    "cleanings": [WET],
}
COURSE = CourseAsked(Course(code="safety", name_ko="안전", name_en="Safety"), frozenset({1}))
RETICLE = Supply(pk=9, code="L40", kind="reticle", name_ko="레티클", name_en="Reticle L40")


def penalties(*days_ago: float, minutes: int = 0, user: int = 7) -> list[Debt]:
    tools = frozenset({1})
    return [Debt(user, tools, NOW - timedelta(days=days), minutes) for days in days_ago]


def facility(kind: str, **words: str) -> dict[str, Any]:
    span = Interval(kst(4, 11), kst(4, 13))
    return {"busy": {1: [span]}, "facility": {1: [FacilityClaim(kind, span, **words)]}}


def with_supply(**fields: Any) -> dict[str, Any]:
    known = {"pk": 9, "code": "L40", "name_ko": "레티클", "name_en": "Reticle L40"}
    return {"supplies": [Supply(**known | fields)]}


BREAKING |= {
    "credit_limit": {
        "company": CREDIT,
        "tools": [a_tool(rate_won_per_hour=300_000)],
        "outstanding_won": 472_001,
    },
    "penalty_limit": {
        "rulebook": book_of("penalty_limit", maximum=2, days=30),
        "actor": a_person(),
        "debts": penalties(1, 29),
    },
    "group_hours_ahead": {
        "rulebook": book_of("group_hours_ahead", hours=3),
        "groups": [CREW],
        "group_claims": {5: [own(kst(9, 8), kst(9, 10), user=8)]},
    },
    "group_hours_day": {
        "rulebook": book_of("group_hours_day", hours=3),
        "groups": [CREW],
        "group_claims": {5: MORNING},
    },
    "group_hours_week": {
        "rulebook": book_of("group_hours_week", hours=3),
        "groups": [CREW],
        "group_claims": {5: [own(kst(1, 8), kst(1, 10), user=8)]},
    },
    # Thursday is for numbers that end in 4 or 9.
    "day_rotation": {
        "rulebook": book_of("day_rotation"),
        "company": Company(business_number="9998100015"),
    },
    "queue_time": {"chain": Chain(before=Interval(kst(4, 8), kst(4, 9)), within_minutes=30)},
    "taken_maintenance": facility("maintenance"),
    "closed": facility("closure", reason_ko="정기 점검", reason_en="yearly check"),
    "facility_outage": facility("outage", reason_ko="질소 공급 중단", reason_en="no nitrogen"),
    "training_missing": {"rulebook": book_of("training_missing"), "courses": [COURSE], **ALONE},
    "training_expired": {
        "rulebook": book_of("training_expired"),
        "courses": [replace(COURSE, is_passed=True, valid_until=date(2027, 3, 3))],
        **ALONE,
    },
    "buddy_missing": {"rulebook": book_of("buddy_missing", from_hour=11), **ALONE},
    "buddy_not_qualified": {
        "rulebook": book_of("buddy_not_qualified"),
        "buddy": a_person(pk=8),
        **ALONE,
    },
    "contamination_route": DIRTY_ROUTE,
    "contamination_dead_end": DIRTY_ROUTE | {"cleanings": []},
    "supply_withdrawn": with_supply(is_withdrawn=True),
    "supply_expired": with_supply(expires_on=date(2027, 3, 3)),
    "supply_out": with_supply(quantity=0),
    "supply_away": with_supply(unavailable_until=kst(4, 10, 1)),
    "reticle_taken": {"supplies": [RETICLE], "supplies_in_use": frozenset({9})},
    "wished_document": {"wished_document": "test_report", **ALONE},
}
NOTICES = {
    "needs_approval", "hold_time", "reconfirm", "no_show", "late_cancel", "quota_debt"
}  # fmt: skip


def test_a_good_request_keeps_every_rule() -> None:
    assert check_all(a_request()) == []


def test_every_rule_has_a_breaking_example() -> None:
    assert set(BREAKING) | NOTICES == {rule.code for rule in RULES}


@pytest.mark.parametrize("code", BREAKING)
def test_a_rule_is_broken_and_says_so_in_both_languages(code: str) -> None:
    rule = by_code(code)
    broken = rule.check(a_request(**BREAKING[code]))
    assert broken is not None
    assert rule.check(a_request()) is None
    said = {}
    for language in ("ko", "en"):
        with override(language):
            said[language] = (broken.message, broken.next_step)
    assert all(text and "%(" not in text for texts in said.values() for text in texts)
    assert said["ko"][0] != said["en"][0]
    assert any("가" <= letter <= "힣" for letter in said["ko"][0])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_every_rule_explains_itself_in_both_languages(rule: Any) -> None:
    with override("ko"):
        korean = rule.explain(rule.defaults)
    with override("en"):
        english = rule.explain(rule.defaults)
    assert korean != english
    assert "%(" not in korean + english


def test_the_sentence_of_a_short_range_is_translated_too() -> None:
    with override("ko"):
        assert "기간" in str(LongEnoughRange.sentence)
    assert LongEnoughRange().check(a_request()) is None


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("not_past", {"now": kst(4, 10)}),
        ("lead_time", {"now": kst(4, 8)}),
        ("horizon", {"now": kst(4, 12) - timedelta(days=60)}),
        ("minimum_length", {"ends_at": kst(4, 10, 30)}),
        ("maximum_length", {"ends_at": kst(4, 22)}),
        ("operating_hours", {"tools": [a_tool(opens_at=time(10), closes_at=time(12))]}),
        ("tool_taken", {"busy": {1: [Interval(kst(4, 8), kst(4, 10))]}}),
        ("tool_taken", {"busy": {2: [Interval(kst(4, 8), kst(4, 20))]}}),
        ("open_holds", {"open_holds": 4}),
        ("future_bookings", BREAKING["future_bookings"] | {"own": [own(kst(1), kst(9))]}),
        ("user_hours_ahead", BREAKING["user_hours_ahead"] | {"own": [own(kst(9, 8), kst(9, 9))]}),
        ("user_hours_ahead", BREAKING["user_hours_ahead"] | {"actor": a_person(pk=8)}),
        ("company_hours_ahead", BREAKING["company_hours_ahead"] | {"tools": [a_tool(pk=2)]}),
        ("holidays", BREAKING["holidays"] | {"starts_at": kst(3, 22), "ends_at": kst(4)}),
        ("holidays", BREAKING["holidays"] | {"starts_at": kst(5), "ends_at": kst(5, 2)}),
        ("holidays", {"holidays": [SEOLLAL]}),
        ("changeover", BREAKING["changeover"] | {"others": {1: [Interval(kst(4), kst(4, 9, 30))]}}),
        ("own_gap", BREAKING["own_gap"] | {"own": [own(kst(4, 13), kst(4, 14))]}),
        ("prime_time", BREAKING["prime_time"] | {"own": [own(kst(4, 7), kst(4, 9))]}),
        ("prime_time", BREAKING["prime_time"] | {"own": [own(kst(5, 10), kst(5, 12))]}),
        ("prime_time", BREAKING["prime_time"] | {"starts_at": kst(6, 10), "ends_at": kst(6, 15)}),
        ("user_hours_day", BREAKING["user_hours_day"] | {"actor": a_person(pk=8)}),
        ("company_hours_day", BREAKING["company_hours_day"] | {"own": [own(kst(4, 8), kst(4, 9))]}),
        ("company_hours_day", BREAKING["company_hours_day"] | {"own": [own(kst(5), kst(5, 9))]}),
        ("user_hours_week", BREAKING["user_hours_week"] | {"own": [own(kst(8), kst(8, 9))]}),
        ("company_hours_week", BREAKING["company_hours_week"] | {"own": [own(kst(8), kst(8, 9))]}),
        ("throughput", BREAKING["throughput"] | {"wafer_count": 20}),
        ("use_mode", BREAKING["use_mode"] | {"use_mode": UseMode.REQUESTED}),
        ("qualification_missing", BREAKING["qualification_missing"] | {"use_mode": "requested"}),
        (
            "qualification_missing",
            BREAKING["qualification_missing"] | {"qualifications": {1: Qualified(None, NOW)}},
        ),
        (
            "qualification_expired",
            BREAKING["qualification_expired"]
            | {"qualifications": {1: Qualified(date(2027, 3, 4), NOW)}},
        ),
        (
            "qualification_unused",
            BREAKING["qualification_unused"]
            | {"qualifications": {1: Qualified(None, kst(4, 10) - timedelta(days=10))}},
        ),
        ("contamination", {"tools": [a_tool(contamination_class=3)], "wafer_classes": [3]}),
        ("contamination", {"wafer_classes": [0, 0, 3], "lot_wafers": 2}),
        ("credit_limit", BREAKING["credit_limit"] | {"outstanding_won": 472_000}),
        ("credit_limit", BREAKING["credit_limit"] | {"company": Company(size_class="sme")}),
        ("penalty_limit", BREAKING["penalty_limit"] | {"debts": penalties(1, 30)}),
        ("penalty_limit", BREAKING["penalty_limit"] | {"debts": penalties(1, 2, user=8)}),
        ("group_hours_day", BREAKING["group_hours_day"] | {"groups": []}),
        ("group_hours_day", BREAKING["group_hours_day"] | {"group_claims": {6: MORNING}}),
        ("group_hours_week", BREAKING["group_hours_week"] | {"tools": [a_tool(pk=2)]}),
        (
            "group_hours_ahead",
            BREAKING["group_hours_ahead"] | {"group_claims": {5: [own(kst(9, 8), kst(9, 9))]}},
        ),
        (
            "day_rotation",
            BREAKING["day_rotation"] | {"company": Company(business_number="9998100029")},
        ),
        (
            "day_rotation",
            BREAKING["day_rotation"] | {"starts_at": kst(6, 10), "ends_at": kst(6, 12)},
        ),
        ("day_rotation", BREAKING["day_rotation"] | {"company": None}),
        ("tool_taken", facility("closure")),
        ("closed", facility("maintenance")),
        ("taken_maintenance", facility("outage")),
        ("facility_outage", facility("closure")),
        ("facility_outage", facility("outage") | {"ends_at": kst(4, 11)}),
        ("training_missing", BREAKING["training_missing"] | {"use_mode": "requested"}),
        (
            "training_missing",
            BREAKING["training_missing"] | {"courses": [replace(COURSE, is_passed=True)]},
        ),
        ("training_missing", BREAKING["training_missing"] | {"tools": [a_tool(pk=2)]}),
        (
            "training_expired",
            BREAKING["training_expired"]
            | {"courses": [replace(COURSE, is_passed=True, valid_until=date(2027, 3, 4))]},
        ),
        ("training_expired", BREAKING["training_expired"] | {"courses": [COURSE]}),
        ("buddy_missing", BREAKING["buddy_missing"] | {"rulebook": book_of("buddy_missing")}),
        ("buddy_missing", BREAKING["buddy_missing"] | {"buddy": a_person(pk=8)}),
        ("buddy_missing", BREAKING["buddy_missing"] | {"use_mode": "requested"}),
        (
            "buddy_not_qualified",
            BREAKING["buddy_not_qualified"] | {"buddy_qualified": frozenset({1})},
        ),
        ("contamination_route", DIRTY_ROUTE | {"stops": DIRTY_ROUTE["stops"][:1]}),
        ("contamination_route", DIRTY_ROUTE | {"cleanings": []}),
        ("contamination_dead_end", DIRTY_ROUTE),
        ("supply_expired", with_supply(expires_on=date(2027, 3, 4))),
        ("supply_out", with_supply(quantity=1)),
        ("supply_out", with_supply(quantity=0) | {"supplies_loaded": frozenset({9})}),
        ("supply_away", with_supply(unavailable_until=kst(4, 10))),
        ("reticle_taken", {"supplies": [RETICLE], "supplies_in_use": frozenset({8})}),
        ("wished_document", {"wished_document": "test_report", "use_mode": "requested"}),
        ("wished_document", {"wished_document": "data", **ALONE}),
    ],
)
def test_the_edge_still_keeps_the_rule(code: str, fields: dict[str, Any]) -> None:
    assert by_code(code).check(a_request(**fields)) is None


def test_weekends_are_closed_where_the_tool_rests() -> None:
    saturday = {"starts_at": kst(6, 10), "ends_at": kst(6, 12)}
    resting = a_request(tools=[a_tool(works_weekends=False)], **saturday)
    working = a_request(tools=[a_tool(works_weekends=True)], **saturday)
    assert by_code("operating_hours").check(resting) is not None
    assert by_code("operating_hours").check(working) is None


def test_a_tool_that_is_down_warns_or_refuses_by_setting() -> None:
    request = a_request(**BREAKING["tool_up"])
    assert refusing(check_all(request)) == []
    assert [one.code for one in check_all(request)] == ["tool_up"]
    strict = replace(request, rulebook=book_of("tool_up", refuse=True))
    assert [one.code for one in refusing(check_all(strict))] == ["tool_up"]


def test_an_emergency_stop_counts_as_down() -> None:
    stopped = a_tool(emergency_stop_at=NOW)
    broken = by_code("tool_up").check(a_request(tools=[stopped], now=kst(4, 0)))
    assert broken is not None


def test_a_tools_own_parameter_comes_before_the_facilitys() -> None:
    settings = [
        RuleSetting(code="maximum_length", tool_id=None, parameters={"minutes": 60}),
        RuleSetting(code="maximum_length", tool_id=1, parameters={"minutes": 240}),
    ]
    rule = by_code("maximum_length")
    assert rule.check(a_request(rulebook=RuleBook.of(settings))) is None
    broken = rule.check(a_request(rulebook=RuleBook.of(settings[:1])))
    assert broken is not None
    assert "60" in broken.message


def test_the_nearest_setting_wins_and_the_rest_comes_from_the_farther() -> None:
    minutes = {"tool": 40, "cell": 30, "area": 20, "facility": 10}
    settings = [
        RuleSetting(code="changeover", parameters={"set_up_minutes": 10, "clean_down_minutes": 5}),
        RuleSetting(code="changeover", area="litho", parameters={"set_up_minutes": 20}),
        RuleSetting(code="changeover", cell_id=3, parameters={"set_up_minutes": 30}),
        RuleSetting(code="changeover", tool_id=1, parameters={"set_up_minutes": 40}),
    ]
    rule, tool = by_code("changeover"), a_tool(cell_id=3)
    for scope in minutes:
        found = RuleBook.of(settings).parameters(rule, tool)
        assert found == {"set_up_minutes": minutes[scope], "clean_down_minutes": 5}
        settings.pop()
    assert RuleBook.of(settings).parameters(rule, tool) is None
    other = a_tool(area="etch")
    etch = RuleBook.of([RuleSetting(code="changeover", area="litho", parameters={})])
    assert etch.parameters(rule, other) is None
    assert etch.parameters(rule, tool) == rule.defaults


def test_a_setting_is_in_force_between_its_dates_and_the_later_begun_counts() -> None:
    always = RuleSetting(code="maximum_length", parameters={"minutes": 60})
    march = RuleSetting(
        code="maximum_length",
        parameters={"minutes": 90},
        effective_from=kst(1),
        effective_until=kst(31),
    )
    rule = by_code("maximum_length")
    for at, minutes in ((kst(1) - timedelta(1), 60), (kst(1), 90), (kst(30), 90), (kst(31), 60)):
        for order in ([always, march], [march, always]):
            assert RuleBook.of(order, at).parameters(rule) == {"minutes": minutes}


def test_a_rule_can_be_switched_off() -> None:
    off = RuleBook.of([RuleSetting(code="grid", parameters={}, is_active=False)])
    assert by_code("grid").check(a_request(starts_at=kst(4, 10, 7), rulebook=off)) is None


def test_nonsense_in_the_table_leaves_the_defaults() -> None:
    for nonsense in ({"minutes": "many"}, {"hours": 3}, ["minutes"], None):
        setting = RuleSetting(code="grid", parameters=nonsense)
        found = RuleBook.of([setting]).parameters(by_code("grid"))
        assert found == {"minutes": 15}


@pytest.mark.parametrize(
    ("code", "parameters"),
    [
        ("grid", {"minutes": "5"}),
        ("grid", {"hours": 1}),
        ("nothing", {}),
        ("grid", {"minutes": -1}),
    ],
)
def test_the_table_refuses_nonsense(code: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RuleSetting(code=code, parameters=parameters).clean()


def test_the_table_takes_what_fits() -> None:
    RuleSetting(code="tool_up", parameters={"refuse": True, "within_hours": 2}).clean()


def test_rules_are_told_together() -> None:
    request = a_request(
        starts_at=kst(4, 10, 7), ends_at=kst(4, 10, 12), tools=[a_tool(is_bookable=False)]
    )
    assert {one.code for one in check_all(request)} == {"tool_bookable", "grid", "minimum_length"}


moments = st.datetimes(min_value=datetime(2027, 1, 1), max_value=datetime(2027, 12, 31)).map(  # noqa: DTZ001 - made aware below
    lambda moment: moment.replace(tzinfo=kst(1).tzinfo)
)


@given(moments, st.sampled_from([1, 5, 15, 30, 60]))
def test_the_grid_is_reached_and_kept(moment: datetime, minutes: int) -> None:
    down = down_to_grid(moment, minutes)
    assert timedelta(0) <= moment - down < timedelta(minutes=minutes)
    assert on_grid(down, minutes)
    assert down_to_grid(down, minutes) == down


@given(moments, st.integers(-(10**7), 10**7))
def test_no_request_makes_a_rule_fail(start: datetime, minutes: int) -> None:
    request = a_request(starts_at=start, ends_at=start + timedelta(minutes=minutes))
    for broken in check_all(request):
        assert broken.as_json()["message"]
