"""A dead worker's tool is not left waiting for the next sweep."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from testbed.celery import WATCHDOG, app
from testbed.ops.embedded import REPOSITORY
from testbed.ops.supervisor import read_procfile
from testbed.runs import doorbell, lease, safety, sweep, tasks
from testbed.runs.advance import advance
from testbed.runs.models import Lease, Run
from testbed.tools.models import Tool
from tests.runs.floor import Floor


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tools that were told to be safe."""
    codes: list[str] = []

    def make_safe(tool: Tool) -> bool:
        codes.append(tool.code)
        return True

    monkeypatch.setattr(safety, "make_safe", make_safe)
    return codes


def test_only_dead_leases_are_taken_over(floor: Floor, told: list[str]) -> None:
    scanner, track = floor.tools["scanner"], floor.tools["track"]
    lease.claim(tool_ids=[track.pk], run_id=None)
    assert sweep.take_over() == 0
    lease.claim(tool_ids=[scanner.pk], run_id=None)
    Lease.objects.filter(tool=scanner).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert sweep.take_over() == 1
    assert told == ["scanner"]
    assert Lease.objects.get(tool=scanner).expires_at is None


def test_sweep_and_takeover_have_a_worker_that_nothing_else_keeps_busy() -> None:
    own = {"runs-sweep", "runs-take-over"}
    queues = {name: (entry.get("options") or {}).get("queue", app.conf.task_default_queue)
              for name, entry in app.conf.beat_schedule.items()}  # fmt: skip
    assert {name for name, queue in queues.items() if queue == WATCHDOG} == own
    lines = read_procfile(REPOSITORY / "Procfile")
    assert [one.name for one in lines if f"-Q {WATCHDOG} " in one.command] == ["watchdog"]


def test_beat_looks_for_the_dead_often_enough() -> None:
    entry = app.conf.beat_schedule["runs-take-over"]
    # Lease + period + what the safe state itself takes: within five seconds of the lease's end.
    assert entry["schedule"] == settings.TAKEOVER_EVERY_S <= 2.0
    assert entry["task"] == tasks.take_over.name
