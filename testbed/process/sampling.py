"""Sampling plans: which of a lot's wafers an operation asks for.

Every wafer · every nth, beginning with the lowest slot · listed slots · n at random. A random
choice depends on its seed alone, so that it can be made again and looked at later.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from testbed.process.models import Operation, Sampling


@dataclass(frozen=True)
class Plan:
    """A plan as an operation carries it; `number` is the n of every nth and of n at random."""

    kind: str = Sampling.ALL
    number: int = 0
    slots: Sequence[int] = field(default_factory=tuple)


def plan_of(operation: Operation) -> Plan:
    return Plan(operation.sampling, operation.sampling_number or 0, tuple(operation.sampling_slots))


def pick(plan: Plan, slots: Sequence[int], seed: str) -> list[int]:
    """Of the occupied `slots` the planned ones, in order; the same for the same seed."""
    there = sorted(slots)
    if plan.kind == Sampling.EVERY:
        return there[:: plan.number]
    if plan.kind == Sampling.LISTED:
        return [slot for slot in there if slot in plan.slots]
    if plan.kind == Sampling.RANDOM:
        # Not for secrets: the choice must come out the same again.
        draw = random.Random(seed)  # noqa: S311
        return sorted(draw.sample(there, min(plan.number, len(there))))
    return there
