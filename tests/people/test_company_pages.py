"""The administrator's pages and endpoints for companies and their members."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from testbed.booking.hold import hold
from testbed.booking.models import Booking, BookingState
from testbed.booking.target import Target
from testbed.people.models import Company, User
from testbed.tools.models import Tool
from tests.booking.conftest import tomorrow

SignIn = Callable[[User], Client]
Api = Callable[[User], APIClient]
WHY = "Two invoices are not paid"


@pytest.fixture
def admin(administrator: User, sign_in: SignIn) -> Client:
    client = sign_in(administrator)
    client.cookies["django_language"] = "en"
    return client


@pytest.fixture
def held(alice: User, cd_sem: Tool) -> Booking:
    target = Target(tool=cd_sem)
    return hold(actor=alice, target=target, starts_at=tomorrow(10), ends_at=tomorrow(12))


def test_the_list(admin: Client, company_a: Company, company_b: Company, held: Booking) -> None:
    page = admin.get("/people/companies/").content.decode()
    assert "2 companies, 0 suspended" in page
    assert f"₩{held.quote['total_won']:,}" in page
    narrowed = admin.get("/people/companies/?state=suspended").content.decode()
    assert company_a.name_en not in narrowed
    assert admin.get("/people/companies/?state=%00&page=x").status_code == 200


def test_its_queries_do_not_grow(
    admin: Client, company_a: Company, company_b: Company, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(12):
        admin.get("/people/companies/")


def test_the_page_says_what_suspending_does_and_does_it(
    admin: Client, company_a: Company, held: Booking
) -> None:
    address = f"/people/companies/{company_a.business_number}/"
    page = admin.get(address).content.decode()
    assert "1 hold ends; its time is free for others." in page
    assert "0 bookings ahead stay" in page
    short = admin.post(f"{address}suspend/", {"reason": "no"})
    assert short.status_code == 422
    assert admin.post(f"{address}suspend/", {"reason": WHY}).status_code == 302
    held.refresh_from_db()
    assert held.state == BookingState.EXPIRED
    page = admin.get(address).content.decode()
    assert "Lift the suspension" in page
    assert page.count(WHY) == 2  # beside the date, and in the history
    assert admin.post(f"{address}suspend/", {"reason": WHY}).status_code == 409
    assert admin.post(f"{address}lift/").status_code == 302
    assert "lifted the suspension" in admin.get(address).content.decode()


def test_the_credit_limit(admin: Client, company_a: Company) -> None:
    address = f"/people/companies/{company_a.business_number}/"
    assert admin.post(f"{address}credit-limit/", {"limit_won": "5000000"}).status_code == 302
    page = admin.get(address).content.decode()
    assert "₩5,000,000" in page
    assert "From no limit to ₩5,000,000" in page
    for wrong in ("-1", "1" * 30, "much", "\x00"):
        answer = admin.post(f"{address}credit-limit/", {"limit_won": wrong})
        assert answer.status_code == 422
    assert admin.post(f"{address}credit-limit/", {"limit_won": ""}).status_code == 302
    company_a.refresh_from_db()
    assert company_a.credit_limit_won is None


def test_members(admin: Client, company_a: Company, alice: User, technician: User) -> None:
    address = f"/people/companies/{company_a.business_number}/"
    assert alice.email in admin.get(address).content.decode()
    assert admin.post(f"/people/members/{alice.pk}/deactivate/").status_code == 302
    page = admin.get(address).content.decode()
    assert "closed the account · alice" in page
    assert admin.post(f"/people/members/{alice.pk}/deactivate/").status_code == 409
    assert admin.post(f"/people/members/{alice.pk}/activate/").status_code == 302
    assert admin.post(f"/people/members/{technician.pk}/deactivate/").status_code == 404


@pytest.mark.parametrize("number", ["0000000000", "nobody", "1" * 60])
def test_nobody_there(admin: Client, number: str) -> None:
    assert admin.get(f"/people/companies/{number}/").status_code == 404


@pytest.mark.parametrize("who", ["alice", "technician", "process_engineer", "auditor"])
def test_others_do_not_see_them(
    who: str, request: pytest.FixtureRequest, company_a: Company, sign_in: SignIn, api: Api
) -> None:
    actor = request.getfixturevalue(who)
    number = company_a.business_number
    for address in ("/people/companies/", f"/people/companies/{number}/"):
        assert sign_in(actor).get(address).status_code == 403
    for address in ("/api/v1/companies/", f"/api/v1/companies/{number}/"):
        assert api(actor).get(address).status_code == 403


def test_the_endpoints(
    administrator: User, alice: User, company_a: Company, held: Booking, api: Api
) -> None:
    client = api(administrator)
    (row,) = client.get("/api/v1/companies/").json()["results"]
    assert row["business_number"] == company_a.business_number
    assert row["figures"] == {
        "live": 1, "holds": 1, "ahead": 0, "outstanding_won": held.quote["total_won"],
    }  # fmt: skip
    address = f"/api/v1/companies/{company_a.business_number}/"
    assert client.post(f"{address}suspend/", {"reason": "no"}, format="json").status_code == 400
    suspended = client.post(f"{address}suspend/", {"reason": WHY}, format="json").json()
    assert suspended["suspended_reason"] == WHY
    again = client.post(f"{address}suspend/", {"reason": WHY}, format="json")
    assert again.status_code == 409
    assert client.post(f"{address}lift/").json()["suspended_at"] is None
    limited = client.post(f"{address}credit-limit/", {"limit_won": 7}, format="json").json()
    assert limited["credit_limit_won"] == 7
    for wrong in (-1, 10**13, "much"):
        answer = client.post(f"{address}credit-limit/", {"limit_won": wrong}, format="json")
        assert answer.status_code == 400
    (member,) = client.get(f"{address}members/").json()
    assert (member["id"], member["is_active"]) == (alice.pk, True)
    closed = client.post(f"/api/v1/members/{alice.pk}/deactivate/")
    assert closed.json()["is_active"] is False
    assert client.post(f"/api/v1/members/{alice.pk}/activate/").json()["is_active"] is True
    assert client.post(f"/api/v1/members/{administrator.pk}/deactivate/").status_code == 404
