"""Chains of starts that keep the queue-time limits between them, earliest end first.

Time here is a row of equal units (minutes or a multiple), so that a start is an index. Nothing
of the database: what may start where comes in, chains come out.

A sweep forward gives, for each start of each stage, the least that a chain up to it costs; its
finite entries are exactly the starts that some chain reaches. The way back from an end is then
a best-first search whose estimate is that exact cost, so chains come in order and a chain that
is refused is followed by the next best, none left out.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from functools import cached_property
from itertools import count, pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Costs = NDArray[np.int64]
NEVER = np.int64(2**60)


@dataclass(frozen=True)
class Choice:
    """One way to do a stage: where it may start (a flag a unit), and what it costs."""

    starts: NDArray[np.bool_]
    cost: int


@dataclass(frozen=True)
class Stage:
    """length, after, within: in units. It starts `after` to `within` after the stage before."""

    choices: Sequence[Choice]
    length: int
    after: int = 0
    within: int | None = None

    @cached_property
    def table(self) -> Table:
        return Table(
            np.stack([choice.starts for choice in self.choices]),
            np.array([choice.cost for choice in self.choices], np.int64),
        )

    @cached_property
    def own_costs(self) -> Costs:
        """For each start the least cost of a choice that may start there, or NEVER."""
        starts, costs = self.table
        least: Costs = np.where(starts, costs[:, None], NEVER).min(axis=0)
        return least


class Table(NamedTuple):
    """A stage's choices under each other: starts (a row a choice, a column a unit) and costs."""

    starts: NDArray[np.bool_]
    costs: Costs


class Pick(NamedTuple):
    """Which choice of a stage, and its start."""

    choice: int
    start: int


Chain = tuple[Pick, ...]


class Swept(NamedTuple):
    """Of one stage, for each start: the least cost of a chain up to before it, and with it."""

    before: Costs
    upto: Costs


def reach(stages: Sequence[Stage], first: int = 0) -> list[Swept]:
    """The sweep forward, NEVER where no chain gets to; first: no chain starts earlier."""
    own = stages[0].own_costs.copy()
    own[:first] = NEVER
    swept = [Swept(np.zeros_like(own), own)]
    for before, stage in pairwise(stages):
        own = stage.own_costs
        carried = windowed_least(swept[-1].upto, *_gaps(before, stage))
        upto = np.where((own < NEVER) & (carried < NEVER), own + carried, NEVER)
        swept.append(Swept(carried, upto))
    return swept


def chains(
    stages: Sequence[Stage], accept: Callable[[Chain], bool], first: int = 0
) -> Iterator[Chain]:
    """Chains by end, then cost, then latest starts.

    accept: asked of each tail of a chain, from some stage to the last, before it grows.
    """
    swept = reach(stages, first)
    for last in np.flatnonzero(swept[-1].upto < NEVER):
        yield from _Back(stages, swept, accept).from_last(int(last))


def windowed_least(costs: Costs, nearest: int, farthest: int | None) -> Costs:
    """At each index the least of `costs` between `farthest` and `nearest` units before it.

    Prefix and suffix minima of blocks as wide as the window (van Herk 1992), so that the width
    costs nothing. farthest None: without limit.
    """
    size = len(costs)
    least = np.full(size, NEVER)
    if nearest >= size:
        return least
    if farthest is None:
        least[nearest:] = np.minimum.accumulate(costs)[: size - nearest]
        return least
    width = min(farthest - nearest + 1, size)
    if width < 1:
        return least
    blocks = -(-(size + width - 1) // width)
    padded = np.full(blocks * width, NEVER)
    padded[width - 1 : width - 1 + size] = costs
    rows = padded.reshape(blocks, width)
    prefix = np.minimum.accumulate(rows, axis=1).ravel()
    suffix = np.minimum.accumulate(rows[:, ::-1], axis=1)[:, ::-1].ravel()
    ending = np.minimum(suffix[:size], prefix[width - 1 : width - 1 + size])
    least[nearest:] = ending[: size - nearest]
    return least


def _gaps(before: Stage, stage: Stage) -> tuple[int, int | None]:
    """How many units before a start of `stage` the stage before it may start: nearest, farthest."""
    limit = None if stage.within is None else before.length + stage.within
    return before.length + stage.after, limit


class _Back:
    """The way back from one last start, cheapest first."""

    def __init__(
        self,
        stages: Sequence[Stage],
        swept: Sequence[Swept],
        accept: Callable[[Chain], bool],
    ) -> None:
        self.stages, self.swept, self.accept = stages, swept, accept
        self.order = count()
        self.heap: list[tuple[int, tuple[int, ...], int, int, Chain, Iterator[tuple[int, Pick]]]]
        self.heap = []

    def from_last(self, last: int) -> Iterator[Chain]:
        self._push_next((), 0, self._options(len(self.stages) - 1, last, last))
        while self.heap:
            _total, _tie, _order, spent, tail, siblings = heapq.heappop(self.heap)
            self._push_next(tail[1:], spent - self._cost(tail), siblings)
            if not self.accept(tail):
                continue
            stage = len(self.stages) - len(tail)
            if stage == 0:
                yield tail
                continue
            nearest, farthest = _gaps(self.stages[stage - 1], self.stages[stage])
            earliest = 0 if farthest is None else max(0, tail[0].start - farthest)
            latest = tail[0].start - nearest
            self._push_next(tail, spent, self._options(stage - 1, earliest, latest))

    def _push_next(self, tail: Chain, spent: int, options: Iterator[tuple[int, Pick]]) -> None:
        """The cheapest not yet seen of some sibling tails into the heap."""
        found = next(options, None)
        if found is None:
            return
        rest, pick = found
        grown = (pick, *tail)
        cost = spent + self._cost(grown)
        tie = tuple(-one.start for one in reversed(grown))
        heapq.heappush(self.heap, (spent + rest, tie, next(self.order), cost, grown, options))

    def _cost(self, tail: Chain) -> int:
        stage = self.stages[len(self.stages) - len(tail)]
        return stage.choices[tail[0].choice].cost

    def _options(self, stage: int, earliest: int, latest: int) -> Iterator[tuple[int, Pick]]:
        """(least cost of a chain up to and with it, pick), cheapest first, then latest."""
        window = slice(earliest, latest + 1)
        swept, table = self.swept[stage], self.stages[stage].table
        reached = swept.upto[window] < NEVER
        choice, at = np.nonzero(table.starts[:, window] & reached)
        cost = swept.before[window][at] + table.costs[choice]
        for place in np.lexsort((choice, -at, cost)):
            yield int(cost[place]), Pick(int(choice[place]), earliest + int(at[place]))
