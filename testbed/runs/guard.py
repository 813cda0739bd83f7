"""What stands between a worker and the wire: a lease that must be alive, and two people's wishes.

The link asks `Guard.may_write` before every write. The deadline is local and counts suspended
time too, so a worker that was frozen, paused or cut off from the database cannot write late.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Exists

from instruments.errors import Halted
from testbed.runs import lease
from testbed.runs.lease import Claim
from testbed.runs.models import Run, RunTool

log = logging.getLogger(__name__)
FRESH_S = 0.25
SLICE_S = 0.1
# Clocks of two hosts may drift by this share of a lease before both could write.
DRIFT = 0.05


class LeaseOver(Halted):
    """The lease ran out, or another claim took the tool."""


class AbortAsked(Halted):
    """A person asked to abort this run."""


class EmergencyStop(Halted):
    """The emergency stop of a tool of the run is set."""


def clock() -> float:
    """Seconds that go on counting while the host sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _leave_broken_connection() -> None:
    """So that the next statement opens another: Django does so between tasks only."""
    if not connection.in_atomic_block:
        connection.close()


class Guard:
    """Keeps one claim alive while its step runs, and tells the link whether it may write.

    `began` is `clock()` from before the claim was made: the deadline errs on the early side.
    """

    def __init__(self, held: Claim, *, run_id: int, began: float) -> None:
        self.held = held
        self.run_id = run_id
        self._is_ending = False
        self._deadline = began + settings.LEASE_TTL_S * (1 - DRIFT)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._wishes: tuple[str, bool] = ("", False)
        self._wishes_at = float("-inf")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join(timeout=settings.LEASE_TTL_S)
        self._deadline = float("-inf")

    def may_write(self) -> None:
        """Return, or raise LeaseOver, AbortAsked or EmergencyStop (all `Halted`)."""
        asked, stopped = ("", False) if self._is_ending else self._read_wishes()
        # Only then, for a database that does not answer keeps us waiting.
        if clock() >= self._deadline:
            raise LeaseOver("the lease on this tool ran out")
        if stopped:
            raise EmergencyStop("the emergency stop is set")
        if asked == "abort":
            raise AbortAsked("a person asked to abort")

    def knows(self, ask: str, is_stopped: bool, *, at: float) -> None:
        """What people wished at `clock()` time `at`, found by another read: fresh as long."""
        self._wishes, self._wishes_at = (ask, is_stopped), at

    def rest(self, seconds: float) -> None:
        """Sleep, but wake at once (within 0.1 s plus 0.25 s) when writing becomes forbidden."""
        until = clock() + seconds
        while (left := until - clock()) > 0:
            self.may_write()
            time.sleep(min(left, SLICE_S))

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Inside, only the lease counts: the safe state must reach the tool."""
        before, self._is_ending = self._is_ending, True
        try:
            yield
        finally:
            self._is_ending = before

    def _read_wishes(self) -> tuple[str, bool]:
        if clock() - self._wishes_at < FRESH_S:
            return self._wishes
        stopped_ones = RunTool.objects.filter(
            run=self.run_id, tool__emergency_stop_at__isnull=False
        )
        try:
            ask, stopped = Run.objects.values_list("ask", Exists(stopped_ones)).get(pk=self.run_id)
        except DatabaseError:
            # Without a database nobody extends the lease either: the deadline ends this soon.
            log.warning("run %s: wishes cannot be read", self.run_id)
            _leave_broken_connection()
        else:
            self._wishes = (ask, stopped)
        self._wishes_at = clock()
        return self._wishes

    def _beat(self) -> None:
        beaten = False
        while not self._over.wait(settings.LEASE_HEARTBEAT_S):
            beaten = True
            if not self._extend():
                break
        if beaten:
            connection.close()

    def _extend(self) -> bool:
        before = clock()
        try:
            alive = lease.extend(self.held)
        except DatabaseError:
            log.warning("run %s: the lease cannot be extended", self.run_id)
            _leave_broken_connection()
            return True
        if alive:
            self._deadline = before + settings.LEASE_TTL_S * (1 - DRIFT)
        elif not self._over.is_set():
            self._deadline = float("-inf")
        return alive
