"""The administrator's pages: companies, their standing, their members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from testbed.people import membership, suspend
from testbed.people.figures import figures_of
from testbed.people.history import history_of_company
from testbed.people.models import Company, User
from testbed.people.permissions import demand
from testbed.people.suspend import LARGEST_LIMIT, LONGEST_REASON, SHORTEST_REASON
from testbed.people.visitor import person
from testbed.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

PAGE = 50


class SuspendForm(forms.Form):
    """Why a company is suspended."""

    reason = forms.CharField(
        label=_("Reason"),
        min_length=SHORTEST_REASON,
        max_length=LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("5 to 200 characters; the staff read it on this page."),
    )


class LimitForm(forms.Form):
    """How much a company's live bookings may come to."""

    limit_won = forms.IntegerField(
        label=_("Credit limit (₩)"),
        min_value=0,
        max_value=LARGEST_LIMIT,
        required=False,
        help_text=_("Of all live bookings together, VAT included. Empty: no limit."),
    )


@require_GET
@login_required
def companies(request: HttpRequest) -> HttpResponse:
    """`/people/companies/`: every company with its standing; `?state=` shows some."""
    demand(request.user, "manage_companies")
    state = request.GET.get("state", "")
    found = Company.objects.visible_to(request.user).order_by("name_en", "pk")
    narrowed = {
        "suspended": found.filter(suspended_at__isnull=False),
        "closed": found.filter(is_active=False),
    }.get(state, found)
    page = Paginator(narrowed, PAGE).get_page(request.GET.get("page"))
    figures = figures_of(company.pk for company in page)
    context = {
        "page": page,
        "rows": [(company, figures[company.pk]) for company in page],
        "state": state if state in ("suspended", "closed") else "",
        "total": found.count(),
        "suspended": found.filter(suspended_at__isnull=False).count(),
        "base": f"state={state}&" if state in ("suspended", "closed") else "",
    }
    return render(request, "people/companies.html", context)


@require_GET
@login_required
def company(request: HttpRequest, business_number: str) -> HttpResponse:
    """`/people/companies/<number>/`: one company, what may be done, its members, its history."""
    return _show(request, _found(request, business_number))


def _found(request: HttpRequest, business_number: str) -> Company:
    demand(request.user, "manage_companies")
    found: Company = get_object_or_404(
        Company.objects.visible_to(request.user), business_number=business_number
    )
    return found


def _show(
    request: HttpRequest,
    found: Company,
    refused: Refusal | None = None,
    status: int = 200,
    **used: Any,
) -> HttpResponse:
    found.refresh_from_db()
    context = {
        "company": found,
        "figures": figures_of([found.pk])[found.pk],
        "members": found.members.order_by("-is_active", "name", "pk"),
        "history": history_of_company(request.user, found),
        "suspend_form": SuspendForm(),
        "limit_form": LimitForm(initial={"limit_won": found.credit_limit_won}),
        "refused": refused,
        **used,
    }
    status = refused.status if refused else status
    return render(request, "people/company.html", context, status=status)


@require_POST
@login_required
def suspend_company(request: HttpRequest, business_number: str) -> HttpResponse:
    found = _found(request, business_number)
    form = SuspendForm(request.POST)
    if not form.is_valid():
        return _show(request, found, status=422, suspend_form=form, opened="suspend")
    reason = form.cleaned_data["reason"]
    return _done(
        request,
        found,
        lambda: suspend.suspend(actor=person(request), company=found, reason=reason),
        _("%(name)s is suspended; its holds have ended.") % {"name": found},
    )


@require_POST
@login_required
def lift_suspension(request: HttpRequest, business_number: str) -> HttpResponse:
    found = _found(request, business_number)
    return _done(
        request,
        found,
        lambda: suspend.lift(actor=person(request), company=found),
        _("%(name)s may book again.") % {"name": found},
    )


@require_POST
@login_required
def limit_company(request: HttpRequest, business_number: str) -> HttpResponse:
    found = _found(request, business_number)
    form = LimitForm(request.POST)
    if not form.is_valid():
        return _show(request, found, status=422, limit_form=form)
    limit = form.cleaned_data["limit_won"]
    return _done(
        request,
        found,
        lambda: suspend.set_credit_limit(actor=person(request), company=found, limit_won=limit),
        _("The credit limit is set."),
    )


@require_POST
@login_required
def deactivate_member(request: HttpRequest, pk: int) -> HttpResponse:
    member, found = _member(request, pk)
    return _done(
        request,
        found,
        lambda: membership.deactivate(actor=person(request), member=member),
        _("The account of %(name)s is closed.") % {"name": member},
    )


@require_POST
@login_required
def activate_member(request: HttpRequest, pk: int) -> HttpResponse:
    member, found = _member(request, pk)
    return _done(
        request,
        found,
        lambda: membership.activate(actor=person(request), member=member),
        _("The account of %(name)s is open.") % {"name": member},
    )


def _member(request: HttpRequest, pk: int) -> tuple[User, Company]:
    """A company's member and the company; 404 for the facility's own people."""
    demand(request.user, "manage_companies")
    members = User.objects.visible_to(request.user).filter(company__isnull=False)
    member: User = get_object_or_404(members.select_related("company"), pk=pk)
    return member, Company.objects.get(members=member)


def _done(
    request: HttpRequest, found: Company, work: Callable[[], object], said: object
) -> HttpResponse:
    """Do it and go back to the company's page, or show there why not."""
    try:
        work()
    except Refusal as refused:
        return _show(request, found, refused)
    messages.success(request, str(said))
    return redirect("company", business_number=found.business_number)
