"""A step of a chain has moved: which limits are broken now, and who hears of it.

A closure or a change moves one step; the wafers of the whole chain then wait longer than they
may, or a step begins before the one before it has ended. The move stands all the same: what is
said here is what its people have to put right.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from testbed.booking.bundles import is_chained, latest_start, steps_in
from testbed.booking.models import LIVE_STATES, Booking, BookingState
from testbed.booking.notify import own
from testbed.notices.said import kst_moment, said
from testbed.notices.tell import tell

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from django_stubs_ext import StrOrPromise

STANDING = (*LIVE_STATES, BookingState.DISPLACED)
NO_TIME = _("Step %(number)s has no time any more; the steps beside it stand.")
TOO_EARLY = _("Step %(number)s begins before the step before it ends at %(at)s.")
TOO_LATE = _("Step %(number)s begins after its queue-time limit, %(at)s.")
CHOOSE = _("Choose a new time for this step.")
MOVE_BETWEEN = _("Move this step to between %(earliest)s and %(latest)s, or the step before it.")
MOVE_AFTER = _("Move this step to %(earliest)s or later, or the step before it to an earlier time.")


@dataclass(frozen=True)
class BrokenLimit:
    """A limit that does not hold: at which step, why, and what to do.

    earliest, latest: between which moments the step has to begin; None where nothing says so.
    """

    step: Booking
    sentence: StrOrPromise
    next_step: StrOrPromise
    earliest: datetime | None = None
    latest: datetime | None = None


def broken_limits(steps: Iterable[Booking]) -> list[BrokenLimit]:
    """Every limit of a chain that is broken, by step; steps in order, whatever became of them.

    A limit is to the step right before: with that one given up there is nothing to wait after.
    """
    standing = [step for step in steps if step.state in STANDING]
    lost = [
        BrokenLimit(step, said(NO_TIME, number=step.position), CHOOSE)
        for step in standing
        if step.state == BookingState.DISPLACED and len(standing) > 1
    ]
    placed = [step for step in standing if step.state != BookingState.DISPLACED]
    found = [_between(before, step) for before, step in pairwise(placed)]
    every = [*lost, *(one for one in found if one is not None)]
    return sorted(every, key=lambda one: one.step.position)


def _between(before: Booking, step: Booking) -> BrokenLimit | None:
    earliest = before.ends_at
    latest = latest_start(before, step) if step.position == before.position + 1 else None
    values: dict[str, Any] = {"number": step.position}
    times = {"earliest": kst_moment(earliest), "latest": kst_moment(latest) if latest else ""}
    action = said(MOVE_BETWEEN if latest else MOVE_AFTER, **times)
    if step.starts_at < earliest:
        sentence = said(TOO_EARLY, at=kst_moment(earliest), **values)
        return BrokenLimit(step, sentence, action, earliest, latest)
    if latest and step.starts_at > latest:
        sentence = said(TOO_LATE, at=kst_moment(latest), **values)
        return BrokenLimit(step, sentence, action, earliest, latest)
    return None


def recheck(booking: Booking) -> list[BrokenLimit]:
    """Tell the chain's people when a step that has just moved, or lost its time, breaks a limit.

    In the transaction that moved it; the limits at this step, or none. Nothing is asked of the
    database for a booking that is in no chain.
    """
    if booking.bundle_id is None or not is_chained(booking) or booking.bundle is None:
        return []
    steps = steps_in(booking.bundle)
    touched = {booking.position, booking.position + 1}
    found = [one for one in broken_limits(steps) if one.step.position in touched]
    if found:
        _tell(booking, steps, found)
    return found


def on_moved(*, booking: Booking, **_signal: object) -> None:
    """Receiver of `moved` and `displaced`."""
    recheck(booking)


def _tell(booking: Booking, steps: Sequence[Booking], found: Sequence[BrokenLimit]) -> None:
    """Everybody whose step it touches: the moved one's people, and those of the steps beside it."""
    beside = [one for one in steps if abs(one.position - booking.position) <= 1 and one.is_live]
    people = {one.pk: one for step in [booking, *beside] for one in own(step)}
    subject = said(_("A chain of steps does not hold any more: %(booking)s"), booking=booking)
    tell(
        to=list(people.values()),
        kind="chain_broken",
        subject=subject,
        sentences=[
            subject,
            *(sentence for one in found for sentence in (one.sentence, one.next_step)),
        ],
        path=f"/bundles/{booking.bundle_id}/",
        company=booking.company,
    )
