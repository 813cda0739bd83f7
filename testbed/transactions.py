"""One database transaction, tried again when PostgreSQL asks for it, its errors put into words."""

import random
import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, TypeVar

from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction
from django.utils.translation import gettext_lazy as _

from testbed.prepared import Question, begin, commit, run, run_together
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
    return opened_with((), lambda _rows: work(), is_whole=is_whole)


def opened_with(
    questions: Sequence[Question],
    work: Callable[[list[list[Any]]], Result],
    *,
    is_whole: bool = False,
) -> Result:
    """As `in_transaction`; the work is given the rows of the transaction's first statements.

    questions: (statement, values) each, asked in one message with the transaction's beginning.
    """
    if is_part():
        with transaction.atomic(savepoint=False):
            return work(run_together(questions))
    mark = _is_part.set(is_whole)
    try:
        return _tried(questions, work)
    except Undone as stopped:
        undone = stopped
    finally:
        _is_part.reset(mark)
    raise undone.say() from undone


def is_part() -> bool:
    """True inside a transaction that is whole: see `in_transaction`."""
    return _is_part.get() and connection.in_atomic_block


def at_the_end(sql: str, params: Sequence[Any]) -> None:
    """Run a statement whose rows nobody asks for: with the commit, where nothing else is between.

    For the last act of a transaction's work.
    """
    last = _last.get()
    if last is None:
        run(sql, params)
    else:
        last.append((sql, params))


def _tried(questions: Sequence[Question], work: Callable[[list[list[Any]]], Result]) -> Result:
    if connection.in_atomic_block:
        return _once(questions, work)
    for attempt in range(TRIES):
        try:
            return _once(questions, work)
        except OperationalError as error:
            if sqlstate(error) not in AGAIN:
                raise
            time.sleep(random.uniform(0.01, 0.05) * (attempt + 1))  # noqa: S311 - a jitter
    raise Refusal(
        "busy",
        _("Many people are booking this tool right now, so nothing was changed."),
        next_step=_("Wait a few seconds and try again."),
    )


def _once(questions: Sequence[Question], work: Callable[[list[list[Any]]], Result]) -> Result:
    is_outermost = not connection.in_atomic_block
    is_inside = not is_outermost and _inside.get()
    last: list[Question] | None = [] if is_outermost else None
    with transaction.atomic():
        if is_inside:
            rows = run_together(questions)
        else:
            rows = begin(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}", questions)
        marks = _inside.set(True), _last.set(last)
        try:
            result = work(rows)
        finally:
            _inside.reset(marks[0])
            _last.reset(marks[1])
        if last is not None and not connection.needs_rollback:
            commit(last)
        return result


# Whether an outer `in_transaction` has set the lock timeout, which lasts as long as it does.
_inside: ContextVar[bool] = ContextVar("inside a transaction of ours", default=False)
_last: ContextVar[list[Question] | None] = ContextVar("run with the commit", default=None)
_is_part: ContextVar[bool] = ContextVar("inside a whole transaction", default=False)


def broken_constraint(error: IntegrityError) -> tuple[str, str]:
    """(sqlstate, constraint name) of an integrity error."""
    return sqlstate(error), constraint_name(error)
