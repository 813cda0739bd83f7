"""The rule set: one table that is checked, shown, documented and configured.

A `RuleSetting` row changes a rule's parameters for the facility or for one tool, or switches
the rule off. All broken rules are told together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.booking.rules.base import BookingRequest, Broken, Rule
from testbed.booking.rules.book import RuleBook
from testbed.booking.rules.what import Free, HoldTime, NeedsApproval, ToolBookable, ToolUp
from testbed.booking.rules.when import (
    Horizon,
    LeadTime,
    MaximumLength,
    MinimumLength,
    NotPast,
    OnGrid,
    OperatingHours,
    StartBeforeEnd,
)
from testbed.booking.rules.who import CompanyActive, MemberActive, OpenHolds

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "FREE", "HOLD_TIME", "NEEDS_APPROVAL", "RULES", "BookingRequest", "Broken", "Rule",
    "RuleBook", "by_code", "check_all", "refusing",
]  # fmt: skip

FREE = Free()
NEEDS_APPROVAL = NeedsApproval()
HOLD_TIME = HoldTime()
RULES: tuple[Rule, ...] = (
    MemberActive(),
    CompanyActive(),
    OpenHolds(),
    ToolBookable(),
    ToolUp(),
    StartBeforeEnd(),
    NotPast(),
    OnGrid(),
    LeadTime(),
    Horizon(),
    MinimumLength(),
    MaximumLength(),
    OperatingHours(),
    FREE,
    NEEDS_APPROVAL,
    HOLD_TIME,
)


def by_code(code: str) -> Rule:
    """KeyError for an unknown code."""
    return {rule.code: rule for rule in RULES}[code]


def check_all(request: BookingRequest, *, about: Iterable[str] = ()) -> list[Broken]:
    """Every broken rule (warnings too), in the table's order; only those `about` when given."""
    wanted = set(about)
    checked = (rule.check(request) for rule in RULES if not wanted or rule.about in wanted)
    return [broken for broken in checked if broken is not None]


def refusing(broken: Iterable[Broken]) -> list[Broken]:
    """Those that forbid the booking; the rest are warnings."""
    return [one for one in broken if not one.is_warning]
