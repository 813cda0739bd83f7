"""Which settings of the rules count for a booking: everybody's, and its people's groups'."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from testbed.booking.request import groups_of
from testbed.booking.rules import RuleBook

if TYPE_CHECKING:
    from datetime import datetime

    from testbed.booking.models import Booking


class WhoseRules:
    """The settings in force at one moment (default now) for one booking after the other.

    The settings are read once, when they are first asked for; groups once a person, and only
    where some setting is for a group.
    """

    def __init__(self, at: datetime | None = None) -> None:
        self._at = at
        self._groups: dict[tuple[int, int | None], tuple[int, ...]] = {}

    @cached_property
    def _everybodys(self) -> RuleBook:
        return RuleBook.load(self._at)

    def of(self, booking: Booking) -> RuleBook:
        """The rules for the booking's booker and company."""
        if not self._everybodys.has_groups:
            return self._everybodys
        whose = (booking.booked_by_id, booking.company_id)
        if whose not in self._groups:
            found = groups_of(booking.booked_by, booking.company)
            self._groups[whose] = tuple(group.pk for group in found)
        return self._everybodys.of_groups(self._groups[whose])


def rules_for(booking: Booking, at: datetime | None = None) -> RuleBook:
    """The rules of `at` (default now) for one booking's booker and company."""
    return WhoseRules(at).of(booking)
