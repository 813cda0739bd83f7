"""The tool workers of one host: a process for each tool of the bays that the host is given.

Hosts share PostgreSQL and Valkey and nothing else. A tool's queue names the tool, so a host that
reads only its bays' queues is never asked to reach an instrument of another bay.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from testbed.ops.embedded import make_data_folder
from testbed.ops.supervisor import Line, Supervisor
from testbed.ops.trouble import Trouble
from testbed.tools.models import Area, Tool

ALL = tuple(str(area) for area in Area.values)
WORKER = (
    "$PYTHON -m celery -A testbed.celery worker -Q {queues} -n {name}@%h -P prefork -c 1"
    " --without-gossip --without-mingle"
)


def chosen_bays(text: str) -> list[str]:
    """The bays in "litho,metrology"; every bay for "". Raises Trouble for an unknown one."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = sorted(set(names) - set(ALL))
    if unknown:
        raise Trouble(
            f"There is no bay {', '.join(unknown)}. Choose from: {', '.join(ALL)}.",
            f"{', '.join(unknown)} 구역이 없습니다. 다음 중에서 선택하십시오: {', '.join(ALL)}.",
        )
    return [bay for bay in ALL if bay in names or not names]


def lines(bays: Sequence[str], *, together: bool = False) -> list[Line]:
    """A worker for each tool on a wire in these bays; with `together` one for each bay.

    Tools that share a worker wait for each other's exchanges. Raises Trouble when the bays have
    no tool on a wire.
    """
    tools = list(Tool.objects.filter(area__in=bays).exclude(visa_resource=""))
    if not tools:
        raise Trouble(
            f"No tool of {', '.join(bays)} has a VISA resource: there is nothing to work on.",
            f"{', '.join(bays)} 구역에 VISA 주소가 있는 장비가 없어 실행할 작업자가 없습니다.",
        )
    groups: dict[str, list[str]] = {}
    for tool in tools:
        groups.setdefault(tool.area if together else tool.code, []).append(tool.queue)
    return [
        Line(name, WORKER.format(queues=",".join(queues), name=name))
        for name, queues in groups.items()
    ]


def serve(data: Path, found: Sequence[Line]) -> None:
    """Run the workers until SIGTERM or SIGINT. Raises Trouble when one of them dies.

    Nothing is restarted: whoever starts this (systemd, a container) starts all of it again.
    """
    folder = data / "workers"
    with _alone(folder):
        supervisor = Supervisor(folder, dict(os.environ) | {"PYTHON": sys.executable})
        supervisor.clear_leftovers()
        asked: list[int] = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, frame: asked.append(number))
        try:
            for line in found:
                supervisor.start(line)
            while not asked:
                supervisor.check()
                time.sleep(0.2)
        finally:
            supervisor.stop()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    make_data_folder(folder)
    with (folder / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Trouble(
                f"The workers of {folder} run already. Stop them first.",
                f"{folder}의 작업자가 이미 실행 중입니다. 먼저 중지하십시오.",
            ) from error
        yield
