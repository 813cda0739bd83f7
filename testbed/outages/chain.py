"""A closure took a step of a chain: new times for all of its steps that are still to come.

The steps keep their tools, lengths, numbers, answers and prices, and the limits between them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.booking import line
from testbed.booking.bundles import is_chained, steps_in
from testbed.booking.change import snapshot
from testbed.booking.expire import expire_holds
from testbed.booking.models import Allocation, Booking, BookingState
from testbed.booking.route_place import Chosen, all_or_nothing, demand_steps, each_step, of_booking
from testbed.booking.route_slots import Combination, find_route_slots
from testbed.booking.route_steps import Step
from testbed.outages import answer, news, rebook
from testbed.outages.models import Rebooking, RebookingState
from testbed.people.permissions import demand
from testbed.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from testbed.people.models import User
    from testbed.tools.models import Tool

SHOWN = 3
AROUND = timedelta(days=14)
PLACED = (BookingState.PENDING, BookingState.CONFIRMED, BookingState.DISPLACED)


@dataclass(frozen=True)
class Rest:
    """What is still to come of a chain; before: the step right before it, done or at work."""

    before: Booking | None
    steps: Sequence[Booking]

    def times(self) -> list[Chosen]:
        """The steps as they stand; a limit counts from the step right before, if that is there."""
        found, position = [], self.before.position if self.before else 0
        for step in self.steps:
            is_next = step.position == position + 1 and position > 0
            limit = step.within_minutes if is_next else None
            found.append(replace(of_booking(step), within_minutes=limit))
            position = step.position
        return found

    def with_before(self, steps: Sequence[Chosen]) -> list[Chosen]:
        """The wished times with the step before them in front, whose end the first limit is of."""
        return [of_booking(self.before), *steps] if self.before else list(steps)


def rest_of(booking: Booking, now: datetime) -> Rest | None:
    """The steps of the booking's chain that can still be moved together; None for a lone one."""
    if booking.bundle is None or not is_chained(booking):
        return None
    placed = [one for one in steps_in(booking.bundle) if one.state in PLACED]
    ahead = [one for one in placed if _is_ahead(one, now)]
    done = [one for one in placed if not _is_ahead(one, now)]
    if len(placed) < 2 or not ahead or any(one.position > ahead[0].position for one in done):
        return None
    return Rest(done[-1] if done else None, ahead)


def _is_ahead(step: Booking, now: datetime) -> bool:
    is_displaced = step.state == BookingState.DISPLACED
    return step.begun_at is None and (is_displaced or step.starts_at > now)


def proposals(row: Rebooking) -> list[Combination]:
    """Free times for all steps that are still to come, earliest end first, by every rule."""
    now = timezone.now()
    rest = rest_of(row.booking, now)
    if rest is None:
        return []
    times = rest.times()
    first = rest.before.ends_at if rest.before else now
    start = max(now, first, min(row.from_starts_at, times[0].starts_at) - timedelta(days=1))
    with _as_if_gone(rest.steps):
        found = find_route_slots(
            actor=row.booking.booked_by,
            steps=[_wished(one) for one in times],
            start=start,
            end=max(start, row.from_ends_at, *(one.ends_at for one in times)) + AROUND,
            limit=SHOWN,
            now=now,
        )
    return [one for one in found.combinations if _follows(rest.before, times[0], one)]


