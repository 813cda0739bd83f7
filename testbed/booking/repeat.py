"""The same time every week: each occurrence is a booking of its own, conflicts are only told.

Korea has no summer time, so a week later is the same hour of the day, across the year's end too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.booking import line
from testbed.booking.change import answers_of
from testbed.booking.explain import slot_json
from testbed.booking.hours import KST
from testbed.booking.intervals import Interval
from testbed.booking.models import Booking, BookingState, Bundle, BundleKind
from testbed.booking.on_behalf import booker_for
from testbed.booking.override import demand_override
from testbed.booking.place import place, target_of
from testbed.booking.request import gather
from testbed.booking.rules import check_all, refusing
from testbed.booking.rules.base import OwnClaim
from testbed.booking.slots import nearest
from testbed.people import journal
from testbed.refusals import Refusal
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from testbed.booking.override import Override
    from testbed.booking.rules import BookingRequest, Broken
    from testbed.people.models import User

WEEK = timedelta(weeks=1)
ENDS = ("starts_at", "ends_at")
EVERY = range(1, 5)
TIMES = range(1, 27)
REPEATED = (BookingState.PENDING, BookingState.CONFIRMED)


@dataclass(frozen=True)
class Weekly:
    """Every so many weeks (1 to 4), so many times more (1 to 26)."""

    every: int
    times: int

    def spans(self, first: Interval) -> list[Interval]:
        """The times after the first."""
        steps = [self.every * WEEK * number for number in range(1, self.times + 1)]
        return [Interval(first.start + step, first.end + step) for step in steps]


@dataclass(frozen=True)
class Occurrence:
    """One week's time: the rules it breaks, or the booking that it has become.

    nearest: the nearest free slot of a time that cannot be had, as the API shows slots.
    """

    span: Interval
    broken: Sequence[dict[str, Any]] = ()
    booking: Booking | None = None
    nearest: dict[str, Any] | None = field(default=None)

    @property
    def is_free(self) -> bool:
        return self.booking is None and all(one["is_warning"] for one in self.broken)

    @property
    def near(self) -> Interval | None:
        """The nearest free slot's time."""
        if self.nearest is None:
            return None
        return Interval(*(datetime.fromisoformat(self.nearest[end]) for end in ENDS))

    def as_json(self) -> dict[str, Any]:
        """As `together_api.OccurrenceSerializer` has it; times in Korea."""
        return {
            "starts_at": self.span.start.astimezone(KST).isoformat(),
            "ends_at": self.span.end.astimezone(KST).isoformat(),
            "is_free": self.is_free,
            "booking": self.booking and self.booking.pk,
            "broken_rules": list(self.broken),
            "nearest_slot": self.nearest,
        }


def weekly(*, booking: Booking, every: int, times: int | None, until: date | None) -> Weekly:
    """The repetition asked for; either `times` or `until`, the last day in Korea.

    Refusal "repeat_not_valid" (422) with a sentence per field.
    """
    fields: dict[str, list[Any]] = {}
    if every not in EVERY:
        fields["every"] = [_("Repeat every 1 to 4 weeks.")]
    if (times is None) == (until is None):
        fields["times"] = [_("Give either how many times or until which day.")]
    elif until is not None and "every" not in fields:
        days = until - booking.starts_at.astimezone(KST).date()
        times = days // (every * WEEK)
        if times not in TIMES:
            fields["until"] = [_("Choose a last day that leaves 1 to 26 more bookings.")]
    elif times is not None and times not in TIMES:
        fields["times"] = [_("A booking is repeated 1 to 26 times.")]
    if fields:
        raise Refusal(
            "repeat_not_valid",
            _("This repetition cannot be made; see what each field says."),
            status=422,
            fields=fields,
        )
    return Weekly(every, times or 1)


def may_repeat(actor: User, booking: Booking) -> bool:
    """True when the person could repeat the booking."""
    try:
        demand_repeatable(booking)
        booker_for(actor, booking)
    except Refusal:
        return False
    return True


def demand_repeatable(booking: Booking) -> None:
    """Raise Refusal unless the booking is pending or confirmed and stands for itself."""
    if booking.state not in REPEATED:
        raise Refusal(
            "not_repeatable",
            _("Only a booking that is confirmed or waits for approval is repeated."),
            next_step=_("Book a slot first."),
        )
    if booking.bundle is not None and booking.bundle.kind != BundleKind.WEEKLY:
        raise Refusal(
            "part_of_a_bundle",
            _("This booking is one step of several that belong together."),
            next_step=_("Repeat the whole from where it was booked."),
        )


