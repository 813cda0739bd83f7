"""Seeded crash schedules on servers of their own: `python -m tests.crash.schedules`.

    --matrix [HALF]      every boundary of a process step x everything that can be hit; of all
                         pairs every second one, from HALF (0 or 1) on
    --seeds FIRST COUNT  COUNT random schedules from seed FIRST on

PostgreSQL is durable and is stopped in immediate mode, Valkey by kill -9. One line a schedule;
a broken one prints its seed, what was dealt, and why. Exit code 1 when any was broken.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from testbed.ops import embedded
from testbed.ops.processes import Process, free_port, wait_gone

if TYPE_CHECKING:
    from tests.crash.house import House, Story
    from tests.runs.floor import Fab, Floor

LEASE = {
    "LEASE_TTL_S": 1.5, "LEASE_HEARTBEAT_S": 0.4, "SWEEP_EVERY_S": 0.5, "WIRE_TIMEOUT_S": 2.0,
    # Often, so that the question whether a tool answers meets runs as they come and go.
    "ASK_IDLE_EVERY_S": 0.7,
}  # fmt: skip
POINTS = ("intended", "begun", "sent", "finished", "stored")
VICTIMS = (
    "worker", "frozen_worker", "background", "beat", "web", "valkey", "postgres", "power",
    "frozen_tool", "abort", "emergency",
)  # fmt: skip
# Physical seconds in one second of the host: set-up at FAST, exposures at one of SCALES.
FAST = 300.0
SCALES = (8.0, 20.0, 60.0)


@dataclass(frozen=True)
class OwnServers:
    """The embedded servers of a folder of ours, broken as hard as they can be."""

    data: Path

    def break_postgres(self, seconds: float) -> None:
        kill_server(self.data, "postgres", signal.SIGQUIT)
        time.sleep(seconds)
        before = os.environ["DATABASE_URL"]
        assert embedded.ensure_postgres(self.data) == before, "another port"

    def break_valkey(self, seconds: float) -> None:
        kill_server(self.data, "valkey")
        time.sleep(seconds)
        before = os.environ["VALKEY_URL"]
        assert embedded.ensure_valkey(self.data) == before, "another port"


def kill_server(data: Path, name: str, number: signal.Signals = signal.SIGKILL) -> None:
    """End the embedded server `name` (postgres, valkey) of a data folder the hard way."""
    entry = json.loads((data / embedded.STATE).read_text())[name]
    os.kill(entry["pid"], number)
    assert wait_gone(Process(entry["pid"], entry["born"]), 30.0)


@dataclass(frozen=True)
class Blow:
    """`what` falls when the run's log has `after` events, and `seconds` long."""

    what: str
    after: int
    seconds: float


def drawn(rng: random.Random) -> list[Blow]:
    """One to three blows, in the order of their moments (an exposure of two has 24 events)."""
    count = rng.choice((1, 1, 2, 2, 3))
    moments = sorted(rng.randint(1, 22) for _ in range(count))
    # A worker is what dies most, and what most depends on.
    victims = (*VICTIMS, "worker", "worker", "frozen_worker")
    return [Blow(rng.choice(victims), after, rng.choice((0.0, 0.3, 1.0, 2.5))) for after in moments]


def main(arguments: list[str]) -> int:
    """Play what is asked for; 0 when every invariant held every time."""
    parser = argparse.ArgumentParser(prog="tests.crash.schedules")
    parser.add_argument("--matrix", nargs="?", type=int, choices=(0, 1), const=-1)
    parser.add_argument("--seeds", nargs=2, type=int, metavar=("FIRST", "COUNT"))
    asked = parser.parse_args(arguments)
    first, count = asked.seeds or (0, 0)
    seeds = range(first, first + count)
    pairs = _pairs(asked.matrix)
    with (
        tempfile.TemporaryDirectory(prefix="testbed-crash-") as folder,
        _servers(Path(folder)),
        _house(Path(folder)) as (house, floors),
    ):
        told = [_told(f"{at} x {what}", house, floors, at_point(at, what)) for at, what in pairs]
        told += [_told(f"seed {n}", house, floors, at_random(random.Random(n))) for n in seeds]
    broken = told.count(False)
    print(f"{broken} broken", flush=True)
    return 1 if broken else 0


def _pairs(half: int | None) -> list[tuple[str, str]]:
    """Of the matrix what was asked for: None none of it, -1 all of it, 0 or 1 one half."""
    every = [(point, what) for point in POINTS for what in VICTIMS]
    if half is None:
        return []
    return every if half == -1 else every[half::2]


def at_point(point: str, what: str) -> Callable[[House, Floor, Story], None]:
    """The worker waits at `point` of the first exposure while the blow falls."""

    def play(house: House, floor: Floor, story: Story) -> None:
        gate = house.folder / f"gate-{story.run.pk}"
        gate.mkdir()
        if "scanner" in house.living:
            house.kill("scanner")
        house.start(
            "scanner", ["tests.crash.dying_worker", "tool.scanner", point], CRASH_GATE=str(gate)
        )
        house.until(story, f"the worker at {point}", lambda: (gate / "reached").exists())
        house.strike(what, story, 0.5)
        (gate / "open").touch()
        house.finish(story, floor, random.Random(point + what))
        house.kill("scanner")

    return play


