"""Pages of recipes: the list, one recipe with its versions, write, submit, sign."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms.fields import InvalidJSONInput
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from instruments.catalogue import PLANS
from testbed.people.permissions import demand, may
from testbed.people.visitor import person
from testbed.process import versions
from testbed.process.models import Recipe, RecipeVersion, Route
from testbed.process.recipe_form import Way, title_of, way_of, ways_of
from testbed.process.vary import settings_of
from testbed.process.vary_form import LOW, BodyForm
from testbed.process.vary_words import NamedRange, named_ranges
from testbed.refusals import Refusal
from testbed.tools.kinds import kind_choices

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

VERBS = {"submit": versions.submit, "approve": versions.approve}


class RecipeForm(forms.Form):
    """What a new recipe is called and for which tool."""

    code = forms.SlugField(label=gettext_lazy("Code"), max_length=40)
    title = forms.CharField(label=gettext_lazy("Title"), max_length=80)
    tool_kind = forms.ChoiceField(label=gettext_lazy("Tool"), choices=kind_choices(PLANS))


class SettingsField(forms.JSONField):
    """JSON that Python can read and UTF-8 can carry; all else is an error of the field."""

    def to_python(self, value: Any) -> Any:
        try:
            read = super().to_python(value)
            json.dumps(read, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            # Too many digits, a lone surrogate, too deep: no JSONDecodeError, so Django lets it by.
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from error
        return read

    def bound_data(self, data: Any, initial: Any) -> Any:
        try:
            self.to_python(data)
        except forms.ValidationError:
            return InvalidJSONInput(data or "")
        return super().bound_data(data, initial)


class VersionForm(forms.Form):
    """The body of a version, as JSON of the tool's own schema."""

    body = SettingsField(
        label=gettext_lazy("Settings (JSON)"),
        widget=forms.Textarea(attrs={"rows": 16, "spellcheck": "false"}),
    )

    def clean_body(self) -> dict[str, Any]:
        body = self.cleaned_data["body"]
        if not isinstance(body, dict):
            raise forms.ValidationError(_("The settings are an object: {“name”: value, …}."))
        return body


@require_GET
@login_required
def recipes(request: HttpRequest) -> HttpResponse:
    rows = Recipe.objects.visible_to(request.user).select_related("company")
    return render(
        request,
        "process/recipes.html",
        {
            "recipes": rows.prefetch_related("versions"),
            "routes": Route.objects.visible_to(request.user).prefetch_related("operations__recipe"),
            "may_write": may(request.user, "write_recipe"),
            "may_edit_routes": may(request.user, "edit_routes"),
        },
    )


@require_GET
@login_required
def recipe(request: HttpRequest, code: str) -> HttpResponse:
    found = get_object_or_404(
        Recipe.objects.visible_to(request.user).select_related("company"), code=code
    )
    me, kind = person(request), found.tool_kind
    is_own = me.is_staff_member or found.company_id == me.company_id
    plan = PLANS.get(kind)
    ways = ways_of(plan.program.schema() if plan else {})
    return render(
        request,
        "process/recipe.html",
        {
            "recipe": found,
            "versions": [
                _shown(version, kind, ways)
                for version in found.versions.select_related("written_by", "approved_by")
            ],
            "may_write": is_own and kind in PLANS and may(request.user, "write_recipe"),
            "may_approve": may(request.user, "approve_recipe"),
        },
    )


def _shown(
    version: RecipeVersion, kind: str, ways: dict[str, Way]
) -> tuple[RecipeVersion, str, list[NamedRange], str, str]:
    """The version, its settings as text, its ranges, its kind of recipe and what that is called."""
    way = way_of(version.body, ways)
    text = _as_json(settings_of(version.body))
    return version, text, named_ranges(kind, version.body), way, title_of(ways[way])


def _as_json(what: object) -> str:
    return json.dumps(what, indent=2, ensure_ascii=False)


@require_http_methods(["GET", "POST"])
@login_required
def new_recipe(request: HttpRequest) -> HttpResponse:
    demand(request.user, "write_recipe")
    form = RecipeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = versions.create_recipe(actor=person(request), **form.cleaned_data)
        except Refusal as refusal:
            show_refusal(form, refusal)
        else:
            return redirect("new_recipe_version", code=made.code)
    status = 422 if form.errors else 200
    return render(request, "process/new_recipe.html", {"form": form}, status=status)


@require_http_methods(["GET", "POST"])
@login_required
def new_version(request: HttpRequest, code: str) -> HttpResponse:
    demand(request.user, "write_recipe")
    found = get_object_or_404(Recipe.objects.visible_to(request.user), code=code)
    if found.tool_kind not in PLANS:
        # Run by hand: such a tool takes no settings from here.
        raise Http404
    newest = found.versions.order_by("-number").first()
    old: dict[str, Any] = newest.body if newest else {}
    schema = PLANS[found.tool_kind].program.schema()
    ways = ways_of(schema)
    asked = request.POST.get("way") or request.GET.get("way") or ""
    way = asked if asked in ways else way_of(old, ways)
    is_json = "body" in request.POST
    sent = request.POST if request.method == "POST" else None
    settings = BodyForm(ways[way], old, None if is_json else sent)
    text = VersionForm(sent if is_json else None, initial={"body": old})
    if sent is not None and _written(request, found, text if is_json else settings):
        return redirect("recipe", code=code)
    return render(
        request,
        "process/new_version.html",
        {
            "form": settings, "text": text, "recipe": found, "way": way, "is_json": is_json,
            "ways": [(name, title_of(one)) for name, one in ways.items() if name],
            "schema": _as_json(schema),
        },
        status=422 if settings.errors or text.errors else 200,
    )  # fmt: skip


def _written(request: HttpRequest, recipe: Recipe, form: BodyForm | VersionForm) -> bool:
    """True when the form's recipe became the next version; else the form says why not."""
    if not form.is_valid():
        return False
    body = form.body() if isinstance(form, BodyForm) else form.cleaned_data["body"]
    try:
        versions.write_version(actor=person(request), recipe=recipe, body=body)
    except Refusal as refusal:
        show_refusal(form, refusal)
        return False
    return True


@require_POST
@login_required
def move_version(request: HttpRequest, code: str, number: int, verb: str) -> HttpResponse:
    if verb not in VERBS:
        raise Http404
    version = get_object_or_404(
        RecipeVersion.objects.visible_to(request.user).select_related("recipe"),
        recipe__code=code,
        number=number,
    )
    try:
        VERBS[verb](actor=person(request), version=version)
    except Refusal as refusal:
        messages.error(request, f"{refusal.message} {refusal.next_step}")
    else:
        messages.success(request, _("Version %(number)s: done.") % {"number": number})
    return redirect("recipe", code=code)


def show_refusal(form: forms.Form, refusal: Refusal) -> None:
    """Put a refusal's sentences beside the fields they speak of."""
    form.add_error(None, f"{refusal.message} {refusal.next_step}".strip())
    for name, sentences in refusal.fields.items():
        # What a range is refused for stands at its first end.
        target = next((one for one in (name, f"{name}.{LOW}") if one in form.fields), None)
        prefix = "" if target else f"{name}: "
        form.add_error(target, [f"{prefix}{sentence}" for sentence in sentences])
