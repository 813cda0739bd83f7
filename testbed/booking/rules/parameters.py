"""What each parameter of a rule is called, counted in, and how far it may go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django_stubs_ext import StrOrPromise

    from testbed.booking.rules.base import Rule


@dataclass(frozen=True)
class Parameter:
    """A whole number from `least` to `most` in `unit`, or a yes or no (unit empty)."""

    label: StrOrPromise
    unit: StrOrPromise = ""
    least: int = 0
    most: int = 100_000


MINUTES, HOURS, DAYS, PERCENT = _("min"), _("h"), _("days"), "%"
YEAR = 366

PARAMETERS: dict[str, Parameter] = {
    "maximum": Parameter(_("At most"), _("pieces")),
    "hours": Parameter(_("At most"), HOURS, most=10_000),
    "minutes": Parameter(_("Length"), MINUTES, most=YEAR * 1440),
    "refuse": Parameter(_("Refuse, not only warn")),
    "within_hours": Parameter(_("Starts within"), HOURS, most=10_000),
    "grace_minutes": Parameter(_("Grace"), MINUTES, most=1440),
    "days": Parameter(_("Days"), DAYS, most=YEAR),
    "from_hour": Parameter(_("From (o'clock)"), HOURS, most=24),
    "until_hour": Parameter(_("Until (o'clock)"), HOURS, most=24),
    "set_up_minutes": Parameter(_("Set-up"), MINUTES, most=1440),
    "clean_down_minutes": Parameter(_("Clean-down"), MINUTES, most=1440),
    "wafers_per_hour": Parameter(_("Throughput"), _("wafers/h"), most=1_000),
    "requested": Parameter(_("Requested tests offered")),
    "self_operated": Parameter(_("Self-operated use offered")),
    "required": Parameter(_("Approval needed")),
    "extensions": Parameter(_("Extensions"), _("times"), most=100),
    "hours_before": Parameter(_("Before the start"), HOURS, most=10_000),
    "window_hours": Parameter(_("Window"), HOURS, least=1, most=10_000),
    "fee_percent": Parameter(_("Fee"), PERCENT, most=100),
    "debt_percent": Parameter(_("Time that counts as used"), PERCENT, most=100),
    "turns": Parameter(_("Turns"), _("days"), least=1, most=7),
    "by_hash": Parameter(_("Shared out by a hash, not by the last digit")),
    "weekends_too": Parameter(_("Weekends too")),
    "requested_too": Parameter(_("For requested tests too")),
}


def said(rule: Rule, parameters: Mapping[str, Any]) -> list[tuple[Parameter, Any]]:
    """Each known parameter that is given, in the rule's order."""
    return [(PARAMETERS[key], parameters[key]) for key in rule.defaults if key in parameters]


def complaints(rule: Rule, parameters: Mapping[str, Any]) -> dict[str, list[StrOrPromise]]:
    """A sentence for each parameter that the rule cannot take; empty when all is well."""
    found: dict[str, list[StrOrPromise]] = {}
    for key, value in parameters.items():
        sentence = _complaint(rule, key, value)
        if sentence:
            found[key] = [sentence]
    first, last = (parameters.get(key) for key in ("from_hour", "until_hour"))
    if not found and first is not None and last is not None and first >= last:
        found["until_hour"] = [_("The end lies after the beginning.")]
    return found


def _complaint(rule: Rule, key: str, value: Any) -> StrOrPromise:
    if key not in rule.defaults:
        return _("The rule has no such parameter.")
    known = PARAMETERS[key]
    if isinstance(rule.defaults[key], bool):
        return "" if isinstance(value, bool) else _("Say yes or no (true or false).")
    whole = isinstance(value, int) and not isinstance(value, bool)
    if whole and known.least <= value <= known.most:
        return ""
    return _("A whole number from %(least)s to %(most)s %(unit)s.") % {
        "least": known.least,
        "most": known.most,
        "unit": known.unit,
    }
