"""Asking the parts that everything else stands on whether they answer."""

from __future__ import annotations

from django.core.cache import cache
from django.db import DatabaseError, connection
from redis.exceptions import RedisError


def database_answers() -> bool:
    """Whether a statement comes back from PostgreSQL."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def valkey_answers() -> bool:
    """Whether the broker's and the cache's store answers."""
    try:
        cache.get("probe")
    except (RedisError, OSError):
        return False
    return True
