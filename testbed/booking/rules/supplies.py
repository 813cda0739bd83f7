"""Rules about what a booking takes along: reticles, resists, gases, consumables, documents."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from testbed.booking.models import UseMode, WishedDocument
from testbed.booking.rules.base import Broken, Rule
from testbed.booking.rules.training import final_day
from testbed.booking.rules.when import written

if TYPE_CHECKING:
    from testbed.booking.rules.base import BookingRequest
    from testbed.tools.models import Supply


class SupplyRule(Rule):
    """Asked of each supply of the booking; the first that breaks it speaks."""

    about = "answers"
    field = "supplies"
    status = 409

    def check(self, request: BookingRequest) -> Broken | None:
        if request.rulebook.parameters(self) is None:
            return None
        found = (self.check_supply(request, supply) for supply in request.supplies)
        return next((broken for broken in found if broken is not None), None)

    @abstractmethod
    def check_supply(self, request: BookingRequest, supply: Supply) -> Broken | None:
        """None when the supply keeps the rule."""


class SupplyWithdrawn(SupplyRule):
    code = "supply_withdrawn"
    sentence = _("%(supply)s has been withdrawn.")
    next_step = _("Choose another one, or ask the facility what replaces it.")
    explanation = _("A withdrawn reticle, resist, gas or consumable is not booked.")

    def check_supply(self, request: BookingRequest, supply: Supply) -> Broken | None:
        return Broken(self, {"supply": supply}) if supply.is_withdrawn else None


class SupplyExpired(SupplyRule):
    code = "supply_expired"
    staff_may_override = True
    sentence = _("%(supply)s may be used until %(expires_on)s, not until the booking ends.")
    next_step = _("Choose another one or an earlier time, or bring a fresh one.")
    explanation = _("What a booking takes along keeps until the booking ends.")

    def check_supply(self, request: BookingRequest, supply: Supply) -> Broken | None:
        last = supply.expires_on
        if last is None or final_day(request) <= last:
            return None
        return Broken(self, {"supply": supply, "expires_on": last.isoformat()})


class SupplyOut(SupplyRule):
    code = "supply_out"
    staff_may_override = True
    sentence = _("%(supply)s is out of stock.")
    next_step = _("Choose another one, or ask the facility when it comes in.")
    explanation = _(
        "What a booking takes along is in stock where its pieces are counted, or in the tool."
    )

    def check_supply(self, request: BookingRequest, supply: Supply) -> Broken | None:
        gone = supply.quantity == 0 and supply.pk not in request.supplies_loaded
        return Broken(self, {"supply": supply}) if gone else None


class SupplyAway(SupplyRule):
    code = "supply_away"
    staff_may_override = True
    sentence = _("%(supply)s is not available before %(until)s.")
    next_step = _("Choose a start after %(until)s, or another one.")
    explanation = _("What a booking takes along is there when the booking starts.")

    def check_supply(self, request: BookingRequest, supply: Supply) -> Broken | None:
        until = supply.unavailable_until
        if until is None or until <= request.starts_at:
            return None
        return Broken(self, {"supply": supply, "until": written(until)})


class ReticleTaken(SupplyRule):
    """Says nothing of whose booking has it; the database holds it too."""

    code = "reticle_taken"
    sentence = _("%(supply)s is in use in another booking in that time.")
    next_step = _("Choose another time or another reticle.")
    explanation = _("A reticle is in one booking at a time.")

    def check_supply(self, request: BookingRequest, supply: Supply) -> Broken | None:
        return Broken(self, {"supply": supply}) if supply.pk in request.supplies_in_use else None


class ReportNeedsRequestedTest(Rule):
    code = "wished_document"
    about = "answers"
    field = "wished_document"
    sentence = _("A test report is only given for a requested test.")
    next_step = _("Book a requested test, or ask for the measured data instead.")
    explanation = _("A test report is given for requested tests, not for self-operated use.")

    def check(self, request: BookingRequest) -> Broken | None:
        wished = request.wished_document == WishedDocument.TEST_REPORT
        alone = request.use_mode == UseMode.SELF_OPERATED
        on = request.rulebook.parameters(self) is not None
        return Broken(self) if wished and alone and on else None
