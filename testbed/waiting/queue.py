"""Who is next: the order of the waiting list, and one's own place in it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection
from django.db.models import Max

from testbed.tools.models import Tool
from testbed.waiting.models import Offer, Wish
from testbed.waiting.terms import Turn, turn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LOCK = 0x77616974  # any number that no other lock of the product has


def lock_list() -> None:
    """Be the only one who changes the waiting list until the transaction ends.

    Taken before any tool or booking, so that nobody waits for it in a circle. The order of the
    list would be worth nothing if two sweeps could overtake each other on it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def last_offers(now: datetime) -> dict[int, datetime]:
    """When each company was last offered a time, by its pk; only what still counts."""
    since = now - timedelta(hours=settings.OFFER_FAIR_HOURS)
    rows = Offer.objects.filter(offered_at__gt=since).order_by().values("company")
    return {row["company"]: row["last"] for row in rows.annotate(last=Max("offered_at"))}


def in_order(wishes: Iterable[Wish], offered: Mapping[int, datetime], now: datetime) -> list[Wish]:
    """The wishes as their turn comes."""
    return sorted(wishes, key=lambda wish: turn_of(wish, offered, now))


def turn_of(wish: Wish, offered: Mapping[int, datetime], now: datetime) -> Turn:
    return turn(
        was_offered_at=offered.get(wish.company_id),
        waits_since=wish.created_at,
        pk=wish.pk,
        now=now,
    )


def places(own: Iterable[Wish], now: datetime) -> dict[int, int]:
    """The place (1 is next) of each waiting wish of `own`, by its pk; three queries for all.

    Counted are all waiting wishes for any of the same tools; whose they are is never told.
    """
    offered = last_offers(now)
    everybody = list(Wish.objects.waiting().select_related("tool", "cell"))
    cells: dict[int, set[int]] = {}
    for tool, cell in Tool.objects.exclude(cell=None).values_list("pk", "cell_id"):
        if cell is not None:
            cells.setdefault(cell, set()).add(tool)

    def tools(wish: Wish) -> set[int]:
        return {wish.tool_id} if wish.tool_id else cells.get(wish.cell_id or 0, set())

    found = {}
    for wish in own:
        wanted, mine = tools(wish), turn_of(wish, offered, now)
        before = (one for one in everybody if turn_of(one, offered, now) < mine)
        found[wish.pk] = 1 + sum(1 for one in before if tools(one) & wanted)
    return found
