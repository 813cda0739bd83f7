"""Logging from the wire into PostgreSQL: how fast one worker can.

`instruments.log_ratio`: samples a second that one worker reads and stores durably, beside a bare
PyVISA loop that reads the same blocks of the same tool and keeps nothing.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management import call_command
from django.db import transaction

from bench.figure import Figure
from bench.instruments import bare_session
from bench.runs import people, quiet_bell, track
from instruments import housekeeping
from instruments.catalogue import open_tool
from testbed.booking.models import Allocation
from testbed.runs.models import Step, StreamBlock
from testbed.runs.streams import Recorder
from tests.runs.floor import Fab, lay, simulated_fab

NAMES = ("instruments.log_ratio",)
# Blocks that travel into one transaction: a fraction of a second of reading.
BATCH, READS, ROUNDS = 50, 200, 5
# A minute of ten samples a second is what a tool remembers.
BACKLOG_S, QUICK_BACKLOG_S = 61.0, 12.0


def figures() -> Iterator[Figure]:
    """`instruments.log_ratio`; n is how many blocks were read."""
    call_command("migrate", verbosity=0)
    with tempfile.TemporaryDirectory(prefix="testbed-bench-") as folder, quiet_bell():
        yield ratio_figure(Path(folder))


def ratio_figure(folder: Path) -> Figure:
    """Alternating rounds over the same full backlog of the same tool."""
    with simulated_fab(folder, scale=1.0) as fab:
        time.sleep(QUICK_BACKLOG_S if quick() else BACKLOG_S)
        recorder = _recorder(fab)
        bare = bare_session(fab.resource("track"))
        rounds = [(_stored_rate(recorder), _bare_rate(bare)) for _round in range(ROUNDS)]
        bare.close()
        recorder.driver.link.close()
    ours, limit = (max(column) for column in zip(*rounds, strict=True))
    return Figure("instruments.log_ratio", ours, "samples/s", limit, READS * ROUNDS)


def _recorder(fab: Fab) -> Recorder:
    Allocation.objects.update(live=False)
    run = lay(tools={"track": track()}, wafers=1, fab=fab, **people()).start("coat", (1,))
    step = Step.objects.filter(run=run, is_process=True)[0]
    driver = open_tool("track", fab.resource("track"), "SN-track")
    recorder = Recorder(step, driver, fence=transaction.atomic)
    recorder.read()
    return recorder


def _stored_rate(recorder: Recorder) -> float:
    """Samples a second, read by the driver and committed by COPY in batches."""
    StreamBlock.objects.all().delete()
    began, count = time.perf_counter(), 0
    for _batch in range(READS // BATCH):
        found = []
        for _read in range(BATCH):
            got = housekeeping.samples(recorder.driver, 0, 32)
            # The same backlog again and again: each must be a block of its own.
            found.append(housekeeping.Samples(count, got.values))
            count += len(got.values)
        recorder.write(found)
    return count * 32 / (time.perf_counter() - began)


def _bare_rate(bare: Any) -> float:
    began, count = time.perf_counter(), 0
    for _read in range(READS):
        numbers = bare.query_binary_values("LOG:DATA? 0", datatype="f", container=np.array)
        count += numbers.size * 32 // 33
    return count / (time.perf_counter() - began)


def quick() -> bool:
    """True with BENCH_QUICK=1: a minute instead of ten, for whoever only wants to see."""
    return os.environ.get("BENCH_QUICK") == "1"
