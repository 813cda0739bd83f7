"""Announcing a closure, and changing one: its times and the fate of every booking, in one go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.booking import line
from testbed.booking.expire import expire_holds
from testbed.booking.explain import RulesBroken
from testbed.booking.models import Booking, BookingState
from testbed.notices.said import kst_moment
from testbed.outages import claims, rebook
from testbed.outages.models import Fate, Outage, OutageOccurrence, Repeat, Scope
from testbed.outages.plan import Affected, ahead, in_the_way, look, tools_of
from testbed.outages.terms import demand_may_close, demand_sound
from testbed.people import journal
from testbed.refusals import Refusal
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from testbed.outages.plan import Plan
    from testbed.outages.rebook import Chosen
    from testbed.outages.terms import Terms
    from testbed.people.models import User
    from testbed.tools.models import Tool


class ListChanged(Exception):
    """Other bookings stand in the way than those a fate was chosen for."""


def announce(*, actor: User, terms: Terms, fates: Mapping[int, Chosen]) -> Outage:
    """Close the tools and do with each booking in the way (by its id) what was chosen for it.

    All of it or nothing. Raises Refusal: "terms_not_valid" (422); and with the plan as it is now
    in `extra`, "bookings_affected" (409) when a booking has no fate or a fate no booking,
    "booking_running" (409) while one that has begun stands there, "alternative_gone" (409) when
    a chosen slot is no longer free, "fate_not_possible" (422) for a hold that is to be kept.
    """
    demand_may_close(actor, terms.kind)
    demand_sound(terms)

    def work() -> Outage:
        tools = terms.closed_tools()
        locked = _lock({tool.pk for tool in tools}, fates)
        outage = Outage(created_by=actor)
        _write(outage, terms, tools)
        _lay(actor, outage, terms, fates, locked)
        journal.record(actor=actor, action="outage.announced", subject=outage)
        return outage

    return _explained(actor, terms, work)


def change(*, actor: User, outage: Outage, terms: Terms, fates: Mapping[int, Chosen]) -> Outage:
    """Close other tools or times instead; what has passed stays. Refusals as of `announce`.

    Also "outage_over" (409) for one that is withdrawn or has nothing ahead.
    """
    demand_may_close(actor, terms.kind)
    demand_may_close(actor, outage.kind)
    demand_sound(terms)

    def work() -> Outage:
        found = lock_ahead(outage)
        before, tools = list(found.tools.all()), terms.closed_tools()
        locked = _lock({tool.pk for tool in (*before, *tools)}, fates)
        now = timezone.now()
        claims.let_go(list(found.occurrences.live().filter(ends_at__gt=now)), now)
        _write(found, terms, tools)
        _lay(actor, found, terms, fates, locked, since=now)
        claims.cover(before, now)
        journal.record(actor=actor, action="outage.changed", subject=found)
        return found

    return _explained(actor, terms, work)


def lock_ahead(outage: Outage) -> Outage:
    """The outage's row, locked; Refusal("outage_over", 409) unless some of it lies ahead."""
    found = Outage.objects.select_for_update(of=("self",)).get(pk=outage.pk)
    left = found.occurrences.live().filter(ends_at__gt=timezone.now())
    if found.withdrawn_at is not None or not left.exists():
        raise Refusal(
            "outage_over",
            _("Nothing of this closure lies ahead any more."),
            next_step=_("Announce a new one."),
        )
    return found


def _write(outage: Outage, terms: Terms, tools: Sequence[Tool]) -> None:
    outage.kind, outage.scope = terms.kind, terms.scope
    outage.area = terms.area if terms.scope == Scope.AREA else ""
    outage.utility = terms.utility if terms.scope == Scope.UTILITY else None
    outage.starts_at, outage.ends_at = terms.starts_at, terms.ends_at
    outage.reason_ko, outage.reason_en = terms.reason_ko.strip(), terms.reason_en.strip()
    outage.note = terms.note.strip()
    repeats = terms.repeat != Repeat.ONCE
    outage.repeat, outage.every = terms.repeat, terms.every if repeats else 1
    outage.weekdays = sorted(set(terms.weekdays)) if terms.repeat == Repeat.WEEKLY else []
    outage.until = terms.until if repeats else None
    outage.exceptions = sorted({day.isoformat() for day in terms.exceptions}) if repeats else []
    outage.save()
    outage.tools.set(tools)


