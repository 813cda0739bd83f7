"""Prepared statements answer as Django's cursor does; a whole transaction is undone whole."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from testbed.people.models import Company, User
from testbed.prepared import run
from testbed.refusals import Refusal
from testbed.transactions import LOCK_TIMEOUT_MS, Undone, in_transaction

SQL = """SELECT %s::bigint, %s::text, %s::timestamptz, %s::bigint[], %s::bool, '100 %%'"""
AT = datetime(2027, 3, 1, 9, 30, tzinfo=UTC)
LOCK_TIMEOUT = "SELECT current_setting('lock_timeout')"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "given",
    [
        [1, "it's 100 % \\", AT, [1, 2**40], True],
        [2**40, "가", AT, [], False],
        [None, None, None, None, None],
    ],
)
def test_values_come_back_as_through_djangos_cursor(given: list[Any]) -> None:
    [row] = run(SQL, given)
    with CaptureQueriesContext(connection) as captured:
        assert run(SQL, given) == [row]
    assert len(captured) == 1
    assert list(row) == [*given, "100 %"]


@pytest.mark.django_db
def test_without_preparing_the_answer_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    given = [1, "a", AT, [3], True]
    before = run(SQL, given)
    monkeypatch.setattr(connection.connection, "prepare_threshold", None)
    assert run(SQL, given) == before


@pytest.mark.django_db
def test_what_is_prepared_outlives_an_error_and_a_rollback(company_a: Company) -> None:
    sql = "UPDATE people_company SET size_class = %s WHERE id = %s RETURNING id"
    assert run(sql, ["sme", company_a.pk]) == [(company_a.pk,)]
    with pytest.raises(IntegrityError), transaction.atomic():
        run(sql, [None, company_a.pk])
    assert run(sql, ["sme", company_a.pk]) == [(company_a.pk,)]


@pytest.mark.django_db(transaction=True)
def test_the_lock_timeout_lasts_as_long_as_the_transaction(alice: User) -> None:
    before = run(LOCK_TIMEOUT, [])
    for _again in range(2):
        assert in_transaction(lambda: run(LOCK_TIMEOUT, [])) == [(f"{LOCK_TIMEOUT_MS // 1000}s",)]
        assert run(LOCK_TIMEOUT, []) == before


@pytest.mark.django_db(transaction=True)
def test_a_whole_transaction_is_undone_before_it_says_why(alice: User) -> None:
    def part() -> None:
        User.objects.filter(pk=alice.pk).update(name="changed")
        raise Undone(lambda: Refusal("no", User.objects.get(pk=alice.pk).name))

    with pytest.raises(Refusal, match=alice.name), CaptureQueriesContext(connection) as captured:
        in_transaction(lambda: in_transaction(part), is_whole=True)
    assert not any("SAVEPOINT" in query["sql"] for query in captured.captured_queries)
    assert in_transaction(lambda: User.objects.get(pk=alice.pk).name) == alice.name
