"""Who may operate a tool alone: granted, renewed, withdrawn, and for whom to see."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from testbed.people.models import JournalEntry, User
from testbed.refusals import Refusal
from testbed.tools import qualify
from testbed.tools.models import Qualification, Tool

SignIn = Callable[[User], Client]
Api = Callable[[User], APIClient]
WHY = "The tool was left open twice"


def refused(work: Callable[[], Any]) -> Refusal:
    with pytest.raises(Refusal) as stopped:
        work()
    return stopped.value


def day(ahead: int) -> date:
    return timezone.localdate() + timedelta(days=ahead)


@pytest.fixture
def held(process_engineer: User, alice: User, cd_sem: Tool) -> Qualification:
    return qualify.grant(actor=process_engineer, user=alice, tool=cd_sem, valid_until=day(30))


def test_grant_renew_withdraw(
    held: Qualification, process_engineer: User, administrator: User, alice: User, cd_sem: Tool
) -> None:
    assert (held.granted_by, held.valid_until) == (process_engineer, day(30))
    first = held.granted_at
    renewed = qualify.renew(actor=administrator, qualification=held, valid_until=day(365))
    assert (renewed.valid_until, renewed.granted_by) == (day(365), administrator)
    assert renewed.granted_at > first
    assert qualify.renew(actor=administrator, qualification=held).valid_until is None
    qualify.withdraw(actor=process_engineer, qualification=held, reason=WHY)
    assert not Qualification.objects.exists()
    entries = JournalEntry.objects.filter(action__startswith="qualification.").order_by("pk")
    assert [entry.action.split(".")[1] for entry in entries] == [
        "granted", "renewed", "renewed", "withdrawn",
    ]  # fmt: skip
    assert {entry.subject_id for entry in entries} == {cd_sem.pk}
    assert {entry.company for entry in entries} == {alice.company}
    last = entries.reverse()[0].details
    assert (last["person"], last["reason"]) == (alice.name, WHY)
    gone = refused(lambda: qualify.renew(actor=administrator, qualification=held))
    assert gone.code == "not_found"
    assert qualify.grant(actor=administrator, user=alice, tool=cd_sem).pk != held.pk


def test_twice_is_a_renewal(held: Qualification, administrator: User, alice: User) -> None:
    told = refused(lambda: qualify.grant(actor=administrator, user=alice, tool=held.tool))
    assert told.code == "already_qualified"


@pytest.mark.parametrize("until", [date(2000, 1, 1), date(2100, 1, 1)])
def test_a_last_day_that_makes_no_sense(
    held: Qualification, administrator: User, alice: User, scanner: Tool, until: date
) -> None:
    for work in (
        lambda: qualify.grant(actor=administrator, user=alice, tool=scanner, valid_until=until),
        lambda: qualify.renew(actor=administrator, qualification=held, valid_until=until),
    ):
        assert refused(work).code == "date_not_valid"


def test_today_is_a_last_day(administrator: User, alice: User, cd_sem: Tool) -> None:
    granted = qualify.grant(actor=administrator, user=alice, tool=cd_sem, valid_until=day(0))
    assert granted.valid_until == timezone.localdate()


@pytest.mark.parametrize("whom", ["bob", "technician"])
def test_only_engineers_are_qualified(
    whom: str, request: pytest.FixtureRequest, administrator: User, cd_sem: Tool
) -> None:
    user = request.getfixturevalue(whom)
    told = refused(lambda: qualify.grant(actor=administrator, user=user, tool=cd_sem))
    assert told.code == "not_an_engineer"


def test_a_withdrawal_has_a_reason(held: Qualification, administrator: User) -> None:
    told = refused(lambda: qualify.withdraw(actor=administrator, qualification=held, reason="no"))
    assert told.code == "reason_missing"
    assert Qualification.objects.exists()


@pytest.mark.parametrize("who", ["alice", "technician", "auditor"])
def test_who_may_not(
    who: str, request: pytest.FixtureRequest, held: Qualification, alice: User
) -> None:
    actor = request.getfixturevalue(who)
    for work in (
        lambda: qualify.grant(actor=actor, user=alice, tool=held.tool),
        lambda: qualify.renew(actor=actor, qualification=held),
        lambda: qualify.withdraw(actor=actor, qualification=held, reason=WHY),
    ):
        assert refused(work).code == "not_allowed"


class TestThePage:
    @pytest.fixture
    def desk(self, process_engineer: User, sign_in: SignIn) -> Client:
        client = sign_in(process_engineer)
        client.cookies["django_language"] = "en"
        return client

    def test_grant_renew_withdraw(self, desk: Client, alice: User, cd_sem: Tool) -> None:
        until = day(30).isoformat()
        body = {"person": alice.pk, "tool": "cd_sem", "valid_until": until}
        assert desk.post("/qualifications/grant/", body).status_code == 302
        assert desk.post("/qualifications/grant/", body).status_code == 409
        held = Qualification.objects.get()
        page = desk.get("/qualifications/?tool=cd_sem").content.decode()
        assert "1 qualification" in page
        assert until in page
        assert f"granted the qualification · {cd_sem}" in page
        renewing, withdrawing = (
            f"/qualifications/{held.pk}/{verb}/" for verb in ("renew", "withdraw")
        )
        assert desk.post(renewing, {"valid_until": "2000-01-01"}).status_code == 422
        assert desk.post(renewing, {"valid_until": "\x00"}).status_code == 422
        assert desk.post(renewing, {"valid_until": ""}).status_code == 302
        assert "no end" in desk.get("/qualifications/").content.decode()
        assert desk.post(withdrawing, {"reason": "no"}).status_code == 422
        assert desk.post(withdrawing, {"reason": WHY}).status_code == 302
        assert WHY in desk.get("/qualifications/").content.decode()
        assert desk.post(withdrawing, {"reason": WHY}).status_code == 404

    @pytest.mark.parametrize("query", ["?tool=nothing", "?tool=%00", "?person=x&page=999"])
    def test_a_filter_that_means_nothing(
        self, desk: Client, held: Qualification, query: str
    ) -> None:
        assert desk.get(f"/qualifications/{query}").status_code == 200

    def test_a_form_that_is_not_filled_in(self, desk: Client, cd_sem: Tool) -> None:
        assert desk.post("/qualifications/grant/", {"person": "x"}).status_code == 422

    def test_a_company_sees_its_own_and_changes_nothing(
        self, held: Qualification, alice: User, charlie: User, sign_in: SignIn
    ) -> None:
        own, other = (
            sign_in(user).get("/qualifications/").content.decode() for user in (alice, charlie)
        )
        assert 'action="/qualifications/grant/"' not in own
        assert day(30).isoformat() in own
        assert day(30).isoformat() not in other
        # Neither in the list nor in the filter nor in the history.
        assert alice.name not in other
        for verb in ("renew", "withdraw"):
            answer = sign_in(alice).post(f"/qualifications/{held.pk}/{verb}/")
            assert answer.status_code == 403


class TestTheEndpoints:
    def test_grant_renew_withdraw(
        self, process_engineer: User, alice: User, cd_sem: Tool, api: Api
    ) -> None:
        client, address = api(process_engineer), "/api/v1/qualifications/"
        body = {"tool": "cd_sem", "person": alice.email.upper(), "valid_until": str(day(9))}
        granted = client.post(address, body, format="json")
        assert granted.status_code == 201, granted.json()
        assert granted.json()["valid_until"] == str(day(9))
        assert client.post(address, body, format="json").status_code == 409
        one = f"{address}{granted.json()['id']}/"
        assert client.post(f"{one}renew/", {}, format="json").json()["valid_until"] is None
        past = client.post(f"{one}renew/", {"valid_until": "2000-01-01"}, format="json")
        assert past.status_code == 422
        assert client.post(f"{one}withdraw/", {"reason": "no"}, format="json").status_code == 400
        assert client.post(f"{one}withdraw/", {"reason": WHY}, format="json").status_code == 204
        assert client.get(one).status_code == 404

    @pytest.mark.parametrize(
        "wrong",
        [
            {"tool": "nothing"}, {"person": "nobody@nowhere.example"}, {"tool": "\x00"},
            {"valid_until": "soon"}, {"person": None},
        ],
    )  # fmt: skip
    def test_bad_input(
        self, wrong: dict[str, Any], process_engineer: User, alice: User, cd_sem: Tool, api: Api
    ) -> None:
        body = {"tool": "cd_sem", "person": alice.email, **wrong}
        answer = api(process_engineer).post("/api/v1/qualifications/", body, format="json")
        assert answer.status_code == 400

    def test_the_walls(self, held: Qualification, alice: User, charlie: User, api: Api) -> None:
        one = f"/api/v1/qualifications/{held.pk}/"
        assert api(alice).get(one).json()["person"] == alice.name
        assert api(charlie).get(one).status_code == 404
        assert api(charlie).get("/api/v1/qualifications/").json()["results"] == []
        for address in ("/api/v1/qualifications/", f"{one}renew/", f"{one}withdraw/"):
            assert api(alice).post(address, {}, format="json").status_code == 403
