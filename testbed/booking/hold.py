"""Hold before the form: a slot is reserved for some minutes while the engineer answers it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.booking import line
from testbed.booking.bundles import is_chained
from testbed.booking.expire import STALE, close_all
from testbed.booking.explain import claiming, demand_rules
from testbed.booking.intervals import Interval
from testbed.booking.models import Booking, BookingState
from testbed.booking.on_behalf import behalf_details, booker_for, booker_of
from testbed.booking.override import aside, demand_override, note_aside, set_aside
from testbed.booking.request import gather, price
from testbed.booking.rules import HOLD_TIME, BookingRequest, Broken, RuleBook, needed
from testbed.booking.rules.book import ROWS
from testbed.booking.whose_rules import rules_for
from testbed.compiled import asked_together, insert
from testbed.people import journal
from testbed.refusals import Refusal
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from testbed.booking.override import Override
    from testbed.booking.place import Answers
    from testbed.booking.target import Target
    from testbed.people.models import Company, User
    from testbed.tools.models import Tool


def hold(
    *,
    actor: User,
    target: Target,
    starts_at: datetime,
    ends_at: datetime,
    on_behalf_of: User | None = None,
    override: Override | None = None,
) -> Booking:
    """Reserve every tool of `target` over [starts_at, ends_at) for the booker's company.

    on_behalf_of: the company's engineer whom a member of staff books for; override: the rules
    that staff set aside. Raises Refusal: a broken rule's own code, or "rules_broken" for several,
    each time with all of them and the nearest free slots; "tool_taken" (409) when somebody was
    faster; as of `on_behalf.booker_of` and `override.demand_override`.
    """
    booker = booker_of(actor, on_behalf_of)
    demand_override(actor, override)
    return claiming(
        lambda: hold_now(
            actor=actor, target=target, starts_at=starts_at, ends_at=ends_at, booker=booker,
            override=override,
        ),
        actor=booker,
        target=target,
        span=Interval(starts_at, ends_at),
    )  # fmt: skip


def hold_now(
    *,
    actor: User,
    target: Target,
    starts_at: datetime,
    ends_at: datetime,
    booker: User | None = None,
    override: Override | None = None,
) -> Booking:
    """The work of `hold`, to be run inside a transaction; booker: the actor unless staff act."""
    request = claim(
        actor=booker or actor,
        target=target,
        span=Interval(starts_at, ends_at),
        is_hold=True,
        override=override,
    )
    booking = new_booking(request, target, placed_by=actor)
    booking.state = BookingState.HELD
    booking.hold_expires_at = request.now + hold_length(request.rulebook, request.tools)
    booking.quote = price(
        company=booking.company, tools=request.tools, starts_at=starts_at, ends_at=ends_at
    ).as_json()
    new = set_aside(booking, request.gave_way, override)
    insert([booking])
    line.write(booking, request.tools)
    journal.record(
        actor=actor,
        action="booking.held",
        subject=booking,
        company=booking.company,
        **behalf_details(actor, booking),
    )
    note_aside(actor, booking, new)
    return booking


def claim(
    *,
    actor: User,
    target: Target,
    span: Interval,
    is_hold: bool,
    answers: Answers | None = None,
    override: Override | None = None,
) -> BookingRequest:
    """Lock the tools, expire stale holds, check every rule; the caller writes next.

    actor: who books, for whom quotas count. Raises RulesBroken. The locks stay until the
    caller's transaction ends.
    """
    now = timezone.now()
    looked = _lock_and_look(target.tool_ids(), span, now)
    request = gather(
        actor=actor,
        tools=looked.tools,
        starts_at=span.start,
        ends_at=span.end,
        now=now,
        is_hold=is_hold,
        answers=answers,
        claims=looked.claims,
        rulebook=looked.rulebook,
    )
    return demand_rules(request, aside(None, override))


class _Looked(NamedTuple):
    """claims: None where the rules ask for more than what touches the wished time."""

    tools: list[Tool]
    rulebook: RuleBook
    claims: list[line.Claim] | None


def _lock_and_look(tool_ids: Iterable[int], span: Interval, now: datetime) -> _Looked:
    """What every claim needs, in one exchange: each is read after the tools are locked.

    Stale holds on the tools are closed.
    """
    ids = sorted(set(tool_ids))
    # A time that ends before it starts is no range; the rules say so.
    wished = {"start": span.start, "end": max(span.start, span.end), "now": now, "without": 0}
    tools, stale, rows, claims = asked_together(
        (line.LOCKED, {"tools": ids}),
        (STALE, {"tools": ids, "now": now}),
        (ROWS, {}),
        (line.CLAIMS, {"tools": ids, **wished}),
    )
    close_all(stale)
    rulebook = RuleBook.of_rows(rows, now)
    is_enough = not (rulebook.has_groups or "neighbours" in needed(rulebook, tools))
    return _Looked(tools, rulebook, line.claims_of(claims) if is_enough else None)


def new_booking(request: BookingRequest, target: Target, placed_by: User | None = None) -> Booking:
    """An unsaved booking of what was asked; placed_by is kept when somebody else booked."""
    return Booking(
        placed_by=placed_by if placed_by != request.actor else None,
        company=cast("Company", request.company),  # the rules let no other pass
        booked_by=request.actor,
        cell=target.cell,
        starts_at=request.starts_at,
        ends_at=request.ends_at,
    )


def hold_length(rulebook: RuleBook, tools: Sequence[Tool]) -> timedelta:
    """The shortest hold that the tools' parameters give."""
    return timedelta(minutes=_hold_parameter(rulebook, tools, "minutes"))


