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

# Every page shows the number, so it is counted at most so often, and never on the way to a page:
# a page that finds none asks for it afterwards. Marking read forgets it at once.
COUNTED_FOR_S = 30
MOST_SHOWN = 99


def counted(user: User) -> int | None:
    """The number as it was counted lately; None when it has to be counted again."""
    try:
        found = cache.get(_key(user))
    except RedisError:
        return None
    return None if found is None else int(found)


def unread(user: User) -> int:
    """How many notices wait to be read, at most 99."""
    found = Notice.objects.visible_to(user).unread()[:MOST_SHOWN].count()
    try:
        cache.set(_key(user), found, COUNTED_FOR_S)
    except RedisError:
        # Without the cache it is counted anew each time.
        return found
    return found


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


def _key(user: User) -> str:
    return f"notices_unread:{user.pk}"
