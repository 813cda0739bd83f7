"""`/rules/<code>/`: one rule with its settings and their history; the administrator sets it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from testbed.booking.forms import MomentInput
from testbed.booking.models import RuleSetting
from testbed.booking.overview import explain, known_settings
from testbed.booking.rule_settings import Scope, Terms, add, change, end, rule_called, scope_of
from testbed.booking.rules import RuleBook
from testbed.booking.rules.parameters import PARAMETERS
from testbed.people.models import Group, JournalEntry
from testbed.people.permissions import demand, may
from testbed.people.visitor import person
from testbed.refusals import Refusal
from testbed.tools.models import Area, Cell, Tool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest, HttpResponse

    from testbed.booking.rules import Rule

HISTORY = 50
YES, NO = "yes", "no"


class TermsForm(forms.Form):
    """A rule's parameters, typed from its defaults; an empty one comes from the farther place."""

    is_active = forms.ChoiceField(
        label=_("The rule is"), choices=[(YES, _("In force")), (NO, _("Off"))], initial=YES
    )
    effective_from = forms.DateTimeField(
        label=_("From"), widget=MomentInput(), required=False,
        help_text=_("Korean time; empty: from now on."),
    )  # fmt: skip
    effective_until = forms.DateTimeField(
        label=_("Until"), widget=MomentInput(), required=False,
        help_text=_("Korean time; empty: for ever."),
    )  # fmt: skip

    def __init__(self, data: Any = None, *, rule: Rule, initial: Any = None) -> None:
        super().__init__(data, initial=initial)
        self.rule = rule
        for key, default in rule.defaults.items():
            self.fields[f"parameter_{key}"] = _field(key, default)

    @property
    def parameter_fields(self) -> list[forms.BoundField]:
        return [self[f"parameter_{key}"] for key in self.rule.defaults]

    def terms(self) -> Terms:
        said = self.cleaned_data
        given = {key: said[f"parameter_{key}"] for key in self.rule.defaults}
        return Terms(
            parameters={key: value for key, value in given.items() if value is not None},
            is_active=said["is_active"] == YES,
            effective_from=said.get("effective_from"),
            effective_until=said["effective_until"],
        )

    def complain(self, refused: Refusal) -> None:
        """Put the sentences of a refusal to their fields."""
        for name, sentences in refused.fields.items():
            known = name if name in self.fields else f"parameter_{name}"
            for one in sentences:
                self.add_error(known if known in self.fields else None, one)
        if not refused.fields:
            self.add_error(None, f"{refused.message} {refused.next_step or ''}".strip())


class SettingForm(TermsForm):
    """Terms and where they count."""

    place = forms.ChoiceField(label=_("Where"))
    group = forms.ChoiceField(label=_("For whom"), required=False)
    field_order = ("place", "group")

    def __init__(self, data: Any = None, *, rule: Rule) -> None:
        super().__init__(data, rule=rule)
        place, group = self.fields["place"], self.fields["group"]
        if isinstance(place, forms.ChoiceField) and isinstance(group, forms.ChoiceField):
            place.choices = _places()
            everybody = ("", _("Everybody"))
            group.choices = [everybody, *((one.code, str(one)) for one in Group.objects.all())]

    def scope(self) -> Scope:
        found = scope_of(self.cleaned_data["place"], self.cleaned_data["group"])
        return found or Scope()


def _field(key: str, default: Any) -> forms.Field:
    known = PARAMETERS[key]
    if isinstance(default, bool):
        usual = _("as otherwise (%(value)s)") % {"value": _("yes") if default else _("no")}
        choices = [("", usual), (YES, _("yes")), (NO, _("no"))]
        return forms.TypedChoiceField(
            label=known.label, choices=choices, coerce=YES.__eq__, empty_value=None, required=False
        )
    return forms.IntegerField(
        label=f"{known.label} ({known.unit})",
        min_value=known.least,
        max_value=known.most,
        required=False,
        help_text=_("Empty: as otherwise (%(value)s).") % {"value": default},
    )