def _wished(time: Chosen) -> Step:
    minutes = int((time.ends_at - time.starts_at).total_seconds() // 60)
    return Step([time.target], minutes, time.within_minutes, title=str(time.target))


def _follows(before: Booking | None, first: Chosen, combination: Combination) -> bool:
    """Whether the first step begins after the one before it, and soon enough."""
    if before is None:
        return True
    waits = combination.starts_at - before.ends_at
    limit = first.within_minutes
    return waits >= timedelta(0) and (limit is None or waits <= timedelta(minutes=limit))


@contextmanager
def _as_if_gone(steps: Sequence[Booking]) -> Iterator[None]:
    """Inside it the steps claim nothing, so that their own time is free; it leaves no trace."""
    ids = [one.pk for one in steps]
    with transaction.atomic():
        placed = Booking.objects.filter(pk__in=ids).exclude(state=BookingState.DISPLACED)
        placed.update(state=BookingState.DISPLACED)
        Allocation.objects.filter(booking__in=ids, live=True).update(live=False)
        yield
        transaction.set_rollback(True)


def choose(*, actor: User, rebooking: Rebooking, steps: Sequence[Chosen]) -> Rebooking:
    """Put every step that is still to come at the chosen time, all of them or none.

    An approval the steps had stays: the facility moved them. Refusals as of `answer.accept` and
    `route_place.hold_route`; "not_this_chain" (422) for other steps than those.
    """
    demand(actor, "book")
    booker = rebooking.booking.booked_by
    return all_or_nothing(lambda: _choose(actor, rebooking, steps), booker, steps)


def _choose(actor: User, rebooking: Rebooking, wished: Sequence[Chosen]) -> Rebooking:
    now = timezone.now()
    tools = _lock(rebooking.booking, now)
    row = answer.locked_waiting(actor, rebooking)
    rest = rest_of(row.booking, now)
    times = _demand_same(rest, wished)
    if rest is None:
        return row
    demand_steps(rest.with_before(times))
    rebook.give_way(rest.steps)
    waiting = Rebooking.objects.waiting().filter(booking__in=[one.pk for one in rest.steps])
    rows = {one.booking_id: one for one in waiting.with_names()}

    def one(number: int, pair: tuple[Booking, Chosen]) -> None:
        booking, time = pair
        _place(actor, booking, time, _tools_of(booking, tools), rows.get(booking.pk), now)

    each_step(enumerate(zip(rest.steps, times, strict=True), start=1), one)
    row.refresh_from_db()
    return row


def _lock(booking: Booking, now: datetime) -> dict[int, Tool]:
    """All tools of the chain, then all of its bookings, locked; holds that ran out are gone."""
    claims = Allocation.objects.filter(booking__bundle=booking.bundle_id)
    tools = {tool.pk: tool for tool in line.lock(claims.values_list("tool_id", flat=True))}
    own = Booking.objects.filter(bundle=booking.bundle_id).order_by("pk")
    list(own.select_for_update(of=("self",)).values_list("pk"))
    expire_holds(tool_ids=list(tools), now=now)
    return tools


def _tools_of(booking: Booking, tools: Mapping[int, Tool]) -> list[Tool]:
    return [tools[pk] for pk in sorted({claim.tool_id for claim in booking.allocations.all()})]


def _demand_same(rest: Rest | None, wished: Sequence[Chosen]) -> list[Chosen]:
    """The wished times with the chain's own limits; its tools and lengths are not to be chosen."""
    own = rest.times() if rest else []
    pairs = list(zip(own, wished, strict=False))
    same = all(
        one.target == other.target and one.span.length == other.span.length for one, other in pairs
    )
    if not own or len(own) != len(wished) or not same:
        raise Refusal(
            "not_this_chain",
            _("These are not the steps of this chain that are still to come."),
            status=422,
            next_step=_("Choose one of its free times as they are shown now."),
        )
    return [replace(other, within_minutes=one.within_minutes) for one, other in pairs]


def _place(
    actor: User,
    booking: Booking,
    time: Chosen,
    tools: Sequence[Tool],
    row: Rebooking | None,
    now: datetime,
) -> None:
    before = snapshot(booking)
    if booking.state == BookingState.DISPLACED and row is not None:
        booking.state = row.former_state
    booking.moved_by_facility_at = None
    rebook.place(actor, booking, tools, time.span, now)
    answer.note_change(actor, booking, before)
    if row is not None:
        answer.decide(row, RebookingState.CHANGED, actor)
    news.has_new_time(booking, tools)
