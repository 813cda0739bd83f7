"""Prepared statements answer as Django's cursor does; a whole transaction is undone whole."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from testbed.people.models import Company, User
from testbed.prepared import Question, run, run_together
from testbed.refusals import Refusal
from testbed.transactions import (
    LOCK_TIMEOUT_MS,
    Undone,
    at_the_end,
    in_transaction,
    opened_with,
)

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


@pytest.mark.django_db
def test_asked_together_each_answers_as_alone(company_a: Company) -> None:
    rename = "UPDATE people_company SET name_en = %s WHERE id = %s"
    name = "SELECT name_en FROM people_company WHERE id = %s"
    asked: list[Question] = [
        (SQL, [1, "a", AT, [3], True]),
        (rename, ["new", company_a.pk]),
        (name, [company_a.pk]),
    ]
    together = run_together(asked)
    assert together == [run(*asked[0]), [], [("new",)]]
    with CaptureQueriesContext(connection) as captured:
        assert run_together(asked) == together
    assert len(captured) == 3


@pytest.mark.django_db
def test_without_preparing_they_answer_together_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Question] = [(SQL, [1, "a", AT, [3], True]), ("SELECT %s::text", ["x" * 200_000])]
    before = run_together(asked)
    monkeypatch.setattr(connection.connection, "prepare_threshold", None)
    assert run_together(asked) == before
    assert before[1] == [("x" * 200_000,)]


@pytest.mark.django_db
def test_after_the_one_that_fails_none_is_run(company_a: Company) -> None:
    rename = "UPDATE people_company SET name_en = %s WHERE id = %s"
    with pytest.raises(IntegrityError), transaction.atomic():
        run_together([(rename, ["1", company_a.pk]), (rename, [None, company_a.pk]), (SQL, [1])])
    assert run("SELECT name_en FROM people_company", []) == [(company_a.name_en,)]


@pytest.mark.django_db(transaction=True)
def test_a_transaction_opens_with_questions_and_ends_with_its_last_act(company_a: Company) -> None:
    rename = "UPDATE people_company SET name_en = %s WHERE id = %s"
    name: Question = ("SELECT name_en FROM people_company WHERE id = %s", [company_a.pk])
    heard: list[str] = []

    def work(rows: list[list[Any]]) -> list[list[Any]]:
        transaction.on_commit(lambda: heard.append(run(*name)[0][0]))
        at_the_end(rename, ["last", company_a.pk])
        return [*rows, run(*name)]

    before = [(company_a.name_en,)]
    assert opened_with([name], work) == [before, before]
    assert heard == ["last"]
    with pytest.raises(IntegrityError):
        in_transaction(lambda: at_the_end(rename, [None, company_a.pk]))
    assert in_transaction(lambda: run(*name)) == [("last",)]


@pytest.mark.django_db(transaction=True)
def test_inside_another_transaction_the_last_act_is_done_at_once(company_a: Company) -> None:
    rename = "UPDATE people_company SET name_en = %s WHERE id = %s"
    with transaction.atomic():
        in_transaction(lambda: at_the_end(rename, ["soon", company_a.pk]))
        assert Company.objects.get(pk=company_a.pk).name_en == "soon"
        transaction.set_rollback(True)
    assert Company.objects.get(pk=company_a.pk).name_en == company_a.name_en