def at_random(rng: random.Random) -> Callable[[House, Floor, Story], None]:
    """Blows at random moments, and random decisions of the person who is asked."""

    def play(house: House, floor: Floor, story: Story) -> None:
        from testbed.runs.states import ENDED
        from tests.crash.house import asks, decide

        house.fab.control.rescale(rng.choice(SCALES))
        for blow in drawn(rng):
            while len(story.seen) < blow.after and story.run.state not in ENDED:
                reached = lambda n=blow.after: (  # noqa: E731
                    len(story.seen) >= n or story.run.state in ENDED or asks(story)
                )
                house.until(story, f"event {blow.after}", reached)
                if asks(story) and len(story.seen) < blow.after:
                    decide(story, floor, rng)
            if story.run.state in ENDED:
                break
            time.sleep(rng.random() * 0.2)
            house.strike(blow.what, story, blow.seconds)
        house.finish(story, floor, rng)

    return play


def _told(
    name: str, house: House, fresh_floor: Callable[[], Floor],
    play: Callable[[House, Floor, Story], None],
) -> bool:  # fmt: skip
    """Play one schedule and print what came of it; False when an invariant broke."""
    from tests.crash.house import judge

    began = time.monotonic()
    story, floor = None, None
    try:
        floor = fresh_floor()
        house.start_all()
        house.fab.control.rescale(20.0)
        story = house.begin(floor)
        play(house, floor, story)
        judge(story, house.fab)
    except Exception:
        traceback.print_exc()
        _print_log(story)
        _say("BROKEN", name, began, story)
        _put_away(house, floor, story)
        return False
    _say("ok", name, began, story)
    return True


def _put_away(house: House, floor: Floor | None, story: Story | None) -> None:
    """End the run of a broken schedule, or it would stand in the next one's way."""
    if floor is None or story is None:
        return
    try:
        house.finish(story, floor, random.Random(0))
    except Exception:
        traceback.print_exc()


def _print_log(story: Story | None) -> None:
    """What the run says of itself, for whoever looks for the reason."""
    if story is None:
        return
    for event in story.run.events.order_by("seq"):
        print(f"  {event.at:%H:%M:%S.%f} {event.seq} {event.kind} {event.data}", file=sys.stderr)
    for row in story.run.run_wafers.select_related("wafer"):
        print(f"  {row.wafer.wafer_id} {row.state}", file=sys.stderr)


def _say(verdict: str, name: str, began: float, story: Story | None) -> None:
    took = time.monotonic() - began
    rest = ""
    if story is not None:
        rest = (
            f" {story.run.state}, blows {story.blows}, decisions {story.decisions},"
            f" safe after {story.safe_after_s} s"
        )
    print(f"{verdict:6} {name} ({took:.1f} s){rest}", flush=True)


@contextmanager
def _servers(data: Path) -> Iterator[None]:
    """PostgreSQL and Valkey of this folder, and the settings that the processes will read."""
    # Ours alone, but passable: as root the servers run under a powerless account.
    data.chmod(0o711)
    os.environ |= {
        "DATABASE_URL": embedded.ensure_postgres(data),
        "VALKEY_URL": embedded.ensure_valkey(data),
        "DJANGO_SETTINGS_MODULE": "testbed.settings",
        "TESTBED_DATA": str(data),
        "TESTBED_IDLE_IN_TRANSACTION_MS": "2000",
        "PORT": str(free_port()),
        **{f"TESTBED_{key}": str(value) for key, value in LEASE.items()},
    }
    try:
        yield
    finally:
        embedded.stop_valkey(data)
        embedded.stop_postgres(data)


@contextmanager
def _house(folder: Path) -> Iterator[tuple[House, Callable[[], Floor]]]:
    import django

    # A migration may compute for long between two statements; nothing is killed here.
    patient = os.environ | {"TESTBED_IDLE_IN_TRANSACTION_MS": "0"}
    command = [sys.executable, "manage.py", "migrate", "-v", "0"]
    subprocess.run(command, env=patient, check=True)
    django.setup()
    from tests.crash.house import House
    from tests.runs.floor import simulated_fab

    with ExitStack() as stack:
        fab = stack.enter_context(simulated_fab(folder, scale=FAST, seed=11))
        house = House(folder, fab, OwnServers(folder), dict(os.environ), by_hand=False)
        stack.callback(house.close)
        yield house, _floors(fab)


def _floors(fab: Fab) -> Callable[[], Floor]:
    """A function that lays the next floor: two coated wafers before an empty scanner."""
    from testbed.booking.models import Allocation
    from testbed.people.models import Company, Role, Sector, SizeClass
    from testbed.runs.states import ACTIVE
    from testbed.tools.states import clear_emergency_stop
    from tests.conftest import make_tool, make_user
    from tests.crash.house import clear_table
    from tests.runs.floor import drive, lay

    company = Company.objects.create(
        name_ko="시험", name_en="Crash", business_number="9998100010", sector=Sector.MATERIALS,
        size_class=SizeClass.SME,
    )  # fmt: skip
    people = {
        "alice": make_user("alice@crash.example", Role.ENGINEER, company),
        "technician": make_user("technician@crash.example", Role.TECHNICIAN),
        "process_engineer": make_user("process@crash.example", Role.PROCESS_ENGINEER),
    }
    tools = {kind: make_tool(kind) for kind in ("scanner", "track")}

    def fresh() -> Floor:
        fab.control.clear_faults()
        fab.control.rescale(FAST)
        Allocation.objects.update(live=False)
        for tool in tools.values():
            tool.refresh_from_db()
            if tool.emergency_stop_at is not None:
                clear_emergency_stop(actor=people["technician"], tool=tool)
        floor = lay(tools=tools, wafers=2, fab=fab, **people)
        clear_table(floor)
        coated = floor.run("coat")
        while coated.state in ACTIVE:
            # Somebody asked the idle track whether it answers.
            time.sleep(0.1)
            drive(coated)
        assert coated.state == "completed", coated.evidence
        return floor

    return fresh


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
