"""Real workers beside a real fab, with leases short enough to wait for."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from testbed.people.models import User
from testbed.runs import sessions, sweep
from testbed.runs.models import Run
from testbed.tools.models import Tool
from tests.crash.schedules import LEASE
from tests.runs.floor import ROOT, Fab, Floor, lay, simulated_fab

FAST, SLOW = 300.0, 10.0


@pytest.fixture(scope="session")
def crash_fab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fab]:
    with simulated_fab(tmp_path_factory.mktemp("crash-fab"), scale=FAST, seed=11) as fab:
        yield fab


@pytest.fixture
def short_leases(settings: Any) -> None:
    for name, value in LEASE.items():
        setattr(settings, name, value)


@pytest.fixture
def crash_floor(
    transactional_db: None,
    short_leases: None,
    crash_fab: Fab,
    alice: User,
    technician: User,
    process_engineer: User,
    scanner: Tool,
    track: Tool,
    cd_sem: Tool,
) -> Iterator[Floor]:
    """Two coated wafers before the scanner, at a tenth of whose real time one is exposed."""
    tools = {"scanner": scanner, "track": track, "cd_sem": cd_sem}
    crash_fab.control.clear_faults()
    crash_fab.control.rescale(FAST)
    floor = lay(
        alice=alice, technician=technician, process_engineer=process_engineer, tools=tools,
        fab=crash_fab,
    )  # fmt: skip
    floor.run("coat")
    crash_fab.control.rescale(SLOW)
    yield floor
    crash_fab.control.clear_faults()
    for tool in tools.values():
        sessions.drop(tool.pk)


def environment() -> dict[str, str]:
    """What a worker needs to meet this test's database, broker and lease lengths."""
    database = settings.DATABASES["default"]
    name = connection.settings_dict["NAME"]
    url = os.environ["DATABASE_URL"].rpartition("/")[0] + f"/{name}"
    assert database["HOST"] in url
    return {
        **os.environ,
        "DATABASE_URL": url,
        "TESTBED_IDLE_IN_TRANSACTION_MS": "2000",
        **{f"TESTBED_{key}": str(value) for key, value in LEASE.items()},
    }


@contextmanager
def worker(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker in its own process group, which is killed at the end."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=ROOT, env=environment(), stdout=out,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, 9)
        process.wait(10)


# Only a failure waits this long; a busy machine takes its time to start a worker.
PATIENCE_S = 120.0


def until(what: str, true: Callable[[], object], seconds: float = PATIENCE_S) -> None:
    """Wait for `true()`, or fail saying `what` did not happen."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def swept_until(run: Run, *states: str, seconds: float = PATIENCE_S) -> Run:
    """Play beat: sweep until the run is in one of `states`."""

    def there() -> bool:
        sweep.sweep()
        run.refresh_from_db()
        return run.state in states

    until(f"{run} in {states}", there, seconds)
    return run
