"""A recipe as a form: a field for each that the tool's own schema has, limits included."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from django import forms
from django.utils.translation import gettext_lazy as _

from instruments.recipe_fields import value_at
from testbed.tools.described import name_of, text, unit_in_words


class Row(NamedTuple):
    """One field of a recipe: its dotted path, its JSON schema, and whether it must be given."""

    path: str
    described: Mapping[str, Any]
    is_required: bool


Way = tuple[Row, ...]
"""The fields of one kind of recipe, where a schema allows several (`oneOf`)."""


def ways_of(schema: Mapping[str, Any]) -> dict[str, Way]:
    """Every kind of recipe that `schema` allows, by name: the words that tell it from the others.

    A schema without choices has one, named "".
    """
    return {_name(way): way for way in _ways(schema, "")}


def way_of(body: Mapping[str, Any], ways: Mapping[str, Way]) -> str:
    """The kind of recipe that `body` is; the first where it is none of them."""
    for name, way in ways.items():
        if all(value_at(body, path) == word for path, word in _words(way)):
            return name
    return next(iter(ways))


def title_of(way: Way) -> str:
    """What people call this kind of recipe; "" where a tool knows one kind only."""
    told = (
        name_of(row.described, row.described["const"]) for row in way if "const" in row.described
    )
    return " · ".join(told)


class Named(NamedTuple):
    """A recipe's field in the reader's language, its unit ("" for none), what it has."""

    label: str
    unit: str
    value: Any


def named(schema: Mapping[str, Any], body: Mapping[str, Any], path: str) -> Named:
    """The field at `path` of a recipe that keeps `schema`; its path where there is none."""
    ways = ways_of(schema)
    rows = {row.path: row.described for row in ways[way_of(body, ways)]}
    described = rows.get(path, {})
    own = value_at(body, path)
    value = described.get("default") if own is None else own
    return Named(text(described, "title", path), described.get("unit", ""), value)


class SettingsForm(forms.Form):
    """The settings of one kind of recipe; begins with what `body` holds."""

    def __init__(
        self, way: Way, body: Mapping[str, Any], data: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(data)
        self.way = way
        for row in way:
            if "const" not in row.described:
                present = value_at(body, row.path)
                default = row.described.get("default")
                self.fields[row.path] = _field(row, default if present is None else present)

    def body(self) -> dict[str, Any]:
        """The settings; what was left empty is left out."""
        made: dict[str, Any] = {}
        for row in self.way:
            value = row.described.get("const", self.cleaned_data.get(row.path))
            if value in (None, ""):
                continue
            *groups, last = row.path.split(".")
            place = made
            for group in groups:
                place = place.setdefault(group, {})
            place[last] = value
        return made


def _ways(schema: Mapping[str, Any], prefix: str) -> list[Way]:
    if "oneOf" in schema:
        return [way for option in schema["oneOf"] for way in _ways(option, prefix)]
    found: list[Way] = [()]
    for name, described in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        if "oneOf" in described or "properties" in described:
            parts = _ways(described, f"{path}.")
        else:
            parts = [(Row(path, described, name in schema.get("required", ())),)]
        found = [(*way, *part) for way in found for part in parts]
    return found


def _words(way: Iterable[Row]) -> Iterator[tuple[str, Any]]:
    """Path and value of what is the same in every recipe of this kind."""
    return ((row.path, row.described["const"]) for row in way if "const" in row.described)


def _name(way: Way) -> str:
    return "-".join(str(word) for _path, word in _words(way))


def _option(described: Mapping[str, Any], raw: str) -> tuple[str, str]:
    """A word of a choice; its name comes first, the word itself is what a recipe holds."""
    name = name_of(described, raw)
    return raw, raw if name == raw else f"{name} ({raw})"


def _field(row: Row, initial: object) -> forms.Field:
    described = row.described
    common: dict[str, Any] = {
        "label": text(described, "title", row.path),
        "required": row.is_required,
        "initial": initial,
    }
    if "enum" in described:
        return forms.ChoiceField(
            choices=[_option(described, one) for one in described["enum"]], **common
        )
    if described["type"] == "string":
        letters = _("1 to 40 capital letters, digits or . _ -")
        return forms.RegexField(described["pattern"], help_text=letters, **common)
    low, high = described["minimum"], described["maximum"]
    limits = {"min_value": low, "max_value": high}
    hint = f"{low:g} – {high:g} {unit_in_words(described['unit'])}".strip()
    if described["type"] == "integer":
        return forms.IntegerField(help_text=hint, **limits, **common)
    return forms.FloatField(help_text=hint, **limits, **common)
