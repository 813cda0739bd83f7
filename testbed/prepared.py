"""Statements that PostgreSQL keeps prepared, asked with one call of libpq each.

For the few statements that run so often that the driver's cursor shows: it makes a dozen objects
for every question and takes four times as long as the exchange itself. Values go as text and have
the types that their places in the statement have, so that each statement is prepared once a
connection. Everything else stays with Django's cursor.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any, Self

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, TransactionStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg.pq.abc import PGresult

GOOD = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)
SLOT = re.compile("%[s%]")
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


def begin(settings: str) -> None:
    """Begin the transaction that Django has asked for, with `settings` (SET LOCAL …) at once.

    Inside a transaction that has begun already only `settings` are sent.
    """
    database: Any = connections[DEFAULT_DB_ALIAS]
    if database.execute_wrappers or database.queries_logged:
        with database.cursor() as cursor:
            cursor.execute(settings)
        return
    with database.wrap_database_errors:
        _begin(database.connection, settings)


def _begin(connection: psycopg.Connection[Any], settings: str) -> None:
    """The driver, which begins before its first statement, sees that it has been done."""
    pgconn = connection.pgconn
    is_idle = pgconn.transaction_status == TransactionStatus.IDLE
    _good(pgconn.exec_(f"BEGIN; {settings}".encode() if is_idle else settings.encode()))


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
        result = _good(self._sent(sql, given))
        self.values.set_pgresult(result)
        return self.values.load_rows(0, result.ntuples, tuple)

    def _sent(self, sql: str, given: Sequence[Any]) -> PGresult:
        connection, pgconn = self.connection, self.connection.pgconn
        if not connection.autocommit and pgconn.transaction_status == TransactionStatus.IDLE:
            _good(pgconn.exec_(b"BEGIN"))
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
        found: list[Any] = cursor.fetchall()
    return found
