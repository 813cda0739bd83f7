"""What the journal keeps of a booking's change, put into words for its page."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from testbed.booking.hours import KST
from testbed.booking.words import day_name, hours
from testbed.people.models import User

if TYPE_CHECKING:
    from testbed.people.models import JournalEntry


def change_of(entry: JournalEntry) -> str:
    """ "From … to …" for an entry that has a before and an after; for whom staff acted."""
    details = entry.details
    if entry.action in ("booking.held", "booking.placed") and "on_behalf_of" in details:
        booker = User.objects.filter(pk=details["on_behalf_of"]).first()
        return _("On behalf of %(name)s") % {"name": booker or "–"}
    if entry.action == "booking.handed_over":
        names = dict(User.objects.filter(pk__in=details.values()).values_list("pk", "name"))
        before, after = (names.get(details[side], "–") for side in ("before", "after"))
        return _("From %(before)s to %(after)s") % {"before": before, "after": after}
    if entry.action in ("booking.shared", "booking.unshared"):
        return str(User.objects.get(pk=details["colleague"]))
    if "debt_minutes" in details:
        return _("₩%(won)s with VAT, and %(minutes)s minutes that still count as used") % {
            "won": f"{details['total_won']:,}",
            "minutes": details["debt_minutes"],
        }
    if entry.action == "booking.overridden":
        return ", ".join(details["codes"])
    if entry.action == "penalty.waived":
        return str(details["reason"])
    if entry.action not in ("booking.changed", "booking.moved") or "before" not in details:
        return ""
    return _("From %(before)s to %(after)s") % {
        "before": _described(details["before"]),
        "after": _described(details["after"]),
    }


def _described(side: dict[str, Any]) -> str:
    start, end = (datetime.fromisoformat(side[name]) for name in ("starts_at", "ends_at"))
    what = side["cell"] or ", ".join(side["tools"])
    day = day_name(start.astimezone(KST).date())
    return f"{what} · {day} {hours(start, end)} · ₩{side['total_won'] or 0:,}"
