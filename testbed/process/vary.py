"""What may differ from wafer to wafer within one recipe, as signed with its body.

A body may carry `"vary": {"layout.dose": {"low": 20, "high": 30}}`: dotted paths of numbers, each
with the range in which a split may set it. The rest of the body are the tool's settings.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from instruments.catalogue import PLANS

VARY = "vary"
MOST_PARAMETERS = 8
Range = tuple[float, float]


def settings_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body as the tool's program takes it."""
    return {key: value for key, value in body.items() if key != VARY}


def ranges_of(body: Mapping[str, Any]) -> dict[str, Range]:
    """The signed ranges by path, in the order of the paths; empty when nothing may vary."""
    vary = body.get(VARY, {})
    return {path: (float(vary[path]["low"]), float(vary[path]["high"])) for path in sorted(vary)}


def in_digits(value: float) -> str:
    """The shortest text that reads back as the same number."""
    short = f"{value:.15g}"
    return short if float(short) == value else repr(value)


def with_values(body: Mapping[str, Any], values: Mapping[str, float]) -> dict[str, Any]:
    """The tool's settings with `values` (by dotted path) in place of the recipe's own."""
    made = copy.deepcopy(settings_of(body))
    for path, value in values.items():
        *folders, name = path.split(".")
        place = made
        for folder in folders:
            inner = place.get(folder)
            place[folder] = place = inner if isinstance(inner, dict) else {}
        place[name] = value
    return made


def wrong_ranges(tool_kind: str, body: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Sentences by field; empty when every range can be carried out from end to end."""
    vary = body.get(VARY, {})
    if not isinstance(vary, dict) or len(vary) > MOST_PARAMETERS:
        return {VARY: [_("“vary” names at most %(most)s parameters.") % {"most": MOST_PARAMETERS}]}
    found: dict[str, list[Any]] = {}
    for path, limits in vary.items():
        if not _is_range(limits):
            found[f"{VARY}.{path}"] = [_("Give “low” and “high”, two numbers in order.")]
            continue
        ends = (limits["low"], limits["high"])
        said = [one for end in ends for one in tool_problems(tool_kind, body, {path: end})]
        if said:
            found[f"{VARY}.{path}"] = sorted(set(said))
    return found


def _is_range(limits: object) -> bool:
    if not isinstance(limits, dict) or set(limits) != {"low", "high"}:
        return False
    ends = [limits["low"], limits["high"]]
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in ends)
    # By comparison: `isfinite` chokes on an integer that is too large for a float.
    return numbers and all(abs(one) <= sys.float_info.max for one in ends) and ends[0] <= ends[1]


def tool_problems(
    tool_kind: str, body: Mapping[str, Any], values: Mapping[str, float]
) -> list[str]:
    """What the tool's program says about these settings, in the reader's language."""
    problems = PLANS[tool_kind].program.problems(with_values(body, values))
    korean = get_language() == "ko"
    return [one.sentence_ko if korean else one.sentence_en for one in problems]
