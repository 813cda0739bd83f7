"""A storm of bookings: many threads do at random what people do, on few tools.

The acts and how often each comes are those of the plain model (`plain.ACTS`), beside which a state
machine takes the product step by step; here they come from many sides at once.

What the verbs answered is kept and replayed in a plain model afterwards: no two claims overlap,
nothing that was confirmed is lost, no change overwrites one that its author had not seen, and
nobody was shown a deadlock or an error of the database.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.booking.facility import midnight
from bench.booking.plain import ACTS
from bench.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from bench.booking.facility import Facility
    from testbed.booking.models import Booking
    from testbed.people.models import User
    from testbed.tools.models import Tool

THREADS = 64
PIECES = 2_000
TOOLS = 10
HOURS = 36
KINDS = tuple(act for act, weight in ACTS.items() for _ in range(weight))
SEED = 20_261_122
# Shorter than the rule allows: a member of staff sets it aside.
SHORT = timedelta(minutes=15)
# What a person may be told in a storm; "busy" is the deadlock that must not reach anybody.
TOLD = frozenset(
    {
        "tool_taken", "over", "nothing_changes", "changed_meanwhile", "rules_broken", "open_holds",
        "not_held", "hold_expired", "hold_not_submitted", "not_a_colleague", "hold_time",
    }
)  # fmt: skip


class Piece(NamedTuple):
    """One thing to do: kind of KINDS, place of a tool, hour, which known booking."""

    kind: str
    tool: int
    hour: int
    pick: int


class Change(NamedTuple):
    """An accepted move or hand-over: from the version that was seen to the one it made."""

    booking: int
    seen: str
    made: str


@dataclass
class Storm:
    """The bookings so far by company, and what was answered; lists only grow.

    staff: who sets rules aside. held: the holds by company, each taken out by whoever confirms it.
    """

    tools: Sequence[Tool]
    staff: User
    held: dict[int, list[Booking]] = field(default_factory=lambda: defaultdict(list))
    known: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    placed: list[tuple[int, str]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    told: Counter[str] = field(default_factory=Counter)


def figures(facility: Facility) -> Iterator[Figure]:
    """storm_errors, found by the model; and storm_per_s beside one thread that does the same."""
    chance = random.Random(SEED)
    plans = [plan(chance, PIECES // THREADS) for _ in range(THREADS)]
    tools, staff = facility.tools[:TOOLS], facility.staff
    alone, _storm = blow(facility.engineers[:1], tools, plans[:4], staff=staff, one_thread=True)
    rate, storm = blow(facility.engineers, tools, plans, staff=staff)
    found = storm.errors + judge(storm)
    for error in found[:5]:
        print(f"  storm: {error}")
    count = sum(map(len, plans))
    yield Figure("booking.storm_errors", len(found), "errors", 1, count)
    yield Figure("booking.storm_per_s", rate, "1/s", alone, count)


def plan(chance: random.Random, pieces: int) -> list[Piece]:
    """`pieces` random things to do."""
    return [
        Piece(
            chance.choice(KINDS),
            chance.randrange(TOOLS),
            chance.randrange(HOURS),
            chance.randrange(1_000),
        )
        for _ in range(pieces)
    ]


def blow(
    actors: Sequence[User],
    tools: Sequence[Tool],
    plans: Sequence[Sequence[Piece]],
    *,
    staff: User,
    one_thread: bool = False,
) -> tuple[float, Storm]:
    """Carry the plans out, each by a thread of its own; (pieces a second, what came of them)."""
    storm = Storm(tools, staff)
    began = time.perf_counter()
    if one_thread:
        for number, pieces in enumerate(plans):
            carry(storm, actors[number % len(actors)], pieces)
    else:
        threads = [
            threading.Thread(target=own_connection, args=(storm, actors[n % len(actors)], pieces))
            for n, pieces in enumerate(plans)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return sum(map(len, plans)) / (time.perf_counter() - began), storm


def own_connection(storm: Storm, actor: User, pieces: Sequence[Piece]) -> None:
    from django.db import connection

    try:
        carry(storm, actor, pieces)
    finally:
        connection.close()


def carry(storm: Storm, actor: User, pieces: Sequence[Piece]) -> None:
    from testbed.refusals import Refusal

    for piece in pieces:
        try:
            WORK[piece.kind](storm, actor, piece)
        except Refusal as refused:
            storm.told[refused.code] += 1
            if refused.code not in TOLD:
                storm.errors.append(f"{piece.kind} was told {refused}")
        except Exception as error:
            storm.errors.append(f"{piece.kind} raised {type(error).__name__}: {error}")


def book(storm: Storm, actor: User, piece: Piece) -> None:
    from testbed.booking.place import Answers, place
    from testbed.booking.target import Target

    tool, (start, end) = storm.tools[piece.tool], span(piece)
    booking = place(
        actor=actor, target=Target(tool=tool), starts_at=start, ends_at=end, answers=Answers()
    )
    storm.placed.append((booking.pk, seen(booking)))
    storm.known[actor.company_id or 0].append(booking.pk)


def hold(storm: Storm, actor: User, piece: Piece) -> None:
    from testbed.booking.hold import hold as take
    from testbed.booking.target import Target

    tool, (start, end) = storm.tools[piece.tool], span(piece)
    booking = take(actor=actor, target=Target(tool=tool), starts_at=start, ends_at=end)
    storm.held[actor.company_id or 0].append(booking)


def confirm(storm: Storm, actor: User, piece: Piece) -> None:
    """Send the form of the company's last hold; known to others only when it is booked."""
    from testbed.booking.place import Answers, submit

    try:
        held = storm.held[actor.company_id or 0].pop()
    except IndexError:
        return
    booking = submit(actor=actor, booking=held, answers=Answers())
    storm.placed.append((booking.pk, seen(booking)))
    storm.known[actor.company_id or 0].append(booking.pk)


