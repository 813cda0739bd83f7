"""Joining the waiting list, leaving it, and saying yes or no to an offer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.booking.cancel import cancel
from testbed.booking.explain import slot_json
from testbed.booking.models import Booking
from testbed.booking.place import demand_answers, submit
from testbed.booking.slots import find_slots
from testbed.people.models import Company
from testbed.people.permissions import demand
from testbed.refusals import Refusal
from testbed.transactions import in_transaction
from testbed.waiting.models import EVERY_DAY, LONGEST_MINUTES, Offer, OfferState, Wish, WishState
from testbed.waiting.offer import close, close_over, end
from testbed.waiting.queue import lock_list
from testbed.waiting.search import first_slot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from testbed.booking.place import Answers
    from testbed.booking.slots import Slot
    from testbed.booking.target import Target
    from testbed.people.models import User
    from testbed.tools.models import Supply

LONGEST_RANGE = timedelta(days=62)
MOST_WISHES = 10
ANSWERS = (
    "lot", "route", "wafer_count", "test_wafers", "purpose", "use_mode", "wished_document", "buddy",
)  # fmt: skip


def wait_for(
    *,
    actor: User,
    target: Target,
    minutes: int,
    earliest: datetime,
    latest: datetime,
    weekdays: int = EVERY_DAY,
    from_hour: int | None = None,
    until_hour: int | None = None,
    answers: Answers | None = None,
) -> Wish:
    """Join the waiting list for `minutes` on the target, some time in [earliest, latest).

    weekdays: bits, Monday is 1; from_hour, until_hour: hours of a day in Korea that the whole
    time has to lie between; answers: what is to be done in the time, so that an offer keeps the
    rules about it and is taken without a question. Raises Refusal: "wish_not_valid" (422) or
    "answers_not_valid" (422) with a sentence per field;
    "free_already" (409) with the slot, for what is free is booked and not waited for;
    "too_many_wishes" (409); a rule that forbids the length (422).
    """
    demand(actor, "book")
    now = timezone.now()
    demand_range(minutes, earliest, latest, now)
    demand_hours(minutes, weekdays, from_hour, until_hour)
    wish = Wish(
        company=cast("Company", actor.company),
        user=actor,
        tool=target.tool,
        cell=target.cell,
        minutes=minutes,
        earliest=max(earliest, now),
        latest=latest,
        weekdays=weekdays,
        from_hour=from_hour,
        until_hour=until_hour,
    )
    demand_length(actor, target, minutes, now)
    if answers is not None:
        _put(wish, answers)
    supplies = answers.supplies if answers else ()
    return in_transaction(lambda: _join(wish, supplies, now))


def _put(wish: Wish, answers: Answers) -> None:
    """The answers into the wish; Refusal("answers_not_valid", 422) when they cannot be right."""
    unplaced = Booking(company=wish.company, booked_by=wish.user)
    demand_answers(unplaced, wish.target.tools(), answers)
    for name in ANSWERS:
        setattr(wish, name, getattr(answers, name))


def _join(wish: Wish, supplies: Sequence[Supply], now: datetime) -> Wish:
    lock_list()
    if Wish.objects.open().filter(company=wish.company).count() >= MOST_WISHES:
        raise Refusal(
            "too_many_wishes",
            _("Your company already waits for %(most)s times.") % {"most": MOST_WISHES},
            next_step=_("Withdraw one of them first."),
        )
    free = first_slot(wish, now)
    if free is not None:
        raise free_already([free])
    wish.save()
    wish.supplies.set(supplies)
    return wish


def free_already(slots: list[Slot]) -> Refusal:
    """Nothing to wait for; the slots travel with it."""
    return Refusal(
        "free_already",
        _("This time is free already, so there is nothing to wait for."),
        next_step=_("Book it now."),
        extra={"nearest_slots": [slot_json(slot) for slot in slots]},
    )


def demand_range(minutes: int, earliest: datetime, latest: datetime, now: datetime) -> None:
    """Raise Refusal("wish_not_valid", 422) unless such a time could still come."""
    fields = {}
    if not 0 < minutes <= LONGEST_MINUTES:
        fields["minutes"] = [_("A length is 1 minute to 14 days.")]
    elif latest - max(earliest, now) < timedelta(minutes=minutes):
        fields["latest"] = [_("The range is shorter than the time you need, or it has passed.")]
    elif latest - now > LONGEST_RANGE:
        fields["latest"] = [_("The range ends within 62 days from now.")]
    _refuse(fields)


def demand_hours(
    minutes: int, weekdays: int, from_hour: int | None, until_hour: int | None
) -> None:
    """Raise Refusal("wish_not_valid", 422) unless the days and hours leave room."""
    fields = {}
    if not 0 < weekdays <= EVERY_DAY:
        fields["weekdays"] = [_("Choose at least one day of the week.")]
    if (from_hour is None) != (until_hour is None):
        fields["from_hour"] = [_("Give both hours, or neither.")]
    elif from_hour is not None and until_hour is not None:
        if not 0 <= from_hour < until_hour <= 24:
            fields["from_hour"] = [_("The hours go from 0 to 24, the first before the second.")]
        elif (until_hour - from_hour) * 60 < minutes:
            fields["until_hour"] = [_("The time you need does not fit between these hours.")]
    _refuse(fields)


def _refuse(fields: Mapping[str, Any]) -> None:
    if fields:
        raise Refusal(
            "wish_not_valid",
            _("Some answers do not fit; see what each says."),
            status=422,
            fields=fields,
        )


def demand_length(actor: User, target: Target, minutes: int, now: datetime) -> None:
    """Refuse a length that no day will ever allow, in the broken rule's own words."""
    found = find_slots(
        actor=actor,
        target=target,
        minutes=minutes,
        start=now,
        end=now + timedelta(hours=1),
        now=now,
    )
    never = [one for one in found.nothing_because if one.rule.about == "length"]
    if never:
        raise Refusal(
            never[0].code,
            never[0].message,
            status=422,
            fields={"minutes": [one.message for one in never]},
            next_step=never[0].next_step,
        )


