"""`/groups/`: companies and people for whom some booking rules differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from testbed.people import groups as verbs
from testbed.people.codes import LONGEST_CODE
from testbed.people.history import lines_of
from testbed.people.models import Company, Group, JournalEntry, User
from testbed.people.permissions import demand, may
from testbed.people.visitor import person

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from testbed.people.history import Line

SHOWN = 50


class GroupForm(forms.Form):
    """A group's names; `code` only for a new one."""

    code = forms.SlugField(label=_("Code"), max_length=LONGEST_CODE)
    name_ko = forms.CharField(label=_("Name in Korean"), max_length=60)
    name_en = forms.CharField(label=_("Name in English"), max_length=60)
    rank = forms.IntegerField(
        label=_("Rank"),
        min_value=0,
        max_value=999,
        initial=100,
        help_text=_("Of two groups of one person the lower rank's settings count."),
    )

    def __init__(self, *args: Any, group: Group | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        if group is not None:
            del self.fields["code"]
            self.initial = {
                "name_ko": group.name_ko, "name_en": group.name_en, "rank": group.rank
            }  # fmt: skip

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        if Group.objects.filter(code=code).exists():
            raise forms.ValidationError(_("There is one with this code already."))
        return code


class _People(forms.ModelChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.company} · {obj.name}" if obj.company else obj.name


class MemberForm(forms.Form):
    """A company or a person."""

    company = forms.ModelChoiceField(
        label=_("Company"), queryset=Company.objects.none(), required=False,
        to_field_name="business_number", empty_label=_("No company"),
    )  # fmt: skip
    person = _People(
        label=_("Person"), queryset=User.objects.none(), required=False,
        empty_label=_("Nobody"),
    )  # fmt: skip

    def __init__(self, *args: Any, viewer: User, **more: Any) -> None:
        super().__init__(*args, **more)
        company: Any = self.fields["company"]
        who: Any = self.fields["person"]
        company.queryset = Company.objects.visible_to(viewer)
        who.queryset = User.objects.visible_to(viewer).select_related("company")

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if bool(said.get("company")) == bool(said.get("person")) and not self.errors:
            raise forms.ValidationError(_("Choose a company or a person, not both."))
        return said

    def member(self) -> dict[str, Any]:
        return {"company": self.cleaned_data["company"], "user": self.cleaned_data["person"]}


@require_http_methods(["GET", "POST"])
@login_required
def groups(request: HttpRequest) -> HttpResponse:
    """The groups; POST makes one."""
    demand(request.user, "see_groups")
    form = GroupForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        demand(request.user, "manage_groups")
        if form.is_valid():
            made = verbs.save(actor=person(request), **form.cleaned_data)
            messages.success(request, _("The group is made. Take its members in."))
            return redirect("group", code=made.code)
    context = {
        "groups": Group.objects.prefetch_related("companies", "users"),
        "form": form,
        "may_edit": may(request.user, "manage_groups"),
    }
    return render(request, "people/groups.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@login_required
def group(request: HttpRequest, code: str) -> HttpResponse:
    """One group: its names and members; POST renames it."""
    demand(request.user, "see_groups")
    found = get_object_or_404(Group, code=code)
    form = GroupForm(request.POST if request.method == "POST" else None, group=found)
    if request.method == "POST":
        demand(request.user, "manage_groups")
        if form.is_valid():
            verbs.save(actor=person(request), code=code, **form.cleaned_data)
            messages.success(request, _("Kept."))
            return redirect("group", code=code)
    return _show(request, found, form, MemberForm(viewer=person(request)))


def _show(
    request: HttpRequest, found: Group, form: GroupForm, member_form: MemberForm
) -> HttpResponse:
    context = {
        "group": found,
        "companies": found.companies.order_by("name_en"),
        "people": found.users.select_related("company").order_by("name"),
        "form": form,
        "member_form": member_form,
        "may_edit": may(request.user, "manage_groups"),
        "history": _history(found),
    }
    status = 422 if form.errors or member_form.errors else 200
    return render(request, "people/group.html", context, status=status)


def _history(found: Group) -> list[Line]:
    entries = JournalEntry.objects.filter(subject_kind="people.group", subject_id=found.pk)
    return lines_of(entries.select_related("actor").order_by("-pk")[:SHOWN])


@require_POST
@login_required
def take_into_group(request: HttpRequest, code: str) -> HttpResponse:
    return _member(request, code, verbs.take_in, _("%(member)s is in the group."))


@require_POST
@login_required
def take_out_of_group(request: HttpRequest, code: str) -> HttpResponse:
    return _member(request, code, verbs.take_out, _("%(member)s is no longer in the group."))


def _member(request: HttpRequest, code: str, verb: Any, said: Any) -> HttpResponse:
    demand(request.user, "manage_groups")
    found = get_object_or_404(Group, code=code)
    form = MemberForm(request.POST, viewer=person(request))
    if not form.is_valid():
        return _show(request, found, GroupForm(group=found), form)
    member = form.member()
    verb(actor=person(request), group=found, **member)
    messages.success(request, said % {"member": member["company"] or member["user"]})
    return redirect("group", code=code)