def extend(storm: Storm, actor: User, piece: Piece) -> None:
    """Give the company's last hold its minutes again, while others may be sending its form."""
    from testbed.booking.hold import extend as give_minutes

    try:
        held = storm.held[actor.company_id or 0][-1]
    except IndexError:
        return
    give_minutes(actor=actor, booking=held)


def override(storm: Storm, actor: User, piece: Piece) -> None:
    """Staff book for the actor, for a shorter time than anybody may."""
    from testbed.booking.override import Override
    from testbed.booking.place import Answers, place
    from testbed.booking.target import Target

    start, _end = span(piece)
    booking = place(
        actor=storm.staff,
        on_behalf_of=actor,
        target=Target(tool=storm.tools[piece.tool]),
        starts_at=start,
        ends_at=start + SHORT,
        answers=Answers(),
        override=Override(frozenset({"minimum_length"}), "a quick look, agreed"),
    )
    storm.placed.append((booking.pk, seen(booking)))
    storm.known[actor.company_id or 0].append(booking.pk)


def move(storm: Storm, actor: User, piece: Piece) -> None:
    booking = picked(storm, actor, piece)
    if booking is not None:
        change_to(storm, actor, booking, storm.tools[piece.tool], *span(piece))


def resize(storm: Storm, actor: User, piece: Piece) -> None:
    booking = picked(storm, actor, piece)
    if booking is not None:
        tool, start = booking.allocations.select_related("tool")[0].tool, booking.starts_at
        change_to(storm, actor, booking, tool, start, start + timedelta(hours=1 + piece.hour % 3))


def change_to(
    storm: Storm, actor: User, booking: Booking, tool: Tool, start: datetime, end: datetime
) -> None:
    from testbed.booking.change import change
    from testbed.booking.target import Target

    before, target = seen(booking), Target(tool=tool)
    moved = change(
        actor=actor, booking=booking, target=target, starts_at=start, ends_at=end, expected=before
    )
    # By what the verb did, not by what stands now: somebody may have moved it again.
    storm.changes.append(Change(moved.pk, before, seen(moved, [tool.pk])))


def share(storm: Storm, actor: User, piece: Piece) -> None:
    from testbed.booking.share import colleagues
    from testbed.booking.share import share as let_share

    booking = picked(storm, actor, piece)
    colleague = colleagues(booking).first() if booking else None
    if booking is not None and colleague is not None:
        let_share(actor=actor, booking=booking, colleague=colleague)