def _places() -> list[tuple[str, Any]]:
    return [
        ("facility", _("The whole facility")),
        *((f"area:{value}", label) for value, label in Area.choices),
        *((f"cell:{cell.code}", str(cell)) for cell in Cell.objects.all()),
        *((f"tool:{tool.code}", str(tool)) for tool in Tool.objects.all()),
    ]


def _rule(code: str) -> Rule:
    rule = rule_called(code)
    if rule is None:
        raise Http404
    return rule


@require_GET
@login_required
def rule_page(request: HttpRequest, code: str) -> HttpResponse:
    return _show(request, _rule(code))


def _show(request: HttpRequest, rule: Rule, form: SettingForm | None = None) -> HttpResponse:
    now = timezone.now()
    may_edit = may(request.user, "edit_rules")
    settings = list(
        known_settings(request.user).filter(code=rule.code).order_by("-effective_from", "-pk")
    )
    here = RuleBook.of([one for one in settings if one.group is None], now).parameters(rule)
    over = [one for one in settings if one.effective_until and one.effective_until <= now]
    context = {
        "rule": rule,
        "sentence": explain(rule, here),
        "is_on": here is not None,
        "settings": [one for one in settings if one not in over],
        "over": over,
        "now": now,
        "may_edit": may_edit,
        "form": (form or SettingForm(rule=rule)) if may_edit else None,
        "history": _history(rule) if person(request).is_staff_member else [],
    }
    return render(request, "booking/rule.html", context, status=422 if form else 200)


def _history(rule: Rule) -> Any:
    entries = JournalEntry.objects.filter(action__startswith="rule.", details__code=rule.code)
    return entries.select_related("actor")[:HISTORY]


@require_POST
@login_required
def add_setting(request: HttpRequest, code: str) -> HttpResponse:
    demand(request.user, "edit_rules")
    rule = _rule(code)
    form = SettingForm(request.POST, rule=rule)
    if form.is_valid():
        try:
            add(actor=person(request), code=code, scope=form.scope(), terms=form.terms())
        except Refusal as refused:
            form.complain(refused)
    if not form.is_valid():
        return _show(request, rule, form)
    messages.success(request, _("The setting is in the table."))
    return redirect("rule", code=code)


@require_http_methods(["GET", "POST"])
@login_required
def setting_page(request: HttpRequest, code: str, pk: int) -> HttpResponse:
    """Other terms for a setting, from now on."""
    demand(request.user, "edit_rules")
    rule = _rule(code)
    setting = get_object_or_404(known_settings(request.user), code=code, pk=pk)
    sent = request.POST if request.method == "POST" else None
    form = TermsForm(sent, rule=rule, initial=_initial(rule, setting))
    is_upcoming = not setting.is_in_force(timezone.now())
    if not is_upcoming:
        del form.fields["effective_from"]
    if sent is not None and form.is_valid():
        try:
            change(actor=person(request), setting=setting, terms=form.terms())
        except Refusal as refused:
            form.complain(refused)
        if form.is_valid():
            messages.success(request, _("The new terms are in the table."))
            return redirect("rule", code=code)
    context = {
        "rule": rule,
        "setting": setting,
        "form": form,
        "is_upcoming": is_upcoming,
    }
    return render(request, "booking/rule_setting.html", context, status=422 if sent else 200)


def _initial(rule: Rule, setting: RuleSetting) -> Mapping[str, Any]:
    given = setting.parameters if isinstance(setting.parameters, dict) else {}
    shown = {True: YES, False: NO}
    parameters = {
        f"parameter_{key}": shown[value] if isinstance(value, bool) else value
        for key, value in given.items()
        if key in rule.defaults
    }
    return {
        **parameters,
        "is_active": shown[setting.is_active],
        "effective_from": setting.effective_from,
        "effective_until": setting.effective_until,
    }


@require_POST
@login_required
def end_setting(request: HttpRequest, code: str, pk: int) -> HttpResponse:
    demand(request.user, "edit_rules")
    setting = get_object_or_404(known_settings(request.user), code=code, pk=pk)
    try:
        end(actor=person(request), setting=setting)
        messages.success(request, _("The setting has ended."))
    except Refusal as refused:
        messages.error(request, f"{refused.message} {refused.next_step or ''}".strip())
    return redirect("rule", code=code)
