"""The cheapest legal way of a wafer through a route: which cleans, where, in which order.

A wafer moves only to an equally clean or dirtier tool and is from then on as dirty as that tool;
a certified clean takes it back. Operations keep the route's order; measurements that follow one
another may change places. A shortest path (Dijkstra) over operations done and class finds the
way with the least cost, then the fewest cleans, then the fewest changes of order.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import count, groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True)
class Cleaning:
    """Takes a wafer of a class above `to_class`, up to `from_class`, down to `to_class`."""

    from_class: int
    to_class: int
    cost_won: int
    name: object = ""
    tool_kind: str = ""

    def applies(self, dirt: int) -> bool:
        return self.to_class < dirt <= self.from_class


@dataclass(frozen=True)
class Stop:
    """One operation; classes: of the tools it may run on; measures: nothing is changed by it."""

    name: object
    tool_kind: str
    classes: frozenset[int]
    measures: bool = False


@dataclass(frozen=True)
class Plan:
    """order: the stops' places in the route, as they are done.

    inserted: (how many stops are done before it, the clean).
    """

    order: tuple[int, ...]
    inserted: tuple[tuple[int, Cleaning], ...] = ()

    @property
    def cost_won(self) -> int:
        return sum(clean.cost_won for _before, clean in self.inserted)

    @property
    def is_the_routes(self) -> bool:
        """True when the route is legal as it stands."""
        return not self.inserted and list(self.order) == sorted(self.order)


@dataclass(frozen=True)
class _State:
    """How far a wafer has come: stops done, as a set of places, and its class."""

    done: frozenset[int]
    dirt: int


# Least won, fewest cleans, fewest changes of order.
Cost = tuple[int, int, int]


def cheapest(start: int, stops: Sequence[Stop], cleanings: Sequence[Cleaning]) -> Plan | None:
    """The best way for a wafer of class `start`, or None when no clean makes one legal."""
    blocks = _blocks(stops)
    first = _State(frozenset(), start)
    ties = count()
    waiting: list[tuple[Cost, int, _State, Plan]] = [((0, 0, 0), next(ties), first, Plan(()))]
    seen: set[_State] = set()
    while waiting:
        cost, _tie, state, plan = heapq.heappop(waiting)
        if len(state.done) == len(stops):
            return plan
        if state in seen:
            continue
        seen.add(state)
        for more, after, longer in _steps(state, plan, stops, blocks, cleanings):
            total = (cost[0] + more[0], cost[1] + more[1], cost[2] + more[2])
            heapq.heappush(waiting, (total, next(ties), after, longer))
    return None


def _blocks(stops: Sequence[Stop]) -> list[list[int]]:
    """Stops that may change places stand together: each run of measurements, else one by one."""
    keys = [(stop.measures, 0 if stop.measures else place) for place, stop in enumerate(stops)]
    return [list(block) for _key, block in groupby(range(len(stops)), key=keys.__getitem__)]


def _steps(
    state: _State,
    plan: Plan,
    stops: Sequence[Stop],
    blocks: Sequence[Sequence[int]],
    cleanings: Sequence[Cleaning],
) -> Iterator[tuple[Cost, _State, Plan]]:
    block = next(block for block in blocks if not state.done.issuperset(block))
    open_places = [place for place in block if place not in state.done]
    for rank, place in enumerate(open_places):
        for dirt in _classes_after(state.dirt, stops[place], cleanings):
            after = _State(state.done | {place}, dirt)
            yield (0, 0, rank), after, Plan((*plan.order, place), plan.inserted)
    for clean in cleanings:
        if clean.applies(state.dirt):
            inserted = (*plan.inserted, (len(plan.order), clean))
            yield (
                (clean.cost_won, 1, 0),
                _State(state.done, clean.to_class),
                Plan(plan.order, inserted),
            )


def _classes_after(dirt: int, stop: Stop, cleanings: Sequence[Cleaning]) -> Iterator[int]:
    """What a wafer may be after the stop; a stop on a cleaning tool cleans without extra cost."""
    for clean in cleanings:
        if clean.tool_kind == stop.tool_kind and clean.applies(dirt):
            yield clean.to_class
    yield from sorted(allowed for allowed in stop.classes if dirt <= allowed)
