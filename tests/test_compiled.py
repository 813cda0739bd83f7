"""Statements that are compiled once give what their querysets give."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from testbed.compiled import (
    Among,
    Statement,
    asked_together,
    insert,
    inserting_together,
    known_ahead,
    text,
    whole,
)
from testbed.people.models import ApiToken, Company, JournalEntry, User
from testbed.tools.models import Tool


def test_model_objects_with_their_related_ones(alice: User, charlie: User) -> None:
    statement: Statement[User] = Statement(
        lambda: User.objects.select_related("company").filter(email=text("email"))
    )
    for user in (alice, charlie, alice):
        with CaptureQueriesContext(connection) as captured:
            [found] = statement(email=user.email)
            assert found == user
            assert found.company == user.company
        assert len(captured) == 1
        assert "people_user" in captured[0]["sql"]
    assert statement(email="nobody@nowhere.example") == []


def test_tuples_and_a_list_of_keys(track: Tool, scanner: Tool, cd_sem: Tool) -> None:
    statement: Statement[Any] = Statement(
        lambda: Tool.objects.filter(Among("pk", "tools")).order_by("pk").values_list("pk", "code")
    )
    wanted = [cd_sem.pk, track.pk]
    assert statement(tools=wanted) == [(track.pk, "track"), (cd_sem.pk, "cd_sem")]
    assert statement(tools=[]) == []


def test_annotations_come_with_the_object(scanner: Tool) -> None:
    statement: Statement[Any] = Statement(lambda: Tool.objects.with_state().filter(pk=whole("pk")))
    [found] = statement(pk=scanner.pk)
    assert (found.state, found.code) == ("standby", "scanner")


def test_constants_of_a_queryset_may_be_any_text(alice: User) -> None:
    for name in ("it's 100 % \\ %s", "%%"):
        User.objects.filter(pk=alice.pk).update(name=name)
        statement: Statement[User] = Statement(
            lambda name=name: User.objects.filter(name=name, email=text("email"), is_active=True)  # type: ignore[misc]
        )
        assert [one.name for one in statement(email=alice.email)] == [name]


def test_planned_anew_it_gives_the_same(track: Tool, scanner: Tool, cd_sem: Tool) -> None:
    def build() -> Any:
        wanted = Tool.objects.filter(Among("code", "codes", "text[]"), kind__contains="")
        return wanted.order_by("pk").values_list("pk", "code")

    once: Statement[Any] = Statement(build)
    anew: Statement[Any] = Statement(build, is_planned_anew=True)
    for codes in (["track", "cd_sem", "it's 100 % \\ %s"], []):
        assert once(codes=codes) == anew(codes=codes)
    assert [code for _pk, code in anew(codes=["cd_sem", "track"])] == ["track", "cd_sem"]


def test_asked_together_or_ahead_it_gives_what_it_gives_alone(alice: User, track: Tool) -> None:
    person: Statement[User] = Statement(lambda: User.objects.filter(email=text("email")))
    codes: Statement[Any] = Statement(
        lambda: Tool.objects.filter(pk=whole("pk")).values_list("code")
    )
    asked = (person, {"email": alice.email}), (codes, {"pk": track.pk})
    assert asked_together(*asked) == [[alice], [("track",)]]
    question = codes.question(pk=track.pk)
    with known_ahead(question, [("said",)]):
        assert codes(pk=0) == []
        assert codes(pk=track.pk) == [("said",)]
        # Only once: whoever asks again wants to know anew.
        assert codes(pk=track.pk) == [("track",)]
    assert codes(pk=track.pk) == [("track",)]


def test_a_slot_without_a_value_is_an_error(alice: User) -> None:
    statement: Statement[User] = Statement(lambda: User.objects.filter(pk=whole("pk")))
    with pytest.raises(KeyError):
        statement()


def test_inserted_objects_are_as_saved_ones(alice: User) -> None:
    rows = [
        JournalEntry(
            actor=alice, company=alice.company, action="booking.placed", subject_kind="x",
            subject_id=number, details={"won": number, "name": "가"},
        )
        for number in range(2)
    ]  # fmt: skip
    insert(rows)
    for row in rows:
        read = JournalEntry.objects.get(pk=row.pk)
        assert (read.details, read.at, read.actor) == (row.details, row.at, alice)
        assert not row._state.adding


def test_a_constraint_still_speaks_as_django_does(company_a: Company) -> None:
    twin = Company(
        name_ko="가", name_en="a", business_number=company_a.business_number, sector="parts",
        size_class="sme",
    )  # fmt: skip
    with pytest.raises(IntegrityError), transaction.atomic():
        insert([twin])


def entry(number: int) -> JournalEntry:
    return JournalEntry(action="x", subject_kind="x", subject_id=number, details={"at": number})


def test_what_is_inserted_together_is_one_statement(alice: User, scanner: Tool) -> None:
    entries = [entry(number) for number in range(3)]
    token = ApiToken(user=alice, name="t", digest="d")
    with CaptureQueriesContext(connection) as captured, inserting_together():
        insert(entries[:2])
        insert([token])
        insert(entries[2:])
    assert len(captured) == 1
    assert ApiToken.objects.get(pk=token.pk).name == "t"
    for one in entries:
        assert JournalEntry.objects.get(pk=one.pk).subject_id == one.subject_id


def test_nothing_is_inserted_together_when_something_raises(alice: User) -> None:
    def work() -> None:
        with inserting_together():
            insert([entry(1)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    insert([entry(2)])
    assert [one.subject_id for one in JournalEntry.objects.filter(action="x")] == [2]
