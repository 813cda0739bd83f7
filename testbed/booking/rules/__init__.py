"""The rule set: one table that is checked, shown, documented and configured.

A `RuleSetting` row changes a rule's parameters for the facility, an area, a cell or one tool,
for some time if it says so, or switches the rule on or off. All broken rules are told together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.booking.rules.answers import (
    Contamination,
    QualificationExpired,
    QualificationMissing,
    QualificationUnused,
    Throughput,
    UseModeAllowed,
)
from testbed.booking.rules.base import (
    BookingRequest,
    Broken,
    ClosedTimesRule,
    Rule,
    ToolRule,
)
from testbed.booking.rules.book import RuleBook
from testbed.booking.rules.chain import QueueTime
from testbed.booking.rules.closed import Changeover, DayRotation, Holidays, OwnGap
from testbed.booking.rules.limits import (
    CompanyHoursAhead,
    CompanyHoursDay,
    CompanyHoursWeek,
    GroupHoursAhead,
    GroupHoursDay,
    GroupHoursWeek,
    PrimeTime,
    UserHoursAhead,
    UserHoursDay,
    UserHoursWeek,
)
from testbed.booking.rules.notices import QUOTA_DEBT, LateCancel, NoShow, Reconfirm
from testbed.booking.rules.route import RouteContamination, RouteDeadEnd
from testbed.booking.rules.supplies import (
    ReportNeedsRequestedTest,
    ReticleTaken,
    SupplyAway,
    SupplyExpired,
    SupplyOut,
    SupplyWithdrawn,
)
from testbed.booking.rules.training import (
    BuddyMissing,
    BuddyNotQualified,
    TrainingExpired,
    TrainingMissing,
)
from testbed.booking.rules.what import (
    Closed,
    FacilityOutage,
    Free,
    HoldTime,
    NeedsApproval,
    ToolBookable,
    ToolUp,
    UnderMaintenance,
)
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
from testbed.booking.rules.who import (
    CompanyActive,
    CompanySuspended,
    CreditLimit,
    FutureBookings,
    MemberActive,
    OpenHolds,
    PenaltyLimit,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from testbed.booking.intervals import Interval
    from testbed.tools.models import Tool

__all__ = [
    "FREE", "HOLD_TIME", "LATE_CANCEL", "NEEDS_APPROVAL", "NO_SHOW", "RECONFIRM", "RETICLE_TAKEN",
    "RULES", "BookingRequest", "Broken", "Rule", "RuleBook", "by_code", "check_all",
    "closed_times", "in_force", "needed", "refusing",
]  # fmt: skip

FREE = Free()
NEEDS_APPROVAL = NeedsApproval()
HOLD_TIME = HoldTime()
RECONFIRM = Reconfirm()
NO_SHOW = NoShow()
LATE_CANCEL = LateCancel()
RETICLE_TAKEN = ReticleTaken()
RULES: tuple[Rule, ...] = (
    MemberActive(),
    CompanyActive(),
    CompanySuspended(),
    CreditLimit(),
    PenaltyLimit(),
    OpenHolds(),
    FutureBookings(),
    UserHoursAhead(),
    CompanyHoursAhead(),
    GroupHoursAhead(),
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
    Holidays(),
    DayRotation(),
    FREE,
    UnderMaintenance(),
    Closed(),
    FacilityOutage(),
    Changeover(),
    OwnGap(),
    QueueTime(),
    PrimeTime(),
    UserHoursDay(),
    CompanyHoursDay(),
    GroupHoursDay(),
    UserHoursWeek(),
    CompanyHoursWeek(),
    GroupHoursWeek(),
    Throughput(),
    UseModeAllowed(),
    QualificationMissing(),
    QualificationExpired(),
    QualificationUnused(),
    TrainingMissing(),
    TrainingExpired(),
    BuddyMissing(),
    BuddyNotQualified(),
    Contamination(),
    RouteContamination(),
    RouteDeadEnd(),
    SupplyWithdrawn(),
    SupplyExpired(),
    SupplyOut(),
    SupplyAway(),
    RETICLE_TAKEN,
    ReportNeedsRequestedTest(),
    NEEDS_APPROVAL,
    HOLD_TIME,
    RECONFIRM,
    NO_SHOW,
    LATE_CANCEL,
    QUOTA_DEBT,
)
_BY_CODE = {rule.code: rule for rule in RULES}
_CLOSING = tuple(rule for rule in RULES if isinstance(rule, ClosedTimesRule))


def by_code(code: str) -> Rule:
    """KeyError for an unknown code."""
    return _BY_CODE[code]


def check_all(request: BookingRequest, *, about: Iterable[str] = ()) -> list[Broken]:
    """Every broken rule (warnings too), in the table's order; only those `about` when given."""
    checked = [rule.check(request) for rule in in_force(request.rulebook, request.tools, about)]
    return [broken for broken in checked if broken is not None]


def refusing(broken: Iterable[Broken]) -> list[Broken]:
    """Those that forbid the booking; the rest are warnings."""
    return [one for one in broken if not one.is_warning]


def in_force(
    rulebook: RuleBook, tools: Sequence[Tool], about: Iterable[str] = ()
) -> tuple[Rule, ...]:
    """The rules that may be broken on these tools, in the table's order; those `about` if given.

    Left out are those that are only told, and those that are switched off for all the tools.
    """
    wanted = tuple(about)
    return rulebook.once(
        f"in_force {' '.join(wanted)}", tools, lambda: _in_force(rulebook, tools, wanted)
    )


def _in_force(rulebook: RuleBook, tools: Sequence[Tool], about: Sequence[str]) -> tuple[Rule, ...]:
    return tuple(
        rule
        for rule in RULES
        if rule.about != "notice"
        and (not about or rule.about in about)
        and (not isinstance(rule, ToolRule) or rulebook.is_on_one(rule, tools))
    )


def needed(rulebook: RuleBook, tools: Sequence[Tool]) -> frozenset[str]:
    """What the rules in force for these tools ask to be fetched (see `Rule.needs`)."""
    return rulebook.once("needed", tools, lambda: _needed(rulebook, tools))


def _needed(rulebook: RuleBook, tools: Sequence[Tool]) -> frozenset[str]:
    asked = (rule.needs for rule in RULES if rule.needs and rulebook.is_on(rule, tools))
    return frozenset().union(*asked)


def closed_times(request: BookingRequest, tool: Tool) -> list[Interval]:
    """Stretches that some rule closes on the tool, in no order; its claims are not among them."""
    closed: list[Interval] = []
    for rule in _CLOSING:
        parameters = request.rulebook.parameters(rule, tool)
        closed += rule.closed(request, tool, parameters) if parameters is not None else ()
    return closed
