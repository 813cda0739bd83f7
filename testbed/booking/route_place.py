"""A whole route or nothing: every step held, booked, extended or given back in one transaction.

The tools of all steps are locked first, by pk, so that two chains never wait for each other in a
circle. Each step then goes through the same verbs as a booking of its own; it sees the steps
before it as the company's own claims, so that limits count them together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.booking import cancel as cancelling
from testbed.booking import hold as holding
from testbed.booking import line
from testbed.booking.bundles import steps_in
from testbed.booking.explain import RulesBroken
from testbed.booking.hours import KST
from testbed.booking.intervals import Interval
from testbed.booking.models import (
    LIVE_STATES,
    Allocation,
    Booking,
    BookingState,
    Bundle,
    BundleKind,
)
from testbed.booking.on_behalf import booker_of
from testbed.booking.override import aside, demand_override, note_aside, set_aside
from testbed.booking.penalties import NOTHING, Charge
from testbed.booking.place import submit_now
from testbed.booking.route_slots import Combination, find_route_slots
from testbed.booking.route_steps import MOST_STEPS, Step
from testbed.booking.rules import FREE, Broken, by_code
from testbed.booking.rules.chain import TOO_EARLY, TOO_LATE, Said
from testbed.booking.rules.when import written
from testbed.booking.version import demand_all_unchanged, version_of_all
from testbed.people.permissions import may
from testbed.refusals import Refusal
from testbed.tools.models import Supply
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from testbed.booking.override import Override
    from testbed.booking.place import Answers
    from testbed.booking.target import Target
    from testbed.people.models import User

Result = TypeVar("Result")
Stepping = TypeVar("Stepping")
NEAREST = 3
NEAREST_WITHIN = timedelta(days=14)


@dataclass(frozen=True)
class Chosen:
    """A step with its time; within_minutes: latest start after the step before has ended."""

    target: Target
    starts_at: datetime
    ends_at: datetime
    within_minutes: int | None = None

    @property
    def span(self) -> Interval:
        return Interval(self.starts_at, self.ends_at)


class StepsBroken(Exception):
    """Raised under the locks with each step's broken rules, by its number from 1."""

    def __init__(self, broken: dict[int, list[Broken]]) -> None:
        super().__init__(", ".join(map(str, broken)))
        self.broken = broken


def chosen(combination: Combination) -> list[Chosen]:
    """A combination that was found, as it is placed."""
    return [
        Chosen(leg.target, leg.starts_at, leg.ends_at, leg.step.within_minutes)
        for leg in combination.legs
    ]


@dataclass(frozen=True)
class Claimant:
    """Who acts, for which booker (the same person unless staff act), with which rules aside."""

    actor: User
    booker: User
    override: Override | None = None

    @classmethod
    def of(
        cls, actor: User, on_behalf_of: User | None = None, override: Override | None = None
    ) -> Claimant:
        """Refusals as of `on_behalf.booker_of` and `override.demand_override`."""
        booker = booker_of(actor, on_behalf_of)
        demand_override(actor, override)
        return cls(actor, booker, override)

    @classmethod
    def on(cls, actor: User, bundle: Bundle, override: Override | None = None) -> Claimant:
        """For bookings that are there: their booker when staff act. Refusals as of `of`."""
        if may(actor, "book_on_behalf"):
            return cls.of(actor, bundle.booked_by, override)
        return cls.of(actor, None, override)


def hold_route(
    *,
    actor: User,
    steps: Sequence[Chosen],
    kind: str = BundleKind.ROUTE,
    on_behalf_of: User | None = None,
    override: Override | None = None,
) -> Bundle:
    """Hold every step for the booker's company, with one countdown, or none.

    on_behalf_of: the company's engineer whom a member of staff books for; override: the rules
    that staff set aside, noted on each step that broke them. Raises Refusal: "no_steps" (422);
    otherwise the broken rule's code, or "rules_broken" for several, with `broken_steps` (step
    from 1, its broken rules) and `nearest_combinations`; as of `Claimant.of`.
    """
    who = Claimant.of(actor, on_behalf_of, override)
    late = demand_steps(steps, override)
    return all_or_nothing(lambda: _hold(who, steps, kind, late), who.booker, steps)


