"""Splits (design of experiments): recipe values that differ from wafer to wafer.

The company's engineer writes the table ahead, within the ranges signed with the recipe. A start
checks it once more, copies it into the run, and every wafer's steps carry its own values.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from instruments.each_wafer import planned
from instruments.jobs import Planner, PlansEachWafer, StepOrder, WaferOrder
from testbed.booking.models import Booking
from testbed.people.models import User
from testbed.people.permissions import demand
from testbed.process.models import Operation, RecipeVersion
from testbed.process.vary import in_digits, ranges_of, settings_of, tool_problems, with_values
from testbed.process.versions import newest_approved
from testbed.refusals import Refusal
from testbed.runs.split_models import Split
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

MOST_CSV = 20_000
Texts = Mapping[int, Mapping[str, str]]
"""What stands in the cells: slot → path → text; an empty text keeps the recipe's own value."""
Table = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Checked:
    """The numbers of a table, and a sentence for each cell that has none or a wrong one."""

    table: Table
    wrong: dict[tuple[int, str], StrOrPromise]


def check(version: RecipeVersion, slots: Sequence[int], texts: Texts) -> Checked:
    """Each cell within its signed range, each wafer's values together as the tool takes them."""
    ranges = ranges_of(version.body)
    table: Table = {}
    wrong: dict[tuple[int, str], StrOrPromise] = {}
    for slot, row in texts.items():
        for path, text in row.items():
            if not text.strip():
                continue
            value, sentence = _cell(ranges, path, text) if slot in slots else (0.0, _no_wafer(slot))
            if sentence:
                wrong[slot, path] = sentence
            else:
                table.setdefault(str(slot), {})[path] = value
        said = tool_problems(version.recipe.tool_kind, version.body, table.get(str(slot), {}))
        if said and str(slot) in table:
            wrong.setdefault((slot, next(iter(table[str(slot)]))), " ".join(said))
    return Checked(table, wrong)


def _no_wafer(slot: int) -> StrOrPromise:
    return _("The lot has no wafer in slot %(slot)s.") % {"slot": slot}


def _cell(ranges: Mapping[str, tuple[float, float]], path: str, text: str) -> tuple[
    float, StrOrPromise
]:  # fmt: skip
    if path not in ranges:
        return 0.0, _("“%(path)s” may not vary in this recipe.") % {"path": path}
    low, high = ranges[path]
    try:
        value = float(text)
    except ValueError:
        return 0.0, _("“%(text)s” is no number.") % {"text": text[:20]}
    if not math.isfinite(value) or not low <= value <= high:
        span = {"low": in_digits(low), "high": in_digits(high)}
        return 0.0, _("Signed range: %(low)s to %(high)s.") % span
    return value, ""


def texts_of(table: Mapping[str, Mapping[str, float]]) -> dict[int, dict[str, str]]:
    return {
        int(slot): {path: in_digits(value) for path, value in row.items()}
        for slot, row in table.items()
    }


# -- writing -----------------------------------------------------------------------------------
def write(*, actor: User, booking: Booking, operation: Operation, texts: Texts) -> Split | None:
    """Replace the split of an operation; an empty table takes it away (None).

    Refusals: not_allowed (403), nothing_varies (409), not_valid (400; `fields` by "slot 3, dose").
    """
    demand(actor, "write_recipe")
    version = newest_approved(operation.recipe)
    if version is None or not ranges_of(version.body):
        raise Refusal(
            "nothing_varies",
            _("The signed recipe lets nothing vary from wafer to wafer."),
            next_step=_("Write a version that names what may vary, and have it signed."),
        )
    checked = check(version, slots_of(booking), texts)
    if checked.wrong:
        raise Refusal(
            "not_valid",
            _("Some cells cannot be carried out; nothing was saved."),
            status=400,
            fields={f"slot {slot}, {path}": [said] for (slot, path), said in checked.wrong.items()},
        )
    return in_transaction(lambda: _write(actor, booking, operation, checked.table))


def _write(actor: User, booking: Booking, operation: Operation, table: Table) -> Split | None:
    if not table:
        Split.objects.filter(booking=booking, operation=operation).delete()
        return None
    split, _made = Split.objects.update_or_create(
        booking=booking, operation=operation, defaults={"table": table, "written_by": actor}
    )
    return split


def slots_of(booking: Booking) -> list[int]:
    """The slots in which the booking's lot has wafers."""
    lot = booking.lot
    return [] if lot is None else list(lot.wafers.order_by("slot").values_list("slot", flat=True))


# -- CSV ---------------------------------------------------------------------------------------
def as_csv(paths: Sequence[str], slots: Sequence[int], texts: Texts) -> str:
    """`slot,<path>,…` with one line a wafer."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["slot", *paths])
    for slot in slots:
        writer.writerow([slot, *(texts.get(slot, {}).get(path, "") for path in paths)])
    return out.getvalue()


def read_csv(text: str) -> dict[int, dict[str, str]]:
    """The cells of a pasted or uploaded table; comma, semicolon or tab. Raises Refusal(400)."""
    lines = text.lstrip("\ufeff").replace("\0", "").strip().splitlines()
    head = lines[0] if lines else ""
    comma = max(",;\t", key=head.count)
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=comma)]
    except csv.Error as error:
        raise _not_a_table() from error
    if len(text) > MOST_CSV or not rows or rows[0][:1] != ["slot"]:
        raise _not_a_table()
    found: dict[int, dict[str, str]] = {}
    paths = rows[0][1:]
    if len(set(paths)) < len(paths):
        raise _wrong_line(1)
    for number, row in enumerate(rows[1:], start=2):
        if row and not (row[0].isascii() and row[0].isdigit() and len(row[0]) < 3):
            raise _not_a_table()
        if row:
            # A decimal comma, or a slot written twice: no value is taken for another, or dropped.
            if any(row[len(paths) + 1 :]) or int(row[0]) in found:
                raise _wrong_line(number)
            found[int(row[0])] = dict(zip(paths, row[1:], strict=False))
    return found


def _not_a_table() -> Refusal:
    return Refusal(
        "not_a_table",
        _("This is no table of values: the first line begins with “slot”."),
        status=400,
        fields={"csv": [_("Download the table, fill it and send it back.")]},
    )


def _wrong_line(number: int) -> Refusal:
    sentence = _(
        "Line %(line)s: a slot and a value's name stand once, and no line has more cells than "
        "the first. Write decimals with a point."
    ) % {"line": number}
    return Refusal("not_a_table", sentence, status=400, fields={"csv": [sentence]})


# -- carrying out ------------------------------------------------------------------------------
def chosen_values(split: Split | None, slots: Sequence[int]) -> Table:
    """Of a split's table the rows of these slots."""
    table: Table = {} if split is None else split.table
    return {str(slot): table[str(slot)] for slot in slots if str(slot) in table}


def plan(
    program: Planner, version: RecipeVersion, wafers: Sequence[WaferOrder], carrier: str,
    table: Table,
) -> list[StepOrder]:  # fmt: skip
    """The program's plan; with a split the tool is set anew before a wafer that differs.

    Raises ValueError for a recipe that the tool would not take.
    """
    body = settings_of(version.body)
    if not table:
        return program.plan(body, wafers, carrier)
    own = {int(slot): with_values(version.body, row) for slot, row in table.items()}
    if isinstance(program, PlansEachWafer):
        return program.plan_each(body, own, wafers, carrier)
    return planned(lambda recipe, some: program.plan(recipe, some, carrier), body, own, wafers)
