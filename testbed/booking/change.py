"""Another time or another tool for a booking that has not begun: its number and answers stay."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.booking import line, notify, signals
from testbed.booking.bundles import chain_of
from testbed.booking.expire import expire_holds
from testbed.booking.explain import claiming, demand_rules
from testbed.booking.hours import KST
from testbed.booking.intervals import Interval
from testbed.booking.models import Allocation, Booking, BookingState
from testbed.booking.on_behalf import behalf_details, booker_for
from testbed.booking.override import aside, demand_override, note_aside, set_aside
from testbed.booking.penalties import late_details
from testbed.booking.place import Answers, demand_answers
from testbed.booking.reconfirm import set_deadline
from testbed.booking.request import gather, price
from testbed.booking.rules import NEEDS_APPROVAL, Broken, check_all
from testbed.booking.version import changed_meanwhile, demand_unchanged
from testbed.people import journal
from testbed.people.permissions import may
from testbed.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from testbed.booking.override import Override
    from testbed.booking.rules import BookingRequest
    from testbed.booking.target import Target
    from testbed.people.models import User
    from testbed.tools.models import Tool

# How often a change begins anew because its booking moved before it was locked.
TRIES = 5
CHANGEABLE = (BookingState.PENDING, BookingState.CONFIRMED, BookingState.DISPLACED)


@dataclass(frozen=True)
class Preview:
    """What a change would come to: its price, the state after it, every rule it breaks."""

    quote: dict[str, Any]
    state: BookingState
    broken: list[Broken]


def change(
    *,
    actor: User,
    booking: Booking,
    target: Target,
    starts_at: datetime,
    ends_at: datetime,
    override: Override | None = None,
    expected: str = "",
) -> Booking:
    """Move a pending or confirmed booking to another time, tool or cell, and price it anew.

    An exception was made for the old time only: rules set aside then count again, unless staff
    set them aside anew with `override`.

    The booking waits for approval where the tools it moves to need one. Raises Refusal:
    "hold_not_submitted", "over" or "already_started" (409) for one that cannot be moved,
    "nothing_changes" (422), "answers_not_valid" (422) when its lot or route does not fit the
    tools; "changed_meanwhile" (409) when it is not as `expected` (see `version`); otherwise as
    `hold`.
    """
    booker = booker_for(actor, booking)
    demand_override(actor, override)
    span = Interval(starts_at, ends_at)
    for _attempt in range(TRIES):
        try:
            return claiming(
                lambda: _change(actor, booking, target, span, override, expected),
                actor=booker,
                target=target,
                span=span,
                without=booking,
            )
        except StandsElsewhere:
            continue
    raise changed_meanwhile()


def preview(*, actor: User, booking: Booking, target: Target, span: Interval) -> Preview:
    """What `change` would do at this moment. Refusals as of `change`, but rules are only told."""
    booker_for(actor, booking)
    demand_changeable(booking, timezone.now())
    tools = target.tools()
    _demand_change(booking, tools, span)
    demand_answers(booking, tools, answers_of(booking))
    request = _request(actor, booking, tools, span)
    return Preview(_quote(booking, request), _state(request), check_all(request))


def demand_changeable(booking: Booking, now: datetime) -> None:
    """Raise Refusal unless the booking is pending or confirmed and has not begun.

    One whose time the facility took stands nowhere, so its old time may be over.
    """
    if booking.state_at(now) == BookingState.HELD:
        raise Refusal(
            "hold_not_submitted",
            _("A held slot is not a booking yet, so it cannot be changed."),
            next_step=_("Cancel the hold and hold another slot."),
        )
    if booking.state not in CHANGEABLE:
        raise Refusal(
            "over",
            _("This booking is already closed."),
            next_step=_("See its page for where it stands now."),
        )
    if booking.state == BookingState.DISPLACED:
        return
    if booking.starts_at <= now or booking.begun_at is not None:
        raise Refusal(
            "already_started",
            _("This booking has already begun."),
            next_step=_("Ask the technician on duty to end it."),
        )


def may_change(actor: User, booking: Booking, now: datetime) -> bool:
    """True when the person could move the booking to some other time."""
    try:
        demand_changeable(booking, now)
    except Refusal:
        return False
    return may(actor, "book") or may(actor, "book_on_behalf")


def answers_of(booking: Booking) -> Answers:
    """What the booking's form was answered with."""
    return Answers.of(booking)


class StandsElsewhere(Exception):
    """The booking moved before its tools were locked: locking more now could end in a circle."""


