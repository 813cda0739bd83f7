"""What giving a booking up costs: a fee and time that still counts as used; and taking it back.

A booking is judged by the rules of the day on which it was made, tool by tool. Cancelling it,
not coming and not confirming it again each have a price of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import F, Sum
from django.utils.translation import gettext_lazy as _

from testbed.booking.hours import KST
from testbed.booking.models import Booking, BookingState, Penalty, PenaltyKind
from testbed.booking.rules import RuleBook, by_code
from testbed.booking.rules.what import DOWN
from testbed.booking.whose_rules import rules_for
from testbed.people import journal
from testbed.people.models import JournalEntry
from testbed.people.permissions import demand, may
from testbed.prices.fees import VAT_PERCENT, vat_won
from testbed.refusals import Refusal
from testbed.tools.models import Tool
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from testbed.booking.querysets import PenaltyQuerySet
    from testbed.people.models import User

LONGEST_REASON = 200
# The rule that gives a booking's time to others when its people say or do nothing.
SILENCE = {PenaltyKind.NO_SHOW: "no_show", PenaltyKind.NOT_RECONFIRMED: "reconfirm"}


@dataclass(frozen=True)
class Charge:
    """What is charged: won with VAT, and minutes that still count as used."""

    total_won: int = 0
    debt_minutes: int = 0


NOTHING = Charge()


@dataclass(frozen=True)
class Cost:
    """What giving a booking up at one moment costs.

    supply_won: the fee before VAT; free_until: the last moment at which it costs nothing, None
    when it never costs anything; why_free: held, pending, by_staff, moved_by_facility,
    tool_down, early, no_rule, or empty for what has its price.
    """

    supply_won: int = 0
    debt_minutes: int = 0
    free_until: datetime | None = None
    why_free: str = ""

    @property
    def vat_won(self) -> int:
        return vat_won(self.supply_won)

    @property
    def total_won(self) -> int:
        return self.supply_won + self.vat_won

    @property
    def charge(self) -> Charge:
        return Charge(self.total_won, self.debt_minutes)

    @property
    def is_free(self) -> bool:
        return self.charge == NOTHING

    def as_json(self) -> dict[str, Any]:
        """As `give_back_api.CostSerializer` has it; the time in Korea."""
        return {
            "supply_won": self.supply_won,
            "vat_won": self.vat_won,
            "total_won": self.total_won,
            "debt_minutes": self.debt_minutes,
            "free_until": self.free_until and self.free_until.astimezone(KST).isoformat(),
            "why_free": self.why_free,
        }


@dataclass(frozen=True)
class Terms:
    """What one tool's share of a booking costs after `free_until`."""

    free_until: datetime
    supply_won: int
    debt_minutes: int


def tools_of(booking: Booking) -> list[Tool]:
    """The booked tools with their present state."""
    ids = booking.allocations.values("tool_id")
    return list(Tool.objects.filter(pk__in=ids).with_state().order_by("pk"))


def rulebook_of(booking: Booking) -> RuleBook:
    """The rules of the day on which the booking was made: those its people agreed to."""
    return rules_for(booking, booking.created_at)


def terms_of(booking: Booking, tools: Sequence[Tool]) -> list[Terms]:
    """The terms of each tool that has some (one query)."""
    rulebook, rule = rulebook_of(booking), by_code("late_cancel")
    minutes = (booking.ends_at - booking.starts_at) // timedelta(minutes=1)
    found = []
    for tool in tools:
        given = rulebook.parameters(rule, tool)
        if given is None:
            continue
        terms = Terms(
            booking.starts_at - timedelta(hours=given["hours_before"]),
            _share(tool_won(booking.quote, tool), given["fee_percent"]),
            _share(minutes, given["debt_percent"]),
        )
        if terms.supply_won or terms.debt_minutes:
            found.append(terms)
    return found


def _share(whole: int, percent: int) -> int:
    return whole * min(percent, 100) // 100


