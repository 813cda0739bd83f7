"""Rules about the person and the company."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from testbed.booking.rules.base import Broken, Rule

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
    sentence = _("Your company's access is suspended.")
    next_step = _("Ask the facility's administrator why, and what settles it.")
    explanation = _("A suspended company cannot book.")

    def check(self, request: BookingRequest) -> Broken | None:
        suspended = request.company is not None and not request.company.is_active
        return Broken(self) if suspended else None


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
