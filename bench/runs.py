"""What the run engine adds to the wire: locks, log, lease and storage of every step."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from django.core.management import call_command
from django.db import connection

from bench.figure import Figure
from instruments.catalogue import open_tool
from instruments.driver import ScpiTool
from instruments.jobs import Program, Progress, StepOrder
from testbed.booking.models import Allocation
from testbed.people.models import Company, Role, Sector, SizeClass, User
from testbed.runs import doorbell, sessions
from testbed.runs.advance import advance
from testbed.runs.attempt import order_of
from testbed.runs.models import Run
from testbed.tools.models import Tool
from tests.conftest import make_tool, make_user
from tests.runs.floor import Floor, lay, simulated_fab

WAFERS = 25
# So fast that a job is over by the first poll: what is left is wire and engine.
SCALE = 100_000.0
ROUNDS = 3


def figures() -> Iterator[Figure]:
    """`runs.step_overhead_ms`: what a step takes beyond its bare exchanges, beside those."""
    call_command("migrate", verbosity=0)
    with tempfile.TemporaryDirectory(prefix="testbed-bench-") as folder, quiet_bell():
        path = Path(folder)
        with simulated_fab(path, scale=SCALE) as fab:
            staff = people()
            tools = {"track": track()}

            def fresh_floor() -> Floor:
                Allocation.objects.update(live=False)
                return lay(tools=tools, wafers=WAFERS, fab=fab, **staff)

            rounds = [_measure(fresh_floor) for _round in range(ROUNDS)]
        engine, bare, steps = (median(column) for column in zip(*rounds, strict=True))
        yield Figure("runs.step_overhead_ms", engine - bare, "ms", bare, int(steps) * ROUNDS)


def _measure(fresh_floor: Callable[[], Floor]) -> tuple[float, float, int]:
    """(ms a step by the engine, ms a step on the bare wire, steps) of a run of 25 wafers each."""
    run = fresh_floor().start("coat", range(1, WAFERS + 1))
    began = time.perf_counter()
    while advance(run.pk):
        pass
    engine = time.perf_counter() - began
    run.refresh_from_db()
    if run.state != "completed":
        raise RuntimeError(f"{run} is {run.state}: {run.evidence}")
    steps = run.steps.count()
    planned = fresh_floor().start("coat", range(1, WAFERS + 1))
    bare = _bare(planned)
    Run.objects.filter(pk=planned.pk).update(state="aborted")
    return engine * 1e3 / steps, bare * 1e3 / steps, steps


def _bare(run: Run) -> float:
    """Seconds of the run's exchanges with nothing around them."""
    driver = open_tool(run.tool.kind, run.tool.visa_resource, run.tool.serial)
    program = sessions.program_of(run.tool)
    orders = [order_of(step) for step in run.steps.select_related("wafer")]
    began = time.perf_counter()
    for order in orders:
        _carry_out(program, driver, order)
    took = time.perf_counter() - began
    driver.link.close()
    return took


def _carry_out(program: Program, driver: ScpiTool, order: StepOrder) -> None:
    outcome = program.begin(driver, order)
    while isinstance(outcome, Progress):
        time.sleep(outcome.poll_after_s)
        outcome = program.poll(driver, order, outcome.handle)


def people() -> dict[str, User]:
    """The cast of every measurement, made by the first that asks."""
    company, made = Company.objects.get_or_create(
        business_number="9998100010",
        defaults={"name_ko": "측정", "name_en": "Bench", "sector": Sector.MATERIALS,
                  "size_class": SizeClass.SME},
    )  # fmt: skip
    if not made:
        found = {user.email.split("@")[0]: user for user in User.objects.all()}
        return {
            "alice": found["alice"],
            "technician": found["technician"],
            "process_engineer": found["process"],
        }
    return {
        "alice": make_user("alice@bench.example", Role.ENGINEER, company),
        "technician": make_user("technician@bench.example", Role.TECHNICIAN),
        "process_engineer": make_user("process@bench.example", Role.PROCESS_ENGINEER),
    }


def track() -> Tool:
    """The track of every measurement, made by the first that asks; STANDBY."""
    found = Tool.objects.filter(serial="SN-track").first()
    return found or make_tool("bench-track", kind="track", serial="SN-track")


class quiet_bell:  # noqa: N801 - used as a with-statement's word
    """Inside, the engine is driven here, so its bells go nowhere."""

    def __enter__(self) -> None:
        self._ring = doorbell.ring
        doorbell.ring = lambda queue, run_id: None

    def __exit__(self, *error: object) -> None:
        doorbell.ring = self._ring
        connection.close()
