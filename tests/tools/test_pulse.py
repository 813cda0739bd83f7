"""A tool that falls silent: shown at once, down by rule after three misses, back by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import settings as few
from hypothesis import strategies as st
from rest_framework.test import APIClient

from testbed.notices.models import Notice
from testbed.notices.sort import sort_new
from testbed.people.models import JournalEntry, User
from testbed.tools import pulse, states
from testbed.tools.models import E10State, Pulse, StateSpan, Tool, Trouble

SignIn = Callable[[User], Client]


def present(tool: Tool) -> tuple[str, str]:
    span = StateSpan.objects.get(tool=tool, ended_at=None)
    return span.state, span.reason


def test_one_missed_answer_is_shown_and_changes_no_state(cd_sem: Tool) -> None:
    pulse.note(tool=cd_sem, tool_says="IDLE")
    kept = pulse.note(tool=cd_sem, trouble=Trouble.SILENT)
    assert (kept.misses, kept.trouble, kept.tool_says) == (1, "silent", "IDLE")
    assert kept.answered_at is not None
    assert kept.silent_since is not None
    assert kept.answered_at <= kept.silent_since
    assert present(cd_sem)[0] == E10State.STANDBY


def test_three_misses_put_it_down_once_and_an_answer_brings_it_back(cd_sem: Tool) -> None:
    for _ in range(5):
        kept = pulse.note(tool=cd_sem, trouble=Trouble.UNREACHABLE)
    assert kept.misses == 5
    assert present(cd_sem) == (E10State.UNSCHEDULED_DOWN, pulse.NO_ANSWER)
    pulse.note(tool=cd_sem, tool_says="IDLE")
    assert present(cd_sem) == (E10State.STANDBY, pulse.ANSWERS)
    lines = JournalEntry.objects.filter(subject_kind="tools.tool", action__startswith="tool.")
    assert [line.action for line in lines.order_by("pk")] == ["tool.silent", "tool.answers"]
    assert all(line.actor is None for line in lines)


def test_who_runs_tools_hears_once_that_one_fell_silent(
    cd_sem: Tool, technician: User, alice: User
) -> None:
    for _ in range(pulse.MISSES + 2):
        pulse.note(tool=cd_sem, trouble=Trouble.SILENT)
    sort_new(timezone.now())
    row = Notice.objects.get(kind="tool_silent", reader__isnull=False)
    assert (row.reader, row.path) == (technician, "/tools/cd_sem/")
    assert "(Metrology) does not answer" in row.texts["en"]["subject"]
    assert "계측" in row.texts["ko"]["subject"]
    pulse.note(tool=cd_sem, tool_says="IDLE")
    assert Notice.objects.filter(kind="tool_silent").count() == 2


@pytest.mark.parametrize("state", [s for s in E10State if s != E10State.STANDBY])
def test_what_people_decided_stays(cd_sem: Tool, state: E10State) -> None:
    states.enter(tool=cd_sem, state=state, reason="a person's")
    for _ in range(pulse.MISSES + 1):
        pulse.note(tool=cd_sem, trouble=Trouble.SILENT)
    pulse.note(tool=cd_sem)
    assert present(cd_sem) == (state, "a person's")
    assert not JournalEntry.objects.filter(action__startswith="tool.").exists()


def test_the_database_keeps_a_pulse_from_saying_two_things(cd_sem: Tool) -> None:
    kept = pulse.note(tool=cd_sem)
    for wrong in ({"misses": 2}, {"trouble": "silent"}, {"silent_since": timezone.now()}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Pulse.objects.filter(pk=kept.pk).update(**wrong)


@pytest.mark.django_db
@given(answers=st.lists(st.sampled_from(["", *Trouble.values]), max_size=12))
@few(max_examples=6, deadline=None)
def test_the_state_follows_the_last_answers(answers: list[str]) -> None:
    from tests.conftest import make_tool

    with transaction.atomic():
        tool = make_tool("cd_sem")
        for trouble in answers:
            pulse.note(tool=tool, trouble=trouble)
        missed = next((k for k, one in enumerate(reversed(answers)) if not one), len(answers))
        down = missed >= pulse.MISSES
        assert (present(tool)[0] == E10State.UNSCHEDULED_DOWN) is down
        transaction.set_rollback(True)


def test_it_stands_on_the_pages_and_in_the_api(
    cd_sem: Tool, scanner: Tool, sign_in: SignIn, api: Callable[[User], APIClient],
    alice: User, django_assert_max_num_queries: Any,
) -> None:  # fmt: skip
    pulse.note(tool=cd_sem, trouble=Trouble.STRANGER)
    pulse.note(tool=scanner, tool_says="READY")
    client = sign_in(alice)
    assert "다른 장비가 응답합니다" in client.get("/tools/").content.decode()
    assert "다른 장비가 응답합니다" in client.get("/tools/cd_sem/").content.decode()
    assert "READY" in client.get("/tools/scanner/").content.decode()
    rows = {row["code"]: row for row in api(alice).get("/api/v1/tools/").json()["results"]}
    assert rows["cd_sem"]["silent_since"]
    assert rows["cd_sem"]["answered_at"] is None
    assert rows["scanner"]["answered_at"]
    assert rows["scanner"]["silent_since"] is None


def test_the_status_page_says_whether_the_tools_answer(client: Client, cd_sem: Tool) -> None:
    Tool.objects.filter(pk=cd_sem.pk).update(visa_resource="TCPIP::127.0.0.1::1::SOCKET")
    pulse.note(tool=cd_sem)
    assert "does not answer" not in _status(client)
    pulse.note(tool=cd_sem, trouble=Trouble.SILENT)
    page = _status(client)
    assert "does not answer" in page
    assert "cd_sem" not in page


def _status(client: Client) -> str:
    return client.get("/status/", headers={"accept-language": "en"}).content.decode()
