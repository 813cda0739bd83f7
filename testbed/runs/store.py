"""Keeping what a step read: numbers, numbers at places, and curves as compressed blocks."""

from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from django.utils import timezone
from numpy.typing import NDArray

from instruments.jobs import Done, ReadingValue, SiteValue
from instruments.jobs import TraceBlock as Curve
from testbed.runs.models import Quality, Reading, SiteReading, Step, TraceBlock

BLOCK = 4_096
BATCH = 2_000
QUALITIES = {
    "GOOD": Quality.GOOD,
    "NOT_RESOLVED": Quality.NOT_RESOLVED,
    "RESHOT": Quality.RESHOT,
}


class DamagedBlock(Exception):
    """A stored curve does not have the SHA-256 it was written with."""


def keep(step: Step, outcome: Done) -> list[Reading | SiteReading | TraceBlock]:
    """Write everything `outcome` carries, in batches, inside the caller's transaction.

    Returns the rows in the order in which they were stored.
    """
    readings = _readings(step, outcome.readings)
    sites = _sites(step, outcome.sites)
    blocks = _blocks(step, outcome.traces)
    Reading.objects.bulk_create(readings, batch_size=BATCH)
    SiteReading.objects.bulk_create(sites, batch_size=BATCH)
    TraceBlock.objects.bulk_create(blocks, batch_size=BATCH)
    return [*readings, *sites, *blocks]


def _readings(step: Step, values: Sequence[ReadingValue]) -> list[Reading]:
    now = timezone.now()
    return [
        Reading(
            run_id=step.run_id, step=step, wafer_id=step.wafer_id,
            key=value.key, unit=value.unit, value=value.value, at=now,
        )
        for value in values
        if math.isfinite(value.value)
    ]  # fmt: skip


def _sites(step: Step, values: Sequence[SiteValue]) -> list[SiteReading]:
    return [
        SiteReading(
            run_id=step.run_id, step=step, wafer_id=step.wafer_id,
            key=value.key, unit=value.unit, value=value.value, quality=QUALITIES[value.quality],
            field_col=value.field_col, field_row=value.field_row,
            x_mm=value.x_mm, y_mm=value.y_mm,
        )
        for value in values
    ]  # fmt: skip


def _blocks(step: Step, curves: Sequence[Curve]) -> list[TraceBlock]:
    return [
        packed(step, curve.key, curve.unit, curve.t0_s + first * curve.dt_s, curve.dt_s, part)
        for curve in curves
        for first, part in parts(curve.samples)
    ]


def parts(samples: NDArray[np.float32]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """(index of its first sample, samples) of each stretch that makes one row."""
    for first in range(0, len(samples), BLOCK):
        yield first, samples[first : first + BLOCK]


def packed(
    step: Step, key: str, unit: str, t0_s: float, dt_s: float, samples: NDArray[np.float32]
) -> TraceBlock:
    """One row: little-endian float32, zlib level 6, the hash over the uncompressed bytes."""
    raw = np.ascontiguousarray(samples, dtype="<f4").tobytes()
    return TraceBlock(
        run_id=step.run_id, step=step, wafer_id=step.wafer_id, key=key, unit=unit,
        t0_s=t0_s, dt_s=dt_s, count=len(samples),
        minimum=float(np.min(samples)), maximum=float(np.max(samples)),
        mean=float(np.mean(samples, dtype=np.float64)),
        sha256=hashlib.sha256(raw).hexdigest(), samples=zlib.compress(raw),
    )  # fmt: skip


def samples_of(block: TraceBlock) -> NDArray[np.float32]:
    """The block's samples, shape (count,); raises DamagedBlock when they are not as written."""
    try:
        raw = zlib.decompress(bytes(block.samples))
    except zlib.error as error:
        raise DamagedBlock(f"block {block.pk} cannot be unpacked") from error
    if hashlib.sha256(raw).hexdigest() != block.sha256:
        raise DamagedBlock(f"block {block.pk} is not what was written")
    return np.frombuffer(raw, dtype="<f4")
