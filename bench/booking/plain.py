"""Booking on a few tools as a plain model: what may be done, what it leads to, what it costs.

No database, no rules engine, no locks: lists and whole numbers. A state machine does the same
things to this model and to the product and compares them after every step; the storm of many
threads draws its plans from the same acts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

# What a person can do, and how often a storm does it. A storm leaves out what needs a clock of
# its own (wait) or tools that ask (approve), and what takes no time of a tool (waive).
ACTS: dict[str, int] = {
    "book": 2, "hold": 1, "confirm": 1, "extend": 1, "move": 2, "resize": 1, "cancel": 1,
    "share": 1, "hand_over": 1, "override": 1, "approve": 0, "wait": 0, "waive": 0,
}  # fmt: skip
HOLD = timedelta(minutes=10)
EXTENSIONS = 1
MOST_HOURS = 4
# Later than this before the start, giving back costs half of price and time.
NOTICE = timedelta(hours=24)
PERCENT = 50
VAT_PERCENT = 10
LIVE = ("held", "pending", "confirmed")

NONE: frozenset[str] = frozenset()


@dataclass
class Held:
    """One booking; tool: its place among the tools."""

    company: str
    booker: str
    tool: int
    start: datetime
    hours: int
    state: str
    expires: datetime | None = None
    extensions: int = 0
    overridden: frozenset[str] = NONE
    sharers: set[str] = field(default_factory=set)
    was_moved_late: bool = False

    @property
    def end(self) -> datetime:
        return self.start + timedelta(hours=self.hours)

    def has(self, tool: int, start: datetime, hours: int) -> bool:
        return (self.tool, self.start, self.hours) == (tool, start, hours)


@dataclass
class Ledger:
    """What a company owes for what it gave back too late: won before VAT, and minutes."""

    won: int = 0
    minutes: int = 0


@dataclass
class Plain:
    """The facility. rates: won an hour, by tool; discounts: per cent, by company; people: whose.

    asking: the tools whose bookings wait for the facility's answer.
    """

    now: datetime
    rates: list[int]
    asking: frozenset[int]
    people: dict[str, str]
    discounts: dict[str, int]
    bookings: dict[int, Held] = field(default_factory=dict)
    ledgers: dict[str, Ledger] = field(default_factory=dict)

    def line(self, tool: int) -> list[tuple[datetime, datetime, int]]:
        """(start, end, booking) of the tool's live claims, sorted."""
        live = [(key, one) for key, one in self.bookings.items() if one.state in LIVE]
        return sorted((one.start, one.end, key) for key, one in live if one.tool == tool)

    def broken(
        self,
        tool: int,
        start: datetime,
        hours: int,
        *,
        without: int | None = None,
        aside: frozenset[str] = NONE,
    ) -> frozenset[str]:
        """The rules that say no to this time."""
        end = start + timedelta(hours=hours)
        taken = any(
            begin < end and start < until and key != without
            for begin, until, key in self.line(tool)
        )
        found = {"tool_taken"} if taken else set()
        found |= {"maximum_length"} - aside if hours > MOST_HOURS else set()
        return frozenset(found)

    def won(self, one: Held) -> int:
        """The price of the tool's time after the discount, before VAT."""
        service = self.rates[one.tool] * one.hours
        return service - service * self.discounts[one.company] // 100

    def placed(self, tool: int) -> str:
        return "pending" if tool in self.asking else "confirmed"

    def cost(self, one: Held) -> tuple[int, int]:
        """(won before VAT, minutes) of giving it back now."""
        is_free = one.state == "held" or (one.state == "pending" and not one.was_moved_late)
        is_late = one.was_moved_late or self.now > one.start - NOTICE
        if is_free or not is_late:
            return 0, 0
        return self.won(one) * PERCENT // 100, one.hours * 60 * PERCENT // 100

    # What says no to an act, as codes of which a person is told all; none when it is done.

    def why_not_confirm(self, key: int) -> frozenset[str]:
        return _of_hold(self.bookings[key])

    def why_not_extend(self, key: int) -> frozenset[str]:
        one = self.bookings[key]
        used_up = one.state == "held" and one.extensions >= EXTENSIONS
        return frozenset({"hold_time"}) if used_up else _of_hold(one)

    def why_not_move(self, key: int, tool: int, start: datetime, hours: int) -> frozenset[str]:
        one = self.bookings[key]
        if one.has(tool, start, hours) and one.state in ("pending", "confirmed"):
            return frozenset({"nothing_changes"})
        return _of_booking(one) or self.broken(tool, start, hours, without=key)

    def why_not_cancel(self, key: int) -> frozenset[str]:
        return NONE if self.bookings[key].state in LIVE else frozenset({"over"})

    def why_not_share(self, key: int, colleague: str) -> frozenset[str]:
        one = self.bookings[key]
        is_stranger = self.people[colleague] != one.company or colleague == one.booker
        return _of_booking(one) or _not_a_colleague(is_stranger and colleague not in one.sharers)

    def why_not_hand_over(self, key: int, colleague: str) -> frozenset[str]:
        one = self.bookings[key]
        is_stranger = self.people[colleague] != one.company or colleague == one.booker
        return _of_booking(one) or _not_a_colleague(is_stranger)

    def why_not_approve(self, key: int) -> frozenset[str]:
        return NONE if self.bookings[key].state == "pending" else frozenset({"not_pending"})

    # What an act leads to.

    def confirm(self, key: int) -> None:
        one = self.bookings[key]
        one.state, one.expires = self.placed(one.tool), None

    def extend(self, key: int) -> None:
        one = self.bookings[key]
        one.expires, one.extensions = self.now + HOLD, one.extensions + 1

    def move(self, key: int, tool: int, start: datetime, hours: int) -> None:
        """An exception was made for the old time; who moves late cannot cancel for nothing."""
        one = self.bookings[key]
        one.was_moved_late = one.was_moved_late or self.cost(one) != (0, 0)
        one.tool, one.start, one.hours = tool, start, hours
        one.state, one.overridden = self.placed(tool), NONE

    def cancel(self, key: int) -> None:
        one = self.bookings[key]
        won, minutes = self.cost(one)
        owed = self.ledgers.setdefault(one.company, Ledger())
        owed.won, owed.minutes = owed.won + won, owed.minutes + minutes
        one.state = "cancelled"

    def hand_over(self, key: int, colleague: str) -> None:
        one = self.bookings[key]
        one.booker = colleague
        one.sharers.discard(colleague)

    def wait(self, minutes: int) -> None:
        """Holds whose time is up are free for everybody."""
        self.now += timedelta(minutes=minutes)
        for one in self.bookings.values():
            if one.state == "held" and one.expires and one.expires <= self.now:
                one.state = "expired"


def _of_hold(one: Held) -> frozenset[str]:
    if one.state == "held":
        return NONE
    return frozenset({"hold_expired" if one.state == "expired" else "not_held"})


def _of_booking(one: Held) -> frozenset[str]:
    if one.state == "held":
        return frozenset({"hold_not_submitted"})
    return NONE if one.state in ("pending", "confirmed") else frozenset({"over"})


def _not_a_colleague(is_one: bool) -> frozenset[str]:
    return frozenset({"not_a_colleague"}) if is_one else NONE
