"""From a held slot to a booking: pending where the facility approves, confirmed elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.booking import line, notify
from testbed.booking.explain import claiming, demand_rules
from testbed.booking.hold import claim, demand_alone, demand_held, new_booking
from testbed.booking.intervals import Interval
from testbed.booking.models import Booking, BookingState, UseMode, WishedDocument
from testbed.booking.on_behalf import behalf_details, booker_for, booker_of
from testbed.booking.override import aside, demand_override, note_aside, set_aside
from testbed.booking.reconfirm import set_deadline
from testbed.booking.request import gather, price
from testbed.booking.rules import NEEDS_APPROVAL, BookingRequest
from testbed.booking.take_along import complaints, take_along
from testbed.booking.target import Target
from testbed.compiled import insert, inserting_together
from testbed.material.models import SLOTS, Lot, LotState
from testbed.people import journal
from testbed.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from testbed.booking.override import Override
    from testbed.people.models import User
    from testbed.process.models import Route
    from testbed.tools.models import Supply, Tool


@dataclass(frozen=True)
class Answers:
    """The booking form: what is to be done in the held time.

    wafer_count: wafers of the lot, or of a lot still to be registered; test_wafers: wafers the
    facility supplies, at the published price; supplies: reticles, resists and the like; buddy:
    the colleague who is there while nobody of the facility is; quote: a price that was agreed
    beforehand, as a service module's, instead of the one for the tools' time.
    """

    lot: Lot | None = None
    route: Route | None = None
    wafer_count: int = 0
    test_wafers: int = 0
    purpose: str = ""
    use_mode: str = UseMode.REQUESTED
    wished_document: str = WishedDocument.NONE
    buddy: User | None = None
    supplies: Sequence[Supply] = ()
    quote: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, row: Any) -> Answers:
        """What a row says that keeps the answers: a booking, or a wish for one (one query)."""
        kept = (
            "lot", "route", "wafer_count", "test_wafers", "purpose", "use_mode",
            "wished_document", "buddy",
        )  # fmt: skip
        said = {name: getattr(row, name) for name in kept}
        return cls(**said, supplies=tuple(row.supplies.all()))


def submit(
    *, actor: User, booking: Booking, answers: Answers, override: Override | None = None
) -> Booking:
    """Turn a held slot into a booking; its price is fixed now.

    Rules that staff set aside when it was held stay so; override: those they set aside now.

    Raises Refusal: "hold_expired" or "not_held"; "answers_not_valid" (422) with a sentence per
    field; or broken rules, which are checked again because a company may have been suspended
    since.
    """
    booker = booker_for(actor, booking)
    demand_override(actor, override)
    demand_alone(booking)
    return claiming(
        lambda: submit_now(actor=actor, booking=booking, answers=answers, override=override),
        actor=booker,
        target=target_of(booking),
        span=Interval(booking.starts_at, booking.ends_at),
        without=booking,
    )


def place(
    *,
    actor: User,
    target: Target,
    starts_at: datetime,
    ends_at: datetime,
    answers: Answers,
    on_behalf_of: User | None = None,
    override: Override | None = None,
) -> Booking:
    """Book without holding first, in one transaction. Refusals as of `hold` and `submit`."""
    booker = booker_of(actor, on_behalf_of)
    demand_override(actor, override)
    span = Interval(starts_at, ends_at)

    def work() -> Booking:
        request = claim(
            actor=booker, target=target, span=span, is_hold=False, answers=answers,
            override=override,
        )  # fmt: skip
        booking = new_booking(request, target, placed_by=actor)
        demand_answers(booking, request.tools, answers)
        _fill(booking, answers, request)
        new = set_aside(booking, request.gave_way, override)
        insert([booking])
        take_along(booking, answers.supplies)
        with inserting_together():
            line.write(booking, request.tools)
            _note(booking, actor)
            note_aside(actor, booking, new)
            notify.placed(booking, request.tools, booker=booker)
        return booking

    return claiming(work, actor=booker, target=target, span=span)


def target_of(booking: Booking) -> Target:
    """The cell, or the one tool, that a booking is for."""
    if booking.cell is not None:
        return Target(cell=booking.cell)
    return Target(tool=booking.allocations.select_related("tool")[0].tool)


def submit_now(
    *, actor: User, booking: Booking, answers: Answers, override: Override | None = None
) -> Booking:
    """The work of `submit`, to be run inside a transaction."""
    held, tools = line.lock_booking(actor, booking)
    now = timezone.now()
    demand_held(held, now)
    demand_answers(held, tools, answers)
    request = gather(
        actor=booker_for(actor, held),
        tools=tools,
        starts_at=held.starts_at,
        ends_at=held.ends_at,
        now=now,
        company=held.company,
        without=held,
        is_hold=False,
        answers=answers,
    )
    # Lead time and past were kept when the slot was held; minutes spent on the form do not count.
    checked = demand_rules(replace(request, now=held.created_at), aside(held, override))
    _fill(held, answers, request)
    new = set_aside(held, checked.gave_way, override)
    held.save()
    line.tell_of(held, tools)
    take_along(held, answers.supplies)
    _note(held, actor)
    note_aside(actor, held, new)
    notify.placed(held, tools, booker=request.actor)
    return held


def _fill(booking: Booking, answers: Answers, request: BookingRequest) -> None:
    """Answers, price and next state into the booking; a hold is one no more."""
    booking.lot = answers.lot
    booking.route = answers.route
    booking.wafer_count = answers.wafer_count
    booking.test_wafers = answers.test_wafers
    booking.purpose = answers.purpose
    booking.use_mode = answers.use_mode
    booking.wished_document = answers.wished_document
    booking.buddy = answers.buddy
    booking.hold_expires_at = None
    booking.quote = dict(answers.quote or _price(booking, answers, request))
    waits = NEEDS_APPROVAL.applies_to(request.rulebook, request.tools)
    booking.state = BookingState.PENDING if waits else BookingState.CONFIRMED
    set_deadline(booking, request.rulebook, request.tools, request.now)


def _price(booking: Booking, answers: Answers, request: BookingRequest) -> dict[str, Any]:
    return price(
        company=booking.company,
        tools=request.tools,
        starts_at=booking.starts_at,
        ends_at=booking.ends_at,
        test_wafers=answers.test_wafers,
    ).as_json()


def _note(booking: Booking, actor: User) -> None:
    journal.record(
        actor=actor,
        action="booking.placed",
        subject=booking,
        company=booking.company,
        total_won=booking.quote["total_won"],
        **behalf_details(actor, booking),
    )


def demand_answers(booking: Booking, tools: Sequence[Tool], answers: Answers) -> None:
    """Raise Refusal("answers_not_valid", 422) with every field's sentences together."""
    fields = dict(_complaints(booking, tools, answers))
    if fields:
        raise Refusal(
            "answers_not_valid",
            _("Some answers do not fit; see what each says."),
            status=422,
            fields=fields,
        )


