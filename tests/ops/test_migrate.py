"""A migration may think for as long as it takes; nothing else may inside a transaction."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command, get_commands
from django.core.management.commands import migrate
from django.db import connection


def allowed() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        return str(cursor.fetchone()[0])


@pytest.mark.django_db
def test_a_migration_alone_may_sit_still_inside_its_transaction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(migrate.Command, "handle", lambda *_a, **_o: seen.append(allowed()))
    usual = allowed()
    with connection.cursor() as cursor:
        cursor.execute("SET idle_in_transaction_session_timeout = '7s'")
    assert allowed() == "7s"
    assert get_commands()["migrate"] == "testbed.ops"
    call_command("migrate")
    assert seen == ["0"]
    assert allowed() == usual


@pytest.mark.django_db
def test_what_goes_wrong_in_a_migration_is_what_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **options: Any) -> None:
        raise RuntimeError("the migration's own")

    monkeypatch.setattr(migrate.Command, "handle", broken)
    usual = allowed()
    with pytest.raises(RuntimeError, match="the migration's own"):
        call_command("migrate")
    assert allowed() == usual
