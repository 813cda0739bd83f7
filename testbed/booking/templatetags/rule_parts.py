"""How rules and their settings are written on pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import template

from testbed.booking import overview
from testbed.booking.rule_settings import rule_called
from testbed.people import journal

if TYPE_CHECKING:
    from testbed.booking.models import RuleSetting
    from testbed.booking.rules import Rule
    from testbed.people.models import JournalEntry

register = template.Library()


@register.filter
def scope_words(setting: RuleSetting) -> str:
    """The place and the group."""
    return overview.scope_words(setting)


@register.filter
def parameter_words(setting: RuleSetting) -> str:
    """What the setting sets, each with name and unit."""
    return _words(setting.code, setting.parameters)


@register.filter
def default_words(rule: Rule) -> list[str]:
    return overview.parameter_words(rule, rule.defaults)


@register.filter
def journal_words(entry: JournalEntry) -> str:
    return journal.sentence(entry)


@register.filter
def terms_words(entry: JournalEntry) -> str:
    """The parameters that a journal entry tells of."""
    details: dict[str, Any] = entry.details
    return _words(str(details.get("code", "")), details.get("parameters", {}))


def _words(code: str, parameters: Any) -> str:
    rule = rule_called(code)
    return " · ".join(overview.parameter_words(rule, parameters)) if rule else ""
