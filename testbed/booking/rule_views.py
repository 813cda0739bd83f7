"""`/rules/`: every booking rule in words, and the holidays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from testbed.booking import holidays
from testbed.booking.hours import KST
from testbed.booking.models import Holiday
from testbed.booking.overview import overview
from testbed.booking.rule_filter import known_groups, wanted
from testbed.people.permissions import demand, may
from testbed.people.visitor import person
from testbed.refusals import Refusal
from testbed.tools.models import Tool

if TYPE_CHECKING:
    from datetime import date

    from django.http import HttpRequest, HttpResponse


class HolidayForm(forms.Form):
    """A day and its names."""

    day = forms.DateField(
        label=_("Day"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    name_ko = forms.CharField(label=_("Name in Korean"), max_length=60)
    name_en = forms.CharField(label=_("Name in English"), max_length=60)

    def clean_day(self) -> date:
        day: date = self.cleaned_data["day"]
        if not 2000 <= day.year < 2100:
            raise forms.ValidationError(_("Choose a day between the years 2000 and 2100."))
        return day


@require_GET
@login_required
def rules(request: HttpRequest) -> HttpResponse:
    return _show(request, HolidayForm())


def _show(request: HttpRequest, form: HolidayForm, refused: Refusal | None = None) -> HttpResponse:
    now = timezone.now()
    tools = list(Tool.objects.visible_to(request.user).select_related("cell"))
    groups = known_groups(person(request))
    narrow = wanted(request.GET, tools, groups)
    rows = overview([narrow.tool] if narrow.tool else tools, now, request.user)
    families = narrow.families(rows)
    today = timezone.localtime(now, KST).date()
    context = {
        "families": families,
        "shown": sum(len(family.rows) for family in families),
        "wanted": narrow,
        "groups": groups,
        "tools": tools,
        "in_force": sum(row.is_anywhere for row in rows),
        "total": len(rows),
        "holidays": Holiday.objects.filter(day__gte=today.replace(month=1, day=1)),
        "may_edit": may(request.user, "edit_holidays"),
        "form": form,
        "refused": refused,
    }
    status = refused.status if refused else 422 if form.errors else 200
    return render(request, "booking/rules.html", context, status=status)


@require_POST
@login_required
def add_holiday(request: HttpRequest) -> HttpResponse:
    demand(request.user, "edit_holidays")
    form = HolidayForm(request.POST)
    if not form.is_valid():
        return _show(request, form)
    try:
        added = holidays.add(actor=person(request), **form.cleaned_data)
    except Refusal as refused:
        return _show(request, form, refused)
    messages.success(request, _("%(holiday)s is in the table.") % {"holiday": added})
    return redirect(f"{reverse('rules')}#holidays")


@require_POST
@login_required
def remove_holiday(request: HttpRequest, pk: int) -> HttpResponse:
    demand(request.user, "edit_holidays")
    holiday = get_object_or_404(Holiday, pk=pk)
    holidays.remove(actor=person(request), holiday=holiday)
    messages.success(request, _("%(holiday)s is no longer in the table.") % {"holiday": holiday})
    return redirect(f"{reverse('rules')}#holidays")
