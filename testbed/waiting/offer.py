"""Offering what comes free: a real hold for the company whose turn it is, by itself.

An offer counts as one of the company's open holds, like any other hold: a company that has none
left is passed over and keeps its place.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.booking.broken_answers import broken_by
from testbed.booking.explain import refusal as refusal_of
from testbed.booking.hold import hold
from testbed.booking.models import Booking
from testbed.booking.place import demand_answers
from testbed.notices.said import kst_moment, kst_span, said
from testbed.notices.tell import tell
from testbed.people import journal
from testbed.refusals import Refusal
from testbed.transactions import in_transaction
from testbed.waiting.models import Offer, OfferState, Wish, WishState
from testbed.waiting.queue import in_order, last_offers, lock_list
from testbed.waiting.search import first_slot
from testbed.waiting.terms import stands_until

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from testbed.booking.place import Answers
    from testbed.booking.slots import Slot
    from testbed.tools.models import Tool

MOST = 100
# How many free times a wish tries in one sweep before the next wish has its turn.
CHANCES = 3
# An offer's time is the list's to give; the holder's own extensions would shorten it.
NO_EXTENSION = 1_000
NEXT_STATE = {
    OfferState.TAKEN: WishState.TAKEN,
    OfferState.DECLINED: WishState.WAITING,
    OfferState.EXPIRED: WishState.LAPSED,
}


@dataclass
class Round:
    """One sweep over the list: what each wish that got nothing was passed over for."""

    now: datetime
    tool_ids: Collection[int] | None
    passed: dict[int, str] = field(default_factory=dict)


def sweep(*, tool_ids: Collection[int] | None = None, now: datetime | None = None) -> int:
    """Close what is over, then offer free time until no wish fits any; how many offers.

    tool_ids: only wishes for these tools; None means all.
    """
    present = now or timezone.now()
    in_transaction(lambda: close_over(present))
    turn = Round(present, tool_ids)
    made = 0
    while made < MOST and in_transaction(lambda: _offer_next(turn)):
        made += 1
    return made


def close_over(now: datetime) -> None:
    """Write down how open offers ended, and which wishes' ranges have passed."""
    lock_list()
    for offer in Offer.objects.open().select_related("booking", "wish__user", "wish__tool"):
        state = offer.state_at(now)
        if state != OfferState.OPEN:
            end(offer, state, NEXT_STATE[state], now)
    for wish in Wish.objects.waiting().filter(latest__lte=now):
        close(wish, WishState.LAPSED, now)


def end(offer: Offer, state: OfferState, then: WishState, now: datetime) -> None:
    """Close an offer and move its wish on; the list is locked."""
    Offer.objects.filter(pk=offer.pk).update(state=state, ended_at=now)
    close(offer.wish, then, now)
    if state == OfferState.EXPIRED:
        subject = said(_("An offer ran out: %(target)s"), target=offer.wish.target)
        more = _("You are no longer on the waiting list for it. You may join it again.")
        tell(
            to=[offer.wish.user],
            kind="waiting_offer",
            subject=subject,
            sentences=[subject, more],
            path="/waiting/",
            company=offer.wish.company,
        )


def close(wish: Wish, state: WishState, now: datetime) -> None:
    """Write a wish's next state; one that waits again is not closed."""
    wish.state = state
    wish.closed_at = None if state == WishState.WAITING else now
    wish.save(update_fields=["state", "closed_at"])


def _offer_next(turn: Round) -> Offer | None:
    """Offer one time to the first wish that some free time fits; None when none does."""
    lock_list()
    offered = last_offers(turn.now)
    busy = set(Offer.objects.open().values_list("company", flat=True))
    waiting = Wish.objects.waiting().with_names()
    if turn.tool_ids is not None:
        waiting = waiting.touching(list(turn.tool_ids))
    queue = in_order(waiting, offered, turn.now)
    for wish in queue:
        if wish.company_id in busy:
            turn.passed.setdefault(wish.pk, "open_offer")
    for wish in queue:
        offer = None if wish.pk in turn.passed else _try(wish, turn)
        if offer is not None:
            _note_passed(offer, queue, turn)
            return offer
    return None


def _try(wish: Wish, turn: Round) -> Offer | None:
    before = set(wish.offers.values_list("booking__starts_at", flat=True))
    turn.passed[wish.pk] = "no_time_fits"
    for _chance in range(CHANCES):
        slot = first_slot(wish, turn.now, without=before)
        if slot is None:
            return None
        try:
            booking = _hold(wish, slot)
        except Refusal as refusal:
            # Somebody booked it meanwhile, or a rule says no now: another time, a later sweep.
            turn.passed[wish.pk] = refusal.code
            before.add(slot.starts_at)
        else:
            return _write(wish, booking, slot, turn.now)
    return None


def _hold(wish: Wish, slot: Slot) -> Booking:
    """The slot held for the wish's owner; Refusal, and nothing held, unless its answers fit too."""

    def work() -> Booking:
        booking = hold(
            actor=wish.user, target=wish.target, starts_at=slot.starts_at, ends_at=slot.ends_at
        )
        if wish.answers is not None:
            demand_answers_fit(booking, slot.tools, wish.answers)
        return booking

    return in_transaction(work)


def demand_answers_fit(booking: Booking, tools: Sequence[Tool], answers: Answers) -> None:
    """Raise Refusal unless the hold could be submitted with these answers now."""
    demand_answers(booking, tools, answers)
    broken = broken_by(
        answers,
        actor=booking.booked_by,
        booking=booking,
        tools=tools,
        now=booking.created_at,
        about=(),
    )
    if broken:
        raise refusal_of(broken, [])


def _write(wish: Wish, booking: Booking, slot: Slot, now: datetime) -> Offer:
    until = stands_until(now, slot.starts_at)
    Booking.objects.filter(pk=booking.pk).update(
        hold_expires_at=until, hold_extensions=NO_EXTENSION
    )
    offer = Offer.objects.create(
        wish=wish, company=wish.company, booking=booking, offered_at=now, expires_at=until
    )
    close(wish, WishState.OFFERED, now)
    journal.record(
        actor=None,
        action="waiting.offered",
        subject=booking,
        company=wish.company,
        until=until.isoformat(),
    )
    _tell(wish, slot, until)
    return offer


def _tell(wish: Wish, slot: Slot, until: datetime) -> None:
    subject = said(_("A time is offered to you: %(target)s"), target=wish.target)
    tell(
        to=[wish.user],
        kind="waiting_offer",
        subject=subject,
        sentences=[
            subject,
            said(_("When: %(when)s"), when=kst_span(slot.starts_at, slot.ends_at)),
            said(_("It is held for you until %(until)s; then the next one is asked."),
                 until=kst_moment(until)),
            *([_("Your answers are known: one press confirms it.")] if wish.use_mode else []),
        ],
        path="/waiting/",
        company=wish.company,
    )  # fmt: skip


def _note_passed(offer: Offer, queue: list[Wish], turn: Round) -> None:
    """Why older wishes did not get it: for the staff, who answer for the list."""
    older = [one for one in queue if one.created_at < offer.wish.created_at]
    offer.passed_over = [
        {"wish": one.pk, "because": turn.passed.get(one.pk, "offered_lately")} for one in older
    ]
    offer.save(update_fields=["passed_over"])
