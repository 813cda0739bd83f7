"""The floor that the run tests stand on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from testbed.people.models import User
from testbed.runs import doorbell, sessions
from testbed.tools.models import Tool
from tests.runs.floor import Fab, Floor, lay, simulated_fab

SCALE = 100.0


@pytest.fixture(scope="session")
def fab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fab]:
    """The simulated fab, a hundred times faster than a real one, without any fault armed."""
    with simulated_fab(tmp_path_factory.mktemp("fab"), scale=SCALE) as fab:
        yield fab


@pytest.fixture
def tools(scanner: Tool, track: Tool, cd_sem: Tool) -> dict[str, Tool]:
    return {"scanner": scanner, "track": track, "cd_sem": cd_sem}


@pytest.fixture
def floor(
    alice: User, technician: User, process_engineer: User, tools: dict[str, Tool]
) -> Iterator[Floor]:
    """A floor whose tools have an address at which nobody answers (port 1)."""
    for number, tool in enumerate(tools.values(), start=1):
        tool.visa_resource = f"TCPIP::127.0.0.{number}::1::SOCKET"
        tool.save(update_fields=["visa_resource"])
    yield lay(alice=alice, technician=technician, process_engineer=process_engineer, tools=tools)
    all_told()


def all_told() -> None:
    """What makes a tool safe runs beside the page that asked, and writes when it has: tables are
    not emptied under it."""
    for beside in [one for one in threading.enumerate() if one.name == "safe"]:
        beside.join(30)


@pytest.fixture
def live_floor(
    transactional_db: None,
    fab: Fab,
    alice: User,
    technician: User,
    process_engineer: User,
    tools: dict[str, Tool],
) -> Iterator[Floor]:
    """A floor whose tools are the simulated fab's."""
    fab.control.clear_faults()
    fab.control.rescale(SCALE)
    yield lay(
        alice=alice, technician=technician, process_engineer=process_engineer, tools=tools,
        fab=fab,
    )  # fmt: skip
    all_told()
    fab.control.clear_faults()
    for tool in tools.values():
        sessions.drop(tool.pk)


@pytest.fixture(autouse=True)
def bells(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The doorbell's rings, kept here instead of sent."""
    rung: list[tuple[str, int]] = []
    monkeypatch.setattr(doorbell, "ring", lambda queue, run_id: rung.append((queue, run_id)))
    return rung


@pytest.fixture
def impatient(settings: Any) -> None:
    """A wire that is given up on soon: these tests wait for its timeouts."""
    settings.WIRE_TIMEOUT_S = 1.0
