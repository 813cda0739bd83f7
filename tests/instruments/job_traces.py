"""What the jobs of a tool left, and which channels moved between two of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from instruments.fab.models.base import Job
from tests.instruments.test_models import Bench


def last_job(bench: Bench, kind: str) -> Job:
    return list(bench.tools[kind].jobs.values())[-1]


def traced(bench: Bench, kind: str) -> dict[str, np.ndarray[Any, Any]]:
    tool, job = bench.tools[kind], last_job(bench, kind)
    return {channel: tool.trace(job, channel) for channel in tool.channels}


def signs(
    one: dict[str, np.ndarray[Any, Any]], two: dict[str, np.ndarray[Any, Any]], part: slice
) -> dict[str, int]:
    """The channels that moved by more than six standard errors, and which way."""
    found = {}
    for channel, samples in one.items():
        a, b = samples[part], two[channel][part]
        error = max(math.hypot(a.std(), b.std()) / math.sqrt(len(a)), 1e-9)
        if abs(b.mean() - a.mean()) > 6 * error:
            found[channel] = 1 if b.mean() > a.mean() else -1
    return found
