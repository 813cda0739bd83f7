"""Companies, roles, tokens, the journal: what the database itself refuses."""

from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, transaction
from django.test import Client
from rest_framework.test import APIClient

from testbed.people import journal, tokens
from testbed.people.models import ApiToken, Company, JournalEntry, Role, User
from testbed.people.permissions import MAY, may
from tests.conftest import PASSWORD, make_user


@pytest.mark.parametrize("number", ["9998100016", "123", "abcdefghij", "1000000000"])
def test_a_wrong_business_number_is_refused(company_a: Company, number: str) -> None:
    company_a.business_number = number
    with pytest.raises(ValidationError):
        company_a.full_clean()


@pytest.mark.django_db
def test_a_member_needs_a_company_and_the_staff_have_none(company_a: Company) -> None:
    for role, company in ((Role.ENGINEER, None), (Role.TECHNICIAN, company_a)):
        with pytest.raises((IntegrityError, ValidationError)), transaction.atomic():
            make_user(f"{role}@x.example", role, company)


def test_one_address_one_account_whatever_its_case(alice: User, company_a: Company) -> None:
    with pytest.raises((IntegrityError, ValidationError)), transaction.atomic():
        make_user("ALICE@gaon.example", Role.READER, company_a)


def test_companies_see_themselves_only(alice: User, charlie: User, administrator: User) -> None:
    assert list(Company.objects.visible_to(alice)) == [alice.company]
    assert not User.objects.visible_to(charlie).filter(pk=alice.pk).exists()
    assert Company.objects.visible_to(administrator).count() == 2


def test_the_table_of_permissions(alice: User, bob: User, technician: User) -> None:
    assert may(alice, "book")
    assert not may(bob, "book")
    # A reader only looks, and stops what goes wrong.
    assert {one for one in MAY if may(bob, one)} <= {"see_penalties", "emergency_stop_own_run"}
    assert may(technician, "operate")
    technician.is_active = False
    assert not may(technician, "operate")


def test_a_token_is_stored_as_its_digest_and_dies_when_revoked(alice: User) -> None:
    token, key = tokens.issue(actor=alice, name="script")
    assert key not in str(ApiToken.objects.values_list())
    assert tokens.find(key) == token
    tokens.revoke(actor=alice, token=token)
    tokens.revoke(actor=alice, token=token)
    assert tokens.find(key) is None
    assert JournalEntry.objects.filter(action="token.revoked").count() == 1


def test_an_inactive_persons_token_is_dead(alice: User) -> None:
    _token, key = tokens.issue(actor=alice, name="script")
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert tokens.find(key) is None


def test_the_journal_cannot_be_rewritten(alice: User) -> None:
    entry = journal.record(actor=alice, action="token.issued", subject=alice)
    for change in (entry.delete, lambda: JournalEntry.objects.update(action="x")):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
    with pytest.raises(KeyError):
        journal.record(actor=alice, action="no.such", subject=alice)


def test_tokens_over_the_api(alice: User, client: Client) -> None:
    wrong = client.post(
        "/api/v1/tokens/",
        {"email": alice.email, "password": "wrong"},
        content_type="application/json",
    )
    assert (wrong.status_code, wrong.json()["code"]) == (403, "wrong_credentials")
    made = client.post(
        "/api/v1/tokens/",
        {"email": alice.email, "password": PASSWORD},
        content_type="application/json",
    )
    assert made.status_code == 201
    me = APIClient()
    me.credentials(HTTP_AUTHORIZATION=f"Bearer {made.json()['token']}")
    assert me.get("/api/v1/me/").json()["email"] == alice.email
    assert me.delete("/api/v1/tokens/current/").status_code == 204
    assert me.get("/api/v1/me/").status_code == 401


def test_sign_in_by_page(alice: User, client: Client) -> None:
    page = client.post("/accounts/login/", {"login": alice.email, "password": PASSWORD})
    assert page.status_code == 302
    assert client.get("/lots/").status_code == 200


def test_nobody_signs_up_alone(client: Client, db: None) -> None:
    client.post(
        "/accounts/signup/",
        {"email": "x@x.example", "password1": PASSWORD, "password2": PASSWORD},
    )
    assert not User.objects.filter(email="x@x.example").exists()


@pytest.mark.parametrize("body", ["{", "[]", '"x"', '{"email": "\\u0000", "password": "x"}'])
def test_broken_requests_get_the_one_error_shape(
    client: Client, db: None, body: str, api: Callable[[User], APIClient]
) -> None:
    answer = client.post("/api/v1/tokens/", body, content_type="application/json")
    assert answer.status_code == 400
    assert set(answer.json()) == {"code", "message", "fields"}
