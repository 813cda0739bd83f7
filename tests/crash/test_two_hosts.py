"""Two worker hosts: each takes its own bay's runs and touches no instrument of the other's; two
of one bay take its runs by turns, and either may lose its power.

Processes stand for hosts: each has its own data folder and nothing in common with the other but
PostgreSQL and Valkey. Whom they talk to is read from the kernel's table of connections.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from testbed.runs import control, doorbell
from testbed.runs.models import Lease, Run
from testbed.tools.models import Area, Tool
from tests.crash.conftest import FAST, SLOW, swept_until, until, worker
from tests.crash.house import descendants
from tests.crash.test_killed_worker import check_nothing_twice, events
from tests.runs.floor import Floor

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.nightly]
ESTABLISHED = "01"


@contextmanager
def host(bay: str, folder: Path, name: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """A worker host of one bay, told at the end to stop, which stops its workers."""
    own = name or bay
    (folder / own).mkdir()
    command = ["tests.crash.one_host", str(folder / own), bay]
    with worker(command, folder / f"{own}.log") as process:
        try:
            yield process
        finally:
            if process.poll() != -signal.SIGKILL:
                started = descendants(process.pid) - {process.pid}
                process.terminate()
                assert process.wait(30) == 0, (folder / f"{own}.log").read_text()
                assert not [pid for pid in started if Path(f"/proc/{pid}").exists()]


def cut_power(process: subprocess.Popen[bytes]) -> None:
    """kill -9 of the host and of everything that it started."""
    for pid in descendants(process.pid):
        os.kill(pid, signal.SIGKILL)
    process.wait(10)


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


@contextmanager
def two_of_one_bay(
    floor: Floor, folder: Path
) -> Iterator[tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]]]:
    """Both serve scanner and track: a worker that is ready has told its tools to be safe."""
    assert floor.fab is not None
    safes = floor.fab.control.counters("track")["safes"]

    def are_ready(hosts: int) -> bool:
        assert floor.fab is not None
        return bool(floor.fab.control.counters("track")["safes"] >= safes + hosts)

    with host("litho", folder, "first") as first:
        until("the first host is ready", lambda: are_ready(1))
        with host("litho", folder, "second") as second:
            until("the second host is ready", lambda: are_ready(2))
            yield first, second


def holds(process: subprocess.Popen[bytes], run: Run) -> bool:
    """True when a process of this host holds the lease on the run's tool now."""
    row = Lease.objects.get(tool=run.tool)
    return row.holder != "" and int(row.holder.split(":")[1]) in descendants(process.pid)


@pytest.mark.parametrize("victim", ["at_work", "idle"])
def test_two_hosts_of_one_bay_take_turns_and_either_may_lose_its_power(
    victim: str, crash_floor: Floor, tmp_path: Path
) -> None:
    floor = crash_floor
    assert floor.fab is not None
    fab = floor.fab.control
    fab.rescale(FAST)
    coated = fab.counters("track")["starts"]
    before = fab.counters("scanner")
    with two_of_one_bay(floor, tmp_path) as hosts:
        run = swept_until(floor.start("coat", (3, 4)), "completed")
        assert all(ports_of(floor, "track") & reached(one.pid) for one in hosts)
        assert fab.counters("track")["starts"] - coated == 2
        assert Counter(events(run))["step.intent"] == run.steps.count()
        fab.rescale(SLOW)
        run = floor.start("expose")
        until("an exposure", lambda: "RUNNING" in fab.state("scanner")["jobs"].values())
        until("its lease", lambda: any(holds(one, run) for one in hosts))
        [at_work] = [one for one in hosts if holds(one, run)]
        [idle] = [one for one in hosts if one is not at_work]
        cut_power(at_work if victim == "at_work" else idle)
        if victim == "at_work":
            assert swept_until(run, "held").held_why == "worker_lost"
            control.resolve(
                actor=floor.technician, run=run, choice="skip_wafer", note="partly exposed"
            )
        fab.rescale(FAST)
        swept_until(run, "completed")
    assert ("lease.taken_over" in events(run)) == (victim == "at_work")
    first = "aborted" if victim == "at_work" else "processed"
    assert list(run.run_wafers.values_list("state", flat=True)) == [first, "processed"]
    check_nothing_twice(run, floor, before["starts"])
    begun = Counter(event.data["step"] for event in run.events.filter(kind="step.intent"))
    assert set(begun.values()) == {1}
    assert not Lease.objects.exclude(holder="").exists()
