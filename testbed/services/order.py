"""Ordering a module: all its steps at once at the module's price, with a promise, or nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.booking.bundles import steps_in
from testbed.booking.hours import KST
from testbed.booking.models import Booking, BundleKind, UseMode
from testbed.booking.place import Answers
from testbed.booking.route_place import Chosen, Claimant, place_route
from testbed.booking.route_slots import Combination, RouteFound, find_route_slots
from testbed.booking.route_steps import Step, steps_of
from testbed.people import journal
from testbed.people.permissions import demand
from testbed.prices.quote import module_quote
from testbed.refusals import Refusal
from testbed.services.models import GONE, Order, OrderState
from testbed.services.promise import holidays, latest_rest, promise
from testbed.services.tell import tell_finished
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from testbed.booking.override import Override
    from testbed.material.models import Lot
    from testbed.people.models import User
    from testbed.services.models import Module

# Some combinations end after their promise and are not offered, so more are looked for.
SPARE = 5


@dataclass(frozen=True)
class Offer:
    """One way to have the module: the free times of its steps, and the promise."""

    combination: Combination
    promised_at: datetime


@dataclass(frozen=True)
class Offers:
    """Earliest end first; without any, what forbids them (see `RouteFound`)."""

    offers: list[Offer]
    found: RouteFound


def price_of(module: Module) -> dict[str, Any]:
    """The module's fixed price with VAT, as a quote."""
    return module_quote(
        name_ko=module.name_ko, name_en=module.name_en, price_won=module.price_won
    ).as_json()


def find_offers(
    *, actor: User, module: Module, wafers: int, start: datetime, end: datetime, limit: int = 5
) -> Offers:
    """When the module can be had, with the promise for each; only promises that can be kept.

    Refusal: "not_offered" (409), "wafer_count" (422), or as of `steps_of`.
    """
    _demand_offered(module, wafers)
    found = find_route_slots(
        actor=actor, steps=steps_of(module.route, wafers), start=start, end=end,
        limit=limit + SPARE,
    )  # fmt: skip
    resting = holidays(start.astimezone(KST).date(), latest_rest(module, end))
    offers = [Offer(one, promise(module, one.starts_at, resting)) for one in found.combinations]
    return Offers([one for one in offers if _can_be_kept(one)][:limit], found)


def _can_be_kept(offer: Offer) -> bool:
    return offer.combination.ends_at <= offer.promised_at


def order(
    *,
    actor: User,
    module: Module,
    wafers: int,
    steps: Sequence[Chosen],
    lot: Lot | None = None,
    purpose: str = "",
    on_behalf_of: User | None = None,
    override: Override | None = None,
) -> Order:
    """Book every step of the module at the chosen times, at its price, or nothing.

    on_behalf_of: the engineer for whom a member of staff orders; override: rules that staff set
    aside. Raises Refusal: as of `find_offers`; "not_this_module" (422) for steps that are not the
    module's; "promise_impossible" (422); otherwise as of `place_route`.
    """
    who = Claimant.of(actor, on_behalf_of, override)
    _demand_offered(module, wafers)
    chosen = _as_the_module_says(module, wafers, steps)
    promised_at = _promised(module, chosen)
    answers = Answers(
        lot=lot,
        route=module.route,
        wafer_count=wafers,
        purpose=purpose,
        use_mode=UseMode.REQUESTED,
        wished_document=module.document,
    )
    return in_transaction(lambda: _order(who, module, chosen, answers, promised_at))


def _order(
    who: Claimant,
    module: Module,
    chosen: Sequence[Chosen],
    answers: Answers,
    promised_at: datetime,
) -> Order:
    names = {"name_ko": module.name_ko, "name_en": module.name_en}
    included = module_quote(**names, price_won=0).as_json()
    quote = price_of(module)
    bundle = place_route(
        actor=who.actor, steps=chosen, answers=answers, kind=BundleKind.MODULE,
        quotes=[quote, *[included] * (len(chosen) - 1)],
        on_behalf_of=None if who.booker == who.actor else who.booker, override=who.override,
    )  # fmt: skip
    placed = Order.objects.create(
        module=module,
        company=bundle.company,
        ordered_by=who.booker,
        bundle=bundle,
        wafer_count=answers.wafer_count,
        quote=quote,
        promised_at=promised_at,
    )
    behalf = {} if who.booker == who.actor else {"on_behalf_of": who.booker.pk}
    journal.record(
        actor=who.actor,
        action="order.placed",
        subject=placed,
        company=placed.company,
        module=module.code,
        total_won=quote["total_won"],
        **behalf,
    )
    return placed


