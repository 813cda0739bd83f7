"""A facility as real processes, the blows that may fall on it, and what must hold afterwards.

A `House` stands on one floor (tests.runs.floor): a tool worker, and where wanted a background
worker, beat and web. A blow kills, freezes or cuts off one of them, or the tool, or a server;
then everything comes back, a person decides whenever the run asks, and the story is judged.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.db import DatabaseError, connection

from instruments.catalogue import open_tool
from instruments.driver import ScpiTool
from instruments.errors import NotConnected
from testbed.material.models import SubstrateState
from testbed.refusals import Refusal
from testbed.runs import control, log, sweep
from testbed.runs.choices import choices
from testbed.runs.models import Lease, Run
from testbed.runs.states import ENDED, RunState, StepState
from testbed.tools import states as e10
from tests.runs.floor import ROOT, Fab, Floor

CELERY = ["celery", "-A", "testbed.celery"]
QUIET = ["-P", "prefork", "-c", "1", "--without-gossip", "--without-mingle", "-l", "warning"]
# Only a failure waits so long; a busy machine takes its time to start a worker.
PATIENCE_S = 150.0
# What a machine that does much else at once may add to a bound.
BUSY_S = 15.0
MOST_DECISIONS = 12


class Servers(Protocol):
    """PostgreSQL and Valkey, which a blow may take away for some seconds."""

    def break_postgres(self, seconds: float) -> None:
        """End every session at once and refuse new ones for `seconds`."""
        ...

    def break_valkey(self, seconds: float) -> None:
        """kill -9, and start it again on the same port after `seconds`."""
        ...


@dataclass
class Story:
    """What was seen of one run: its events as they were committed, and what people decided."""

    run: Run
    starts_before: int
    doubles_before: int
    seen: dict[int, str] = field(default_factory=dict)
    decisions: list[str] = field(default_factory=list)
    blows: list[str] = field(default_factory=list)
    safe_after_s: list[float] = field(default_factory=list)


class House:
    """The processes around one fab; `by_hand`: this process plays beat and background worker."""

    def __init__(
        self, folder: Path, fab: Fab, servers: Servers, environment: dict[str, str],
        *, by_hand: bool,
    ) -> None:  # fmt: skip
        self.folder = folder
        self.fab = fab
        self.servers = servers
        self.environment = environment
        self.by_hand = by_hand
        self.living: dict[str, subprocess.Popen[bytes]] = {}

    # -- processes -----------------------------------------------------------------------------
    def command(self, name: str) -> list[str]:
        if name == "beat":
            schedule = ["--schedule", str(self.folder / "beat-schedule"), "--pidfile="]
            return [*CELERY, "beat", *schedule, "-l", "warning"]
        if name == "web":
            return ["testbed.ops.web", "127.0.0.1", self.environment["PORT"]]
        queue = "watchdog,background" if name == "background" else f"tool.{name}"
        return [*CELERY, "worker", "-Q", queue, "-n", f"{name}@%h", *QUIET]

    def start(self, name: str, command: list[str] | None = None, **variables: str) -> None:
        """Start one process in a group of its own, unless it lives."""
        if name in self.living and self.living[name].poll() is None:
            return
        with (self.folder / f"{name}.log").open("ab") as out:
            self.living[name] = subprocess.Popen(
                [sys.executable, "-m", *(command or self.command(name))], cwd=ROOT,
                env=self.environment | variables, stdout=out, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip

    def start_all(self) -> None:
        for name in ("scanner",) if self.by_hand else ("background", "beat", "web", "scanner"):
            self.start(name)

    def kill(self, name: str) -> None:
        """kill -9 of the process and its children, as when a host loses its power."""
        process = self.living.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)

    def close(self) -> None:
        for name in list(self.living):
            self.kill(name)

    # -- the run -------------------------------------------------------------------------------
    def begin(self, floor: Floor) -> Story:
        """Start an exposure of two coated wafers."""
        counters = self.fab.control.counters("scanner")
        run = floor.start("expose")
        return Story(run, counters["starts"], counters["double_exposures"])

    def turn(self, story: Story) -> bool:
        """One look at the run, and beat's part where it is played by hand; True when it was seen.

        Every event that was ever seen committed is noted: none of them may be lost.
        """
        time.sleep(0.02)
        try:
            if self.by_hand:
                sweep.sweep()
            story.run.refresh_from_db()
            new = story.run.events.filter(seq__gt=len(story.seen)).order_by("seq")
            for seq, digest in new.values_list("seq", "hash"):
                story.seen[seq] = digest
        except DatabaseError:
            connection.close()
            return False
        return True

    def until(self, story: Story, what: str, true: Callable[[], bool]) -> None:
        """Look, and ask whether `true()`, until it is; fail after PATIENCE_S, saying what is not.

        A person decides on what is seen now: before every question the run is looked at.
        """
        end = time.monotonic() + PATIENCE_S
        while not (self.turn(story) and true()):
            assert time.monotonic() < end, (
                f"not within {PATIENCE_S} s: {what}; {story.run} is {story.run.state}"
                f" {story.run.evidence}, blows {story.blows}; logs in {self.folder}"
            )

    def finish(self, story: Story, floor: Floor, rng: random.Random) -> None:
        """Bring everything back, and decide as a person may until the run is over."""
        self.start_all()
        while True:
            self.until(
                story, "an end, or a question", lambda: story.run.state in ENDED or asks(story)
            )
            if story.run.state in ENDED:
                return
            decide(story, floor, rng)

    # -- blows ---------------------------------------------------------------------------------
    def strike(self, blow: str, story: Story, seconds: float = 1.0) -> None:
        """Deal one blow; what it took away is back when this returns (a person's wish stays)."""
        story.blows.append(blow)
        getattr(self, f"_strike_{blow}")(story, seconds)

    def _strike_worker(self, story: Story, seconds: float) -> None:
        before = self.fab.control.counters("scanner")["safes"]
        pid = self.living["scanner"].pid
        orphans = descendants(pid)
        self.kill("scanner")
        died = time.monotonic()
        if holds_lease(story.run, orphans):
            self._measure_safe(story, before, died)
        self.start("scanner")

    def _measure_safe(self, story: Story, before: int, died: float) -> None:
        """A dead worker's tool is told to be safe within lease + sweep + one answer's wait."""
        allowed = settings.LEASE_TTL_S + settings.SWEEP_EVERY_S + settings.WIRE_TIMEOUT_S + BUSY_S
        while self.fab.control.counters("scanner")["safes"] == before:
            self.turn(story)
            assert time.monotonic() - died < allowed, f"not safe within {allowed} s of the death"
        story.safe_after_s.append(round(time.monotonic() - died, 2))

    def _strike_frozen_worker(self, story: Story, seconds: float) -> None:
        group = self.living["scanner"].pid
        os.killpg(group, signal.SIGSTOP)
        self._look_on(story, settings.LEASE_TTL_S + seconds)
        os.killpg(group, signal.SIGCONT)

    def _strike_background(self, story: Story, seconds: float) -> None:
        self._down("background", story, seconds)

    def _strike_beat(self, story: Story, seconds: float) -> None:
        self._down("beat", story, seconds)

    def _strike_web(self, story: Story, seconds: float) -> None:
        self._down("web", story, seconds)

    def _down(self, name: str, story: Story, seconds: float) -> None:
        self.kill(name)
        self._look_on(story, seconds)
        self.start(name)

    def _strike_valkey(self, story: Story, seconds: float) -> None:
        self.servers.break_valkey(seconds)

    def _strike_postgres(self, story: Story, seconds: float) -> None:
        self.servers.break_postgres(seconds)
        connection.close()

    def _strike_power(self, story: Story, seconds: float) -> None:
        self.fab.control.restart("scanner")

    def _strike_frozen_tool(self, story: Story, seconds: float) -> None:
        self.fab.control.freeze("scanner", seconds)
        self._look_on(story, seconds)

    def _strike_abort(self, story: Story, seconds: float) -> None:
        in_time(story, control.abort)

    def _strike_emergency(self, story: Story, seconds: float) -> None:
        before = self.fab.control.counters("scanner")["safes"]
        if not in_time(story, control.emergency_stop):
            return
        pressed = time.monotonic()
        while self.fab.control.counters("scanner")["safes"] == before:
            assert time.monotonic() - pressed < settings.WIRE_TIMEOUT_S + BUSY_S
            self.turn(story)

    def _look_on(self, story: Story, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.turn(story)


def in_time(story: Story, verb: Callable[..., object]) -> bool:
    """Stop the run as its company may; False when it had ended, perhaps while we looked."""
    if story.run.state in ENDED:
        return False
    try:
        verb(actor=story.run.started_by, run=story.run)
    except Refusal as refusal:
        if refusal.code != "run_not_open":
            raise
        return False
    return True


def asks(story: Story) -> bool:
    """True when the run waits for a person, and not for the abort that one has asked for."""
    return story.run.state == RunState.HELD and story.run.ask != "abort"


def descendants(pid: int) -> set[int]:
    """The process and everything it started (Linux)."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def holds_lease(run: Run, pids: set[int]) -> bool:
    """True when one of these (dead) processes holds the lease on the run's tool."""
    lease = Lease.objects.filter(tool=run.tool).first()
    if lease is None or lease.holder == "":
        return False
    return int(lease.holder.split(":")[1]) in pids


def decide(story: Story, floor: Floor, rng: random.Random) -> None:
    """What a person may choose, chosen by the seed; after a dozen decisions the run is ended."""
    run = story.run
    for tool in run.tools():
        if tool.emergency_stop_at is not None:
            e10.clear_emergency_stop(actor=floor.technician, tool=tool)
    offered = [one.code for one in choices(run)]
    assert offered, f"{run} is held and nobody can do anything: {run.evidence}"
    if len(story.decisions) >= MOST_DECISIONS:
        code = offered[-1]
    else:
        # Closing without the tool, or vouching for it, is for when nothing else is left.
        code = rng.choice([one for one in offered if one not in ("close", "mark_done")] or offered)
    story.decisions.append(f"{run.held_why}:{code}")
    control.resolve(actor=floor.technician, run=run, choice=code, note="looked at the tool")
    run.refresh_from_db()


def judge(story: Story, fab: Fab) -> None:
    """The invariants: nothing twice, nothing lost or reordered, an end, and the tool at rest."""
    run = Run.objects.get(pk=story.run.pk)
    counters = fab.control.counters("scanner")
    processes = list(run.steps.filter(is_process=True))
    assert counters["double_exposures"] == story.doubles_before
    assert counters["starts"] - story.starts_before <= len(processes)
    for row in run.run_wafers.select_related("wafer"):
        exposures = fab.control.wafer(row.wafer.wafer_id)["exposures"]
        assert exposures <= 1, row.wafer
        assert exposures == 1 or row.state != SubstrateState.PROCESSED, row.wafer
    kept = dict(run.events.order_by("seq").values_list("seq", "hash"))
    assert list(kept) == list(range(1, run.event_count + 1))
    assert {seq: kept.get(seq) for seq in story.seen} == story.seen, "a committed event was lost"
    times = list(run.events.order_by("seq").values_list("at", flat=True))
    assert times == sorted(times), "events were reordered"
    assert log.verify(run).whole
    assert run.state in ENDED
    open_ones = (StepState.PENDING, StepState.INTENT, StepState.SENT, StepState.UNKNOWN)
    assert not run.steps.filter(state__in=open_ones).exists()
    assert "RUNNING" not in fab.control.state("scanner")["jobs"].values()
    lease = Lease.objects.get(tool=run.tool)
    assert lease.run_id != run.pk or (lease.holder, lease.expires_at) == ("", None)


def clear_table(floor: Floor) -> None:
    """The tool as a technician leaves it for the next run: idle, with no carrier on it.

    Waits for a tool that is still starting after the last story's power cut.
    """
    tool = floor.tools["scanner"]
    driver = open_tool(tool.kind, tool.visa_resource, tool.serial)
    end = time.monotonic() + PATIENCE_S
    try:
        while not undocked(driver):
            assert time.monotonic() < end, f"{tool.code} does not come back"
            time.sleep(0.2)
    finally:
        driver.link.close()


def undocked(driver: ScpiTool) -> bool:
    """False when there is no way to the tool."""
    try:
        driver.undock()
    except NotConnected:
        return False
    return True
