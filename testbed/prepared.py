"""Statements that PostgreSQL keeps prepared, asked with one call of libpq each.

For the few statements that run so often that the driver's cursor shows: it makes a dozen objects
for every question and takes four times as long as the exchange itself. Values go as text and have
the types that their places in the statement have, so that each statement is prepared once a
connection. Everything else stays with Django's cursor.
"""

from __future__ import annotations

import re
import select
from functools import lru_cache, partial
from itertools import count
from typing import TYPE_CHECKING, Any, Self

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, TransactionStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg.pq.abc import PGresult

Question = tuple[str, "Sequence[Any]"]

GOOD = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)
SLOT = re.compile("%[s%]")
BEGIN, COMMIT = "BEGIN", "COMMIT"
_OWN = "_testbed_prepared"


def run(sql: str, params: Sequence[Any]) -> list[Any]:
    """All rows, as tuples, of a statement whose places for values are `%s`; errors as Django's.

    The call waits in libpq: a signal is seen when the answer is there.
    """
    database: Any = connections[DEFAULT_DB_ALIAS]
    database.ensure_connection()
    if database.execute_wrappers or database.queries_logged:
        return _run_watched(database, sql, params)
    database.validate_no_broken_transaction()
    with database.wrap_database_errors:
        return _of(database.connection).ask(sql, params)


def run_together(questions: Sequence[Question]) -> list[list[Any]]:
    """The rows of each (statement, values), asked in one message and answered in one.

    They run one after the other, so that each sees what those before it did or waited for. The
    first that fails raises its error, and those after it are not run.
    """
    database: Any = connections[DEFAULT_DB_ALIAS]
    database.ensure_connection()
    if len(questions) < 2 or database.execute_wrappers or database.queries_logged:
        return [run(*question) for question in questions]
    database.validate_no_broken_transaction()
    with database.wrap_database_errors:
        return _of(database.connection).ask_together(questions)


def begin(settings: str, questions: Sequence[Question] = ()) -> list[list[Any]]:
    """Begin the transaction that Django has asked for, with `settings` (SET LOCAL …) at once.

    Inside a transaction that has begun already only `settings` are sent. The rows of the
    questions, which go with the same message.
    """
    database: Any = connections[DEFAULT_DB_ALIAS]
    if database.execute_wrappers or database.queries_logged:
        with database.cursor() as cursor:
            cursor.execute(settings)
        return [run(*question) for question in questions]
    database.ensure_connection()
    with database.wrap_database_errors:
        # The driver, which begins before its first statement, sees that it has been done.
        is_idle = database.connection.pgconn.transaction_status == TransactionStatus.IDLE
        first: list[Question] = [(BEGIN, ())] if is_idle else []
        first.append((settings, ()))
        return _of(database.connection).ask_together([*first, *questions])[len(first) :]


def commit(questions: Sequence[Question]) -> None:
    """Commit the transaction that Django is about to commit, `questions` before it at once."""
    database: Any = connections[DEFAULT_DB_ALIAS]
    if database.execute_wrappers or database.queries_logged:
        for question in questions:
            run(*question)
        return
    database.validate_no_broken_transaction()
    with database.wrap_database_errors:
        # Whoever has asked nothing has not begun.
        if database.connection.pgconn.transaction_status != TransactionStatus.IDLE:
            _of(database.connection).ask_together([*questions, (COMMIT, ())])


def _good(result: PGresult) -> PGresult:
    """The result; raises psycopg's error for a refusal."""
    if result.status not in GOOD:
        raise error_from_result(result)
    return result


