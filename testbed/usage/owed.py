"""What is owed: runs and penalties together, waivers taken off, by tool, month and company.

A penalty is for a booking, which may have been of several tools: its won are shared out among
them as their shares of the booking's price were, to the last won.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db.models import DateField
from django.db.models.functions import TruncMonth
from django.utils import timezone

from testbed.booking.models import Penalty
from testbed.people.models import Company
from testbed.people.permissions import may
from testbed.tools.models import Tool

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from testbed.booking.querysets import PenaltyQuerySet
    from testbed.people.models import User
    from testbed.usage.period import Period
    from testbed.usage.querysets import UsageLineQuerySet

Key = tuple[Any, ...]
MONTH, TOOL, COMPANY = "month", "tool__code", "company_id"


@dataclass(frozen=True)
class Part:
    """One tool's share of a penalty, or (negative) of a waiver; won with and without VAT.

    tool: its code, empty for a booking whose price named none.
    """

    penalty: Penalty
    tool: str
    supply_won: int
    vat_won: int

    @property
    def total_won(self) -> int:
        return self.supply_won + self.vat_won

    @property
    def facts(self) -> dict[str, Any]:
        """What it may be grouped by, under the names that usage lines have for it."""
        day = timezone.localtime(self.penalty.created_at).date()
        return {
            TOOL: self.tool,
            COMPANY: self.penalty.company_id,
            MONTH: day.replace(day=1),
        }


@dataclass
class Account:
    """Runs, hours and wafers, and the won of runs, penalties and waivers (positive figures)."""

    runs: int = 0
    seconds: float = 0.0
    wafer_total: int = 0
    runs_supply_won: int = 0
    runs_won: int = 0
    penalties_supply_won: int = 0
    penalties_won: int = 0
    waived_supply_won: int = 0
    waived_won: int = 0
    # What it is the account of: the values it is grouped by.
    names: dict[str, Any] = field(default_factory=dict)

    @property
    def supply_won(self) -> int:
        """Everything before VAT."""
        return self.runs_supply_won + self.penalties_supply_won - self.waived_supply_won

    @property
    def total_won(self) -> int:
        """What is owed, with VAT: runs + penalties - waived."""
        return self.runs_won + self.penalties_won - self.waived_won

    @property
    def has_penalties(self) -> bool:
        return bool(self.penalties_won or self.waived_won)

    def add_runs(self, row: Mapping[str, Any]) -> None:
        """A row of `UsageLineQuerySet.sums` or `grouped`."""
        self.runs += row["runs"]
        self.seconds += row["seconds"] or 0.0
        self.wafer_total += row["wafer_total"] or 0
        self.runs_supply_won += row["supply"] or 0
        self.runs_won += row["won"] or 0

    def add_part(self, part: Part) -> None:
        if part.penalty.reverses_id is None:
            self.penalties_supply_won += part.supply_won
            self.penalties_won += part.total_won
        else:
            self.waived_supply_won -= part.supply_won
            self.waived_won -= part.total_won


def charged(user: User, period: Period) -> PenaltyQuerySet:
    """Penalties and waivers with won, written in the period, that the person may see."""
    rows: PenaltyQuerySet = Penalty.objects.visible_to(user).between(period.start, period.end)
    return rows.exclude(fee_won=0) if may(user, "see_penalties") else rows.none()


def parts_of(penalties: Iterable[Penalty]) -> list[Part]:
    """Each penalty's parts, tool by tool in the order of its price; bookings fetched with it."""
    return [part for penalty in penalties for part in shares(penalty)]


def shares(penalty: Penalty) -> list[Part]:
    """A penalty's parts: their won together are the penalty's, a waiver's exactly the opposite."""
    weights = _weights(penalty.booking.quote)
    supply = split(penalty.fee_won, list(weights.values()))
    vat = split(penalty.vat_won, list(weights.values()))
    return [Part(penalty, *one) for one in zip(weights, supply, vat, strict=True)]


def _weights(quote: Mapping[str, Any]) -> dict[str, int]:
    """What each tool's time costs in a quote; one unnamed tool when it names none."""
    found: dict[str, int] = defaultdict(int)
    for line in quote.get("lines", ()):
        if line["code"] == "service" and line.get("tool"):
            found[line["tool"]] += line["amount_won"]
    return dict(found) or {"": 1}


def split(won: int, weights: Sequence[int]) -> list[int]:
    """`won` shared out by weight; what does not divide goes to the first, so nothing is lost."""
    whole, sign = sum(weights), -1 if won < 0 else 1
    if not whole:
        weights, whole = [1] * len(weights), len(weights)
    each = [abs(won) * weight // whole for weight in weights]
    each[0] += abs(won) - sum(each)
    return [sign * one for one in each]


def account(lines: UsageLineQuerySet, parts: Iterable[Part]) -> Account:
    """Everything together (one query)."""
    found = Account()
    found.add_runs(lines.sums())
    for part in parts:
        found.add_part(part)
    return found


def accounts(lines: UsageLineQuerySet, parts: Iterable[Part], *by: str) -> dict[Key, Account]:
    """The same for each value of `by` (MONTH, TOOL, COMPANY), the most won first; one query."""
    monthly = lines.annotate(month=TruncMonth("started_at", output_field=DateField()))
    found: dict[Key, Account] = defaultdict(Account)
    for row in monthly.grouped(*by):
        found[tuple(row[name] for name in by)].add_runs(row)
    for part in parts:
        facts = part.facts
        found[tuple(facts[name] for name in by)].add_part(part)
    for key, one in found.items():
        one.names = dict(zip(by, key, strict=True))
    return dict(sorted(found.items(), key=lambda pair: (-pair[1].total_won, str(pair[0]))))


def by_tool(lines: UsageLineQuerySet, parts: Iterable[Part]) -> list[tuple[str, Account]]:
    """(the tool's name, its account); two queries."""
    found = accounts(lines, parts, TOOL)
    names = tool_names(key[0] for key in found)
    return [(names[code], one) for (code,), one in found.items()]


def by_company(lines: UsageLineQuerySet, parts: Iterable[Part]) -> list[tuple[str, Account]]:
    """(the company's name, its account); two queries."""
    found = accounts(lines, parts, COMPANY)
    names = company_names(key[0] for key in found)
    for (pk,), one in found.items():
        one.names["name"] = names[pk]
    return [(names[pk], one) for (pk,), one in found.items()]


def by_month(lines: UsageLineQuerySet, parts: Iterable[Part]) -> list[tuple[str, Account]]:
    """(the month in Korea as 2026-01, its account), the latest first; one query."""
    found = accounts(lines, parts, MONTH)
    rows = [(f"{month:%Y-%m}", one) for (month,), one in found.items()]
    return sorted(rows, key=lambda row: row[0], reverse=True)


def tool_names(codes: Iterable[str]) -> dict[str, str]:
    """Names in the reader's language by code; the code itself where no tool has it any more."""
    wanted = set(codes)
    found = {tool.code: str(tool) for tool in Tool.objects.filter(code__in=wanted)}
    return {code: found.get(code, code or "–") for code in wanted}


def company_names(ids: Iterable[int]) -> dict[int, str]:
    """Names in the reader's language by the company's id."""
    return {one.pk: str(one) for one in Company.objects.filter(pk__in=set(ids))}