def _complaints(
    booking: Booking, tools: Sequence[Tool], answers: Answers
) -> list[tuple[str, list[Any]]]:
    said: list[tuple[str, list[Any]]] = []
    said += _lot_complaints(booking, answers)
    if answers.route is not None and not _route_fits(answers.route, tools):
        said.append(("route", [_("This route has no operation on the booked tools.")]))
    if not 0 <= answers.test_wafers <= SLOTS:
        said.append(("test_wafers", [_("The facility supplies 0 to 25 wafers a booking.")]))
    if answers.use_mode not in UseMode.values:
        said.append(("use_mode", [_("Choose one of the two use modes.")]))
    if answers.wished_document not in WishedDocument.values:
        said.append(("wished_document", [_("Choose one of the documents.")]))
    said += complaints(booking, tools, answers.supplies, answers.buddy)
    return said


def _lot_complaints(booking: Booking, answers: Answers) -> list[tuple[str, list[Any]]]:
    if not 0 <= answers.wafer_count <= SLOTS:
        return [("wafer_count", [_("A carrier takes up to 25 wafers.")])]
    lot = answers.lot
    if lot is None:
        return []
    if lot.company_id != booking.company_id:
        return [("lot", [_("Your company has no such lot.")])]
    if lot.state == LotState.RETURNED:
        return [("lot", [_("This lot has been returned; choose one that is here or announced.")])]
    wafers = lot.wafers.count()
    if answers.wafer_count > wafers:
        return [("wafer_count", [_("The lot has only %(wafers)s wafers.") % {"wafers": wafers}])]
    return []


def _route_fits(route: Route, tools: Sequence[Tool]) -> bool:
    return route.operations.filter(tool_kind__in={tool.kind for tool in tools}).exists()
