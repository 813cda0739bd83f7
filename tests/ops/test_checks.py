"""The system checks, each with a wiring fault it must see."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks

from testbed.ops import checks
from testbed.ops.embedded import REPOSITORY
from testbed.ops.fab import CONNECTED
from testbed.ops.supervisor import Line, read_procfile
from testbed.tools.models import Tool

WORKERS = [Line("scanner", "celery worker -Q tool.scanner,tool.track -c 1"), Line("web", "site")]


def ids(messages: list[checks.CheckMessage]) -> list[str | None]:
    return [message.id for message in messages]


def test_a_queue_without_a_worker_is_named() -> None:
    queues = {"scanner": "tool.scanner", "track": "tool.track", "etcher": "tool.etcher"}

    (message,) = checks.unread_queues(queues, WORKERS)
    assert message.id == "ops.W001"
    assert "tool.etcher" in message.msg


def test_the_procfile_reads_every_connected_tools_queue() -> None:
    queues = {tool.code: Tool(code=tool.code).queue for tool in CONNECTED}

    assert checks.unread_queues(queues, read_procfile(REPOSITORY / "Procfile")) == []


def test_each_tool_queue_is_read_by_one_worker_with_one_process() -> None:
    lines = read_procfile(REPOSITORY / "Procfile")
    tool_lines = [line for line in lines if "tool." in line.command]

    queues = [queue for line in tool_lines for queue in checks.worker_queues(line)]
    assert len(queues) == len(set(queues)) == len(CONNECTED)
    assert all(" -c 1 " in f"{line.command} " for line in tool_lines)
    assert all("prefork" in line.command for line in tool_lines)


def test_one_instrument_under_two_spellings_is_seen() -> None:
    addresses = {
        "scanner": "TCPIP::10.0.0.5::hislip0,4880::INSTR",
        "twin": "tcpip0::10.0.0.5::HISLIP0,4880::INSTR",
        "track": "TCPIP::10.0.0.5::5025::SOCKET",
    }

    (message,) = checks.shared_instruments(addresses)
    assert message.id == "ops.W002"
    assert "scanner and twin" in message.msg


def test_a_name_that_names_no_instrument_is_seen() -> None:
    assert ids(checks.shared_instruments({"scanner": "scanner on the left"})) == ["ops.W003"]


@pytest.mark.parametrize(("limit", "found"), [(None, 1), (3_600, 1), (5_000, 1), (600, 0)])
def test_a_late_task_must_end_before_it_is_handed_out_again(limit: int | None, found: int) -> None:
    assert len(checks.outliving({"report": limit}, 3_600)) == found


def test_our_own_tasks_end_in_time() -> None:
    assert checks.check_visibility() == []


@pytest.mark.django_db
def test_the_checks_of_rows_run_with_the_database_only(scanner: Tool) -> None:
    Tool.objects.filter(pk=scanner.pk).update(code="lonely", visa_resource="nonsense")

    assert not {"ops.W001", "ops.W003"} & set(ids(run_checks()))
    with_rows = ids(run_checks(databases=["default"]))
    assert {"ops.W001", "ops.W003"} <= set(with_rows)
