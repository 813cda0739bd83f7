"""Who is next: the order of the waiting list, and one's own place in it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection
from django.db.models import Exists, Func, Max, OuterRef, Q, Subquery

from testbed.waiting.models import Offer, Wish
from testbed.waiting.terms import Turn, turn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from testbed.waiting.querysets import WishQuerySet

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


def with_places(rows: WishQuerySet, now: datetime) -> WishQuerySet:
    """`rows` with each one's `place` (1 is next), counted in the same statement.

    Counted are all waiting wishes for any of the same tools; whose they are is never told.
    """
    mine = rows.annotate(offered_lately=_offered_lately(now))
    ahead = (
        Wish.objects.waiting()
        .annotate(offered_lately=_offered_lately(now))
        .filter(_same_tools(), _before())
        .order_by()
    )
    count = ahead.annotate(all=Func("pk", function="Count")).values("all")
    placed: WishQuerySet = mine.annotate(place=Subquery(count) + 1)
    return placed


def _offered_lately(now: datetime) -> Exists:
    """Whether the wish's company was offered a time within the last hours (see `terms.turn`)."""
    since = now - timedelta(hours=settings.OFFER_FAIR_HOURS)
    return Exists(Offer.objects.filter(company=OuterRef("company"), offered_at__gt=since))


def _same_tools() -> Q:
    """For the tool or the cell of the outer wish, or for a cell's tool or a tool's cell."""
    return (
        Q(tool=OuterRef("tool"))
        | Q(cell=OuterRef("cell"))
        | Q(cell=OuterRef("tool__cell"))
        | Q(tool__cell=OuterRef("cell"))
    )


def _before() -> Q:
    """Its turn comes before that of the outer wish, as `terms.turn` orders them."""
    same = Q(offered_lately=OuterRef("offered_lately"))
    older = Q(created_at__lt=OuterRef("created_at"))
    first = Q(created_at=OuterRef("created_at"), pk__lt=OuterRef("pk"))
    return Q(offered_lately__lt=OuterRef("offered_lately")) | (same & (older | first))
