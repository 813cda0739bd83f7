"""One's own notices: how many are unread, and marking them read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.cache import cache
from django.utils import timezone
from redis.exceptions import RedisError

from testbed.notices.models import Notice

if TYPE_CHECKING:
    from collections.abc import Collection

    from testbed.people.models import User

# Every page shows the number, so it is counted at most so often; marking read forgets it at once.
COUNTED_FOR_S = 20
MOST_SHOWN = 99


def unread(user: User) -> int:
    """How many notices wait to be read, at most 99; up to 20 s old."""
    key = _key(user)
    try:
        found = cache.get(key)
        if found is None:
            found = _count(user)
            cache.set(key, found, COUNTED_FOR_S)
    except RedisError:
        # Without the cache each page counts for itself.
        return _count(user)
    return int(found)


def mark_read(*, actor: User, only: Collection[int] | None = None) -> int:
    """Mark the actor's own unread notices read, all of them or `only` these; how many."""
    rows = Notice.objects.visible_to(actor).unread()
    if only is not None:
        rows = rows.filter(pk__in=only)
    count = rows.update(read_at=timezone.now())
    try:
        cache.delete(_key(actor))
    except RedisError:
        return count
    return count


def _count(user: User) -> int:
    return Notice.objects.visible_to(user).unread()[:MOST_SHOWN].count()


def _key(user: User) -> str:
    return f"notices_unread:{user.pk}"
