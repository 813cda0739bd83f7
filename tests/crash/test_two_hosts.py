"""Two worker hosts: each takes its own bay's runs and touches no instrument of the other's.

Processes stand for hosts: each has its own data folder and nothing in common with the other but
PostgreSQL and Valkey. Whom they talk to is read from the kernel's table of connections.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from testbed.runs import doorbell
from testbed.runs.models import Run
from testbed.tools.models import Area, Tool
from tests.crash.conftest import FAST, swept_until, until, worker
from tests.crash.house import descendants
from tests.runs.floor import Floor

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.nightly]
ESTABLISHED = "01"


@contextmanager
def host(bay: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker host of one bay, told at the end to stop, which stops its workers."""
    (folder / bay).mkdir()
    command = ["tests.crash.one_host", str(folder / bay), bay]
    with worker(command, folder / f"{bay}.log") as process:
        try:
            yield process
        finally:
            started = descendants(process.pid) - {process.pid}
            process.terminate()
            assert process.wait(30) == 0, (folder / f"{bay}.log").read_text()
            assert not [pid for pid in started if Path(f"/proc/{pid}").exists()]


def reached(pid: int) -> set[int]:
    """The ports to which the process and its descendants have a connection now."""
    remote = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == ESTABLISHED:
            remote[f"socket:[{fields[9]}]"] = int(fields[2].rpartition(":")[2], 16)
    ports = set()
    for one in descendants(pid):
        for path in Path(f"/proc/{one}/fd").glob("*"):
            try:
                ports.add(remote.get(str(path.readlink()), 0))
            except OSError:
                continue
    return ports - {0}


def ports_of(floor: Floor, kind: str) -> set[int]:
    assert floor.fab is not None
    return set(floor.fab.tools[kind]["ports"].values())


def test_each_host_serves_its_bay_and_reaches_no_other_instrument(
    crash_floor: Floor, tmp_path: Path
) -> None:
    floor = crash_floor
    assert floor.fab is not None
    floor.fab.control.rescale(FAST)
    for kind, area in (("cd_sem", Area.METROLOGY), ("scanner", Area.ETCH)):
        Tool.objects.filter(pk=floor.tools[kind].pk).update(area=area)
    assert floor.run("expose").state == "completed"
    track, cd_sem = (floor.tools[kind].queue for kind in ("track", "cd_sem"))
    with host("litho", tmp_path) as litho:
        swept_until(floor.start("develop"), "completed")
        run = floor.start("measure")
        doorbell.send_canary(cd_sem)
        until("the track's worker signs in", lambda: rung(track))
        # Litho's host has answered a call that came after metrology's: nobody heard that one.
        assert doorbell.worker_seen(cd_sem) is None
        assert Run.objects.get(pk=run.pk).state == "queued"
        assert ports_of(floor, "track") & reached(litho.pid)
        with host("metrology", tmp_path) as metrology:
            swept_until(run, "completed")
            assert ports_of(floor, "cd_sem") & reached(metrology.pid)
            assert not ports_of(floor, "track") & reached(metrology.pid)
        assert not ports_of(floor, "cd_sem") & reached(litho.pid)


def rung(queue: str) -> bool:
    doorbell.send_canary(queue)
    return doorbell.worker_seen(queue) is not None
