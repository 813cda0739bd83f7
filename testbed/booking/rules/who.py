"""Rules about the person and the company."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from testbed.booking.hours import KST
from testbed.booking.pricing import price
from testbed.booking.rules.base import Broken, Rule
from testbed.booking.rules.when import written

if TYPE_CHECKING:
    from testbed.booking.rules.base import BookingRequest


class MemberActive(Rule):
    code = "member_active"
    about = "who"
    field = "actor"
    status = 403
    sentence = _("Your account may not book: it is closed, or belongs to no company.")
    next_step = _("Ask the facility's administrator to open your membership.")
    explanation = _("Only an active engineer of a company books.")

    def check(self, request: BookingRequest) -> Broken | None:
        member = request.actor.is_active and request.company is not None
        return None if member else Broken(self)


class CompanyActive(Rule):
    code = "company_active"
    about = "who"
    field = "actor"
    status = 403
    sentence = _("Your company's account is closed.")
    next_step = _("Ask the facility's administrator to open it again.")
    explanation = _("Only a company whose account is open books.")

    def check(self, request: BookingRequest) -> Broken | None:
        closed = request.company is not None and not request.company.is_active
        return Broken(self) if closed else None


class CompanySuspended(Rule):
    """Whatever the request's `now`, which a hold submitted later sets back to its beginning."""

    code = "company_suspended"
    about = "who"
    field = "actor"
    status = 403
    sentence = _("Your company's access is suspended since %(since)s.")
    next_step = _("Ask the facility's administrator why, and what settles it.")
    explanation = _("A company that the facility has suspended cannot book until that is lifted.")

    def check(self, request: BookingRequest) -> Broken | None:
        since = request.company.suspended_at if request.company else None
        return Broken(self, {"since": written(since)}) if since else None


class OpenHolds(Rule):
    """Keeps one company from holding the whole facility without booking."""

    code = "open_holds"
    about = "who"
    field = "actor"
    status = 409
    staff_may_override = True
    defaults = {"maximum": 5}  # noqa: RUF012 - a ClassVar of the base
    sentence = _("Your company already holds %(open_holds)s slots; %(maximum)s is the most.")
    next_step = _("Book or release one of your held slots first.")
    explanation = _("A company holds at most %(maximum)s slots at once.")

    def check(self, request: BookingRequest) -> Broken | None:
        parameters = request.rulebook.parameters(self)
        if parameters is None or request.open_holds < parameters["maximum"]:
            return None
        return Broken(self, {**parameters, "open_holds": request.open_holds})


class FutureBookings(Rule):
    """Counts bookings, not tools: a cell is one booking."""

    code = "future_bookings"
    about = "who"
    field = "actor"
    status = 409
    staff_may_override = True
    on_by_default = False
    needs = frozenset({"own"})
    defaults = {"maximum": 20}  # noqa: RUF012
    sentence = _("Your company has %(bookings)s bookings ahead; %(maximum)s is the most.")
    next_step = _("Wait until one has begun, or cancel one that you do not need.")
    explanation = _("A company has at most %(maximum)s bookings ahead at once.")

    def check(self, request: BookingRequest) -> Broken | None:
        parameters = request.rulebook.parameters(self)
        ahead = {one.booking_id for one in request.own if one.span.start > request.now}
        if parameters is None or len(ahead) < parameters["maximum"]:
            return None
        return Broken(self, {**parameters, "bookings": len(ahead)})


class CreditLimit(Rule):
    """Live bookings that are not over, and this one, against what the facility gives on credit.

    Counts totals with VAT, as they were quoted. A company without a limit is never refused.
    """

    code = "credit_limit"
    about = "who"
    field = "actor"
    status = 409
    staff_may_override = True
    needs = frozenset({"credit"})
    sentence = _(
        "Your company's open bookings (₩%(outstanding)s) and this one (₩%(price)s) come to more "
        "than its credit limit of ₩%(limit)s."
    )
    next_step = _("Settle or cancel open bookings, or ask the facility for a higher limit.")
    explanation = _("The open bookings of a company stay within its credit limit, if it has one.")

    def check(self, request: BookingRequest) -> Broken | None:
        limit = request.company.credit_limit_won if request.company else None
        if limit is None or request.rulebook.parameters(self) is None:
            return None
        asked = price(
            company=request.company,
            tools=request.tools,
            starts_at=request.starts_at,
            ends_at=request.ends_at,
            test_wafers=request.test_wafers,
        ).total_won
        if request.outstanding_won + asked <= limit:
            return None
        won = {"outstanding": request.outstanding_won, "price": asked, "limit": limit}
        return Broken(self, {name: f"{amount:,}" for name, amount in won.items()})


class PenaltyLimit(Rule):
    """Of the booker, not of the company; a penalty that was taken back does not count."""

    code = "penalty_limit"
    about = "who"
    field = "actor"
    status = 403
    staff_may_override = True
    on_by_default = False
    needs = frozenset({"debts"})
    defaults = {"maximum": 3, "days": 30}  # noqa: RUF012
    sentence = _(
        "You gave up %(penalties)s bookings too late within %(days)s days; at %(maximum)s you "
        "cannot book for a while."
    )
    next_step = _(
        "You can book again from %(until)s; let a colleague book, or ask the facility to take a "
        "penalty back."
    )
    explanation = _(
        "Who cancelled too late or did not come %(maximum)s times within %(days)s days cannot "
        "book until the oldest of these is %(days)s days old."
    )

    def check(self, request: BookingRequest) -> Broken | None:
        parameters = request.rulebook.parameters(self)
        if parameters is None or not parameters["maximum"]:
            return None
        within = timedelta(days=parameters["days"])
        mine = (one.at for one in request.debts if one.user_id == request.actor.pk)
        counted = sorted((at for at in mine if at > request.now - within), reverse=True)
        if len(counted) < parameters["maximum"]:
            return None
        # One fewer than the maximum when the last of the newest `maximum` falls out.
        until = (counted[parameters["maximum"] - 1] + within).astimezone(KST)
        values = {**parameters, "penalties": len(counted), "until": written(until)}
        return Broken(self, values)