def preview(*, actor: User, booking: Booking, rhythm: Weekly) -> list[Occurrence]:
    """What `repeat` would do at this moment: earlier free ones count against later ones' limits.

    Refusals as of `repeat`.
    """
    booker = booker_for(actor, booking)
    demand_repeatable(booking)
    taken: list[OwnClaim] = []
    found = []
    for span in rhythm.spans(Interval(booking.starts_at, booking.ends_at)):
        placed = _placed(booking, span)
        if placed is not None:
            found.append(Occurrence(span, booking=placed))
            continue
        request = _request(booker, booking, span)
        broken = check_all(replace(request, own=[*request.own, *taken]))
        if not refusing(broken):
            number = -len(found) - 1  # no booking yet, but one of its own
            taken += [OwnClaim(tool.pk, number, booker.pk, span) for tool in request.tools]
        near = _nearest(booker, booking, span, refusing(broken))
        found.append(Occurrence(span, [one.as_json() for one in broken], nearest=near))
    return found


def _request(booker: User, booking: Booking, span: Interval) -> BookingRequest:
    return gather(
        actor=booker,
        tools=target_of(booking).tools(),
        starts_at=span.start,
        ends_at=span.end,
        now=timezone.now(),
        company=booking.company,
        is_hold=False,
        answers=answers_of(booking),
    )


def _nearest(
    booker: User, booking: Booking, span: Interval, broken: Sequence[Broken]
) -> dict[str, Any] | None:
    """Only where another time would help: what the time itself breaks, the horizon apart."""
    codes = {one.code for one in broken if one.rule.about == "time"}
    if not codes or "horizon" in codes:
        return None
    found = nearest(actor=booker, target=target_of(booking), span=span, limit=1)
    return slot_json(found[0]) if found else None


def _placed(booking: Booking, span: Interval) -> Booking | None:
    """The live booking of the same series at this time, if there is one already."""
    if booking.bundle_id is None:
        return None
    own = Booking.objects.live().filter(bundle=booking.bundle_id, starts_at=span.start)
    found: Booking | None = own.exclude(pk=booking.pk).first()
    return found


def repeat(
    *, actor: User, booking: Booking, rhythm: Weekly, override: Override | None = None
) -> list[Occurrence]:
    """Book every free occurrence on its own, with its own price and approval; tell of the others.

    Those of the series that are booked already stay as they are, so doing it twice does no more.
    Staff repeat for the booking's booker; override: rules they set aside wherever an occurrence
    breaks them. Raises Refusal: "not_repeatable" or "part_of_a_bundle" (409), as of
    `override.demand_override`.
    """
    booker_for(actor, booking)
    demand_override(actor, override)
    demand_repeatable(booking)
    spans = rhythm.spans(Interval(booking.starts_at, booking.ends_at))
    done = [_place(actor, booking, span, override) for span in spans]
    new = sum(is_new for _occurrence, is_new in done)
    if new:
        journal.record(
            actor=actor,
            action="booking.repeated",
            subject=booking,
            company=booking.company,
            every=rhythm.every,
            placed=new,
            asked=len(spans),
        )
    return [occurrence for occurrence, _is_new in done]


def _place(
    actor: User, booking: Booking, span: Interval, override: Override | None
) -> tuple[Occurrence, bool]:
    """One occurrence in its own transaction, and whether it was booked just now."""

    def work() -> tuple[Booking, bool]:
        source, _tools = line.lock_booking(actor, booking)
        demand_repeatable(source)
        present = _placed(source, span)
        if present:
            return present, False
        return _place_now(actor, source, span, override), True

    try:
        placed, is_new = in_transaction(work)
    except Refusal as refused:
        if refused.code in ("not_repeatable", "part_of_a_bundle", "not_found"):
            raise
        return _conflict(span, refused), False
    return Occurrence(span, booking=placed), is_new


def _place_now(actor: User, source: Booking, span: Interval, override: Override | None) -> Booking:
    booker = booker_for(actor, source)
    placed = place(
        actor=actor,
        target=target_of(source),
        starts_at=span.start,
        ends_at=span.end,
        answers=answers_of(source),
        on_behalf_of=None if booker == actor else booker,
        override=override,
    )
    placed.bundle = _bundle(source)
    placed.position = source.position + (span.start - source.starts_at) // WEEK
    placed.save(update_fields=["bundle", "position"])
    return placed


def _bundle(source: Booking) -> Bundle:
    """The source's series, begun now if it has none; its row is locked."""
    if source.bundle is None:
        source.bundle = Bundle.objects.create(
            kind=BundleKind.WEEKLY, company=source.company, booked_by=source.booked_by
        )
        source.save(update_fields=["bundle"])
    return source.bundle


def _conflict(span: Interval, refused: Refusal) -> Occurrence:
    told = {
        "code": refused.code,
        "message": str(refused.message),
        "next_step": str(refused.next_step),
        "is_warning": False,
    }
    near = refused.extra.get("nearest_slots") or [None]
    return Occurrence(span, refused.extra.get("broken_rules") or [told], nearest=near[0])


def series_of(booking: Booking) -> list[Booking]:
    """The bookings of its weekly series, earliest first; none when it is in no series."""
    if booking.bundle is None or booking.bundle.kind != BundleKind.WEEKLY:
        return []
    rows = Booking.objects.filter(bundle=booking.bundle_id).with_names()
    return list(rows.order_by("starts_at", "pk"))
