"""`/qualifications/`: who may operate which tool alone; the facility grants, renews, withdraws."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from testbed.people.history import SHOWN, Line, lines_of
from testbed.people.models import JournalEntry, Role, User
from testbed.people.permissions import demand, may
from testbed.people.suspend import LONGEST_REASON, SHORTEST_REASON
from testbed.people.visitor import person
from testbed.refusals import Refusal
from testbed.tools import qualify
from testbed.tools.models import Qualification, Tool

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse, QueryDict

PAGE = 50


class _People(forms.ModelChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.company} · {obj.name}"


def _day_field(label: Any) -> forms.DateField:
    return forms.DateField(
        label=label,
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("Last day, in Korea. Empty: it does not end."),
    )


class FilterForm(forms.Form):
    """Which tool's, whose."""

    tool = forms.ModelChoiceField(
        label=_("Tool"), queryset=Tool.objects.none(), to_field_name="code", required=False,
        empty_label=_("All tools"),
    )  # fmt: skip
    person = _People(
        label=_("Person"), queryset=User.objects.none(), required=False,
        empty_label=_("Everybody"),
    )  # fmt: skip

    def __init__(self, data: QueryDict, *, viewer: User) -> None:
        super().__init__(data, auto_id="filter_%s")
        _offer(self, viewer)


class GrantForm(forms.Form):
    """A new qualification."""

    person = _People(label=_("Person"), queryset=User.objects.none(), empty_label=_("Choose…"))
    tool = forms.ModelChoiceField(
        label=_("Tool"), queryset=Tool.objects.none(), to_field_name="code",
        empty_label=_("Choose…"),
    )  # fmt: skip
    valid_until = _day_field(_("Valid until"))

    def __init__(self, data: QueryDict | None, *, viewer: User) -> None:
        super().__init__(data, auto_id="grant_%s")
        _offer(self, viewer)


def _offer(form: forms.Form, viewer: User) -> None:
    """The tools and the engineers that this person may see."""
    people = User.objects.visible_to(viewer).filter(role=Role.ENGINEER, is_active=True)
    tool, who = form.fields["tool"], form.fields["person"]
    if isinstance(tool, forms.ModelChoiceField) and isinstance(who, forms.ModelChoiceField):
        tool.queryset = Tool.objects.visible_to(viewer)
        who.queryset = people.select_related("company").order_by("company__name_en", "name")


class RenewForm(forms.Form):
    valid_until = _day_field(_("Valid until"))


class WithdrawForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason"), min_length=SHORTEST_REASON, max_length=LONGEST_REASON
    )


@require_GET
@login_required
def qualifications(request: HttpRequest) -> HttpResponse:
    return _show(request)


def _show(
    request: HttpRequest,
    refused: Refusal | None = None,
    grant_form: GrantForm | None = None,
    status: int = 200,
) -> HttpResponse:
    viewer = person(request)
    narrow = FilterForm(request.GET, viewer=viewer)
    narrow.is_valid()
    chosen = {"tool": narrow.cleaned_data.get("tool"), "user": narrow.cleaned_data.get("person")}
    rows = _rows(viewer).filter(**{name: value for name, value in chosen.items() if value})
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    may_manage = may(viewer, "manage_qualifications")
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        "page": page,
        "today": timezone.localdate(),
        "filter": narrow,
        "base": f"{query.urlencode()}&" if query else "",
        "may_manage": may_manage,
        "grant_form": (grant_form or GrantForm(None, viewer=viewer)) if may_manage else None,
        "history": _history(viewer, chosen["tool"]),
        "refused": refused,
    }
    status = refused.status if refused else status
    return render(request, "tools/qualifications.html", context, status=status)


def _rows(viewer: User) -> QuerySet[Qualification]:
    rows: QuerySet[Qualification] = Qualification.objects.visible_to(viewer)
    named = rows.select_related("tool", "user__company", "granted_by")
    return named.order_by("tool__position", "tool__code", "user__name", "pk")


def _history(viewer: User, tool: Tool | None) -> list[Line]:
    """The latest grants, renewals and withdrawals that this person may read, with their tool."""
    entries = JournalEntry.objects.visible_to(viewer).filter(action__startswith="qualification.")
    found = entries.filter(subject_id=tool.pk) if tool else entries
    latest = list(found.select_related("actor").order_by("-pk")[:SHOWN])
    tools = Tool.objects.in_bulk({entry.subject_id for entry in latest})
    return [
        replace(line, about=str(tools.get(entry.subject_id, "")))
        for line, entry in zip(lines_of(latest), latest, strict=True)
    ]


@require_POST
@login_required
def grant_qualification(request: HttpRequest) -> HttpResponse:
    demand(request.user, "manage_qualifications")
    form = GrantForm(request.POST, viewer=person(request))
    if not form.is_valid():
        return _show(request, grant_form=form, status=422)
    said = form.cleaned_data
    return _done(
        request,
        lambda: qualify.grant(
            actor=person(request),
            user=said["person"],
            tool=said["tool"],
            valid_until=said["valid_until"],
        ),
        _("%(name)s may operate %(tool)s alone.") % {"name": said["person"], "tool": said["tool"]},
        form,
    )


@require_POST
@login_required
def renew_qualification(request: HttpRequest, pk: int) -> HttpResponse:
    found = _found(request, pk)
    form = RenewForm(request.POST)
    if not form.is_valid():
        return _show(request, _unreadable(_("This is not a day.")))
    until = form.cleaned_data["valid_until"]
    return _done(
        request,
        lambda: qualify.renew(actor=person(request), qualification=found, valid_until=until),
        _("Renewed."),
    )


@require_POST
@login_required
def withdraw_qualification(request: HttpRequest, pk: int) -> HttpResponse:
    found = _found(request, pk)
    form = WithdrawForm(request.POST)
    reason = form.cleaned_data["reason"] if form.is_valid() else ""
    return _done(
        request,
        lambda: qualify.withdraw(actor=person(request), qualification=found, reason=reason),
        _("Withdrawn. The history keeps it."),
    )


def _found(request: HttpRequest, pk: int) -> Qualification:
    demand(request.user, "manage_qualifications")
    found: Qualification = get_object_or_404(_rows(person(request)), pk=pk)
    return found


def _unreadable(sentence: Any) -> Refusal:
    return Refusal("date_not_valid", sentence, status=422)


def _done(
    request: HttpRequest, work: Callable[[], object], said: object, form: GrantForm | None = None
) -> HttpResponse:
    """Do it and show the list again, or show there why not."""
    try:
        work()
    except Refusal as refused:
        return _show(request, refused, form)
    messages.success(request, str(said))
    return redirect("qualifications")