def tool_won(quote: dict[str, Any], tool: Tool) -> int:
    """What the tool's time costs in a quote, discount taken off, before VAT; wafers apart."""
    lines = quote.get("lines", ())
    service = sum(
        line["amount_won"]
        for line in lines
        if line["code"] == "service" and line["tool"] == tool.code
    )
    discount = sum(line["quantity"] for line in lines if line["code"] == "discount")
    return int(service - service * discount // 100)


def cost_at(terms: Sequence[Terms], moment: datetime) -> Cost:
    """Fees of those tools whose free time is over at `moment`, and the longest of their debts."""
    if not terms:
        return Cost(why_free="no_rule")
    free_until = min(one.free_until for one in terms)
    late = [one for one in terms if moment > one.free_until]
    return Cost(
        supply_won=sum(one.supply_won for one in late),
        debt_minutes=max((one.debt_minutes for one in late), default=0),
        free_until=free_until,
        why_free="" if late else "early",
    )


def cost_of_cancelling(
    *, actor: User, booking: Booking, tools: Sequence[Tool], now: datetime
) -> Cost:
    """What it costs if the actor cancels now; tools: fetched with their state."""
    was_late = moved_late(booking)
    cost = cost_at(terms_of(booking, tools), booking.starts_at if was_late else now)
    why_free = _excuse(actor, booking, tools, was_late=was_late)
    return Cost(free_until=cost.free_until, why_free=why_free) if why_free else cost


def cost_of_giving_up(booking: Booking, tools: Sequence[Tool], kind: PenaltyKind) -> Cost:
    """What it costs that nobody came, or confirmed it again.

    One moved at a time at which cancelling had its price costs at least that price.
    """
    if any(is_down(tool) for tool in tools):
        return Cost(why_free="tool_down")
    own = cost_of_silence(booking, tools, kind)
    if not moved_late(booking):
        return own
    late = cost_at(terms_of(booking, tools), booking.ends_at)
    return Cost(
        supply_won=max(own.supply_won, late.supply_won),
        debt_minutes=max(own.debt_minutes, late.debt_minutes),
    )


def cost_of_silence(booking: Booking, tools: Sequence[Tool], kind: PenaltyKind) -> Cost:
    """What the rule asks: the fees of all tools that have it, and the longest of their debts."""
    rulebook, rule = rulebook_of(booking), by_code(SILENCE[kind])
    minutes = (booking.ends_at - booking.starts_at) // timedelta(minutes=1)
    given = [(tool, rulebook.parameters(rule, tool)) for tool in tools]
    fees = [
        (_share(tool_won(booking.quote, tool), one["fee_percent"]), one["debt_percent"])
        for tool, one in given
        if one is not None
    ]
    return Cost(
        supply_won=sum(won for won, _percent in fees),
        debt_minutes=max((_share(minutes, percent) for _won, percent in fees), default=0),
    )


def _excuse(actor: User, booking: Booking, tools: Sequence[Tool], *, was_late: bool) -> str:
    """Why it is free whatever the hour; empty when nothing excuses it."""
    if may(actor, "approve_booking"):
        return "by_staff"
    if booking.state == BookingState.HELD:
        return "held"
    if booking.moved_by_facility_at is not None:
        return "moved_by_facility"
    if any(is_down(tool) for tool in tools):
        return "tool_down"
    return "pending" if booking.state == BookingState.PENDING and not was_late else ""


def is_down(tool: Tool) -> bool:
    """True while the facility itself could not keep the booking."""
    return tool.emergency_stop_at is not None or getattr(tool, "state", None) in DOWN


def details(cost: Cost) -> dict[str, Any]:
    """What the journal keeps of a cost; nothing of none."""
    if cost.is_free:
        return {}
    return {"total_won": cost.total_won, "debt_minutes": cost.debt_minutes}


def late_details(
    actor: User, booking: Booking, tools: Sequence[Tool], now: datetime
) -> dict[str, Any]:
    """What the journal adds to a move away from a time that could not be cancelled free."""
    cost = cost_of_cancelling(actor=actor, booking=booking, tools=tools, now=now)
    return {} if cost.is_free else {"late": True}


def moved_late(booking: Booking) -> bool:
    """True when it was moved at a time at which cancelling had its price already."""
    return JournalEntry.objects.filter(
        subject_kind=Booking._meta.label_lower,
        subject_id=booking.pk,
        action="booking.changed",
        details__late=True,
    ).exists()


def write(booking: Booking, kind: PenaltyKind, cost: Cost) -> Penalty:
    """Put it on record, in the transaction that changes the booking's state."""
    return Penalty.objects.create(
        booking=booking,
        company=booking.company,
        user=booking.booked_by,
        kind=kind,
        fee_won=cost.supply_won,
        debt_minutes=cost.debt_minutes,
    )


def waive(*, actor: User, penalty: Penalty, reason: str) -> Penalty:
    """Take a penalty back with a row of the opposite figures; the administrator, with a reason.

    Refusal "reason_missing" (422), "already_waived" (409), "not_a_penalty" (409) for a waiver.
    """
    demand(actor, "waive_penalty")
    reason = reason.strip()
    if not 0 < len(reason) <= LONGEST_REASON:
        raise Refusal(
            "reason_missing",
            _("A waiver needs a reason of at most 200 characters; the company reads it."),
            status=422,
            fields={"reason": [_("Write why the penalty is taken back.")]},
        )
    return in_transaction(lambda: _waive(actor, penalty, reason))


def _waive(actor: User, penalty: Penalty, reason: str) -> Penalty:
    # Rows of this table are never changed; the lock only makes two waivers wait for one another.
    row = Penalty.objects.select_for_update(of=("self",)).select_related("booking", "company")
    found = row.get(pk=penalty.pk)
    demand_waivable(found)
    waiver = Penalty.objects.create(
        booking=found.booking,
        company=found.company,
        user_id=found.user_id,
        kind=found.kind,
        fee_won=-found.fee_won,
        debt_minutes=-found.debt_minutes,
        reverses=found,
        waived_by=actor,
        reason=reason,
    )
    journal.record(
        actor=actor,
        action="penalty.waived",
        subject=found.booking,
        company=found.company,
        reason=reason,
    )
    return waiver


def demand_waivable(penalty: Penalty) -> None:
    """Raise Refusal unless it is a penalty that nobody has taken back."""
    if penalty.reverses_id is not None:
        raise Refusal(
            "not_a_penalty",
            _("This row takes a penalty back; it is no penalty itself."),
            next_step=_("Choose the penalty that is to be taken back."),
        )
    if Penalty.objects.filter(reverses=penalty).exists():
        raise Refusal(
            "already_waived",
            _("This penalty has been taken back already."),
            next_step=_("See the list for where it stands now."),
        )


@dataclass(frozen=True)
class Sums:
    """Penalties together, waivers taken off: won before VAT, its VAT, and minutes."""

    supply_won: int
    vat_won: int
    debt_minutes: int

    @property
    def total_won(self) -> int:
        return self.supply_won + self.vat_won


def sums(rows: PenaltyQuerySet) -> Sums:
    """One query."""
    # PostgreSQL divides whole numbers towards zero, so a waiver's VAT is its penalty's.
    vat = Sum(F("fee_won") * VAT_PERCENT / 100)
    found = rows.order_by().aggregate(supply=Sum("fee_won"), vat=vat, debt=Sum("debt_minutes"))
    return Sums(*(found[name] or 0 for name in ("supply", "vat", "debt")))
