"""Statements that are compiled once: for the few that run so often that compiling them shows.

Django turns a queryset into SQL anew at every call, which takes several times longer than
PostgreSQL takes to answer. A `Statement` keeps the SQL of a queryset whose values are slots; the
server keeps its plan. `insert` does the same for new rows.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import psycopg.sql
from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.models.query import ModelIterable, get_related_populators

from testbed.prepared import run, run_together

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from testbed.prepared import Question

Row = TypeVar("Row")


class Slot(models.Expression):
    """A value that is given at each run, wherever a queryset takes an expression.

    `cast`: its type in PostgreSQL; a small number sent without one is a smallint, which an index
    over bigints does not know.
    """

    def __init__(self, name: str, cast: str, output_field: models.Field[Any, Any]) -> None:
        super().__init__(output_field=output_field)
        self.name = name
        self.cast = cast

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        return f"%s::{self.cast}", [self]


def whole(name: str) -> Slot:
    """A slot for a whole number, such as a key."""
    return Slot(name, "bigint", models.BigIntegerField())


def text(name: str) -> Slot:
    return Slot(name, "text", models.TextField())


def moment(name: str) -> Slot:
    return Slot(name, "timestamptz", models.DateTimeField())


def day(name: str) -> Slot:
    return Slot(name, "date", models.DateField())


class Among(models.Func):
    """A condition: what is in `column` is one of the list given as `name`, of whole numbers."""

    template = "%(expressions)s)"
    arg_joiner = " = ANY("

    def __init__(self, column: str, name: str, cast: str = "bigint[]") -> None:
        values = Slot(name, cast, models.Field())
        super().__init__(column, values, output_field=models.BooleanField())


class _Compiled(NamedTuple):
    """A statement's text, its values in order (slots among them), and what is made of a row.

    converters: (place in the row, functions, expression), as Django's compiler applies them.
    """

    sql: str
    given: tuple[Any, ...]
    converters: tuple[tuple[int, Sequence[Any], Any], ...]
    make: Callable[[list[Any]], Any]


class Statement(Generic[Row]):
    """A queryset with slots; its rows are model objects, or tuples for a `values_list`.

    `build` is called once, at the first run; a queryset that locks must then be inside a
    transaction. What it prefetches is not fetched. `is_planned_anew`: for the few whose best plan
    hangs on the values; they go as Django sends them.
    """

    def __init__(
        self, build: Callable[[], models.QuerySet[Any, Row]], *, is_planned_anew: bool = False
    ) -> None:
        self._build = build
        self._ask = _sent if is_planned_anew else run
        self._lock = threading.Lock()
        self._compiled: _Compiled | None = None

    def __call__(self, **values: Any) -> list[Row]:
        """Run it; KeyError when a slot has no value."""
        question = self.question(**values)
        ahead = _ahead.get()
        if ahead is not None and ahead[0] == question:
            _ahead.set(None)
            return self.made(ahead[1])
        return self.made(self._ask(*question))

    def question(self, **values: Any) -> Question:
        """What is asked with these values, for `asked_together`; KeyError as when it is run."""
        sql, given, _converters, _make = self._compiled or self._compile()
        return sql, [values[one.name] if isinstance(one, Slot) else one for one in given]

    def made(self, rows: list[Any]) -> list[Row]:
        """What the statement's rows become."""
        _sql, _given, converters, make = self._compiled or self._compile()
        if make is tuple and not converters:
            return rows
        database = connections[DEFAULT_DB_ALIAS]
        return [make(_converted(row, converters, database)) for row in rows]

    def _compile(self) -> _Compiled:
        with self._lock:
            if self._compiled is None:
                self._compiled = _compile(self._build())
            return self._compiled


def _sent(sql: str, params: Sequence[Any]) -> list[Any]:
    """All rows, by Django's cursor, which writes the values into the text."""
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


def asked_together(*asked: tuple[Statement[Any], dict[str, Any]]) -> list[list[Any]]:
    """What each statement gives with its values, one after the other, in one exchange."""
    rows = run_together([statement.question(**values) for statement, values in asked])
    return [statement.made(own) for (statement, _values), own in zip(asked, rows, strict=True)]


@contextmanager
def known_ahead(question: Question, rows: list[Any]) -> Iterator[None]:
    """Inside, the first run of a statement that asks just this is answered with the rows.

    For what was asked in the same transaction, with its beginning.
    """
    mark = _ahead.set((question, rows))
    try:
        yield
    finally:
        _ahead.reset(mark)


_ahead: ContextVar[tuple[Question, list[Any]] | None] = ContextVar("ahead", default=None)


def _compile(queryset: models.QuerySet[Any, Any]) -> _Compiled:
    compiler = queryset.query.get_compiler(DEFAULT_DB_ALIAS)
    sql, params = compiler.as_sql()
    columns = [column for column, *_rest in compiler.select[: compiler.col_count]]
    converters = tuple((place, *found) for place, found in compiler.get_converters(columns).items())
    is_model = issubclass(queryset._iterable_class, ModelIterable)  # noqa: SLF001
    filled, given = _with_constants(sql, params)
    return _Compiled(filled, given, converters, _maker(compiler) if is_model else tuple)


