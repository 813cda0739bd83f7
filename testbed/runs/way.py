"""A lot's way through its route: what each wafer has behind it, in which attempt, and what waits.

A wafer's passes through an operation count from its newest attempt (see `testbed.runs.rework`):
what it went through before was taken off again. What a sampling plan leaves out waits for
nothing, and only reworked wafers go through a strip.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from testbed.material.models import Lot, SubstrateState, Wafer
from testbed.process.models import Operation, Sampling
from testbed.process.sampling import pick, plan_of
from testbed.runs.models import Run, RunWafer
from testbed.runs.route_models import ReworkWafer, ScrappedWafer

UNTOUCHED = frozenset({SubstrateState.NEEDS_PROCESSING, SubstrateState.SKIPPED})
OUT_OF_THE_ROUTE = frozenset(
    {SubstrateState.ABORTED, SubstrateState.STOPPED, SubstrateState.REJECTED, SubstrateState.LOST}
)
Key = tuple[int, int]
"""Primary keys of a wafer and an operation."""


@dataclass(frozen=True)
class Pass:
    """A wafer's part in one run of an operation."""

    run_id: int
    attempt: int
    state: str
    is_open: bool


@dataclass
class Way:
    """Everything known of a lot's wafers on one route, looked up once."""

    lot: Lot
    operations: list[Operation]
    wafers: list[Wafer]
    scrapped: set[int]
    attempts: dict[Key, int]
    passes: dict[Key, list[Pass]] = field(default_factory=dict)

    def attempt(self, wafer: Wafer, operation: Operation) -> int:
        """1, or 2 and more once the wafer was sent back."""
        return self.attempts.get((wafer.pk, operation.pk), 1)

    def at(self, wafer: Wafer, operation: Operation) -> list[Pass]:
        """The wafer's passes in its present attempt, the oldest first."""
        now = self.attempt(wafer, operation)
        found = self.passes.get((wafer.pk, operation.pk), [])
        return [one for one in found if one.attempt == now]

    def is_touched(self, wafer: Wafer, operation: Operation) -> bool:
        """True when the operation has begun with it, whatever came of it."""
        return any(one.state not in UNTOUCHED for one in self.at(wafer, operation))

    def is_in_work(self, wafer: Wafer, operation: Operation) -> bool:
        return any(one.is_open for one in self.at(wafer, operation))

    def is_through(self, wafer: Wafer, operation: Operation) -> bool:
        return any(one.state == SubstrateState.PROCESSED for one in self.at(wafer, operation))

    def is_out(self, wafer: Wafer) -> bool:
        """Scrapped, or aborted, stopped, rejected or lost in an attempt that still counts."""
        lost = (one.state in OUT_OF_THE_ROUTE and not self.is_through(wafer, operation)
                for operation in self.operations for one in self.at(wafer, operation))  # fmt: skip
        return wafer.pk in self.scrapped or any(lost)

    def under_way(self) -> list[Wafer]:
        """The wafers that some run of the route has taken and that still go on."""
        begun = {wafer for wafer, _operation in self.passes}
        return [one for one in self.wafers if one.pk in begun and not self.is_out(one)]

    def planned(self, operation: Operation) -> list[Wafer]:
        """The wafers that the operation asks for, in the order of their slots."""
        if operation.is_rework_only:
            chosen = [one for one in self.wafers if self.attempt(one, operation) > 1]
        else:
            slots = pick(plan_of(operation), [one.slot for one in self.wafers],
                         seed_of(self.lot, operation))  # fmt: skip
            chosen = [one for one in self.wafers if one.slot in set(slots)]
        return [one for one in chosen if one.pk not in self.scrapped]

    def waiting(self, operation: Operation, most: int | None = None) -> list[Wafer]:
        """Planned wafers (the first `most`) that it has neither touched nor is about to take."""
        planned = self.planned(operation)
        return [
            wafer for wafer in (planned[:most] if most else planned)
            if not self.is_touched(wafer, operation) and not self.is_in_work(wafer, operation)
        ]  # fmt: skip

    def lacking(
        self, wafers: Sequence[Wafer], before: Operation | None = None
    ) -> tuple[list[Wafer], Operation | None]:
        """Wafers that have not been through all that comes before; with one such operation.

        Without `before`: that have not come to the end of the route.
        """
        behind = [one for one in self.operations
                  if before is None or one.position < before.position]  # fmt: skip
        for wafer in wafers:
            missed = self._missed(wafer, behind)
            if missed is not None:
                return [w for w in wafers if self._missed(w, behind)], missed
        return [], None

    def run_before(self, wafer: Wafer, operation: Operation) -> int | None:
        """The run in which the wafer got through the operation before; None while it has not."""
        for one in reversed(self.operations):
            if one.position < operation.position and wafer in self.planned(one):
                through = [p for p in self.at(wafer, one) if p.state == SubstrateState.PROCESSED]
                return through[-1].run_id if through else None
        return None

    def _missed(self, wafer: Wafer, behind: list[Operation]) -> Operation | None:
        """Of the operations behind, the newest that asks for this wafer, when it lacks it."""
        for operation in reversed(behind):
            if wafer in self.planned(operation):
                return None if self.is_through(wafer, operation) else operation
        return None


def seed_of(lot: Lot, operation: Operation) -> str:
    """What a random choice depends on; written into the run that uses it."""
    return f"{lot.code}/{operation.route_id}/{operation.position}"


def way_of(lot: Lot, route_id: int | None) -> Way:
    """The lot's way through the route, in five reads."""
    operations = list(
        Operation.objects.filter(route=route_id).select_related("recipe").order_by("position")
    )
    newest: dict[Key, int] = {}
    rows = ReworkWafer.objects.filter(wafer__lot=lot, operation__in=operations)
    for wafer, operation, attempt in rows.values_list("wafer", "operation", "attempt"):
        newest[wafer, operation] = max(attempt, newest.get((wafer, operation), 1))
    gone = ScrappedWafer.objects.filter(wafer__lot=lot).values_list("wafer", flat=True)
    return Way(
        lot, operations, list(lot.wafers.order_by("slot")), set(gone), newest,
        _passes(lot, operations),
    )  # fmt: skip


def _passes(lot: Lot, operations: Iterable[Operation]) -> dict[Key, list[Pass]]:
    open_runs = set(Run.objects.open().filter(traveler__lot=lot).values_list("pk", flat=True))
    found: dict[Key, list[Pass]] = defaultdict(list)
    rows = RunWafer.objects.filter(run__traveler__lot=lot, run__operation__in=operations)
    values = rows.order_by("run").values_list(
        "wafer", "run__operation", "run", "run__attempt", "state"
    )
    for wafer, operation, run, attempt, state in values:
        found[int(wafer), operation].append(Pass(run, attempt, state, run in open_runs))
    return found


def sampled(way: Way, operation: Operation, slots: Sequence[int]) -> dict[str, Any]:
    """How a start's slots stand to the plan, as the run keeps it; empty without a plan."""
    if operation.sampling == Sampling.ALL:
        return {}
    planned = [wafer.slot for wafer in way.waiting(operation)]
    kept: dict[str, Any] = {
        "kind": operation.sampling,
        "number": operation.sampling_number,
        "planned": planned,
        "added": sorted(set(slots) - set(planned)),
        "left_out": sorted(set(planned) - set(slots)),
    }
    if operation.sampling == Sampling.RANDOM:
        kept["seed"] = seed_of(way.lot, operation)
    return kept
