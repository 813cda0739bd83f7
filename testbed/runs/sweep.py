"""The watchdog: what the doorbell missed, what a dead worker left, what must be made safe.

Runs every SWEEP_EVERY_S under an advisory lock, and what concerns dead workers every
TAKEOVER_EVERY_S; doing it twice changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Now

from testbed.runs import doorbell, lease, safety, sessions
from testbed.runs.advance import advance, has_work
from testbed.runs.models import Lease, Run
from testbed.runs.pause import resume_settled
from testbed.tools.models import Tool

log = logging.getLogger(__name__)
LOCK = 0x7E57_0001
# Tools that are taken over, or told to be safe, beside each other.
ABREAST = 8


@contextmanager
def _alone() -> Iterator[bool]:
    """True for the one process that sweeps now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        row = cursor.fetchone()
    got = bool(row and row[0])
    try:
        yield got
    finally:
        if got:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def sweep() -> int:
    """Take over dead leases, make stopped tools safe, carry out aborts that no worker heard, let
    settled runs go on, ring what is due.

    Returns how much was done.
    """
    with _alone() as alone:
        if not alone:
            return 0
        parts = (
            mend_clocks, take_over_dead, make_stopped_safe, abort_unheard, resume_settled, ring_due,
        )  # fmt: skip
        return sum(map(_in_spite, parts))


def _in_spite(part: Callable[[], int]) -> int:
    """What goes wrong in one part of a sweep keeps no other part from being done."""
    try:
        return part()
    except Exception:
        log.exception("sweep: %s", part.__name__)
        return 0


def mend_clocks() -> int:
    """Where the database's clock was set back nothing would run out, or be rung, for as long.

    What lies further ahead than anybody sets it begins anew; who lives extends its lease anyway.
    """
    ttl, period = lease.ttl(), timedelta(seconds=settings.SWEEP_EVERY_S)
    far_leases = Lease.objects.filter(expires_at__gt=Now() + 2 * ttl)
    far_bells = Run.objects.filter(due_at__gt=Now() + 2 * period)
    return far_leases.update(expires_at=Now() + ttl) + far_bells.update(due_at=Now() + period)


def take_over() -> int:
    """Only what cannot wait for the next sweep: tools whose worker is dead. Returns how many."""
    if not _dead().exists():
        return 0
    with _alone() as alone:
        return take_over_dead() if alone else 0


def _dead() -> QuerySet[Lease]:
    return Lease.objects.filter(expires_at__lte=Now())


def take_over_dead() -> int:
    """Every lease that ran out: its worker is dead, frozen or cut off.

    A silent tool takes its timeouts; the others do not wait for it.
    """
    dead = list(_dead().select_related("run", "tool"))
    runs = {row.run.pk: row.run for row in dead if row.run is not None and has_work(row.run)}
    idle = [row.tool for row in dead if row.run_id not in runs]
    jobs: list[Callable[[], object]] = [partial(_recover, run) for run in runs.values()]
    at_once([*jobs, *(partial(_clear, tool) for tool in idle)])
    return len(dead)


def at_once(jobs: Sequence[Callable[[], object]]) -> None:
    """Do them beside each other, ABREAST at a time; one alone is done in this thread."""
    if len(jobs) == 1:
        jobs[0]()
        # Its tool may have one connection to give, and a worker of its own that wants it.
        sessions.drop_all()
    elif jobs:
        with ThreadPoolExecutor(min(ABREAST, len(jobs)), "sweep") as pool:
            for done in [pool.submit(_apart, job) for job in jobs]:
                done.result()


def _apart(job: Callable[[], object]) -> None:
    """In a thread of its own: nothing that it opened outlives it."""
    try:
        job()
    finally:
        sessions.drop_all()
        connection.close()


def _recover(run: Run) -> None:
    try:
        advance(run.pk, only="recover")
    except Exception:
        # One tool's trouble must not keep the others from being looked at.
        log.exception("run %s could not be taken over", run.pk)


def _clear(tool: Tool) -> None:
    held = lease.claim(tool_ids=[tool.pk], run_id=None, only_dead=True)
    if held is not None:
        safety.make_safe(tool)
        lease.release(held)


def make_stopped_safe() -> int:
    """As long as an emergency stop is set, the tool is told so again on every sweep."""
    stopped = Tool.objects.filter(emergency_stop_at__isnull=False).exclude(visa_resource="")
    at_once([partial(safety.make_safe, tool) for tool in stopped])
    return len(stopped)


def abort_unheard() -> int:
    """An abort for which no worker came within a period: its host may be gone for good, and the
    end of a run must not wait for it. Only tools that nobody holds are told."""
    rows = Run.objects.filter(ask="abort", due_at__lte=Now()).exclude(doorbell.waits_for_a_tool())
    unheard = list(rows)
    at_once([partial(_abort, run) for run in unheard])
    return len(unheard)


def _abort(run: Run) -> None:
    try:
        advance(run.pk, only="abort")
    except Exception:
        log.exception("run %s could not be aborted", run.pk)


def ring_due() -> int:
    """Bells that were lost between a commit and the broker, or in a worker that died."""
    rows = Run.objects.filter(due_at__lte=Now()).exclude(doorbell.waits_for_a_tool())
    due = list(rows.select_related("tool"))
    for run in due:
        doorbell.set_due(run.pk)
        doorbell.ring(run.tool.queue, run.pk)
    return len(due)


def call_canaries() -> None:
    """Ask the worker of every tool's queue to sign in."""
    for tool in Tool.objects.exclude(visa_resource=""):
        doorbell.send_canary(tool.queue)
