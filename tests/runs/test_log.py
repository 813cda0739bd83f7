"""The log's chain: whatever is changed afterwards is found, and where."""

from __future__ import annotations

from typing import Any

import pgtrigger
import pytest
from django.core.management import call_command
from django.db import DatabaseError, transaction
from django.utils import timezone, translation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from testbed.people.models import User
from testbed.runs import log
from testbed.runs.models import Run, RunEvent
from tests.runs.floor import Floor

KINDS = [kind for kind in log.SENTENCES if kind not in log.CLOSING]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)  # fmt: skip
slowly = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def run(floor: Floor) -> Run:
    """A run with a log of six events, by people and by the engine."""
    run = floor.start("coat")
    for number, kind in enumerate(KINDS[:5]):
        actor = floor.technician if number % 2 else None
        log.append(run=run, kind=kind, actor=actor, step=number, value=0.1 * number)
    return run


def tamper(event: RunEvent, **changes: Any) -> None:
    """Change a row behind the trigger's back, as somebody with the database's password could."""
    with pgtrigger.ignore("runs.RunEvent:append_only"):
        RunEvent.objects.filter(pk=event.pk).update(**changes)


def test_an_untouched_log_is_whole(run: Run) -> None:
    verdict = log.verify(run)
    assert (verdict.whole, verdict.events, verdict.broken_at) == (True, 6, None)


@slowly
@given(data=st.dictionaries(st.text(max_size=8), JSON, max_size=4))
def test_what_is_hashed_is_what_postgresql_gives_back(run: Run, data: dict[str, Any]) -> None:
    with transaction.atomic():
        log.append(run=run, kind="tool.says", **{f"k{key}": value for key, value in data.items()})
        assert log.verify(run).whole
        transaction.set_rollback(True)


@slowly
@given(picked=st.integers(1, 6), change=st.sampled_from(["kind", "data", "at", "actor", "hash"]))
def test_any_changed_byte_is_found_at_its_place(
    run: Run, charlie: User, picked: int, change: str
) -> None:
    with transaction.atomic():
        event = RunEvent.objects.get(run=run, seq=picked)
        changes: dict[str, Any] = {
            "kind": {"kind": event.kind[:-1] + "x"},
            "data": {"data": {**event.data, "step": 99}},
            "at": {"at": event.at + timezone.timedelta(microseconds=1)},
            "actor": {"actor": charlie},
            "hash": {"hash": event.hash[:-1] + ("0" if event.hash[-1] != "0" else "1")},
        }
        tamper(event, **changes[change])
        verdict = log.verify(run)
        assert (verdict.whole, verdict.broken_at) == (False, picked)
        transaction.set_rollback(True)


@pytest.mark.parametrize("picked", [1, 3, 6])
def test_a_removed_event_is_missed_even_the_last(run: Run, picked: int) -> None:
    with pgtrigger.ignore("runs.RunEvent:append_only"):
        RunEvent.objects.filter(run=run, seq=picked).delete()
    assert not log.verify(run).whole


def test_two_events_cannot_change_places(run: Run) -> None:
    first, second = RunEvent.objects.filter(run=run, seq__in=[2, 3]).order_by("seq")
    tamper(first, seq=99)
    tamper(second, seq=2)
    tamper(first, seq=3)
    assert log.verify(run).broken_at == 2


def test_the_database_refuses_to_change_or_delete(run: Run) -> None:
    for change in (lambda e: e.update(kind="x"), lambda e: e.delete()):
        with pytest.raises(DatabaseError, match="Cannot"), transaction.atomic():
            change(RunEvent.objects.filter(run=run))
    assert log.verify(run).whole


def test_nan_cannot_be_logged(run: Run) -> None:
    with pytest.raises(ValueError, match="NaN"):
        log.append(run=run, kind="tool.says", value=float("nan"))
    assert log.verify(run).whole


def test_an_unknown_kind_cannot_be_logged(run: Run) -> None:
    with pytest.raises(KeyError):
        log.append(run=run, kind="something.else")


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("kind", sorted(log.SENTENCES))
def test_every_kind_has_a_sentence_without_holes(kind: str, language: str) -> None:
    with translation.override(language):
        words = log.sentence(RunEvent(kind=kind, data={"why": "refused", "says": "done"}))
        assert words
        assert "%" not in words
        assert any("가" <= letter <= "힣" for letter in words) == (language == "ko")


def test_the_command_says_which_log_is_broken(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("verify_run", str(run.pk))
    assert "whole" in capsys.readouterr().out
    tamper(RunEvent.objects.get(run=run, seq=4), data={})
    with pytest.raises(SystemExit) as ended:
        call_command("verify_run")
    assert ended.value.code == 1
    assert f"{run}: BROKEN" in capsys.readouterr().out
