"""Worker hosts on networks of their own, and one that loses its way to the database."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from testbed.runs import control, sessions, sweep
from testbed.runs.models import Lease, Run
from testbed.tools.models import Area, Tool
from tests.crash.conftest import FAST, LEASE, environment, swept_until, until
from tests.crash.house import BUSY_S, descendants
from tests.crash.network import Network, NotAllowed, host, network, working
from tests.crash.test_killed_worker import check_nothing_twice, events
from tests.runs.floor import Floor

pytestmark = [
    pytest.mark.crash, pytest.mark.slow, pytest.mark.nightly, pytest.mark.xdist_group("namespaces"),
]  # fmt: skip
LITHO, METROLOGY = 0, 1
SAFE_S = LEASE["LEASE_TTL_S"] + LEASE["SWEEP_EVERY_S"] + LEASE["WIRE_TIMEOUT_S"]
# What the host's own kernel needs to give a silent connection up.
NOTICED_S = 20.0
BAYS = {"scanner": LITHO, "track": LITHO, "cd_sem": METROLOGY}


def ports_of(floor: Floor, bay: int) -> list[int]:
    assert floor.fab is not None
    tools = [floor.fab.tools[kind] for kind, place in BAYS.items() if place == bay]
    return [port for tool in tools for port in tool["ports"].values()]


@pytest.fixture
def apart(crash_floor: Floor) -> Iterator[Network]:
    """The floor's tools at the addresses of their bays, which hosts reach by cable alone."""
    urls = (os.environ["DATABASE_URL"], os.environ["VALKEY_URL"])
    servers = [urlsplit(url).port or 0 for url in urls]
    try:
        with network(servers, [ports_of(crash_floor, bay) for bay in (LITHO, METROLOGY)]) as made:
            for kind, bay in BAYS.items():
                settle(crash_floor.tools[kind], bay, made)
            yield made
    except NotAllowed as reason:
        pytest.skip(str(reason))


def settle(tool: Tool, bay: int, made: Network) -> None:
    sessions.drop(tool.pk)
    tool.visa_resource = tool.visa_resource.replace("127.0.0.1", made.bay(bay))
    tool.area = Area.METROLOGY if bay == METROLOGY else Area.LITHO
    tool.save(update_fields=["visa_resource", "area"])


def there(made: Network) -> dict[str, str]:
    """What a host's processes are told: the servers are at the end of a cable."""
    found = environment()
    for name in ("DATABASE_URL", "VALKEY_URL"):
        found[name] = found[name].replace("127.0.0.1", made.servers)
    return found


def swept(what: str, true: Callable[[], bool]) -> None:
    """Play beat until `true()`."""

    def look() -> bool:
        sweep.sweep()
        return true()

    until(what, look)


def is_held_by(run: Run, pid: int) -> bool:
    """True when a process of this host holds the lease on the run's tool now."""
    lease = Lease.objects.filter(tool=run.tool).exclude(holder="").first()
    return lease is not None and int(lease.holder.split(":")[1]) in descendants(pid)


def test_a_bays_host_needs_no_way_to_another_bays_instruments(
    crash_floor: Floor, apart: Network, tmp_path: Path
) -> None:
    assert crash_floor.fab is not None
    crash_floor.fab.control.rescale(FAST)
    told = there(apart)
    far = (apart.bay(METROLOGY), ports_of(crash_floor, METROLOGY)[0])
    with host(apart, 0, LITHO) as litho, host(apart, 1, METROLOGY) as metrology:
        assert metrology.reaches(*far)
        assert not litho.reaches(*far)
        with (
            working(litho, "litho", tmp_path, told), working(metrology, "metrology", tmp_path, told)
        ):  # fmt: skip
            for operation in ("expose", "develop", "measure"):
                swept_until(crash_floor.start(operation), "completed")


@pytest.mark.parametrize("how", ["pulled", "silent"])
def test_a_host_cut_off_from_the_database_loses_its_tool_to_another_host(
    how: str, crash_floor: Floor, apart: Network, tmp_path: Path
) -> None:
    assert crash_floor.fab is not None
    fab, told = crash_floor.fab.control, there(apart)
    before = fab.counters("scanner")
    with host(apart, 0, LITHO) as first, working(first, "litho", tmp_path, told) as pid:
        run = crash_floor.start("expose")
        swept("an exposure", lambda: "RUNNING" in fab.state("scanner")["jobs"].values())
        until("its lease", lambda: is_held_by(run, pid))
        safes = fab.counters("scanner")["safes"]
        first.cut(how)
        died = time.monotonic()
        swept("the tool is safe", lambda: fab.counters("scanner")["safes"] > safes)
        assert time.monotonic() - died < SAFE_S + BUSY_S
        assert swept_until(run, "held").held_why == "worker_lost"
        assert "lease.taken_over" in events(run)
        fab.rescale(100)
        with host(apart, 1, LITHO) as second, working(second, "litho", tmp_path, told):
            control.resolve(
                actor=crash_floor.technician, run=run, choice="skip_wafer", note="partly exposed"
            )
            swept_until(run, "completed")
            noticed = tmp_path / first.name / "workers/log/scanner.log"
            until("the host knows", lambda: "cannot be" in noticed.read_text(), NOTICED_S + BUSY_S)
        check_nothing_twice(run, crash_floor, before["starts"])
        assert list(run.run_wafers.values_list("state", flat=True)) == ["aborted", "processed"]
        first.heal(how)
        swept_until(crash_floor.start("develop", slots=(2,)), "completed")
