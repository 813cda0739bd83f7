"""When can I have the whole route? Combinations of free times that keep every rule.

All tools' claims over the range are one query; what may start where is worked out in arrays
(see `testbed.booking.route_sweep`); each combination is asked of the rule table itself before
it is offered, every step with the others counted as the asker's own. How this is exact and
fast: docs/decisions/014.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db.models import Q
from django.utils import timezone

from testbed.booking.intervals import Interval
from testbed.booking.request import gather, price
from testbed.booking.route_claims import Lines, Near, Ruler
from testbed.booking.route_starts import Starts, unit_of
from testbed.booking.route_sweep import NEVER, Chain, Choice, Pick, Stage, chains, reach
from testbed.booking.rules import RULES, Broken, by_code, check_all, needed, refusing
from testbed.booking.rules.base import OwnClaim
from testbed.booking.rules.chain import NO_CHAIN
from testbed.booking.rules.when import LongEnoughRange
from testbed.booking.slots import LONGEST_SEARCH, PROBES, standing
from testbed.compiled import Among, Statement
from testbed.people.permissions import may
from testbed.tools.models import Tool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from testbed.booking.route_steps import Step
    from testbed.booking.rules import BookingRequest, Rule
    from testbed.booking.target import Target
    from testbed.people.models import User
    from testbed.prices.quote import Quote

# How often the rule table is asked before a search ends with what it has.
MOST_CHECKS = 20_000
# What rules must ask for when steps of one chain can break them together.
COUNTED = frozenset({"own", "group_claims", "credit"})
RULES_ABOUT = tuple(sorted({rule.about for rule in RULES}))
AROUND = timedelta(days=1)
FORTNIGHT = timedelta(days=14)


@dataclass(frozen=True)
class Leg:
    """One step of a combination: where and when, its price, and warnings that do not forbid it."""

    step: Step
    target: Target
    tools: Sequence[Tool]
    starts_at: datetime
    ends_at: datetime
    quote: dict[str, Any]
    warnings: Sequence[Broken] = ()


@dataclass(frozen=True)
class Combination:
    """A whole chain that can be booked now."""

    legs: Sequence[Leg]

    @property
    def starts_at(self) -> datetime:
        return self.legs[0].starts_at

    @property
    def ends_at(self) -> datetime:
        return self.legs[-1].ends_at

    @property
    def total_won(self) -> int:
        return sum(leg.quote["total_won"] for leg in self.legs)


@dataclass(frozen=True)
class RouteFound:
    """Combinations by end, then price; without any, what forbids them: (step from 1, rules).

    is_cut_short: the rules turned down so many that the search ended before the range did.
    """

    combinations: list[Combination]
    nothing_because: list[tuple[int, list[Broken]]] = field(default_factory=list)
    is_cut_short: bool = False


def find_route_slots(
    *,
    actor: User,
    steps: Sequence[Step],
    start: datetime,
    end: datetime,
    limit: int = 5,
    now: datetime | None = None,
) -> RouteFound:
    """Combinations for `steps` within [start, end) (at most 92 days), earliest end first.

    The first ends as early as any can and is the cheapest of those; each further one is the same
    among those whose first step starts after the first step of the one before has ended. Six
    queries, eight when holidays and own claims count, whatever the range and the steps; as many
    again where the first fortnight does not hold `limit` of them. Somebody who may not book sees
    the same; only rules about tools, length and time are asked.
    """
    whole = Interval(start, min(end, start + LONGEST_SEARCH))
    # What ends within the fortnight comes before all that ends after it, so when that is enough,
    # the claims of the rest need not be read.
    near = Interval(start, min(whole.end, start + FORTNIGHT))
    search = _Search(actor, steps, near, now)
    found, is_cut_short = search.found(limit)
    if near != whole and len(found) < limit and not is_cut_short:
        search = _Search(actor, steps, whole, now)
        found, is_cut_short = search.found(limit)
    return RouteFound(found, [] if found else search.reasons(), is_cut_short)


class _Enough(Exception):
    """The rule table was asked often enough."""


@dataclass(frozen=True)
class _Option:
    """A target that passed the rules which do not depend on when."""

    target: Target
    tools: Sequence[Tool]
    total_won: int


class _Search:
    """What one search has read and found out."""

    def __init__(
        self, actor: User, steps: Sequence[Step], span: Interval, now: datetime | None
    ) -> None:
        self.actor, self.steps, self.span = actor, steps, span
        self.now = now or timezone.now()
        self.tools = _tools_of(steps)
        every_tool = list(
            {tool.pk: tool for tools in self.tools.values() for tool in tools}.values()
        )
        self.base = gather(
            actor=actor, tools=every_tool, starts_at=span.start, ends_at=span.end, now=self.now,
            claims=(),
        )  # fmt: skip
        self.needs_neighbours = "neighbours" in needed(self.base.rulebook, every_tool)
        self.lines = Lines.read(every_tool, span, self.now, company=self.base.company)
        self.refused: dict[int, dict[str, Broken]] = {}
        self.checks = 0
        self.alone: dict[tuple[int, Pick], bool] = {}
        self.requests: dict[tuple[int, Pick], BookingRequest] = {}
        self.about = RULES_ABOUT if may(actor, "book") else ("tool", "length", "time")
        self.options = [self._options(number) for number in range(len(steps))]
        self.ruler = Ruler.over(span, unit_of(self.base, every_tool, steps))
        self.starts = Starts(span, self.ruler, self.lines)

    def found(self, limit: int) -> tuple[list[Combination], bool]:
        """Up to `limit` combinations, and whether the search ended before the range did."""
        found: list[Combination] = []
        first = 0
        try:
            while len(found) < limit and self.is_open:
                chain = next(self.chains(first), None)
                if chain is None:
                    break
                found.append(self.combination(chain))
                first = chain[0].start + self.stages[0].length
        except _Enough:
            return found, True
        return found, False

    @property
    def is_open(self) -> bool:
        """False when the range is empty or a step has no target that may be booked at all."""
        return bool(self.steps) and self.ruler.size > 0 and all(self.options)

    def _options(self, number: int) -> list[_Option]:
        """The step's targets whose rules about person, tool and length are kept."""
        step, kept = self.steps[number], []
        # Where the other steps will lie is not known yet, but that they will be there is.
        others = len(self.steps) - 1
        last = Interval(self.span.end, self.span.end + timedelta(minutes=1))
        unplaced = [OwnClaim(0, -n, self.actor.pk, last) for n in range(1, others + 1)]
        about = standing(self.actor, "length")
        for target in step.targets:
            tools = self.tools[target.key]
            request = self._request(
                number, tools, self.span.start,
                open_holds=self.base.open_holds + others, own=[*self.base.own, *unplaced],
            )  # fmt: skip
            broken = refusing(check_all(request, about=about))
            self._remember(number, broken)
            if tools and not broken:
                kept.append(_Option(target, tools, self._price(request).total_won))
        return kept

    def _remember(self, number: int, broken: Sequence[Broken]) -> None:
        for one in broken:
            self.refused.setdefault(number, {}).setdefault(one.code, one)

    def _price(self, request: BookingRequest) -> Quote:
        return price(
            company=request.company,
            tools=request.tools,
            starts_at=request.starts_at,
            ends_at=request.ends_at,
        )

    @cached_property
    def stages(self) -> list[Stage]:
        return [self._stage(number, step) for number, step in enumerate(self.steps)]

    def _stage(self, number: int, step: Step) -> Stage:
        unit = self.ruler.unit
        return Stage(
            [Choice(self._starts(number, one), one.total_won) for one in self.options[number]],
            length=-(-step.minutes // unit),
            after=-(-step.after_minutes // unit),
            within=None if step.within_minutes is None else step.within_minutes // unit,
        )

    def _starts(self, number: int, option: _Option) -> np.ndarray[Any, np.dtype[np.bool_]]:
        request = self._request(number, option.tools, self.span.start)
        if self.needs_neighbours:
            others = {tool.pk: self.lines.others(tool.pk) for tool in option.tools}
            request = replace(request, others=others)
        return self.starts.of(request)

    def chains(self, first: int) -> Iterator[Chain]:
        """Chains whose every step, the others counted as one's own, keeps every rule."""
        for chain in chains(self.stages, self._accept, first):
            if all(not self._broken(number, chain) for number in range(len(chain))):
                yield chain

    def _accept(self, tail: Chain) -> bool:
        """Whether the first step of this tail is fine beside the later ones.

        More claims of one's own never mend a broken rule, so a tail refused here is in no chain.
        """
        number = len(self.steps) - len(tail)
        key = (number, tail[0])
        if key not in self.alone:
            self.alone[key] = not self._broken(number, (tail[0],), offset=number)
        return self.alone[key] and (len(tail) == 1 or not self._too_much(number, tail))

    def _too_much(self, number: int, tail: Chain) -> bool:
        """Whether the later steps, counted as one's own, break a rule that counts them."""
        if not self.counting:
            return False
        self._count_check()
        others = [self._other(number + at, pick) for at, pick in enumerate(tail) if at]
        request = beside(self._alone(number, tail[0]), others)
        found = (rule.check(request) for rule in self.counting)
        broken = refusing(one for one in found if one is not None)
        self._remember(number, broken)
        return bool(broken)

    @cached_property
    def counting(self) -> list[Rule]:
        """The rules in force that count claims of one's own."""
        book, tools = self.base.rulebook, self.base.tools
        rules = (rule for rule in RULES if rule.needs & COUNTED and rule.about in self.about)
        return [rule for rule in rules if book.is_on(rule, tools)]

    def _count_check(self) -> None:
        self.checks += 1
        if self.checks > MOST_CHECKS:
            raise _Enough

    def _broken(self, number: int, chain: Chain, offset: int = 0) -> list[Broken]:
        self._count_check()
        broken = refusing(self._check(number, chain, offset))
        self._remember(number, broken)
        return broken

    def _check(self, number: int, chain: Chain, offset: int = 0) -> list[Broken]:
        """Every rule about step `number`, the others of the chain counted as one's own claims."""
        others = [
            self._other(offset + at, pick) for at, pick in enumerate(chain) if offset + at != number
        ]
        request = beside(self._alone(number, chain[number - offset]), others)
        return check_all(request, about=self.about)

    def _alone(self, number: int, pick: Pick) -> BookingRequest:
        """The request of one step by itself, read once."""
        known = self.requests.get((number, pick))
        if known is None:
            tools, start = self._option(number, pick).tools, self.ruler.moment(pick.start)
            known = self.requests[number, pick] = self._request(number, tools, start)
        return known

    def _option(self, number: int, pick: Pick) -> _Option:
        return self.options[number][pick.choice]

    def _span(self, number: int, pick: Pick) -> Interval:
        start = self.ruler.moment(pick.start)
        return Interval(start, start + timedelta(minutes=self.steps[number].minutes))

    def _other(self, number: int, pick: Pick) -> Other:
        option = self._option(number, pick)
        return Other(option.tools, self._span(number, pick), option.total_won)

    def _request(
        self,
        number: int,
        tools: Sequence[Tool],
        starts_at: datetime,
        **counted: Any,
    ) -> BookingRequest:
        """Step `number` on these tools from `starts_at`, its claims' neighbourhood read."""
        step = self.steps[number]
        ends_at = starts_at + timedelta(minutes=step.minutes)
        near = Interval(starts_at - AROUND, ends_at + AROUND)
        return replace(
            self.base,
            tools=tools,
            starts_at=starts_at,
            ends_at=ends_at,
            wafer_count=step.wafers,
            busy=Near(tools, lambda tool: self.lines.near(tool, near)),
            others=Near(tools, lambda tool: self.lines.others_near(tool, near)),
            **counted,
        )

    def combination(self, chain: Chain) -> Combination:
        return Combination([self._leg(number, chain) for number in range(len(chain))])

    def _leg(self, number: int, chain: Chain) -> Leg:
        option, span = self._option(number, chain[number]), self._span(number, chain[number])
        warnings = [one for one in self._check(number, chain) if one.is_warning]
        quote = self._price(self._alone(number, chain[number])).as_json()
        return Leg(self.steps[number], option.target, option.tools, *span, quote, warnings)

    def reasons(self) -> list[tuple[int, list[Broken]]]:
        """Which rules leave a step without a time, told by step, counted from 1."""
        if not self.steps:
            return []
        for number, options in enumerate(self.options):
            if not options:
                return [(number + 1, list(self.refused.get(number, {}).values()))]
        if self.ruler.size == 0:
            return [(1, [Broken(LongEnoughRange())])]
        return self._chain_reasons()

    def _chain_reasons(self) -> list[tuple[int, list[Broken]]]:
        told: list[tuple[int, list[Broken]]] = []
        for number, stage in enumerate(self.stages):
            if not any(choice.starts.any() for choice in stage.choices):
                told.append((number + 1, self._probed(number)))
        if told:
            return told
        swept = reach(self.stages)
        for number, one in enumerate(swept):
            if (one.upto >= NEVER).all():
                return [(number + 1, [Broken(by_code("queue_time"), {"why": NO_CHAIN})])]
        return [(number + 1, list(of.values())) for number, of in sorted(self.refused.items())]

    def _probed(self, number: int) -> list[Broken]:
        """Every rule that some start of the range breaks, each told once."""
        option = self.options[number][0]
        told: dict[str, Broken] = {}
        for at in range(0, self.ruler.size, max(1, self.ruler.size // PROBES)):
            request = self._request(number, option.tools, self.ruler.moment(at))
            if request.starts_at >= self.span.start:
                for one in refusing(check_all(request, about=("time",))):
                    told.setdefault(one.code, one)
        return list(told.values()) or [Broken(LongEnoughRange())]


@dataclass(frozen=True)
class Other:
    """Another step of the same chain that is not booked yet."""

    tools: Sequence[Tool]
    span: Interval
    total_won: int


def beside(request: BookingRequest, others: Sequence[Other]) -> BookingRequest:
    """The request with the other steps of its chain counted as one's own: hours, holds, won."""
    if not others:
        return request
    claims = [
        OwnClaim(tool.pk, -number, request.actor.pk, other.span)
        for number, other in enumerate(others, start=1)
        for tool in other.tools
    ]
    busy = {tool: list(spans) for tool, spans in request.busy.items()}
    for claim in claims:
        busy.setdefault(claim.tool_id, []).append(claim.span)
    return replace(
        request,
        own=[*request.own, *claims],
        busy=busy,
        open_holds=request.open_holds + len(others),
        outstanding_won=request.outstanding_won + sum(other.total_won for other in others),
        group_claims={group: [*before, *claims] for group, before in request.group_claims.items()},
    )


def _tools_of(steps: Sequence[Step]) -> dict[str, list[Tool]]:
    """The tools of every target of the steps, by the target's key (one query)."""
    targets = {target.key: target for step in steps for target in step.targets}
    cells = [target.cell.pk for target in targets.values() if target.cell]
    alone = [target.tool.pk for target in targets.values() if target.tool]
    rows = _TOOLS(alone=alone, cells=cells)
    found = {tool.pk: tool for tool in rows}
    return {
        key: [tool for tool in found.values() if tool.cell_id == target.cell.pk]
        if target.cell
        else [found[one] for one in target.tool_ids() if one in found]
        for key, target in targets.items()
    }


_TOOLS: Statement[Tool] = Statement(
    lambda: (
        Tool.objects.filter(Q(Among("pk", "alone")) | Q(Among("cell_id", "cells")))
        .with_state()
        .order_by("pk")
    )
)
