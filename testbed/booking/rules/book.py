"""The parameters in force: a tool's own before the facility's before the rule's defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from testbed.booking.models import RuleSetting
    from testbed.booking.rules.base import Rule
    from testbed.tools.models import Tool


@dataclass(frozen=True)
class RuleBook:
    """All rule settings, read once for a request: (code, tool id or None) -> setting."""

    settings: Mapping[tuple[str, int | None], RuleSetting]

    @classmethod
    def of(cls, settings: Iterable[RuleSetting]) -> RuleBook:
        return cls({(setting.code, setting.tool_id): setting for setting in settings})

    @classmethod
    def load(cls) -> RuleBook:
        """One query."""
        from testbed.booking.models import RuleSetting

        return cls.of(RuleSetting.objects.order_by())

    def parameters(self, rule: Rule, tool: Tool | None = None) -> dict[str, Any] | None:
        """The rule's parameters for `tool` (or the facility); None where it is switched off."""
        return self.own_parameters(rule, tool.pk if tool else None)

    def own_parameters(self, rule: Rule, tool_id: int | None) -> dict[str, Any] | None:
        """As `parameters`, by the tool's id."""
        facility = self.settings.get((rule.code, None))
        own = self.settings.get((rule.code, tool_id)) if tool_id else None
        in_force = own or facility
        if in_force is not None and not in_force.is_active:
            return None
        found = dict(rule.defaults)
        for setting in filter(None, (facility, own)):
            found |= _usable(setting.parameters, rule.defaults)
        return found

    def tools_with_own(self, rule: Rule) -> list[int]:
        """Ids of the tools that have parameters of their own."""
        return [tool for code, tool in self.settings if code == rule.code and tool is not None]


def _usable(parameters: Any, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The known parameters of the right type; a bad row in the table must not stop booking."""
    given = parameters if isinstance(parameters, dict) else {}
    return {key: given[key] for key in defaults if type(given.get(key)) is type(defaults[key])}