def _lock(closed: set[int], fates: Mapping[int, Chosen]) -> set[int]:
    """Lock the closed tools and all tools of the bookings that give way, by pk; their ids."""
    claimed = Booking.objects.filter(pk__in=fates).values_list("allocations__tool_id", flat=True)
    wanted = closed | {pk for pk in claimed if pk}
    line.lock(wanted)
    expire_holds(tool_ids=wanted, now=timezone.now())
    return wanted


def _lay(
    actor: User,
    outage: Outage,
    terms: Terms,
    fates: Mapping[int, Chosen],
    locked: set[int],
    since: datetime | None = None,
) -> None:
    """Times and claims of the outage, the bookings in the way moved out of it.

    since: before it nothing is written (a change leaves the past alone).
    """
    now = timezone.now()
    tools, times = terms.closed_tools(), ahead(terms.times(), now)
    affected = _as_chosen(in_the_way([tool.pk for tool in tools], times, now), fates, locked)
    rebook.give_way([one.booking for one in affected])
    OutageOccurrence.objects.bulk_create(
        OutageOccurrence(
            outage=outage, starts_at=max(span.start, since or span.start), ends_at=span.end
        )
        for span in times
    )
    claims.cover(tools, now)
    # Those that are moved take their places before the others are told what is left.
    for one in sorted(affected, key=lambda one: fates[one.booking.pk].fate != Fate.MOVED):
        chosen = fates[one.booking.pk]
        rebook.settle(actor=actor, outage=outage, affected=one, chosen=chosen, now=now)


def _as_chosen(
    found: Sequence[Booking], fates: Mapping[int, Chosen], locked: set[int]
) -> list[Affected]:
    """The bookings in the way, their rows locked; ListChanged unless they are those of `fates`."""
    affected = [Affected(booking, tools_of(booking)) for booking in found]
    ids = {booking.pk for booking in found}
    tools = {tool.pk for one in affected for tool in one.tools}
    list(Booking.objects.select_for_update(of=("self",)).filter(pk__in=ids).order_by("pk"))
    if ids != set(fates) or not tools <= locked:
        raise ListChanged
    if Booking.objects.filter(pk__in=ids, begun_at__isnull=False).exists():
        raise ListChanged
    for one in affected:
        _demand_possible(one, fates[one.booking.pk])
    return affected


def _demand_possible(affected: Affected, chosen: Chosen) -> None:
    is_hold = affected.booking.state == BookingState.HELD
    if is_hold and chosen.fate != Fate.CANCELLED:
        raise Refusal(
            "fate_not_possible",
            _("%(booking)s is only held; a hold ends, it is not moved.")
            % {"booking": affected.booking},
            status=422,
            next_step=_("Cancel the hold."),
        )
    if (chosen.fate == Fate.MOVED) != (chosen.starts_at is not None):
        raise Refusal(
            "fate_not_possible",
            _("Say when %(booking)s starts if it is moved, and only then.")
            % {"booking": affected.booking},
            status=422,
            next_step=_("Choose one of its free slots."),
        )


def _explained(actor: User, terms: Terms, work: Callable[[], Outage]) -> Outage:
    """Run it in a transaction; whatever has changed meanwhile is told with the plan as it is."""
    code, message = "bookings_affected", AFFECTED
    try:
        return in_transaction(work)
    except ListChanged:
        pass
    except RulesBroken:
        code, message = "alternative_gone", GONE
    except IntegrityError as error:
        if not line.is_overlap(error):
            raise
    plan = look(actor=actor, terms=terms)
    if plan.running:
        raise _running(plan)
    raise Refusal(code, message, next_step=CHOOSE, extra={"plan": plan.as_json()})


AFFECTED = _("Nothing was closed: bookings stand in the way, or others than were shown.")
GONE = _("Nothing was closed: a slot that was chosen is no longer free.")
CHOOSE = _("Choose for each booking of the list as it is now, then confirm again.")


def _running(plan: Plan) -> Refusal:
    one = plan.running[0].booking
    return Refusal(
        "booking_running",
        _("Nothing was closed: %(booking)s has begun and is booked until %(end)s.")
        % {"booking": one, "end": kst_moment(one.ends_at)},
        next_step=_("End that booking early, or let the closure begin when it is over."),
        extra={"plan": plan.as_json()},
    )
