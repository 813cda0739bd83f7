"""What etcher, CVD, CMP and clean have in common: jobs with a course, faults and sampled traces.

A process fault moves the real condition away from the set one. The sensor that the tool controls
by is what is wrong, so it goes on reading what was set; everything else follows the real value.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from instruments.fab.models.base import Job, Refuse, ToolModel
from instruments.fab.world import Wafer

Floats = NDArray[np.float64]


class ProcessModel(ToolModel):
    """A tool that changes wafers over time and samples what it does."""

    dt_s: ClassVar[float] = 1.0

    def on_start(self, job: Job, wafer: Wafer) -> None:
        """Fix the job's faults, its noise and how much of it is done."""
        job.data.update(
            faults=dict(self.disturbances),
            noise_seed=int(self.rng.integers(2**31)),
            done=0.0,
        )
        self.prepare(job, wafer)

    def prepare(self, job: Job, wafer: Wafer) -> None:
        """Draw whatever else the job needs."""

    def trace_step(self, job: Job, channel: str) -> float:
        """Seconds between samples."""
        return self.dt_s

    def refuse_while_running(self) -> None:
        """Raise `Refuse` while a job runs."""
        if self.running is not None:
            raise Refuse(-200, "Execution error; a job runs")

    def wrong_state(self, wafer: Wafer, *allowed: str) -> None:
        """Raise `Refuse` unless the wafer is in one of the `allowed` states."""
        if wafer.state() not in allowed:
            raise Refuse(-221, f"Settings conflict; wafer {wafer.wafer_id} is {wafer.state()}")


def fault(job: Job, kind: str) -> float:
    """By how much a condition of `job` was off, in the unit of its setting."""
    return float(job.data["faults"].get(kind, 0.0))


def setting(job: Job, head: str) -> float:
    """A number the job was started with."""
    return float(job.settings[head])


def moments(job: Job, now: float, dt_s: float) -> Floats:
    """The times of the job's samples, s from its start; at least one."""
    count = max(1, int(job.fraction(now) * job.duration / dt_s))
    return np.arange(count, dtype=np.float64) * dt_s


def noise(job: Job, channel: int, count: int) -> Floats:
    """The channel's noise, unit variance; the same whenever it is asked for."""
    return np.random.default_rng([job.data["noise_seed"], channel]).normal(0, 1, count)


def settling(at: Floats, since: float, tau_s: float) -> Floats:
    """0 before `since`, then towards 1 with the time constant `tau_s`."""
    return np.where(at >= since, 1 - np.exp(-np.maximum(at - since, 0.0) / tau_s), 0.0)
