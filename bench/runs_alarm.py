"""How fast a tool is made safe: by a person's abort, and after its worker has died.

`runs.abort_p99_ms`: from the click to SAFE answered on the wire, in mid-process, beside a bare
SAFE. `runs.takeover_s`: from kill -9 of a real worker to SAFE at the tool, the worst of its
rounds, beside the lease that has to run out first; background worker and beat are real too.
"""

from __future__ import annotations

import os
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import quantiles

from django.core.management import call_command
from django.db import connection

from bench.figure import Figure
from bench.instruments_log import quick
from bench.runs import people, quiet_bell, track
from instruments.catalogue import open_tool
from testbed.booking.models import Allocation
from testbed.ops.processes import free_port
from testbed.runs import control
from testbed.runs.advance import advance
from testbed.runs.models import Run
from testbed.runs.states import StepState
from tests.crash.house import House
from tests.crash.schedules import OwnServers
from tests.runs.floor import Fab, Floor, lay, simulated_fab

NAMES = ("runs.abort_p99_ms", "runs.takeover_s")
LEASE_S = 5.0
LEASE = {"TESTBED_LEASE_TTL_S": str(LEASE_S), "TESTBED_LEASE_HEARTBEAT_S": "1"}
PATIENCE_S = 60.0


def figures() -> Iterator[Figure]:
    """Both figures; n is how many aborts and deaths."""
    call_command("migrate", verbosity=0)
    with tempfile.TemporaryDirectory(prefix="testbed-bench-") as folder:
        path = Path(folder)
        # A coat takes half a minute: every abort and every death comes in the middle of one.
        with simulated_fab(path, scale=3.0) as fab:
            with quiet_bell():
                yield abort_figure(fab, 12 if quick() else 100)
            yield takeover_figure(path, fab, 2 if quick() else 8)


def _floor(fab: Fab) -> Floor:
    Allocation.objects.update(live=False)
    staff = people()
    return lay(
        alice=staff["alice"], technician=staff["technician"],
        process_engineer=staff["process_engineer"], tools={"track": track()}, wafers=1, fab=fab,
    )  # fmt: skip


# -- a person's abort ------------------------------------------------------------------------------
def abort_figure(fab: Fab, count: int) -> Figure:
    """The 99th of a hundred, beside the fastest bare SAFE."""
    rng = random.Random(1)
    took = [_abort(_floor(fab), rng.uniform(0.0, 0.5)) for _one in range(count)]
    driver = open_tool("track", fab.resource("track"), "SN-track")
    bare = min(_seconds(driver.safe) for _one in range(50)) * 1e3
    driver.link.close()
    return Figure("runs.abort_p99_ms", quantiles(took, n=100)[-1], "ms", bare, count)


def _abort(floor: Floor, after_s: float) -> float:
    """Milliseconds by the run's own log: from the click to the answer on the wire."""
    run = floor.start("coat", (1,))
    worker = threading.Thread(target=_work, args=(run.pk,))
    worker.start()
    _until(lambda: run.steps.filter(is_process=True, state=StepState.SENT).exists())
    time.sleep(after_s)
    control.abort(actor=floor.technician, run=run)
    worker.join(PATIENCE_S)
    event = run.events.filter(kind="tool.safe_sent", data__has_key="ms").last()
    if event is None:
        raise RuntimeError(f"{run} was not made safe")
    return float(event.data["ms"])


def _work(run_id: int) -> None:
    try:
        while advance(run_id):
            pass
    finally:
        connection.close()


# -- a worker's death ------------------------------------------------------------------------------
def takeover_figure(folder: Path, fab: Fab, count: int) -> Figure:
    """The worst of `count` deaths, with a lease of LEASE_S."""
    variables = {**os.environ, **LEASE, "PORT": str(free_port())}
    house = House(folder, fab, OwnServers(folder), variables, by_hand=False)
    try:
        house.start("background")
        house.start("beat")
        took = [_takeover(house, _floor(fab)) for _one in range(count)]
    finally:
        house.close()
    return Figure("runs.takeover_s", max(took), "s", LEASE_S, count)


def _takeover(house: House, floor: Floor) -> float:
    code = floor.tools["track"].code
    house.start(code)
    run = floor.start("coat", (1,))
    _until(lambda: run.steps.filter(is_process=True, state=StepState.SENT).exists())
    before = house.fab.control.counters("track")["safes"]
    house.kill(code)
    died = time.monotonic()
    _until(lambda: house.fab.control.counters("track")["safes"] > before)
    took = time.monotonic() - died
    _until(lambda: Run.objects.get(pk=run.pk).state == "held")
    control.resolve(actor=floor.technician, run=run, choice="skip_wafer", note="measured")
    house.start(code)
    _until(lambda: Run.objects.get(pk=run.pk).state == "completed")
    house.kill(code)
    return took


def _until(true: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not true():
        if time.monotonic() > end:
            raise RuntimeError("it did not happen in time")
        time.sleep(0.01)


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
