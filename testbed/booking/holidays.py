"""The table of holidays, kept by the administrator.

Holidays by the lunar calendar, elections and substitute holidays are announced year by year,
so no program can know them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from testbed.booking.models import Holiday
from testbed.people import journal
from testbed.people.permissions import demand
from testbed.refusals import Refusal
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from datetime import date

    from testbed.people.models import User


def add(*, actor: User, day: date, name_ko: str, name_en: str) -> Holiday:
    """Enter a holiday. Refusal "holiday_exists" (409) for a day that is one already."""
    demand(actor, "edit_holidays")

    def work() -> Holiday:
        found, is_new = Holiday.objects.get_or_create(
            day=day, defaults={"name_ko": name_ko, "name_en": name_en}
        )
        if not is_new:
            raise Refusal(
                "holiday_exists",
                _("This day is already in the table."),
                fields={"day": [_("This day is already in the table.")]},
                next_step=_("Remove it first to give it another name."),
            )
        journal.record(
            actor=actor, action="holiday.added", subject=found, day=day.isoformat(), name=name_en
        )
        return found

    return in_transaction(work)


def remove(*, actor: User, holiday: Holiday) -> None:
    """Take a holiday out; bookings already made are untouched."""
    demand(actor, "edit_holidays")

    def work() -> None:
        day, name = holiday.day.isoformat(), holiday.name_en
        journal.record(actor=actor, action="holiday.removed", subject=holiday, day=day, name=name)
        holiday.delete()

    in_transaction(work)