def _stands_on(booking: Booking) -> list[int]:
    # Not `booking.allocations`, which may have been read before.
    rows = Allocation.objects.filter(booking_id=booking.pk)
    return list(rows.values_list("tool_id", flat=True))


def _change(
    actor: User,
    booking: Booking,
    target: Target,
    span: Interval,
    override: Override | None,
    expected: str,
) -> Booking:
    # Old and new tools in one go: locked one after the other, two changes could wait in a circle.
    before_ids = _stands_on(booking)
    locked = line.lock([*before_ids, *target.tool_ids()])
    if not {tool.pk for tool in locked}.issuperset(_stands_on(booking)):
        raise StandsElsewhere
    moved, old_tools = line.lock_booking(actor, booking)
    demand_unchanged(moved, [tool.pk for tool in old_tools], expected)
    now = timezone.now()
    demand_changeable(moved, now)
    signals.moving.send(sender=Booking, booking=moved, actor=actor)
    wanted = set(target.tool_ids())
    tools = [tool for tool in locked if tool.pk in wanted]
    expire_holds(tool_ids=wanted, now=now)
    _demand_change(moved, tools, span)
    demand_answers(moved, tools, answers_of(moved))
    request = demand_rules(_request(actor, moved, tools, span), aside(None, override))
    before, late = snapshot(moved), late_details(actor, moved, old_tools, now)
    moved.overridden, moved.override_reason = [], ""
    new = set_aside(moved, request.gave_way, override)
    _move(moved, target, request)
    journal.record(
        actor=actor,
        action="booking.changed",
        subject=moved,
        company=moved.company,
        before=before,
        after=snapshot(moved),
        **behalf_details(actor, moved),
        **late,
    )
    note_aside(actor, moved, new)
    notify.changed(moved)
    return moved


def _demand_change(booking: Booking, tools: Sequence[Tool], span: Interval) -> None:
    present = set(booking.allocations.values_list("tool_id", flat=True))
    stands = booking.state != BookingState.DISPLACED
    same_time = stands and span == Interval(booking.starts_at, booking.ends_at)
    if same_time and present == {tool.pk for tool in tools}:
        raise Refusal(
            "nothing_changes",
            _("The booking already has this tool and this time."),
            status=422,
            next_step=_("Choose another time or another tool."),
        )


def _request(
    actor: User, booking: Booking, tools: Sequence[Tool], span: Interval
) -> BookingRequest:
    request = gather(
        actor=booker_for(actor, booking),
        tools=tools,
        starts_at=span.start,
        ends_at=span.end,
        now=timezone.now(),
        company=booking.company,
        without=booking,
        is_hold=False,
        answers=answers_of(booking),
    )
    return replace(request, chain=chain_of(booking))


def _quote(booking: Booking, request: BookingRequest) -> dict[str, Any]:
    """A step of a service module keeps the module's price, wherever it moves."""
    if any(one["code"] in ("module", "in_module") for one in booking.quote.get("lines", ())):
        return dict(booking.quote)
    return price(
        company=booking.company,
        tools=request.tools,
        starts_at=request.starts_at,
        ends_at=request.ends_at,
        test_wafers=booking.test_wafers,
    ).as_json()


def _state(request: BookingRequest) -> BookingState:
    waits = NEEDS_APPROVAL.applies_to(request.rulebook, request.tools)
    return BookingState.PENDING if waits else BookingState.CONFIRMED


def _move(booking: Booking, target: Target, request: BookingRequest) -> None:
    """Write the new time, price, state and claims; an earlier approval was of the old ones."""
    booking.cell = target.cell
    booking.starts_at, booking.ends_at = request.starts_at, request.ends_at
    booking.quote = _quote(booking, request)
    booking.state = _state(request)
    booking.decided_by, booking.decided_at = None, None
    booking.moved_by_facility_at = None
    set_deadline(booking, request.rulebook, request.tools, request.now)
    booking.save()
    line.remove(booking)
    line.write(booking, request.tools)
    signals.moved.send(sender=Booking, booking=booking)


def snapshot(booking: Booking) -> dict[str, Any]:
    """Tools, times (Korean, ISO 8601), state and total of a booking, as the journal keeps them."""
    claims = booking.allocations.select_related("tool").order_by("tool_id")
    return {
        "cell": booking.cell.code if booking.cell else None,
        "tools": [claim.tool.code for claim in claims],
        "starts_at": booking.starts_at.astimezone(KST).isoformat(),
        "ends_at": booking.ends_at.astimezone(KST).isoformat(),
        "state": str(booking.state),
        "total_won": booking.quote.get("total_won"),
    }