def _with_constants(sql: str, params: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
    """The queryset's own constants stand in the text, so that the one plan kept knows them."""
    written = [
        "%s" if _is_given(one) else psycopg.sql.quote(one).replace("%", "%%") for one in params
    ]
    filled = sql.replace("%%", "%%%%") % tuple(written)
    return filled, tuple(one for one in params if _is_given(one))


def _is_given(value: Any) -> bool:
    """True for slots, and for constants that have no plain text."""
    return not isinstance(value, str | int)


def _converted(row: Sequence[Any], converters: Any, database: Any) -> list[Any]:
    made = list(row)
    for place, functions, expression in converters:
        for function in functions:
            made[place] = function(made[place], expression, database)
    return made


def _maker(compiler: Any) -> Callable[[list[Any]], Any]:
    """Makes of a row a model object with annotations and `select_related`, as a queryset does."""
    info = compiler.klass_info
    fields, model = info["select_fields"], info["model"]
    first, last = fields[0], fields[-1] + 1
    names = [column[0].target.attname for column in compiler.select[first:last]]
    related = get_related_populators(info, compiler.select, DEFAULT_DB_ALIAS)  # type: ignore[call-arg]
    annotations = tuple(compiler.annotation_col_map.items())

    def make(row: list[Any]) -> Any:
        made = model.from_db(DEFAULT_DB_ALIAS, names, row[first:last])
        for populator in related:
            populator.populate(row, made)
        for name, position in annotations:
            setattr(made, name, row[position])
        return made

    return make


def insert(rows: Sequence[models.Model]) -> None:
    """Insert new objects of one model in one statement and give them their keys.

    As `bulk_create`, with neither signals nor batches: for a handful of rows. Inside
    `inserting_together` the rows are written, and get their keys, when that ends.
    """
    waiting = _waiting.get()
    if waiting is None:
        _insert([rows])
    else:
        waiting.append(rows)


@contextmanager
def inserting_together() -> Iterator[None]:
    """What is inserted inside becomes one statement at the end; nothing when something raises.

    For rows that need neither each other nor each other's keys.
    """
    waiting: list[Sequence[models.Model]] = []
    mark = _waiting.set(waiting)
    try:
        yield
    finally:
        _waiting.reset(mark)
    if waiting:
        _insert(waiting)


_waiting: ContextVar[list[Sequence[models.Model]] | None] = ContextVar("rows", default=None)


def _insert(parts: Sequence[Sequence[models.Model]]) -> None:
    """Each part: rows of one model. One statement for all of them."""
    sql, fields = _insertion(tuple((type(rows[0]), len(rows)) for rows in parts))
    database = connections[DEFAULT_DB_ALIAS]
    params = [
        _stored(field, row, database)
        for rows, known in zip(parts, fields, strict=True)
        for row in rows
        for field in known
    ]
    [keys] = run(sql, params)
    for rows, own in zip(parts, keys, strict=True):
        for row, key in zip(rows, own, strict=True):
            row.pk = key
            state = row._state  # noqa: SLF001 - as Django itself marks what is saved
            state.adding, state.db = False, DEFAULT_DB_ALIAS


# A text, a number, a truth or nothing goes to the driver as it is; Django only asks whether it is.
BUILT_IN = frozenset({str, int, bool, type(None)})
PLAIN = frozenset(
    {
        models.BooleanField,
        models.CharField,
        models.ForeignKey,
        models.IntegerField,
        models.PositiveSmallIntegerField,
        models.TextField,
    }
)
Fields = tuple["models.Field[Any, Any]", ...]


@lru_cache(maxsize=128)
def _insertion(parts: tuple[tuple[type[models.Model], int], ...]) -> tuple[str, tuple[Fields, ...]]:
    """A statement that gives one row with a list of new keys for each part."""
    written = [_one_insertion(model, count) for model, count in parts]
    named = ", ".join(f"part{place} AS ({sql})" for place, (sql, _fields) in enumerate(written))
    # The rows of one INSERT come back, and get their keys, in the order of its values.
    lists = ", ".join(
        f"(SELECT array_agg(key) FROM part{place})"  # noqa: S608 - a number of ours
        for place in range(len(written))
    )
    return f"WITH {named} SELECT {lists}", tuple(fields for _sql, fields in written)


def _one_insertion(model: type[models.Model], count: int) -> tuple[str, Fields]:
    key = model._meta.pk
    fields = tuple(field for field in model._meta.local_concrete_fields if field is not key)
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    row = ", ".join(["%s"] * len(fields))
    values = ", ".join([f"({row})"] * count)
    table, own = quote(model._meta.db_table), quote(str(key.column))
    # Names of our own models alone; every value is a parameter.
    sql = f"INSERT INTO {table} ({columns}) VALUES {values} RETURNING {own} AS key"  # noqa: S608
    return sql, fields


def _stored(field: models.Field[Any, Any], row: models.Model, database: Any) -> Any:
    if type(field) in PLAIN:
        value = getattr(row, field.attname)
        if type(value) in BUILT_IN:
            return value
    return field.get_db_prep_save(field.pre_save(row, add=True), database)