def pass_on(storm: Storm, actor: User, piece: Piece) -> None:
    """A colleague takes the booking over as it was seen."""
    from testbed.booking.hand_over import colleagues, hand_over

    booking = picked(storm, actor, piece)
    colleague = colleagues(booking).first() if booking else None
    if booking is None or colleague is None:
        return
    tools = list(booking.allocations.values_list("tool_id", flat=True))
    before = seen(booking, tools)
    hand_over(actor=actor, booking=booking, colleague=colleague, expected=before)
    # What was seen stood when it was handed over, so only the booker is another now.
    booking.booked_by = colleague
    storm.changes.append(Change(booking.pk, before, seen(booking, tools)))


def cancel(storm: Storm, actor: User, piece: Piece) -> None:
    from testbed.booking.cancel import cancel as give_back

    booking = picked(storm, actor, piece)
    if booking is not None:
        give_back(actor=actor, booking=booking)
        storm.cancelled.append(booking.pk)


WORK = {
    "book": book, "hold": hold, "confirm": confirm, "extend": extend, "override": override,
    "move": move, "resize": resize, "share": share, "hand_over": pass_on, "cancel": cancel,
}  # fmt: skip


def span(piece: Piece) -> tuple[datetime, datetime]:
    start = midnight() + timedelta(days=20, hours=piece.hour)
    return start, start + timedelta(hours=1 + piece.pick % 2)


def picked(storm: Storm, actor: User, piece: Piece) -> Booking | None:
    """Some booking of the actor's company, as it stands; None while it has none."""
    from testbed.booking.models import Booking

    known = storm.known[actor.company_id or 0]
    if not known:
        return None
    return Booking.objects.visible_to(actor).get(pk=known[piece.pick % len(known)])


def seen(booking: Booking, tool_ids: Sequence[int] | None = None) -> str:
    from testbed.booking.version import version_of

    ids = tool_ids or booking.allocations.values_list("tool_id", flat=True)
    return version_of(booking, ids)


def judge(storm: Storm) -> list[str]:
    """What the database holds beside what was answered: every difference in words."""
    from testbed.booking.models import Booking

    keys = [pk for pk, _version in storm.placed]
    bookings = {one.pk: one for one in Booking.objects.filter(pk__in=keys)}
    wrong = overlaps(storm)
    for pk in set(keys) - set(bookings):
        wrong.append(f"booking {pk} was confirmed and is gone")
    given_back = Counter(storm.cancelled)
    for pk, booking in bookings.items():
        claims = list(booking.allocations.filter(live=True))
        if given_back[pk] > 1:
            wrong.append(f"booking {pk} was cancelled {given_back[pk]} times")
        if (booking.state == "cancelled") != bool(given_back[pk]):
            wrong.append(f"booking {pk} is {booking.state} after {given_back[pk]} cancellations")
        stands = [(one.starts_at, one.ends_at) for one in claims]
        due = [] if given_back[pk] else [(booking.starts_at, booking.ends_at)]
        if stands != due:
            wrong.append(f"booking {pk} claims {stands} and should {due}")
    return wrong + lost_updates(storm, bookings)


def overlaps(storm: Storm) -> list[str]:
    from testbed.booking.models import Allocation

    claims = Allocation.objects.filter(live=True, tool__in=storm.tools)
    rows = list(claims.order_by("tool_id", "starts_at").values_list("tool", "starts_at", "ends_at"))
    return [
        f"{one} overlaps {two}"
        for one, two in pairwise(rows)
        if one[0] == two[0] and one[2] > two[1]
    ]


def lost_updates(storm: Storm, bookings: dict[int, Any]) -> list[str]:
    """Each version was left at most as often as it was made, and the last one made stands."""
    made, left = Counter(storm.placed), Counter[tuple[int, str]]()
    for change in storm.changes:
        made[change.booking, change.made] += 1
        left[change.booking, change.seen] += 1
    wrong = [f"version {one} of booking was overwritten unseen" for one in left - made]
    standing = made - left
    for pk, booking in bookings.items():
        if booking.state != "cancelled" and standing[pk, seen(booking)] != 1:
            wrong.append(f"booking {pk} does not stand as its last change left it")
    return wrong
