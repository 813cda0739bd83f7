"""A recipe's form with what may differ by wafer: beside each number the two ends of its range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.forms import BoundField
from django.utils.translation import gettext as _

from testbed.process.recipe_form import Row, SettingsForm, Way
from testbed.process.vary import MOST_PARAMETERS, VARY, Range, in_digits, ranges_of
from testbed.process.vary_words import in_words, numbers, own_in_words

LOW, HIGH = "low", "high"


@dataclass(frozen=True)
class RangeRow:
    """A number of the recipe with its two ends; `field` is None where the recipe has none such."""

    path: str
    label: str
    field: BoundField | None
    own: str
    limits: str
    low: BoundField
    high: BoundField

    @property
    def ends(self) -> tuple[BoundField, BoundField]:
        return self.low, self.high


class BodyForm(SettingsForm):
    """The settings and, for each number among them, from where to where a run may set it by wafer.

    The ends are called as in the JSON, `vary.layout.dose.low`.
    """

    most = MOST_PARAMETERS

    def __init__(
        self, way: Way, body: Mapping[str, Any], data: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(way, body, data)
        self.settings = tuple(self.fields)
        self.numbers = numbers(way)
        old = ranges_of(body)
        strange = {*old, *_paths_sent(data or {})} - set(self.numbers)
        self.paths = (*self.numbers, *sorted(strange))
        for path in self.paths:
            self._add_ends(path, old.get(path))

    def _add_ends(self, path: str, old: Range | None) -> None:
        texts = ("", "") if old is None else (in_digits(old[0]), in_digits(old[1]))
        words = (_("lowest"), _("highest"))
        for end, word, text in zip((LOW, HIGH), words, texts, strict=True):
            label = f"{self._label(path)}, {word}"
            box = forms.TextInput(attrs={"placeholder": word, "maxlength": 40})
            row = self.numbers.get(path)
            self.fields[_name(path, end)] = _end(row, label=label, initial=text, widget=box)

    def _label(self, path: str) -> str:
        return str(self.fields[path].label) if path in self.numbers else path

    # -- what the page shows -------------------------------------------------------------------
    def setting_fields(self) -> list[BoundField]:
        """The fields of the settings, without the ranges."""
        return [self[name] for name in self.settings]

    def rows(self) -> list[RangeRow]:
        """One for each number of the recipe, then what stands in its ranges and not in it."""
        return [self._row(path) for path in self.paths]

    def _row(self, path: str) -> RangeRow:
        low, high = (self[_name(path, end)] for end in (LOW, HIGH))
        if path not in self.numbers:
            return RangeRow(path, path, None, "", "", low, high)
        described = self.numbers[path].described
        limits = in_words(described["minimum"], described["maximum"], described["unit"])
        own = own_in_words(self[path].value())
        return RangeRow(path, self._label(path), self[path], own, limits, low, high)

    def given(self) -> list[str]:
        """The paths with something in either end."""
        return [
            path for path in self.paths
            if any(self[_name(path, end)].value() for end in (LOW, HIGH))
        ]  # fmt: skip

    # -- what was sent -------------------------------------------------------------------------
    def clean(self) -> None:
        super().clean()
        for number, path in enumerate(self.given(), start=1):
            self._check(path)
            if number > MOST_PARAMETERS:
                self._say(path, LOW, _too_many(number))

    def _check(self, path: str) -> None:
        low, high = (_name(path, end) for end in (LOW, HIGH))
        if path not in self.numbers:
            self._say(path, LOW, _("No number of this recipe has this name: empty both boxes."))
        elif low in self.errors or high in self.errors:
            return
        elif (missing := self._missing(path)) is not None:
            self._say(path, missing, _("Give both ends, or empty both."))
        elif self.cleaned_data[low] > self.cleaned_data[high]:
            self._say(path, LOW, _("The lowest is above the highest: exchange them."))

    def _missing(self, path: str) -> str | None:
        return next((end for end, value in self._range(path).items() if value is None), None)

    def _say(self, path: str, end: str, sentence: str) -> None:
        self.add_error(_name(path, end), sentence)

    def body(self) -> dict[str, Any]:
        """The recipe with its ranges; without any there is no word of them."""
        ranges = {path: self._range(path) for path in self.given()}
        return super().body() | ({VARY: ranges} if ranges else {})

    def _range(self, path: str) -> dict[str, Any]:
        return {end: self.cleaned_data[_name(path, end)] for end in (LOW, HIGH)}


def _name(path: str, end: str) -> str:
    return f"{VARY}.{path}.{end}"


def _paths_sent(data: Mapping[str, Any]) -> set[str]:
    """The paths of all ranges in a sent form, also of those that this recipe does not have."""
    inner = [name.removeprefix(f"{VARY}.") for name in data if name.startswith(f"{VARY}.")]
    cut = [name.rpartition(".") for name in inner]
    return {path for path, dot, end in cut if dot and end in (LOW, HIGH)}


def _too_many(number: int) -> str:
    said = _(
        "At most %(most)s values may differ by wafer, and this is number %(number)s: empty one."
    )
    return said % {"most": MOST_PARAMETERS, "number": number}


def _end(row: Row | None, *, label: str, widget: forms.TextInput, **more: Any) -> forms.Field:
    """One end of a range; a box for text, so that whatever was typed is shown again."""
    common: dict[str, Any] = {"required": False, "label": label, "widget": widget} | more
    widget.attrs["aria-label"] = label
    if row is None:
        return forms.CharField(**common)
    low, high = row.described["minimum"], row.described["maximum"]
    limits = in_words(low, high, row.described["unit"])
    widget.attrs["aria-label"] = f"{label} ({limits})"
    if low >= 0:
        # A telephone's keys for decimals have no minus sign.
        widget.attrs["inputmode"] = "decimal"
    is_whole = row.described["type"] == "integer"
    kind = forms.IntegerField if is_whole else forms.FloatField
    said = _sentences(limits, is_whole=is_whole)
    return kind(min_value=low, max_value=high, error_messages=said, **common)


def _sentences(limits: str, *, is_whole: bool) -> dict[str, str]:
    outside = _("The tool takes %(limits)s.") % {"limits": limits}
    number = (
        _("Give a whole number, such as 12.") if is_whole else _("Give a number, such as 12.5.")
    )
    return {"min_value": outside, "max_value": outside, "invalid": number}