def submit_route(
    *, actor: User, bundle: Bundle, answers: Answers, override: Override | None = None
) -> Bundle:
    """Answer the form once for all held steps; test wafers are supplied with the first, and each
    step takes those of the supplies that its tools use.

    Raises Refusal: "hold_expired" or "not_held"; "answers_not_valid" (422); broken rules as of
    `hold_route`.
    """
    who = Claimant.on(actor, bundle, override)
    steps = [of_booking(one) for one in steps_in(bundle)]
    return all_or_nothing(lambda: _submit(who, bundle, answers), who.booker, steps)


def place_route(
    *,
    actor: User,
    steps: Sequence[Chosen],
    answers: Answers,
    kind: str = BundleKind.ROUTE,
    quotes: Sequence[Mapping[str, Any]] = (),
    on_behalf_of: User | None = None,
    override: Override | None = None,
) -> Bundle:
    """Book every step without holding first, or none. As `hold_route` and `submit_route`.

    quotes: one a step, when its price was agreed beforehand.
    """
    who = Claimant.of(actor, on_behalf_of, override)
    late = demand_steps(steps, override)

    def work() -> Bundle:
        return _submit(who, _hold(who, steps, kind, late), answers, quotes)

    return all_or_nothing(work, who.booker, steps)


def extend_route(*, actor: User, bundle: Bundle) -> Bundle:
    """Give all held steps their full minutes again. Refusals as of `hold.extend`."""
    Claimant.on(actor, bundle)

    def work() -> Bundle:
        held = [one for one in _locked(actor, bundle) if one.state == BookingState.HELD]
        if not held:
            raise _over()
        for booking in held:
            holding.extend_now(actor=actor, booking=booking)
        _one_countdown(bundle)
        return bundle

    return in_transaction(work)


def cancel_route(
    *, actor: User, bundle: Bundle, agreed: Charge = NOTHING, expected: str = ""
) -> Bundle:
    """Give back every step that has not begun, at the cost that was agreed for all together.

    Raises Refusal: "over" (409) when no step can be given back any more, "changed_meanwhile"
    (409) when the chain is not as `expected` (`version_of_chain`), "cost_changed" (409).
    """

    def work() -> Bundle:
        steps = _locked(actor, bundle)
        open_steps = _open(steps)
        if not open_steps:
            raise _over()
        demand_all_unchanged(_live(steps), expected)
        total = _cost(actor, open_steps)
        if total != agreed:
            raise _cost_changed(total)
        for booking in open_steps:
            cost = cancelling.preview(actor=actor, booking=booking)
            cancelling.cancel(actor=actor, booking=booking, agreed=cost.charge)
        return bundle

    return in_transaction(work)


def version_of_chain(steps: Sequence[Booking]) -> str:
    """Which state of a chain's live steps somebody sees; steps as of `steps_in`."""
    return version_of_all(_live(steps))


def _live(steps: Sequence[Booking]) -> list[Booking]:
    return [step for step in steps if step.is_live]


def cost_of_cancelling(*, actor: User, bundle: Bundle) -> Charge:
    """What `cancel_route` would cost at this moment."""
    return _cost(actor, _open(steps_in(bundle)))


def of_booking(booking: Booking) -> Chosen:
    """A step that is booked, as it was chosen."""
    from testbed.booking.place import target_of

    return Chosen(target_of(booking), booking.starts_at, booking.ends_at, booking.within_minutes)


def _hold(who: Claimant, steps: Sequence[Chosen], kind: str, late: Mapping[int, Broken]) -> Bundle:
    """late: the steps whose queue-time limit gives way to the override."""
    line.lock({tool for step in steps for tool in step.target.tool_ids()})
    if who.booker.company is None:
        raise StepsBroken({1: [Broken(by_code("member_active"))]})
    bundle = Bundle.objects.create(kind=kind, company=who.booker.company, booked_by=who.booker)

    def one(number: int, step: Chosen) -> None:
        booking = holding.hold_now(
            actor=who.actor, target=step.target, starts_at=step.starts_at, ends_at=step.ends_at,
            booker=who.booker, override=who.override,
        )  # fmt: skip
        booking.bundle, booking.position = bundle, number
        booking.within_minutes = step.within_minutes
        new = set_aside(booking, [late[number]] if number in late else [], who.override)
        booking.save(
            update_fields=["bundle", "position", "within_minutes", "overridden", "override_reason"]
        )
        note_aside(who.actor, booking, new)

    each_step(enumerate(steps, start=1), one)
    _one_countdown(bundle)
    return bundle


