"""`/supplies/` and `/capabilities/`: the stock, what is loaded where, and what tools can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Count, Exists, OuterRef
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from testbed.people.permissions import demand, may
from testbed.people.visitor import person
from testbed.refusals import Refusal
from testbed.tools import abilities
from testbed.tools import supplies as verbs
from testbed.tools.courses import SOON
from testbed.tools.models import Capability, Loading, Supply, SupplyKind, Tool
from testbed.tools.stock_forms import CapabilityForm, LoadForm, SupplyForm

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from testbed.tools.querysets import SupplyQuerySet

PAGE = 50
LATEST = 50


@require_http_methods(["GET", "POST"])
@login_required
def supplies(request: HttpRequest) -> HttpResponse:
    """What is in the tools now, and the stock; POST enters a new supply."""
    form = SupplyForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        demand(request.user, "manage_supplies")
        if form.is_valid() and _saved(request, form):
            messages.success(request, _("It is in the list."))
            return redirect("supplies")
    return _show(request, form, LoadForm(viewer=person(request)))


def _saved(request: HttpRequest, form: SupplyForm, code: str = "") -> bool:
    values = form.values()
    code = code or values.pop("code")
    try:
        verbs.save_supply(actor=person(request), code=code, **values)
    except Refusal as refused:
        form.complain(refused)
        return False
    return True


def _show(
    request: HttpRequest, form: SupplyForm, load_form: LoadForm, refused: Refusal | None = None
) -> HttpResponse:
    viewer = person(request)
    today = timezone.localdate()
    rows = _rows(request).order_by("kind", "code")
    query = request.GET.copy()
    query.pop("page", None)
    present = Loading.objects.visible_to(viewer).present().select_related("tool", "supply")
    context = {
        "page": Paginator(rows, PAGE).get_page(request.GET.get("page")),
        "base": f"{query.urlencode()}&" if query else "",
        "kinds": SupplyKind.choices,
        "kind": request.GET.get("kind", ""),
        "tools": Tool.objects.visible_to(viewer),
        "tool": request.GET.get("tool", ""),
        "soon": "soon" in request.GET,
        "loadings": present.order_by("tool__position", "tool__code", "supply__kind"),
        "today": today,
        "soon_day": today + SOON,
        "form": form,
        "load_form": load_form,
        "refused": refused,
        "may_edit": may(viewer, "manage_supplies"),
        "may_load": may(viewer, "load_tools"),
    }
    bad = form.errors or load_form.errors
    status = refused.status if refused else 422 if bad else 200
    return render(request, "tools/supplies.html", context, status=status)


def _rows(request: HttpRequest) -> SupplyQuerySet:
    """The supplies that the visitor may know and asks for."""
    known = Supply.objects.visible_to(request.user)
    kind, tool = request.GET.get("kind", ""), request.GET.get("tool", "")
    if kind in SupplyKind.values:
        known = known.filter(kind=kind)
    if tool and "\x00" not in tool:
        known = known.filter(pk__in=Supply.objects.filter(tools__code=tool))
    if "soon" in request.GET:
        known = known.filter(expires_on__lte=timezone.localdate() + SOON)
    inside = Loading.objects.present().filter(supply=OuterRef("pk")).order_by()
    counted = known.annotate(times_loaded=Count("loadings"), is_loaded=Exists(inside))
    return counted.select_related("company").prefetch_related("tools")


@require_http_methods(["GET", "POST"])
@login_required
def supply(request: HttpRequest, code: str) -> HttpResponse:
    """One supply: its stock and where it has been; POST changes it."""
    found = get_object_or_404(Supply.objects.visible_to(request.user), code=code)
    form = SupplyForm(request.POST if request.method == "POST" else None, thing=found)
    if request.method == "POST":
        demand(request.user, "manage_supplies")
        if form.is_valid() and _saved(request, form, code=code):
            messages.success(request, _("Kept."))
            return redirect("supply", code=code)
    latest = found.loadings.select_related("tool", "loaded_by").order_by("-loaded_at", "-pk")
    context = {
        "supply": found,
        "loadings": latest[:LATEST],
        "is_loaded": found.loadings.present().exists(),
        "times_loaded": found.loadings.count(),
        "today": timezone.localdate(),
        "form": form,
        "may_edit": may(request.user, "manage_supplies"),
    }
    return render(request, "tools/supply.html", context, status=422 if form.errors else 200)


@require_POST
@login_required
def load_tool(request: HttpRequest) -> HttpResponse:
    """Put a supply into a tool."""
    demand(request.user, "load_tools")
    form = LoadForm(request.POST, viewer=person(request))
    if not form.is_valid():
        return _show(request, SupplyForm(), form)
    said: dict[str, Any] = form.cleaned_data
    try:
        verbs.load(actor=person(request), **said)
    except Refusal as refused:
        return _show(request, SupplyForm(), form, refused)
    messages.success(request, _("%(supply)s is in %(tool)s.") % said)
    return redirect("supplies")


@require_POST
@login_required
def unload_tool(request: HttpRequest, pk: int) -> HttpResponse:
    """Take it out again."""
    demand(request.user, "load_tools")
    found = get_object_or_404(Loading.objects.visible_to(request.user), pk=pk)
    ended = verbs.unload(actor=person(request), loading=found)
    said = {"supply": ended.supply, "tool": ended.tool}
    messages.success(request, _("%(supply)s is no longer in %(tool)s.") % said)
    return redirect("supplies")


@require_http_methods(["GET", "POST"])
@login_required
def capabilities(request: HttpRequest) -> HttpResponse:
    """What the tools can do; POST enters one."""
    form = CapabilityForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        demand(request.user, "manage_capabilities")
        if form.is_valid():
            abilities.save_capability(actor=person(request), **form.cleaned_data)
            messages.success(request, _("It is in the list, and in the search for free slots."))
            return redirect("capabilities")
    context = {
        "capabilities": Capability.objects.prefetch_related("tools"),
        "form": form,
        "may_edit": may(request.user, "manage_capabilities"),
    }
    status = 422 if form.errors else 200
    return render(request, "tools/capabilities.html", context, status=status)


@require_http_methods(["GET", "POST"])
@login_required
def capability(request: HttpRequest, code: str) -> HttpResponse:
    """Other names, other tools."""
    demand(request.user, "manage_capabilities")
    found = get_object_or_404(Capability, code=code)
    form = CapabilityForm(request.POST if request.method == "POST" else None, thing=found)
    if form.is_valid():
        abilities.save_capability(actor=person(request), code=code, **form.cleaned_data)
        messages.success(request, _("Kept."))
        return redirect("capabilities")
    context = {
        "thing": found, "form": form, "back": "capabilities", "back_label": _("All capabilities"),
    }  # fmt: skip
    return render(request, "tools/named.html", context, status=422 if form.errors else 200)