def withdraw(*, actor: User, wish: Wish) -> Wish:
    """Leave the list; an open offer is declined with it.

    Raises Refusal "not_found" (404), "wish_over" (409).
    """
    demand(actor, "book")
    return in_transaction(lambda: _withdraw(actor, wish))


def _withdraw(actor: User, wish: Wish) -> Wish:
    lock_list()
    now = timezone.now()
    close_over(now)
    mine = Wish.objects.visible_to(actor).with_names().filter(pk=wish.pk).first()
    if mine is None:
        raise Refusal("not_found", _("There is no such wish."), status=404)
    if not mine.is_open:
        raise Refusal("wish_over", _("This wish is already closed."))
    offer = mine.offers.open().select_related("booking", "wish").first()
    if offer is not None:
        cancel(actor=actor, booking=offer.booking)
        end(offer, OfferState.DECLINED, WishState.WITHDRAWN, now)
    else:
        close(mine, WishState.WITHDRAWN, now)
    return Wish.objects.with_names().get(pk=mine.pk)


def decline(*, actor: User, offer: Offer) -> Offer:
    """Not this time: the hold is given back, the wish waits on for another.

    Raises Refusal "not_found" (404), "offer_over" (409).
    """
    demand(actor, "book")
    return in_transaction(lambda: _decline(actor, offer))


def _decline(actor: User, offer: Offer) -> Offer:
    mine, now = _open_offer(actor, offer)
    cancel(actor=actor, booking=mine.booking)
    end(mine, OfferState.DECLINED, WishState.WAITING, now)
    mine.refresh_from_db()
    return mine


def take(*, actor: User, offer: Offer) -> Offer:
    """Book the offered time with the answers that the wish carries; nothing more is asked.

    Raises Refusal "not_found" (404), "offer_over" (409), "answers_missing" (409) for a wish
    without answers, and as of `place.submit`.
    """
    demand(actor, "book")
    return in_transaction(lambda: _take(actor, offer))


def _take(actor: User, offer: Offer) -> Offer:
    mine, now = _open_offer(actor, offer)
    answers = mine.wish.answers
    if answers is None:
        raise Refusal(
            "answers_missing",
            _("This wish does not say what is to be done in the time."),
            next_step=_("Fill in the form of the held time."),
            extra={"booking": mine.booking_id},
        )
    submit(actor=actor, booking=mine.booking, answers=answers)
    end(mine, OfferState.TAKEN, WishState.TAKEN, now)
    mine.refresh_from_db()
    return mine


def _open_offer(actor: User, offer: Offer) -> tuple[Offer, datetime]:
    """The actor's offer while it stands, the list locked, and the present moment."""
    lock_list()
    now = timezone.now()
    rows = Offer.objects.visible_to(actor).select_related("booking", "wish__tool", "wish__cell")
    mine: Offer | None = rows.filter(pk=offer.pk).first()
    if mine is None:
        raise Refusal("not_found", _("There is no such offer."), status=404)
    if mine.state_at(now) != OfferState.OPEN:
        raise Refusal(
            "offer_over",
            _("This offer is no longer open."),
            next_step=_("See the waiting list for where you stand now."),
        )
    return mine, now
