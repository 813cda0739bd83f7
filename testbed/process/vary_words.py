"""A recipe's ranges by wafer in the reader's words: name, unit, from, to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from instruments.catalogue import PLANS
from testbed.process.recipe_form import Row, Way, named, way_of, ways_of
from testbed.process.vary import in_digits, ranges_of
from testbed.tools.described import unit_in_words


class NamedRange(NamedTuple):
    """One value that may differ; `path` is its name in the recipe and in a table's CSV."""

    path: str
    label: str
    limits: str
    own: str
    """What the recipe has for every wafer, without its unit; "" for nothing."""
    wrong: str
    """What stands in the way of giving it to any wafer; "" for nothing."""


def named_ranges(tool_kind: str, body: Mapping[str, Any]) -> list[NamedRange]:
    """The ranges of `body`, in the order of their paths."""
    schema = _schema(tool_kind)
    ways = ways_of(schema)
    known = numbers(ways[way_of(body, ways)])
    found = []
    for path, (low, high) in ranges_of(body).items():
        label, unit, own = named(schema, body, path)
        limits = in_words(low, high, unit)
        wrong = "" if path in known else _no_such_number()
        found.append(NamedRange(path, label, limits, own_in_words(own), wrong))
    return found


def value_in_words(tool_kind: str, body: Mapping[str, Any], path: str, value: float) -> str:
    """A wafer's own value under the name that people give it, with its unit."""
    label, unit, _own = named(_schema(tool_kind), body, path)
    return f"{label} = {in_digits(value)} {unit_in_words(unit)}".strip()


def _schema(tool_kind: str) -> Mapping[str, Any]:
    plan = PLANS.get(tool_kind)
    return plan.program.schema() if plan else {}


def _no_such_number() -> str:
    return _("This kind of recipe has no such number to give a wafer. Write a version without it.")


def numbers(way: Way) -> dict[str, Row]:
    """The fields that a number is given for, by path: what a range can be given for too."""
    return {row.path: row for row in way if "minimum" in row.described}


def in_words(low: float, high: float, unit: str) -> str:
    return f"{in_digits(low)} – {in_digits(high)} {unit_in_words(unit)}".strip()


def own_in_words(own: object) -> str:
    """The recipe's own value; "" for none."""
    if isinstance(own, int | float):
        return in_digits(own)
    return "" if own is None else str(own)