def _submit(
    who: Claimant, bundle: Bundle, answers: Answers, quotes: Sequence[Mapping[str, Any]] = ()
) -> Bundle:
    held = [one for one in _locked(who.actor, bundle) if one.state in LIVE_STATES]
    if not held:
        raise _over()
    taken = _supplies_by_step(held, answers.supplies)

    def one(number: int, booking: Booking) -> None:
        own = replace(answers, supplies=taken[booking.pk])
        own = own if booking.pk == held[0].pk else replace(own, test_wafers=0)
        own = replace(own, quote=quotes[number - 1] if quotes else None)
        submit_now(actor=who.actor, booking=booking, answers=own, override=who.override)

    each_step(((booking.position, booking) for booking in held), one)
    return bundle


def _supplies_by_step(
    steps: Sequence[Booking], supplies: Sequence[Supply]
) -> dict[int, list[Supply]]:
    """To each step what is used on its tools; to all what fits none, so that they complain."""
    fits = Supply.tools.through.objects.filter(supply__in=supplies) if supplies else None
    pairs = set(fits.values_list("supply_id", "tool_id")) if fits is not None else set()
    tools = {step.pk: [claim.tool_id for claim in step.allocations.all()] for step in steps}
    used = {supply for supply, tool in pairs if any(tool in ids for ids in tools.values())}
    return {
        pk: [
            supply
            for supply in supplies
            if supply.pk not in used or any((supply.pk, tool) in pairs for tool in ids)
        ]
        for pk, ids in tools.items()
    }


def each_step(
    numbered: Iterable[tuple[int, Stepping]], work: Callable[[int, Stepping], None]
) -> None:
    """Every step in a savepoint of its own, so that all that is broken is told together."""
    broken: dict[int, list[Broken]] = {}
    for number, step in numbered:
        try:
            with transaction.atomic():
                work(number, step)
        except RulesBroken as stopped:
            broken[number] = stopped.broken
    if broken:
        raise StepsBroken(broken)


def _one_countdown(bundle: Bundle) -> None:
    """The hold of a chain ends when the first of its steps' does."""
    held = Booking.objects.filter(bundle=bundle, state=BookingState.HELD)
    ends = list(held.values_list("hold_expires_at", flat=True))
    held.update(hold_expires_at=min(filter(None, ends)))


def _locked(actor: User, bundle: Bundle) -> list[Booking]:
    """The bundle's bookings now, all their tools locked; Refusal (404) for a stranger."""
    if not Bundle.objects.visible_to(actor).filter(pk=bundle.pk).exists():
        raise Refusal("not_found", _("There is no such booking."), status=404)
    tools = Allocation.objects.filter(booking__bundle=bundle).values_list("tool_id", flat=True)
    line.lock(set(tools))
    return steps_in(bundle)


def _open(steps: Sequence[Booking]) -> list[Booking]:
    """Those that can still be given back."""
    now, found = timezone.now(), []
    for booking in steps:
        try:
            cancelling.demand_cancellable(booking, now)
        except Refusal:
            continue
        found.append(booking)
    return found


def _cost(actor: User, steps: Sequence[Booking]) -> Charge:
    costs = [cancelling.preview(actor=actor, booking=one).charge for one in steps]
    return Charge(
        total_won=sum(cost.total_won for cost in costs),
        debt_minutes=sum(cost.debt_minutes for cost in costs),
    )


def demand_steps(steps: Sequence[Chosen], override: Override | None = None) -> dict[int, Broken]:
    """Raise Refusal unless there are some steps, in order, within their queue-time limits.

    The steps, by number, whose limit staff set aside.
    """
    if not 1 <= len(steps) <= MOST_STEPS:
        raise Refusal(
            "no_steps",
            _("A chain has 1 to %(most)s steps.") % {"most": MOST_STEPS},
            status=422,
            next_step=_("Book longer routes in parts."),
        )
    broken: dict[int, list[Broken]] = {}
    for number in range(1, len(steps)):
        why = _why_not_after(steps[number - 1], steps[number])
        if why is not None:
            broken[number + 1] = [why]
    yields = aside(None, override)
    late = {at: one for at, [one] in broken.items() if one.yields and one.code in yields}
    if len(late) < len(broken):
        raise refusal({at: broken[at] for at in set(broken) - set(late)}, steps, [])
    return late


