"""The parameters in force: tool before cell before area before facility before the defaults.

What is set for a group counts for its companies and people alone, and at one place before what
is set there for everybody. The place comes first: a tool's own limit, which often has to do with
the tool itself, is not lifted by what a group is given for the whole facility. To lift it, set
it for the group on that tool. Of two groups of one person the one with the lower rank counts.

So, the nearest first: tool and group, tool, cell and group, cell, area and group, area, facility
and group, facility, the rule's defaults.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from django.apps import apps
from django.db.models import TextField
from django.db.models.functions import Cast
from django.utils import timezone

from testbed.compiled import Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from testbed.booking.models import RuleSetting
    from testbed.booking.rules.base import Rule
    from testbed.tools.models import Tool

FACILITY = "facility"
Found = TypeVar("Found")


@dataclass(frozen=True)
class RuleBook:
    """All rule settings in force, read once for a request: (code, scope) -> setting.

    scope: "facility", "area:<area>", "cell:<id>" or "tool:<id>", for a group with "@<its id>"
    behind. groups: whose settings count besides everybody's, ids, the one that counts most last.
    """

    settings: Mapping[tuple[str, str], RuleSetting]
    groups: tuple[int, ...] = ()
    _given: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, settings: Iterable[RuleSetting], at: datetime | None = None) -> RuleBook:
        """Those in force at `at` (default now); of two for one scope the later begun counts."""
        at = at or timezone.now()
        in_force = [setting for setting in settings if setting.is_in_force(at)]
        in_force.sort(key=lambda setting: (setting.effective_from is not None, _begins(setting)))
        return cls({(setting.code, setting.scope): setting for setting in in_force})

    @classmethod
    def load(cls, at: datetime | None = None) -> RuleBook:
        """One query, which reads every setting; what was made of the same rows is used again."""
        return cls.of_rows(ROWS(), at or timezone.now())

    @classmethod
    def of_rows(cls, read: Iterable[tuple[Any, ...]], at: datetime) -> RuleBook:
        """The book of what `ROWS` has just read."""
        global _known
        rows = tuple(read)
        known = _known
        if known is None or known.rows != rows or not known.since <= at < known.until:
            settings = [_setting(row) for row in rows]
            known = _Known(rows, *_stretch(settings, at), cls.of(settings, at))
            _known = known
        return known.book

    def of_groups(self, groups: Iterable[int]) -> RuleBook:
        """The same settings for somebody in these groups (ids, the one that counts most last)."""
        return replace(self, groups=tuple(groups))

    @property
    def has_groups(self) -> bool:
        """True when some setting is for a group, so that it matters who asks."""
        return any(setting.group_id for setting in self.settings.values())

    def parameters(self, rule: Rule, tool: Tool | None = None) -> dict[str, Any] | None:
        """The rule's parameters for `tool` (or the facility); None where it is switched off.

        The nearest setting decides whether the rule is on; each parameter comes from the
        nearest setting that has it.
        """
        asked = (rule.code, place_of(tool) if tool else None, self.groups)
        if asked not in self._given:
            self._given[asked] = self._parameters(rule, tool)
        found: dict[str, Any] | None = self._given[asked]
        return found

    def _parameters(self, rule: Rule, tool: Tool | None) -> dict[str, Any] | None:
        given = [self.settings.get((rule.code, scope)) for scope in scopes(tool, self.groups)]
        found = [setting for setting in given if setting is not None]
        if not (found[-1].is_active if found else rule.on_by_default):
            return None
        parameters = dict(rule.defaults)
        for setting in found:
            parameters |= _usable(setting.parameters, rule.defaults)
        return parameters

    def is_on(self, rule: Rule, tools: Iterable[Tool]) -> bool:
        """True when the rule is in force for the facility or for one of the tools."""
        return self.parameters(rule) is not None or self.is_on_one(rule, tools)

    def is_on_one(self, rule: Rule, tools: Iterable[Tool]) -> bool:
        """True when the rule is in force for one of the tools."""
        return any(self.parameters(rule, tool) is not None for tool in tools)

    def once(self, what: str, tools: Iterable[Tool], work: Callable[[], Found]) -> Found:
        """What `work` makes of the settings for these tools alone, the first time it is asked."""
        asked = (what, tuple(place_of(tool) for tool in tools), self.groups)
        if asked not in self._given:
            self._given[asked] = work()
        found: Found = self._given[asked]
        return found


class _Known(NamedTuple):
    """The book last made, from which rows, and the stretch of time in which it holds."""

    rows: tuple[tuple[Any, ...], ...]
    since: datetime
    until: datetime
    book: RuleBook


_known: _Known | None = None
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_COLUMNS = (
    "pk", "code", "tool_id", "cell_id", "area", "group_id", "effective_from", "effective_until",
    "is_active",
)  # fmt: skip
ROWS: Statement[Any] = Statement(
    lambda: (
        apps.get_model("booking", "RuleSetting")
        .objects.order_by("pk")
        .values_list(*_COLUMNS, Cast("parameters", TextField()))
    )
)


def _setting(row: Sequence[Any]) -> RuleSetting:
    *values, parameters = row
    known = dict(zip(_COLUMNS, values, strict=True))
    made: RuleSetting = apps.get_model("booking", "RuleSetting")(
        **known, parameters=json.loads(parameters)
    )
    return made


def _stretch(settings: Iterable[RuleSetting], at: datetime) -> tuple[datetime, datetime]:
    """From the last moment to the next one at which some setting begins or ends."""
    turns = {turn for one in settings for turn in (one.effective_from, one.effective_until) if turn}
    before = [turn for turn in turns if turn <= at]
    return max(before, default=_FIRST), min(turns - set(before), default=_LAST)


def place_of(tool: Tool) -> tuple[int, str, int | None]:
    """All of a tool that settings depend on."""
    return tool.pk, tool.area, tool.cell_id


def scopes(tool: Tool | None, groups: Iterable[int] = ()) -> list[str]:
    """Where a tool's parameters come from, the farthest first; at each place groups after all."""
    places = [FACILITY]
    if tool is not None:
        places += [f"area:{tool.area}"] + ([f"cell:{tool.cell_id}"] if tool.cell_id else [])
        places.append(f"tool:{tool.pk}")
    marks = ["", *(f"@{group}" for group in groups)]
    return [place + mark for place in places for mark in marks]


def _begins(setting: RuleSetting) -> float:
    return setting.effective_from.timestamp() if setting.effective_from else 0.0


def _usable(parameters: Any, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The known parameters of the right type; a bad row in the table must not stop booking."""
    given = parameters if isinstance(parameters, dict) else {}
    return {key: given[key] for key in defaults if type(given.get(key)) is type(defaults[key])}