def finish(*, actor: User, order: Order) -> Order:
    """The facility hands out the result: the promise is kept, or it was late.

    Refusal "over" (409) when it is finished or cancelled, "steps_remain" (409) while a step is
    still to come.
    """
    demand(actor, "finish_order")
    return in_transaction(lambda: _finish(actor, order))


def _locked(order: Order) -> Order:
    """The order as it is now; its bookings are locked before it, as whoever cancels one does."""
    bookings = Booking.objects.filter(bundle_id=order.bundle_id).order_by("pk")
    list(bookings.select_for_update().values_list("pk"))
    found: Order = Order.objects.select_for_update(of=("self",)).get(pk=order.pk)
    return found


def complete(*, order: Order, at: datetime) -> bool:
    """The last results of the order are there since `at`: it is finished, whatever the hour.

    True when that was news. Nobody's act: the runs' end calls it, and a sweep what was missed.
    """
    return in_transaction(lambda: _complete(order, at))


def _complete(order: Order, at: datetime) -> bool:
    found = _locked(order)
    if found.state != OrderState.OPEN:
        return False
    _write_finished(None, found, at)
    return True


def _write_finished(actor: User | None, order: Order, at: datetime) -> None:
    order.state, order.finished_at = OrderState.FINISHED, at
    order.save(update_fields=["state", "finished_at"])
    journal.record(actor=actor, action="order.finished", subject=order, company=order.company)
    tell_finished(order)


def _finish(actor: User, order: Order) -> Order:
    found = _locked(order)
    now = timezone.now()
    steps = [one for one in steps_in(found.bundle) if one.state_at(now) not in GONE]
    if found.state != OrderState.OPEN or not steps:
        raise Refusal(
            "over",
            _("This order is already closed."),
            next_step=_("See its page for where it stands now."),
        )
    if any(one.ends_at > now for one in steps):
        raise Refusal(
            "steps_remain",
            _("A step of this order is still to come."),
            next_step=_("Finish the order when its last step has ended."),
        )
    _write_finished(actor, found, now)
    return found


def _demand_offered(module: Module, wafers: int) -> None:
    if not module.is_offered():
        raise Refusal(
            "not_offered",
            _("This module is not on offer at the moment."),
            next_step=_("Choose another module, or book the steps as a route."),
        )
    if not module.wafers_min <= wafers <= module.wafers_max:
        said = _("This module takes %(least)s to %(most)s wafers.") % {
            "least": module.wafers_min,
            "most": module.wafers_max,
        }
        raise Refusal("wafer_count", said, status=422, fields={"wafers": [said]})


def _as_the_module_says(module: Module, wafers: int, steps: Sequence[Chosen]) -> list[Chosen]:
    """The chosen times with the module's own limits; tools and lengths are the module's."""
    wanted = steps_of(module.route, wafers)
    pairs = list(zip(wanted, steps, strict=False))
    if len(steps) != len(wanted) or not all(_fits(step, one) for step, one in pairs):
        raise Refusal(
            "not_this_module",
            _("These steps are not the module's."),
            status=422,
            next_step=_("Search the module's free times again and choose one of them."),
        )
    return [replace(one, within_minutes=step.within_minutes) for step, one in pairs]


def _fits(step: Step, one: Chosen) -> bool:
    minutes = (one.ends_at - one.starts_at).total_seconds() / 60
    return one.target in step.targets and minutes == step.minutes


def _promised(module: Module, chosen: Sequence[Chosen]) -> datetime:
    start, end = chosen[0].starts_at, chosen[-1].ends_at
    resting = holidays(start.astimezone(KST).date(), latest_rest(module, start))
    promised_at = promise(module, start, resting)
    if end > promised_at:
        raise Refusal(
            "promise_impossible",
            _("The last step ends after the day that the module promises."),
            status=422,
            next_step=_("Choose times that follow each other sooner."),
        )
    return promised_at