def _why_not_after(before: Chosen, step: Chosen) -> Broken | None:
    """Nobody sets aside that a step begins while the one before it still runs."""
    rule = by_code("queue_time")
    if step.starts_at < before.ends_at:
        why = Said(TOO_EARLY, {"at": written(before.ends_at)})
        return Broken(rule, {"why": why}, is_firm=True)
    limit = step.within_minutes
    if limit is not None and step.starts_at > before.ends_at + timedelta(minutes=limit):
        latest = before.ends_at + timedelta(minutes=limit)
        return Broken(rule, {"why": Said(TOO_LATE, {"at": written(latest)})})
    return None


def all_or_nothing(work: Callable[[], Result], actor: User, steps: Sequence[Chosen]) -> Result:
    """Run `work`; what is broken becomes one Refusal beside the nearest combinations."""
    try:
        return in_transaction(work)
    except StepsBroken as stopped:
        broken = stopped.broken
    except IntegrityError as error:
        if not line.is_overlap(error):
            raise
        broken = {1: [Broken(FREE, {"tool": steps[0].target})]}
    raise refusal(broken, steps, _nearest(actor, steps))


def _nearest(actor: User, steps: Sequence[Chosen]) -> list[Combination]:
    wished = [
        Step(
            [step.target],
            int((step.ends_at - step.starts_at).total_seconds() // 60),
            within_minutes=step.within_minutes,
            title=str(step.target),
        )
        for step in steps
    ]
    if any(step.minutes < 1 for step in wished):
        return []
    start = max(timezone.now(), steps[0].starts_at - timedelta(days=1))
    end = max(start, steps[-1].ends_at) + NEAREST_WITHIN
    return find_route_slots(
        actor=actor, steps=wished, start=start, end=end, limit=NEAREST
    ).combinations


def refusal(
    broken: dict[int, list[Broken]], steps: Sequence[Chosen], near: Sequence[Combination]
) -> Refusal:
    """One broken rule keeps its code and status; several together are `rules_broken`."""
    every = [one for of_step in broken.values() for one in of_step]
    alone = every[0] if len(every) == 1 else None
    number = min(broken)
    return Refusal(
        alone.code if alone else "rules_broken",
        _("Step %(step)s: %(message)s") % {"step": number, "message": alone.message}
        if alone
        else _("These steps break several rules; nothing was booked."),
        status=alone.rule.status if alone else 422,
        next_step=alone.next_step if alone else _("See what each rule says."),
        extra={
            "broken_rules": [one.as_json() for one in every],
            "broken_steps": [
                {
                    "step": at,
                    "what": str(steps[at - 1].target) if at <= len(steps) else "",
                    "broken_rules": [one.as_json() for one in of_step],
                }
                for at, of_step in sorted(broken.items())
            ],
            "nearest_combinations": [combination_json(one) for one in near],
        },
    )


def combination_json(combination: Combination) -> dict[str, Any]:
    """A combination as the API and the pages show it."""
    return {
        "starts_at": combination.starts_at.astimezone(KST).isoformat(),
        "ends_at": combination.ends_at.astimezone(KST).isoformat(),
        "total_won": combination.total_won,
        "steps": [
            {
                "title": leg.step.title,
                "target": leg.target.key,
                "tools": [tool.code for tool in leg.tools],
                "starts_at": leg.starts_at.astimezone(KST).isoformat(),
                "ends_at": leg.ends_at.astimezone(KST).isoformat(),
                "within_minutes": leg.step.within_minutes,
                "quote": leg.quote,
                "warnings": [one.as_json() for one in leg.warnings],
            }
            for leg in combination.legs
        ],
    }


def _over() -> Refusal:
    return Refusal(
        "over",
        _("This booking is already closed."),
        next_step=_("See its page for where it stands now."),
    )


def _cost_changed(total: Charge) -> Refusal:
    return Refusal(
        "cost_changed",
        _("Cancelling now costs %(won)s won (VAT included) and %(minutes)s minutes of quota.")
        % {"won": f"{total.total_won:,}", "minutes": total.debt_minutes},
        next_step=_("Nothing was cancelled. Look at the cost, then confirm it."),
    )
