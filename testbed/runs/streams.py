"""Logging what a tool samples by itself while a process step runs.

One block a look brings every channel and every sample since the look before, so the wire carries
a query for dozens of numbers instead of one for each. What was read is written with COPY at once,
fenced by the lease: a worker that dies loses what it had not looked at, and the tool keeps that
for a minute. At the step's end the blocks become curves like any other (`store`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import pairwise

import numpy as np
from django.conf import settings
from django.db import IntegrityError, connection, models
from numpy.typing import NDArray

from instruments import housekeeping
from instruments.driver import ScpiTool
from instruments.errors import Halted, InstrumentError
from instruments.housekeeping import Samples
from testbed.runs import store
from testbed.runs.models import Step, Stream, StreamBlock, TraceBlock

log = logging.getLogger(__name__)
COPY = "COPY runs_streamblock (stream_id, first, count, samples) FROM STDIN (FORMAT BINARY)"
Fence = Callable[[], AbstractContextManager[None]]


class Recorder:
    """Logs one step on the link of the claim that drives it, in the same thread.

    `fence` opens the transaction in which blocks are written. Whatever goes wrong with a look
    ends the logging, never the step: the process is what counts.
    """

    def __init__(self, step: Step, driver: ScpiTool, *, fence: Fence) -> None:
        self.step = step
        self.driver = driver
        self.fence = fence
        self.is_on = True
        self.after = -1
        self._stream: Stream | None = None

    def rest(self, seconds: float, pause: Callable[[float], None]) -> None:
        """Pass the time until the next poll with looks at what has come in."""
        until = time.monotonic() + seconds
        while True:
            self.look()
            left = until - time.monotonic()
            if left <= 0:
                return
            pause(min(left, settings.STREAM_EVERY_S) if self.is_on else left)

    def look(self) -> int:
        """Read and keep every sample since the last look; how many. Raises Halted."""
        if not self.is_on:
            return 0
        try:
            found = self.read()
            self.write([found])
        except Halted:
            raise
        except (InstrumentError, IntegrityError) as error:
            log.warning("step %s is no longer logged: %s", self.step.pk, error)
            self.is_on = False
            return 0
        return found.values.size

    def read(self) -> Samples:
        """What came since the last read; the first goes on where an earlier claim stopped."""
        width = len(self._opened().channels)
        if self.after < 0:
            # The tool's memory reaches back before this step: that is nobody's business here.
            self.after = housekeeping.samples(self.driver, 0, width).after
        found = housekeeping.samples(self.driver, self.after, width)
        self.after = found.after
        return found

    def write(self, found: Sequence[Samples]) -> None:
        """Keep them in one transaction."""
        stream = self._opened()
        rows = [
            (stream.pk, one.first, len(one.values), one.values.astype("<f4").tobytes())
            for one in found
            if len(one.values)
        ]
        if not rows:
            return
        with (
            self.fence(),
            connection.cursor() as cursor,
            connection.wrap_database_errors,
            cursor.copy(COPY) as copy,
        ):
            copy.set_types(["int8", "int8", "int4", "bytea"])
            for row in rows:
                copy.write_row(row)

    def _opened(self) -> Stream:
        if self._stream is None:
            self._stream = Stream.objects.filter(step=self.step).first() or self._begun()
            last = self._stream.blocks.order_by("pk").last()
            self.after = -1 if last is None else last.first + last.count
        return self._stream

    def _begun(self) -> Stream:
        pairs = [[one.key, one.unit] for one in housekeeping.channels(self.driver)]
        with self.fence():
            return Stream.objects.create(
                step=self.step, channels=pairs, dt_s=housekeeping.STEP_S
            )  # fmt: skip


def wanted(step: Step) -> bool:
    """True when this step is to be logged: a process, in a facility that logs."""
    return step.is_process and settings.STREAM_EVERY_S > 0


def fold(step: Step) -> list[TraceBlock]:
    """Turn the step's blocks into one curve a channel, in the caller's transaction.

    A gap begins a new block at its own time; a further attempt follows on the one before.
    """
    # Only a process is logged while it lasts.
    stream = Stream.objects.filter(step=step).first() if step.is_process else None
    if stream is None:
        return []
    kept = TraceBlock.objects.filter(step=step, key__in=[key for key, _unit in stream.channels])
    ends = models.F("t0_s") + models.F("count") * models.F("dt_s")
    begins = kept.aggregate(end=models.Max(ends))["end"] or 0.0
    pieces = list(_pieces(stream))
    curves = [
        store.packed(
            step, key, unit, begins + (first + at) * stream.dt_s, stream.dt_s, part
        )
        for column, (key, unit) in enumerate(stream.channels)
        for first, values in pieces
        for at, part in store.parts(values[:, column])
    ]  # fmt: skip
    TraceBlock.objects.bulk_create(curves, batch_size=store.BATCH)
    stream.blocks.all().delete()
    stream.delete()
    return curves


def _pieces(stream: Stream) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """(samples since the first one, values (n, channels)) of each unbroken stretch."""
    blocks = list(stream.blocks.order_by("pk"))
    if not blocks:
        return
    breaks = [
        k for k, (one, two) in enumerate(pairwise(blocks), start=1)
        if two.first != one.first + one.count
    ]  # fmt: skip
    at = 0
    for start, stop in pairwise([0, *breaks, len(blocks)]):
        part = blocks[start:stop]
        if start:
            # Where the tool's numbers began anew, the stretch follows on what was there.
            at += max(0, part[0].first - blocks[start - 1].first - blocks[start - 1].count)
        values = np.concatenate([_values(block, len(stream.channels)) for block in part])
        yield at, values
        at += len(values)


def _values(block: StreamBlock, width: int) -> NDArray[np.float32]:
    return np.frombuffer(bytes(block.samples), dtype="<f4").reshape(-1, width)
