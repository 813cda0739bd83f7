"""One database transaction, tried again when PostgreSQL asks for it, its errors put into words."""

import random
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import TypeVar

from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction
from django.utils.translation import gettext_lazy as _

from testbed.prepared import begin
from testbed.refusals import Refusal

Result = TypeVar("Result")
AGAIN = frozenset({"40P01", "40001", "55P03"})  # deadlock, serialisation, lock not available
TRIES = 3
LOCK_TIMEOUT_MS = 3_000


def sqlstate(error: DatabaseError) -> str:
    """The five-character SQLSTATE behind a Django database error, or an empty string."""
    return getattr(error.__cause__, "sqlstate", None) or ""


def constraint_name(error: DatabaseError) -> str:
    """The constraint that was broken, or an empty string."""
    diagnostics = getattr(error.__cause__, "diag", None)
    return getattr(diagnostics, "constraint_name", None) or ""


class Undone(Exception):
    """Raised to undo all of a transaction first, and to say why only then.

    say: makes the exception that is raised instead; it may ask the database.
    """

    def __init__(self, say: Callable[[], Exception]) -> None:
        super().__init__()
        self.say = say


def in_transaction(work: Callable[[], Result], *, is_whole: bool = False) -> Result:
    """Run `work` atomically with a lock timeout; deadlocks and lock waits are tried up to 3 times.

    Inside another transaction nothing can be tried again, so `work` then runs once. is_whole:
    nothing inside is undone without the rest, so that nothing inside needs a savepoint; whoever
    fails inside must not be caught, and raises `Undone` to ask the database once more.
    Raises Refusal("busy") when the database stays busy.
    """
    if _is_part.get() and connection.in_atomic_block:
        with transaction.atomic(savepoint=False):
            return work()
    mark = _is_part.set(is_whole)
    try:
        return _tried(work)
    except Undone as stopped:
        undone = stopped
    finally:
        _is_part.reset(mark)
    raise undone.say() from undone


def is_part() -> bool:
    """True inside a transaction that is whole: see `in_transaction`."""
    return _is_part.get() and connection.in_atomic_block


def _tried(work: Callable[[], Result]) -> Result:
    if connection.in_atomic_block:
        return _once(work)
    for attempt in range(TRIES):
        try:
            return _once(work)
        except OperationalError as error:
            if sqlstate(error) not in AGAIN:
                raise
            time.sleep(random.uniform(0.01, 0.05) * (attempt + 1))  # noqa: S311 - a jitter
    raise Refusal(
        "busy",
        _("Many people are booking this tool right now, so nothing was changed."),
        next_step=_("Wait a few seconds and try again."),
    )


def _once(work: Callable[[], Result]) -> Result:
    is_inside = connection.in_atomic_block and _inside.get()
    with transaction.atomic():
        if not is_inside:
            begin(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
        mark = _inside.set(True)
        try:
            return work()
        finally:
            _inside.reset(mark)


# Whether an outer `in_transaction` has set the lock timeout, which lasts as long as it does.
_inside: ContextVar[bool] = ContextVar("inside a transaction of ours", default=False)
_is_part: ContextVar[bool] = ContextVar("inside a whole transaction", default=False)


def broken_constraint(error: IntegrityError) -> tuple[str, str]:
    """(sqlstate, constraint name) of an integrity error."""
    return sqlstate(error), constraint_name(error)
