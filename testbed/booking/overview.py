"""Every rule as people read it: in words, per tool, with what is to come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from testbed.booking.models import RuleSetting
from testbed.booking.rules import RULES, RuleBook
from testbed.booking.rules.parameters import said
from testbed.people.models import Group

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from django.db.models import QuerySet

    from testbed.booking.rules import Rule
    from testbed.people.querysets import Viewer
    from testbed.tools.models import Tool

HEADINGS = {
    "who": _("Who books, and how much"),
    "tool": _("The tool"),
    "length": _("The length"),
    "time": _("The time"),
    "answers": _("What is done in the time"),
    "notice": _("What follows"),
}


@dataclass(frozen=True)
class OnTool:
    """The rule on one tool where it differs from the facility's; parameters None: off."""

    tool: Tool
    parameters: Mapping[str, Any] | None
    sentence: str


@dataclass(frozen=True)
class Row:
    """One rule; parameters None: off for the facility. settings: in force or to come."""

    rule: Rule
    parameters: Mapping[str, Any] | None
    on_tools: Sequence[OnTool]
    settings: Sequence[RuleSetting]
    now: datetime

    @property
    def sentence(self) -> str:
        return explain(self.rule, self.parameters)

    @property
    def of_groups(self) -> list[RuleSetting]:
        """What is set for groups and counts now."""
        return [one for one in self.settings if one.group and one.is_in_force(self.now)]

    @property
    def upcoming(self) -> list[RuleSetting]:
        return [one for one in self.settings if not one.is_in_force(self.now)]

    @property
    def is_anywhere(self) -> bool:
        """True when it is in force for the facility or for some tool."""
        elsewhere = (one.parameters is not None for one in self.on_tools)
        return (
            self.parameters is not None
            or any(elsewhere)
            or any(one.is_active for one in self.of_groups)
        )

    def as_json(self) -> dict[str, Any]:
        """As `api_shapes.RuleSerializer` has it."""
        own = {one.tool.code: one.parameters for one in self.on_tools}
        return {
            "code": self.rule.code,
            "sentence": self.sentence,
            "about": self.rule.about,
            "staff_may_override": self.rule.staff_may_override,
            "is_active": self.parameters is not None,
            "parameters": dict(self.parameters or {}),
            "tools": {code: found for code, found in own.items() if found is not None},
            "switched_off": [code for code, found in own.items() if found is None],
            "settings": [self._setting(one) for one in self.settings],
        }

    def _setting(self, setting: RuleSetting) -> dict[str, Any]:
        return setting_json(setting, self.now)


def setting_json(setting: RuleSetting, now: datetime) -> dict[str, Any]:
    """As `rule_api.RuleSettingSerializer` has it."""
    ended = setting.effective_until is not None and setting.effective_until <= now
    return {
        "id": setting.pk,
        "scope": scope_code(setting),
        "group": setting.group.code if setting.group else None,
        "is_active": setting.is_active,
        "parameters": setting.parameters if isinstance(setting.parameters, dict) else {},
        "effective_from": setting.effective_from,
        "effective_until": setting.effective_until,
        "is_upcoming": not ended and not setting.is_in_force(now),
    }


def explain(rule: Rule, parameters: Mapping[str, Any] | None) -> str:
    return rule.explain(rule.defaults if parameters is None else parameters)


def scope_code(setting: RuleSetting) -> str:
    """The setting's scope with codes people know instead of numbers."""
    kind = setting.place.partition(":")[0]
    named = setting.tool or setting.cell
    return f"{kind}:{named.code}" if named else setting.place


def scope_words(setting: RuleSetting) -> str:
    """The place, and the group, as people call them."""
    area = setting.get_area_display() if setting.area else None
    place = str(setting.tool or setting.cell or area or _("Facility"))
    return f"{place} · {setting.group}" if setting.group else place


def parameter_words(rule: Rule, parameters: Any) -> list[str]:
    """Each parameter with its name and unit, in the reader's language."""
    given = parameters if isinstance(parameters, dict) else {}
    return [
        f"{one.label}: {_('yes') if value else _('no')}"
        if isinstance(value, bool)
        else f"{one.label}: {value} {one.unit}"
        for one, value in said(rule, given)
    ]


def known_settings(viewer: Viewer) -> QuerySet[RuleSetting]:
    """Settings with their places; those for a group only for its own people and the staff."""
    settings = RuleSetting.objects.select_related("tool", "cell", "group")
    if not viewer.is_authenticated:
        return settings.none()
    if viewer.is_staff_member:
        return settings
    own = Group.objects.filter(Q(users=viewer) | Q(companies=viewer.company_id))
    return settings.filter(Q(group=None) | Q(group__in=own))


def overview(tools: Sequence[Tool], now: datetime, viewer: Viewer) -> list[Row]:
    """Every rule in the table's order, for these tools, as the viewer may know it (one query)."""
    ids = {tool.pk for tool in tools}
    known = known_settings(viewer).order_by("code", "effective_from")
    settings = [
        one
        for one in known
        if (one.effective_until is None or one.effective_until > now)
        and (one.tool_id is None or one.tool_id in ids)
    ]
    rulebook = RuleBook.of(settings, now)
    return [_row(rule, rulebook, tools, settings, now) for rule in RULES]


def _row(
    rule: Rule,
    rulebook: RuleBook,
    tools: Sequence[Tool],
    settings: Sequence[RuleSetting],
    now: datetime,
) -> Row:
    parameters = rulebook.parameters(rule)
    on_tools = [(tool, rulebook.parameters(rule, tool)) for tool in tools]
    differing = [
        OnTool(tool, found, explain(rule, found)) for tool, found in on_tools if found != parameters
    ]
    return Row(rule, parameters, differing, [one for one in settings if one.code == rule.code], now)
