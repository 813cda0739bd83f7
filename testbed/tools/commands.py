"""What a tool understands and what a recipe may ask of it, read from its driver's own table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from instruments.catalogue import TOOLS
from instruments.driver import Parameter
from testbed.tools.described import name_of, text

GROUPS: tuple[tuple[Promise, tuple[str, ...]], ...] = (
    (_("Set by a recipe"), ("recipe",)),
    (_("Set by hand"), ("setting", "config")),
    (_("Readings"), ("reading",)),
    (_("Traces"), ("trace",)),
    (_("Actions"), ("action",)),
)


@dataclass(frozen=True)
class RecipeRow:
    """One field of a recipe; `low`, `high` in `unit`, None where there is no limit.

    `words` are those of a choice, each with what people call it.
    """

    path: str
    title: str
    unit: str
    low: float | None
    high: float | None
    words: tuple[tuple[str, str], ...]
    default: str
    doc: str


def groups(kind: str) -> list[tuple[Promise, list[Parameter]]]:
    """The driver's table by group, empty groups left out; none for a kind without a driver."""
    if kind not in TOOLS:
        return []
    rows = TOOLS[kind].driver.parameters()
    found = [(title, [row for row in rows if row.kind in kinds]) for title, kinds in GROUPS]
    return [(title, rows) for title, rows in found if rows]


def recipe_rows(kind: str) -> list[RecipeRow]:
    """The recipe's fields, each path once, in the order of its schema."""
    if kind not in TOOLS:
        return []
    found: dict[str, RecipeRow] = {}
    for row in _flat(TOOLS[kind].program.schema(), ""):
        known = found.get(row.path)
        # Of a recipe with kinds each kind has its own word in the same place.
        more = tuple(one for one in row.words if known and one not in known.words)
        found[row.path] = replace(known, words=known.words + more) if known else row
    return list(found.values())


def recipe_schema(kind: str) -> dict[str, Any] | None:
    """JSON Schema of a recipe for this kind of tool; None without a driver."""
    return TOOLS[kind].program.schema() if kind in TOOLS else None


def _flat(schema: Mapping[str, Any], prefix: str) -> Iterator[RecipeRow]:
    for part in (schema, *schema.get("oneOf", ())):
        for name, described in part.get("properties", {}).items():
            path = f"{prefix}{name}"
            if "oneOf" in described or "properties" in described:
                yield from _flat(described, f"{path}.")
            else:
                yield _row(path, described)


def _row(path: str, described: Mapping[str, Any]) -> RecipeRow:
    choices = described.get("enum") or ([described["const"]] if "const" in described else [])
    return RecipeRow(
        path=path,
        title=text(described, "title", path),
        unit=str(described.get("unit", "")),
        low=described.get("minimum"),
        high=described.get("maximum"),
        words=tuple((one, name_of(described, one)) for one in choices),
        default=str(described.get("default", "")),
        doc=text(described, "description"),
    )
