"""Setting a rule aside: some rules yield to a member of staff who gives the reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from testbed.booking.rules import RULES, RuleBook
from testbed.people import journal
from testbed.people.permissions import demand
from testbed.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from testbed.booking.models import Booking
    from testbed.booking.rules import Broken, Rule
    from testbed.people.models import User
    from testbed.tools.models import Tool

SHORTEST_REASON, LONGEST_REASON = 5, 200


@dataclass(frozen=True)
class Override:
    """The rules that staff set aside for one booking, by code, and why (5 to 200 characters)."""

    codes: frozenset[str]
    reason: str

    @classmethod
    def of(cls, codes: Iterable[str], reason: str) -> Override | None:
        """None for no codes: a reason alone sets nothing aside."""
        wanted = frozenset(codes)
        return cls(wanted, reason.strip()) if wanted else None


def overridable(rules: Iterable[Rule] = RULES) -> list[Rule]:
    """The rules that staff may set aside, in the table's order."""
    return [rule for rule in rules if rule.staff_may_override]


def demand_override(actor: User, override: Override | None) -> None:
    """Raise Refusal unless there is none, or the person may set these rules aside, with a reason.

    "not_allowed" (403); "not_overridable" (422) for rules that nobody sets aside;
    "reason_missing" (422).
    """
    if override is None:
        return
    demand(actor, "override_rules")
    fixed = override.codes - {rule.code for rule in overridable()}
    if fixed:
        raise Refusal(
            "not_overridable",
            _("These rules cannot be set aside: %(codes)s.") % {"codes": ", ".join(sorted(fixed))},
            status=422,
            fields={"override": [_("Choose only rules that staff may set aside.")]},
            next_step=_("The page of the booking rules tells which may be."),
        )
    if not SHORTEST_REASON <= len(override.reason) <= LONGEST_REASON:
        raise _no_reason()


def _no_reason() -> Refusal:
    return Refusal(
        "reason_missing",
        _("A rule is set aside with a reason of 5 to 200 characters."),
        status=422,
        fields={"override_reason": [_("Write why this booking is an exception.")]},
    )


def aside(booking: Booking | None, override: Override | None) -> frozenset[str]:
    """The codes set aside: those of an earlier act on the same booking, and those given now."""
    before = booking.overridden if booking else ()
    return frozenset(before) | (override.codes if override else frozenset())


def set_aside(booking: Booking, used: Sequence[Broken], override: Override | None) -> list[str]:
    """Note on the booking which rules gave way now; the codes that are new. Not saved here.

    Only rules that were really broken are noted: a ticked box beside a kept rule says nothing.
    """
    given = override.codes if override else frozenset[str]()
    new = sorted({one.code for one in used} & given - set(booking.overridden))
    if override is not None and new:
        booking.overridden = [*booking.overridden, *new]
        booking.override_reason = override.reason
    return new


def note_aside(actor: User, booking: Booking, new: Sequence[str]) -> None:
    """One line in the journal, with the reason, when rules gave way."""
    if new:
        journal.record(
            actor=actor,
            action="booking.overridden",
            subject=booking,
            company=booking.company,
            codes=list(new),
            reason=booking.override_reason,
        )


def told(booking: Booking) -> list[str]:
    """What the rules ask for that were set aside, in the reader's language (a query, if any).

    A rule that is no longer known tells its code.
    """
    if not booking.overridden:
        return []
    known = {rule.code: rule for rule in RULES}
    rulebook = RuleBook.load()
    tools: list[Tool | None] = [claim.tool for claim in booking.allocations.all()]

    def explained(rule: Rule) -> str:
        tool = tools[0] if tools else None
        return rule.explain(rulebook.parameters(rule, tool) or rule.defaults)

    return [explained(known[code]) if code in known else code for code in booking.overridden]
