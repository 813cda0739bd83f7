"""Setting the rules: a new setting, another one from now on, the end of one. All is journalled.

What was in force stays in the table with its dates, so that an old booking can be explained.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.booking.models import RuleSetting
from testbed.booking.rules import RULES
from testbed.booking.rules.parameters import complaints
from testbed.people import journal
from testbed.people.models import Group
from testbed.people.permissions import demand
from testbed.refusals import Refusal
from testbed.tools.models import Area, Cell, Tool
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from testbed.booking.rules import Rule
    from testbed.people.models import User

BOUNDS = range(2000, 2100)


@dataclass(frozen=True)
class Scope:
    """Where a setting counts: at most one of tool, cell and area; none means the facility.

    With a group for its companies and people alone.
    """

    tool: Tool | None = None
    cell: Cell | None = None
    area: str = ""
    group: Group | None = None


@dataclass(frozen=True)
class Terms:
    """What is set, and how long: from now on and for ever unless dates are given."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    is_active: bool = True
    effective_from: datetime | None = None
    effective_until: datetime | None = None


def rule_called(code: str) -> Rule | None:
    return next((rule for rule in RULES if rule.code == code), None)


def add(*, actor: User, code: str, scope: Scope, terms: Terms) -> RuleSetting:
    """A new setting, from now on unless it says when.

    Refusals: "not_allowed" (403), "no_such_rule" (404), "setting_not_valid" (422) with a
    sentence a field, "setting_exists" (409) when one begins there at the same moment.
    """
    demand(actor, "edit_rules")
    rule = _rule(code)
    begins = terms.effective_from or timezone.now()
    _demand_valid(rule, terms, begins)
    if sum(map(bool, (scope.tool, scope.cell, scope.area))) > 1:
        raise _not_valid({"scope": [_("A setting is for one tool, cell or area, not several.")]})
    made = RuleSetting(
        code=code,
        tool=scope.tool,
        cell=scope.cell,
        area=scope.area,
        group=scope.group,
        parameters=dict(terms.parameters),
        is_active=terms.is_active,
        effective_from=begins,
        effective_until=terms.effective_until,
    )

    def work() -> RuleSetting:
        made.save()
        _note(actor, "rule.set", made)
        return made

    return _saving(work)


def change(*, actor: User, setting: RuleSetting, terms: Terms) -> RuleSetting:
    """Other parameters from now on: the old setting ends and a new one begins.

    One that has not begun is changed itself. Refusals as of `add`; "setting_over" (409) for one
    that has ended.
    """
    demand(actor, "edit_rules")
    rule = _rule(setting.code)

    def work() -> RuleSetting:
        now = timezone.now()
        old = _locked(setting, now)
        coming = old.effective_from is not None and old.effective_from > now
        begins = (terms.effective_from or old.effective_from) if coming else now
        _demand_valid(rule, terms, begins or now)
        before = _told(old)
        new = old if coming else _followed_by_another(old, now)
        new.parameters, new.is_active = dict(terms.parameters), terms.is_active
        new.effective_from, new.effective_until = begins, terms.effective_until
        new.save()
        _note(actor, "rule.changed", new, before=before)
        return new

    return _saving(work)


def _followed_by_another(old: RuleSetting, now: datetime) -> RuleSetting:
    """End the old one; an unsaved setting for the same scope."""
    RuleSetting.objects.filter(pk=old.pk).update(effective_until=now)
    return RuleSetting(code=old.code, tool=old.tool, cell=old.cell, area=old.area, group=old.group)


def end(*, actor: User, setting: RuleSetting) -> None:
    """The setting counts no more; one that has not begun is taken away.

    Refusals: "not_allowed" (403), "setting_over" (409).
    """
    demand(actor, "edit_rules")

    def work() -> None:
        now = timezone.now()
        old = _locked(setting, now)
        _note(actor, "rule.ended", old)
        if old.effective_from is not None and old.effective_from >= now:
            old.delete()
            return
        old.effective_until = now
        old.save(update_fields=["effective_until"])

    in_transaction(work)


def _rule(code: str) -> Rule:
    rule = rule_called(code)
    if rule is None:
        raise Refusal("no_such_rule", _("There is no booking rule with this code."), status=404)
    return rule


def _locked(setting: RuleSetting, now: datetime) -> RuleSetting:
    old = RuleSetting.objects.select_for_update(of=("self",)).filter(pk=setting.pk).first()
    if old is None or (old.effective_until is not None and old.effective_until <= now):
        raise Refusal(
            "setting_over",
            _("This setting no longer counts."),
            next_step=_("Add a new one."),
        )
    return old


def _demand_valid(rule: Rule, terms: Terms, begins: datetime) -> None:
    fields: dict[str, list[Any]] = {**complaints(rule, terms.parameters)}
    until = terms.effective_until
    for name, moment in (("effective_from", begins), ("effective_until", until)):
        if moment is not None and moment.year not in BOUNDS:
            fields[name] = [_("Choose a time between the years 2000 and 2100.")]
    if until is not None and until <= max(begins, timezone.now()):
        fields["effective_until"] = [_("A setting ends after it begins, and after now.")]
    if fields:
        raise _not_valid(fields)


def _not_valid(fields: dict[str, list[Any]]) -> Refusal:
    return Refusal(
        "setting_not_valid",
        _("The setting does not fit; see what each field says."),
        status=422,
        fields=fields,
    )


def _saving(work: Any) -> RuleSetting:
    try:
        saved: RuleSetting = in_transaction(work)
    except IntegrityError as error:
        raise Refusal(
            "setting_exists",
            _("Another setting begins there at the same moment."),
            next_step=_("Change that one, or choose another beginning."),
        ) from error
    return saved


def _note(actor: User, action: str, setting: RuleSetting, **more: Any) -> None:
    journal.record(
        actor=actor, action=action, subject=setting, code=setting.code, **_told(setting), **more
    )


def _told(setting: RuleSetting) -> dict[str, Any]:
    until = setting.effective_until
    return {
        "scope": setting.scope,
        "parameters": setting.parameters,
        "is_active": setting.is_active,
        "until": until.isoformat() if until else None,
    }


def scope_of(place: str, group: str) -> Scope | None:
    """The scope behind "facility", "area:litho", "cell:<code>" or "tool:<code>", and a group's
    code or ""; None when there is no such thing."""
    if "\x00" in place + group:
        return None
    kind, _colon, name = place.partition(":")
    found_group = Group.objects.filter(code=group).first() if group else None
    if group and found_group is None:
        return None
    if place == "facility":
        return Scope(group=found_group)
    if kind == "area" and name in Area.values:
        return Scope(area=name, group=found_group)
    if kind == "cell":
        cell = Cell.objects.filter(code=name).first()
        return Scope(cell=cell, group=found_group) if cell else None
    tool = Tool.objects.filter(code=name).first() if kind == "tool" else None
    return Scope(tool=tool, group=found_group) if tool else None
