"""Setting the rules: the verbs, the pages, the API; and who is asked what for them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from testbed.booking.hold import hold
from testbed.booking.models import Booking, Penalty, RuleSetting
from testbed.booking.overview import known_settings
from testbed.booking.place import Answers, place
from testbed.booking.request import gather
from testbed.booking.rule_settings import Scope, Terms, add, change, end
from testbed.booking.rules import RuleBook, by_code, check_all
from testbed.booking.target import Target
from testbed.people.models import Group, JournalEntry
from testbed.refusals import Refusal
from tests.booking.conftest import setting, tomorrow

if TYPE_CHECKING:
    from collections.abc import Callable

    from rest_framework.test import APIClient

    from testbed.people.models import Company, User
    from testbed.tools.models import Tool

GRID = by_code("grid")
NOW = Terms({"minutes": 30})


def days(count: int) -> Any:
    return timezone.now() + timedelta(days=count)


def in_force(tool: Tool | None = None) -> Any:
    return RuleBook.load().parameters(GRID, tool)


@pytest.fixture
def crew(company_a: Company) -> Group:
    group = Group.objects.create(code="crew", name_ko="소부장 우대", name_en="Preferred makers")
    group.companies.add(company_a)
    return group


class TestVerbs:
    def test_a_change_ends_the_old_and_begins_a_new_one(
        self, administrator: User, cd_sem: Tool
    ) -> None:
        first = add(actor=administrator, code="grid", scope=Scope(tool=cd_sem), terms=NOW)
        assert in_force(cd_sem) == {"minutes": 30}
        assert in_force() == {"minutes": 15}
        second = change(actor=administrator, setting=first, terms=Terms({"minutes": 60}))
        assert in_force(cd_sem) == {"minutes": 60}
        first.refresh_from_db()
        assert first.effective_until == second.effective_from
        end(actor=administrator, setting=second)
        assert in_force(cd_sem) == {"minutes": 15}
        assert RuleSetting.objects.count() == 2
        said = list(JournalEntry.objects.order_by("pk").values_list("action", "details__code"))
        assert said == [(f"rule.{one}", "grid") for one in ("set", "changed", "ended")]

    def test_one_that_has_not_begun_is_changed_itself_or_taken_away(
        self, administrator: User, db: None
    ) -> None:
        coming = Terms({"minutes": 30}, effective_from=days(3))
        made = add(actor=administrator, code="grid", scope=Scope(), terms=coming)
        assert in_force() == {"minutes": 15}
        later = change(actor=administrator, setting=made, terms=Terms({"minutes": 20}))
        assert (later.pk, later.effective_from) == (made.pk, made.effective_from)
        end(actor=administrator, setting=later)
        assert not RuleSetting.objects.exists()
        with pytest.raises(Refusal, match="setting_over"):
            end(actor=administrator, setting=made)

    @pytest.mark.parametrize(
        ("code", "terms", "field"),
        [
            ("grid", Terms({"minutes": "30"}), "minutes"),
            ("grid", Terms({"minutes": -1}), "minutes"),
            ("grid", Terms({"minutes": True}), "minutes"),
            ("grid", Terms({"hours": 1}), "hours"),
            ("tool_up", Terms({"refuse": 1}), "refuse"),
            ("late_cancel", Terms({"fee_percent": 101}), "fee_percent"),
            ("prime_time", Terms({"from_hour": 18, "until_hour": 9}), "until_hour"),
            ("grid", Terms(effective_from=days(2), effective_until=days(1)), "effective_until"),
            ("grid", Terms(effective_until=days(-1)), "effective_until"),
            ("grid", Terms(effective_from=days(36_500)), "effective_from"),
        ],
    )
    def test_nonsense_is_refused_beside_its_field(
        self, administrator: User, code: str, terms: Terms, field: str
    ) -> None:
        with pytest.raises(Refusal) as stopped:
            add(actor=administrator, code=code, scope=Scope(), terms=terms)
        assert stopped.value.status == 422
        assert set(stopped.value.fields) == {field}

    def test_only_the_administrator_sets_and_one_place_at_a_time(
        self, administrator: User, process_engineer: User, alice: User, cd_sem: Tool
    ) -> None:
        for person in (process_engineer, alice):
            with pytest.raises(Refusal, match="not_allowed"):
                add(actor=person, code="grid", scope=Scope(), terms=NOW)
        with pytest.raises(Refusal, match="setting_not_valid"):
            add(actor=administrator, code="grid", scope=Scope(tool=cd_sem, area="etch"), terms=NOW)
        with pytest.raises(Refusal, match="no_such_rule"):
            add(actor=administrator, code="nothing", scope=Scope(), terms=NOW)
        later = Terms({"minutes": 30}, effective_from=days(1))
        add(actor=administrator, code="grid", scope=Scope(), terms=later)
        with pytest.raises(Refusal, match="setting_exists"):
            add(actor=administrator, code="grid", scope=Scope(), terms=later)


class TestGroups:
    def test_a_groups_setting_counts_for_its_people_alone(
        self, alice: User, charlie: User, sem_target: Target, crew: Group
    ) -> None:
        RuleSetting.objects.create(code="maximum_length", group=crew, parameters={"minutes": 1440})
        asked = {"target": sem_target, "answers": Answers()}
        long = {"starts_at": tomorrow(9), "ends_at": tomorrow(23)}
        with pytest.raises(Refusal, match="maximum_length"):
            place(actor=charlie, **asked, **long)
        assert place(actor=alice, **asked, **long).pk

    def test_a_groups_hold_is_extended_as_often_as_it_may(
        self, alice: User, charlie: User, sem_target: Target, crew: Group,
        api: Callable[[User], APIClient],
    ) -> None:  # fmt: skip
        rule = {"code": "hold_time", "parameters": {"extensions": 3, "minutes": 20}}
        RuleSetting.objects.create(group=crew, **rule)
        left: dict[str, list[int]] = {}
        for who, hour in ((alice, 8), (charlie, 11)):
            span = {"starts_at": tomorrow(hour), "ends_at": tomorrow(hour + 2)}
            held = hold(actor=who, target=sem_target, **span)
            one = f"/api/v1/bookings/{held.pk}/"
            answers = [api(who).get(one), *(api(who).post(f"{one}extend/") for _ in range(2))]
            left[who.name] = [answer.json().get("extensions_left", -1) for answer in answers]
        assert left == {"alice": [3, 2, 1], "charlie": [1, 0, -1]}
        ends = Booking.objects.get(booked_by=alice).hold_expires_at
        assert ends is not None
        assert ends - timezone.now() > timedelta(minutes=19)

    def test_a_group_shares_its_hours(
        self, alice: User, charlie: User, sem_target: Target, crew: Group,
        booked: Callable[..., Booking],
    ) -> None:  # fmt: skip
        crew.users.add(charlie)
        setting("group_hours_day", hours=4)
        booked(charlie, 8)
        booked(alice, 10)
        with pytest.raises(Refusal) as stopped:
            booked(alice, 14)
        assert stopped.value.code == "group_hours_day"
        assert "소부장 우대" in stopped.value.message
        crew.users.remove(charlie)
        assert booked(charlie, 14).pk
        assert booked(alice, 16).pk

    def test_others_learn_nothing_of_a_groups_settings(
        self, alice: User, charlie: User, administrator: User, crew: Group, sign_in: Any
    ) -> None:
        RuleSetting.objects.create(code="grid", group=crew, parameters={"minutes": 5})
        known = {one: known_settings(one).count() for one in (alice, charlie, administrator)}
        assert list(known.values()) == [1, 0, 1]
        for path in ("/rules/", "/rules/grid/", "/api/v1/rules/", "/api/v1/rules/grid/"):
            pages = [sign_in(one).get(path).content.decode() for one in (alice, charlie)]
            words = ("소부장 우대", '"crew"')
            assert [any(word in page for word in words) for page in pages] == [True, False]


class TestCredit:
    def test_open_bookings_and_this_one_stay_within_the_limit(
        self, alice: User, company_a: Company, booked: Callable[..., Booking]
    ) -> None:
        first = booked(alice, 8)
        total = first.quote["total_won"]
        company_a.credit_limit_won = 2 * total
        company_a.save()
        booked(alice, 10)
        with pytest.raises(Refusal) as stopped:
            booked(alice, 12)
        assert stopped.value.code == "credit_limit"
        assert f"{2 * total:,}" in stopped.value.message
        past = timezone.now() - timedelta(hours=3)
        Booking.objects.filter(pk=first.pk).update(
            starts_at=past, ends_at=past + timedelta(hours=2)
        )
        assert booked(alice, 12).pk


class TestPenalties:
    def penalty(self, booking: Booking, minutes: int = 0, **more: Any) -> Penalty:
        return Penalty.objects.create(
            booking=booking, company=booking.company, user=booking.booked_by,
            kind="late_cancel", debt_minutes=minutes, **more,
        )  # fmt: skip

    def test_too_many_rest_the_booker_until_a_date(
        self, alice: User, administrator: User, booked: Callable[..., Booking]
    ) -> None:
        setting("penalty_limit", maximum=1, days=10)
        given = self.penalty(booked(alice, 8))
        with pytest.raises(Refusal) as stopped:
            booked(alice, 10)
        assert stopped.value.code == "penalty_limit"
        assert f"{days(10):%Y-%m}" in str(stopped.value.next_step)
        self.penalty(
            given.booking, reverses=given, waived_by=administrator, reason="the tool was down"
        )
        assert booked(alice, 10).pk

    def test_debt_counts_in_the_weeks_hours_of_its_tools(
        self, alice: User, cd_sem: Tool, scanner: Tool, booked: Callable[..., Booking]
    ) -> None:
        lost = booked(alice, 8)
        Booking.objects.filter(pk=lost.pk).update(state="cancelled")
        lost.allocations.update(live=False)
        self.penalty(lost, 120)

        def broken(tool: Tool) -> list[str]:
            request = gather(
                actor=alice, tools=[tool], starts_at=tomorrow(10), ends_at=tomorrow(12),
                now=timezone.now(),
            )  # fmt: skip
            return [one.code for one in check_all(request)]

        for code in ("company_hours_week", "user_hours_week", "user_hours_ahead"):
            setting(code, hours=3)
        assert broken(cd_sem) == []
        setting("quota_debt")
        assert broken(cd_sem) == ["user_hours_ahead", "user_hours_week", "company_hours_week"]
        assert broken(scanner) == []
        RuleSetting.objects.filter(code="quota_debt").update(parameters={"days": 0})
        assert broken(cd_sem) == []


class TestPages:
    def test_the_administrator_adds_changes_and_ends_a_setting(
        self, sign_in: Any, administrator: User, cd_sem: Tool, crew: Group
    ) -> None:
        client = sign_in(administrator)
        sent = {
            "place": "tool:cd_sem", "group": "crew", "is_active": "yes", "parameter_minutes": 30
        }  # fmt: skip
        assert client.post("/rules/grid/add/", sent).status_code == 302
        made = RuleSetting.objects.get()
        assert (made.tool, made.group, made.parameters) == (cd_sem, crew, {"minutes": 30})
        assert "소부장 우대" in client.get("/rules/grid/").content.decode()
        path = f"/rules/grid/{made.pk}/"
        assert 'value="30"' in client.get(path).content.decode()
        assert client.post(path, {"is_active": "no"}).status_code == 302
        new = RuleSetting.objects.latest("pk")
        assert (new.is_active, new.parameters) == (False, {})
        assert client.post(path, {"is_active": "yes"}).status_code == 422
        assert client.post(f"/rules/grid/{new.pk}/end/").status_code == 302
        new.refresh_from_db()
        assert not new.is_in_force(timezone.now())
        page = client.get("/rules/grid/", headers={"Accept-Language": "en"}).content.decode()
        assert "Earlier settings" in page
        assert "set a booking rule" in page

    def test_a_yes_or_no_is_typed_and_nonsense_answered_beside_its_field(
        self, sign_in: Any, administrator: User, db: None
    ) -> None:
        client = sign_in(administrator)
        sent = {"place": "facility", "is_active": "yes", "parameter_refuse": "yes"}
        assert client.post("/rules/tool_up/add/", sent).status_code == 302
        assert RuleSetting.objects.get().parameters == {"refuse": True}
        for wrong in (
            {"parameter_within_hours": "many"},
            {"parameter_within_hours": 10**30},
            {"place": "tool:nothing"},
            {"effective_from": "0001-01-01T00:00"},
            {"effective_until": "2001-01-01T00:00"},
            {"group": "x\x00"},
        ):
            answer = client.post("/rules/tool_up/add/", sent | wrong)
            assert answer.status_code == 422
            assert f"id_{next(iter(wrong))}_error" in answer.content.decode()
        assert RuleSetting.objects.count() == 1

    def test_everybody_reads_and_nobody_else_writes(
        self, sign_in: Any, alice: User, process_engineer: User, db: None
    ) -> None:
        made = setting("grid", minutes=30)
        for person in (alice, process_engineer):
            client = sign_in(person)
            assert "/add/" not in client.get("/rules/grid/").content.decode()
            for path in ("add/", f"{made.pk}/", f"{made.pk}/end/"):
                assert client.post(f"/rules/grid/{path}").status_code == 403
        assert sign_in(alice).get("/rules/nothing/").status_code == 404

    def test_the_table_is_filtered_by_tool(self, sign_in: Any, alice: User, cd_sem: Tool) -> None:
        setting("grid", tool=cd_sem, minutes=7)
        client = sign_in(alice)
        for path in ("/rules/?tool=cd_sem", "/rules/?tool=nothing%00"):
            assert "7분" in client.get(path).content.decode()


class TestApi:
    def test_post_put_delete(
        self, api: Any, administrator: User, alice: User, cd_sem: Tool, crew: Group
    ) -> None:
        client, path = api(administrator), "/api/v1/rules/grid/settings/"
        sent = {"scope": "tool:cd_sem", "group": "crew", "parameters": {"minutes": 30}}
        made = client.post(path, sent, format="json")
        assert made.status_code == 201
        body = made.json()
        assert (body["scope"], body["group"], body["is_upcoming"]) == (
            "tool:cd_sem", "crew", False,
        )  # fmt: skip
        own = f"{path}{body['id']}/"
        new = client.put(own, {"parameters": {"minutes": 20}}, format="json").json()
        assert new["id"] != body["id"]
        assert client.delete(own).status_code == 409
        assert client.delete(f"{path}{new['id']}/").status_code == 204
        one = client.get("/api/v1/rules/grid/").json()
        assert [setting["parameters"]["minutes"] for setting in one["settings"]] == [20, 30]
        assert one["defaults"] == {"minutes": 15}
        assert api(alice).post(path, sent, format="json").status_code == 403

    @pytest.mark.parametrize(
        ("sent", "status"),
        [
            ({"scope": "tool:nothing"}, 400),
            ({"scope": "x" * 41}, 400),
            ({"scope": "facility\x00"}, 400),
            ({"group": "nobody"}, 400),
            ({"parameters": []}, 400),
            ({"parameters": {"minutes": 10**40}}, 422),
            ({"parameters": {"minutes\x00": 1}}, 400),
            ({"effective_until": "2001-01-01T00:00:00Z"}, 422),
        ],
    )
    def test_nonsense(self, api: Any, administrator: User, sent: Any, status: int) -> None:
        client = api(administrator)
        for path, code in (("grid", status), ("nothing", 404 if status == 422 else 400)):
            answer = client.post(f"/api/v1/rules/{path}/settings/", sent, format="json")
            assert answer.status_code == code
        missing = client.put("/api/v1/rules/grid/settings/1/", {}, format="json")
        assert missing.status_code == 404
