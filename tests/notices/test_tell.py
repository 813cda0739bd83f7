"""One insert, each reader once, in the caller's transaction, in both languages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.utils import translation

from testbed.notices import doorbell
from testbed.notices.enclose import LARGEST, Attachment
from testbed.notices.models import Notice
from testbed.people.models import User

Told = Callable[..., list[Notice]]
pytestmark = pytest.mark.django_db


def test_one_insert_whoever_and_however_many_read(
    told: Told, alice: User, bob: User, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        told(alice, bob, alice, audience="approve_booking")
    assert sorted(filter(None, Notice.objects.values_list("reader", flat=True))) == [
        alice.pk,
        bob.pk,
    ]
    assert Notice.objects.filter(audience="approve_booking", reader=None).count() == 1


def test_each_language_has_its_own_words(told: Told, alice: User) -> None:
    with translation.override("en"):
        [notice] = told(alice)
    assert notice.texts["en"]["subject"] == "B00042 Expired"
    assert notice.texts["ko"]["subject"] == "B00042 만료됨"
    with translation.override("ko"):
        assert notice.sentences == ["만료됨"]


def test_nobody_is_told_of_what_was_rolled_back(told: Told, alice: User) -> None:
    with transaction.atomic():
        told(alice)
        transaction.set_rollback(True)
    assert not Notice.objects.exists()


def test_the_bell_rings_after_the_commit_and_a_dead_broker_is_no_error(
    told: Told,
    alice: User,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    tried: list[str] = []

    def dead(name: str, **options: Any) -> None:
        tried.append(name)
        raise ConnectionRefusedError

    monkeypatch.setattr(doorbell, "_bell", doorbell._Bell())
    monkeypatch.setattr(doorbell.app, "send_task", dead)
    with django_capture_on_commit_callbacks(execute=True):
        told(alice)
        assert not tried
    with django_capture_on_commit_callbacks(execute=True):
        told(alice)
    # The second came within the second that the first bell speaks for.
    assert tried == [doorbell.LOOK]
    assert Notice.objects.filter(state="new").count() == 2


def test_an_unknown_kind_or_audience_is_the_programmers_mistake(told: Told, alice: User) -> None:
    with pytest.raises(KeyError):
        told(alice, kind="no_such_kind")
    with pytest.raises(KeyError):
        told(audience="no_such_action")
    with pytest.raises(ValueError, match="at most"):
        told(alice, attachments=[Attachment("big.bin", "application/pdf", bytes(LARGEST + 1))])


def test_who_left_is_not_told(told: Told, alice: User) -> None:
    alice.is_active = False
    assert told(alice) == []
