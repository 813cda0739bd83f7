"""The fields of a recipe, each tied to the driver's row that carries it to the tool."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from instruments.driver import Choice, Entry, Setting, Text
from instruments.errors import LimitExceeded
from instruments.jobs import RecipeProblem
from instruments.words import Word


@dataclass(frozen=True)
class RecipeField:
    """One field: its dotted path, the driver's row, its names, and what fills a gap.

    `words` are the recipe's own, each with the tool's. A field without `default` is required.
    """

    path: str
    entry: Entry
    en: str
    ko: str
    default: object = None
    words: Mapping[str, Word] = field(default_factory=dict)

    def wire_value(self, value: object) -> object:
        """The value as the driver takes it."""
        known = self.words.get(value) if isinstance(value, str) else None
        return value if known is None else known.wire

    def problem(self, value: object) -> RecipeProblem | None:
        """What is wrong with `value`, if anything."""
        if value is None:
            return RecipeProblem(self.path, f"{self.en} is missing.", f"{self.ko} 값이 없습니다.")
        if self.words and not (isinstance(value, str) and value in self.words):
            return self._one_of(tuple(self.words))
        try:
            self._check(self.wire_value(value))
        except LimitExceeded:
            return self._outside()
        return None

    def _check(self, value: object) -> None:
        if isinstance(self.entry, (Setting, Choice, Text)):
            self.entry.check(value)

    def _one_of(self, words: Sequence[str]) -> RecipeProblem:
        listed = ", ".join(words)
        return RecipeProblem(
            self.path,
            f"{self.en} must be one of: {listed}.",
            f"{self.ko} 값은 다음 중 하나여야 합니다: {listed}.",
        )

    def _outside(self) -> RecipeProblem:
        entry = self.entry
        if isinstance(entry, Choice):
            return self._one_of(entry.choices)
        if isinstance(entry, Text):
            return RecipeProblem(
                self.path,
                f"{self.en} must be 1 to 40 capital letters, digits or . _ -",
                f"{self.ko} 값은 대문자, 숫자, . _ - 로 된 1~40자여야 합니다.",
            )
        span = f"{entry.low:g} – {entry.high:g} {entry.unit}".rstrip()
        whole = isinstance(entry, Setting) and entry.whole
        return RecipeProblem(
            self.path,
            f"{self.en} must be {'a whole number ' if whole else ''}within {span}.",
            f"{self.ko} 값은 {span} 범위의 {'정수' if whole else '수'}여야 합니다.",
        )

    def schema(self) -> dict[str, Any]:
        """JSON Schema of this field."""
        entry, described = self.entry, self._described()
        if self.default is not None:
            described["default"] = self.default
        if self.words:
            return {"type": "string", "enum": list(self.words), **described}
        if isinstance(entry, Choice):
            return {"type": "string", "enum": list(entry.choices), **described}
        if isinstance(entry, Text):
            return {"type": "string", "pattern": f"^{entry.pattern.pattern}$", **described}
        kind = entry.type_name
        limits = {"minimum": entry.low, "maximum": entry.high, "unit": entry.unit}
        return {"type": kind, **limits, **described}

    def only(self, word: str) -> dict[str, Any]:
        """JSON Schema of this field in the kind of recipe that `word` tells from the others."""
        return {"const": word, **self._described()}

    def _described(self) -> dict[str, Any]:
        """What people call the field and its words, and what it is, in both languages."""
        named = {
            word: {"title": one.en, "title_ko": one.ko}
            for word, one in self.words.items()
            if one.en
        }
        return {
            "title": self.en,
            "title_ko": self.ko,
            "description": self.entry.doc,
            "description_ko": self.entry.ko,
            **({"words": named} if named else {}),
        }


def value_at(recipe: Mapping[str, Any], path: str) -> Any:
    """What the recipe holds at a dotted path; None where it holds nothing."""
    found: Any = recipe
    for name in path.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    return found


def filled(recipe: Mapping[str, Any], fields: Sequence[RecipeField]) -> dict[str, Any]:
    """The recipe's values by path, gaps filled with defaults."""
    values = {}
    for one in fields:
        value = value_at(recipe, one.path)
        values[one.path] = copy.copy(one.default) if value is None else value
    return values


def field_problems(recipe: Mapping[str, Any], fields: Sequence[RecipeField]) -> list[RecipeProblem]:
    """What is wrong field by field, unknown fields included."""
    values = filled(recipe, fields)
    found = [one.problem(values[one.path]) for one in fields]
    known = {one.path for one in fields}
    unknown = [
        RecipeProblem(
            path,
            f"{path} is no field of this recipe.",
            f"{path}은(는) 이 레시피에 없는 항목입니다.",
        )
        for path in _paths(recipe)
        if path not in known
    ]
    return [problem for problem in found if problem] + unknown


def fields_schema(fields: Sequence[RecipeField]) -> dict[str, Any]:
    """JSON Schema (2020-12) of an object with these fields, one level of nesting."""
    root: dict[str, Any] = _object()
    for one in fields:
        owner, path = root, one.path
        if "." in path:
            group, _, path = path.partition(".")
            owner = root["properties"].setdefault(group, _object())
            if group not in root["required"]:
                root["required"].append(group)
        owner["properties"][path] = one.schema()
        if one.default is None:
            owner["required"].append(path)
    return root


def _object() -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": {}, "required": []}


def _paths(recipe: Mapping[str, Any], prefix: str = "") -> list[str]:
    found: list[str] = []
    for name, value in recipe.items():
        path = f"{prefix}{name}"
        found += _paths(value, f"{path}.") if isinstance(value, Mapping) else [path]
    return found
