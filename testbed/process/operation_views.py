"""The page on which a process engineer sets what holds for an operation of a route."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from testbed.people.permissions import demand
from testbed.people.visitor import person
from testbed.process import operation_rules
from testbed.process.models import MOST_WAFERS, Operation, Route, Sampling
from testbed.process.operation_rules import LONGEST_QUEUE_MINUTES, MOST_REWORK, Rules
from testbed.process.views import show_refusal
from testbed.refusals import Refusal

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class RulesForm(forms.Form):
    """Sampling plan, rework and queue time."""

    sampling = forms.ChoiceField(label=gettext_lazy("Sampling plan"), choices=Sampling.choices)
    sampling_number = forms.IntegerField(
        label=gettext_lazy("n (of every nth, or of n at random)"), required=False,
        min_value=1, max_value=MOST_WAFERS,
    )  # fmt: skip
    sampling_slots = forms.CharField(
        label=gettext_lazy("Listed slots, such as 1, 13, 25"), required=False, max_length=120
    )
    max_rework = forms.IntegerField(
        label=gettext_lazy("How often a wafer may be reworked here"),
        min_value=0, max_value=MOST_REWORK,
    )  # fmt: skip
    is_rework_only = forms.BooleanField(
        label=gettext_lazy("Only for wafers in rework (a strip)"), required=False
    )
    within_minutes = forms.IntegerField(
        label=gettext_lazy("Queue-time limit (minutes after the operation before)"),
        required=False, min_value=1, max_value=LONGEST_QUEUE_MINUTES,
    )  # fmt: skip

    def clean_sampling_slots(self) -> list[int]:
        words = re.split(r"[\s,]+", self.cleaned_data["sampling_slots"].strip())
        if not all(re.fullmatch(r"[0-9]{1,2}", word) for word in words if word):
            raise forms.ValidationError(_("Slots are numbers from 1 to 25."))
        return [int(word) for word in words if word]


def _initial(operation: Operation) -> dict[str, Any]:
    names = ("sampling", "sampling_number", "max_rework", "is_rework_only", "within_minutes")
    listed = ", ".join(str(slot) for slot in operation.sampling_slots)
    return {name: getattr(operation, name) for name in names} | {"sampling_slots": listed}


@require_http_methods(["GET", "POST"])
@login_required
def rules(request: HttpRequest, code: str, position: int) -> HttpResponse:
    demand(request.user, "edit_routes")
    route = get_object_or_404(Route.objects.visible_to(request.user), code=code)
    rows = route.operations.select_related("route", "recipe")
    operation = get_object_or_404(rows, position=min(position, 32_767))
    form = RulesForm(request.POST or None, initial=_initial(operation))
    if request.method == "POST" and form.is_valid():
        try:
            operation_rules.set_rules(
                actor=person(request), operation=operation, rules=Rules(**form.cleaned_data)
            )
        except Refusal as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("The rules of “%(name)s” are saved.") % {"name": operation})
            return redirect("recipes")
    return render(
        request,
        "process/operation_rules.html",
        {"form": form, "operation": operation, "route": route},
        status=422 if form.errors else 200,
    )