def extensions_left(booking: Booking, rulebook: RuleBook, tools: Sequence[Tool]) -> int:
    """How often this hold may still be extended; rulebook: as of `rules_for` the booking."""
    most: int = _hold_parameter(rulebook, tools, "extensions")
    return max(0, most - booking.hold_extensions)


def _hold_parameter(rulebook: RuleBook, tools: Sequence[Tool], key: str) -> Any:
    found = [rulebook.parameters(HOLD_TIME, tool) or HOLD_TIME.defaults for tool in tools]
    return min(parameters[key] for parameters in found)


def extend(*, actor: User, booking: Booking) -> Booking:
    """Give a running hold its full minutes again, as often as the rule allows.

    Raises Refusal "hold_expired" or "not_held", or "hold_time" when it was extended enough.
    """
    booker_for(actor, booking)
    demand_alone(booking)
    return in_transaction(lambda: extend_now(actor=actor, booking=booking))


def extend_now(*, actor: User, booking: Booking) -> Booking:
    """The work of `extend`, to be run inside a transaction."""
    held, tools = line.lock_booking(actor, booking)
    now = timezone.now()
    demand_held(held, now)
    rulebook = rules_for(held)
    if not extensions_left(held, rulebook, tools):
        told = Broken(HOLD_TIME, {"extensions": held.hold_extensions})
        raise Refusal(told.code, told.message, next_step=told.next_step)
    held.hold_expires_at = now + hold_length(rulebook, tools)
    held.hold_extensions += 1
    held.save(update_fields=["hold_expires_at", "hold_extensions"])
    journal.record(actor=actor, action="booking.extended", subject=held, company=held.company)
    return held


def demand_alone(booking: Booking) -> None:
    """Raise Refusal for a held step of a chain: its steps are extended and booked together."""
    if booking.state == BookingState.HELD and is_chained(booking):
        raise Refusal(
            "held_together",
            _("This slot is one step of a chain that is held and booked as a whole."),
            next_step=_("Open the chain and go on there."),
            extra={"bundle": booking.bundle_id},
        )


def demand_held(booking: Booking, now: datetime) -> None:
    """Raise Refusal unless the booking is a hold whose time is not up."""
    state = booking.state_at(now)
    if state == BookingState.HELD:
        return
    if state == BookingState.EXPIRED:
        raise Refusal(
            "hold_expired",
            _("The hold on this slot has run out; the slot is free for everybody again."),
            next_step=_("Hold it again, or choose one of the nearest free slots."),
        )
    raise Refusal(
        "not_held",
        _("This booking is no longer a hold."),
        next_step=_("See its page for where it stands now."),
    )