class _Connection:
    """What one connection has prepared, and how its values are read and written."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.values = Transformer(connection)
        self.names: dict[str, bytes] = {}

    def ask(self, sql: str, params: Sequence[Any]) -> list[Any]:
        given = self.values.dump_sequence(params, [PyFormat.TEXT] * len(params))
        return self._rows(_good(self._sent(sql, given)))

    def _rows(self, result: PGresult) -> list[Any]:
        if not result.ntuples:
            return []
        self.values.set_pgresult(result)
        return self.values.load_rows(0, result.ntuples, tuple)

    def ask_together(self, questions: Sequence[Question]) -> list[list[Any]]:
        """Pipelined: all is sent before the first answer is read."""
        dump = self.values.dump_sequence
        given = [dump(params, [PyFormat.TEXT] * len(params)) for _sql, params in questions]
        if questions[0][0] != BEGIN:
            self._begun()
        send = [self._sender(sql) for sql, _params in questions]
        pgconn = self.connection.pgconn
        pgconn.enter_pipeline_mode()
        try:
            for each, params in zip(send, given, strict=True):
                each(params)
            pgconn.pipeline_sync()
            results = self._results()
        except BaseException:
            # What has been asked and not read would answer the next question.
            pgconn.finish()
            raise
        pgconn.exit_pipeline_mode()
        return [self._rows(_good(result)) for result in results]

    def _sender(self, sql: str) -> Callable[[Sequence[Any]], None]:
        pgconn = self.connection.pgconn
        if self.connection.prepare_threshold is None:
            return partial(pgconn.send_query_params, _numbered(sql))
        return partial(pgconn.send_query_prepared, self.names.get(sql) or self._prepared(sql))

    def _results(self) -> list[PGresult]:
        """One a statement; a wait lets other threads work."""
        pgconn = self.connection.pgconn
        found: list[PGresult] = []
        waiting = select.poll()
        while pgconn.flush():
            waiting.register(pgconn.socket, select.POLLIN | select.POLLOUT)
            waiting.poll()
            pgconn.consume_input()
        waiting.register(pgconn.socket, select.POLLIN)
        while True:
            while pgconn.is_busy():
                waiting.poll()
                pgconn.consume_input()
            result = pgconn.get_result()
            if result is None:
                continue
            if result.status == ExecStatus.PIPELINE_SYNC:
                return found
            found.append(result)

    def _begun(self) -> None:
        connection, pgconn = self.connection, self.connection.pgconn
        if not connection.autocommit and pgconn.transaction_status == TransactionStatus.IDLE:
            _good(pgconn.exec_(b"BEGIN"))

    def _sent(self, sql: str, given: Sequence[Any]) -> PGresult:
        connection, pgconn = self.connection, self.connection.pgconn
        self._begun()
        if connection.prepare_threshold is None:
            # A pooler stands between, which may give each statement to another session.
            return pgconn.exec_params(_numbered(sql), given)
        return pgconn.exec_prepared(self.names.get(sql) or self._prepared(sql), given)

    def _prepared(self, sql: str) -> bytes:
        name = f"testbed_{len(self.names)}".encode()
        _good(self.connection.pgconn.prepare(name, _numbered(sql)))
        self.names[sql] = name
        return name


def _of(connection: Any) -> _Connection:
    """Kept on the driver's connection, which a pool hands from thread to thread."""
    found: _Connection | None = getattr(connection, _OWN, None)
    if found is None:
        found = _Connection(connection)
        setattr(connection, _OWN, found)
    return found


@lru_cache(maxsize=512)
def _numbered(sql: str) -> bytes:
    """`%s`, `%%` as `$1`, `%`."""
    places = count(1)
    return SLOT.sub(lambda found: "%" if found[0] == "%%" else f"${next(places)}", sql).encode()


class _Cursor(psycopg.Cursor[Any]):
    """Prepares nothing: the driver throws away all that is prepared when something is undone."""

    def execute(self, query: Any, params: Any = None, **_options: Any) -> Self:
        return super().execute(query, params, prepare=False)


def _run_watched(database: Any, sql: str, params: Sequence[Any]) -> list[Any]:
    """Through Django's wrapper, which counts and logs as for every other statement."""
    with database._prepare_cursor(_Cursor(database.connection)) as cursor:  # noqa: SLF001
        cursor.execute(sql, params)
        found: list[Any] = cursor.fetchall() if cursor.description else []
    return found
