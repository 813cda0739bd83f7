"""Rules about the person and the company."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

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
