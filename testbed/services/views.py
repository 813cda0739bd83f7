"""Service modules: the catalogue, one module with its offers, orders and their promises."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from testbed.booking.chain_chart import picture
from testbed.booking.desk_forms import booker, overriding, setting_aside
from testbed.booking.route_views import LONGEST_WISH, for_whom, wish_for, wish_of, wished
from testbed.people.permissions import demand, may
from testbed.people.visitor import person
from testbed.refusals import Refusal
from testbed.services import order as ordering
from testbed.services.forms import ModuleForm, WishForm
from testbed.services.models import Module, Order
from testbed.services.modules import save_module
from testbed.services.promise import record_of, shown

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    from testbed.people.models import User

AHEAD = timedelta(days=14)


def orders_of(request: HttpRequest) -> QuerySet[Order]:
    visible: QuerySet[Order] = Order.objects.visible_to(request.user)
    return visible.select_related("module", "company", "ordered_by", "bundle")


def module_of(request: HttpRequest, code: str) -> Module:
    found = Module.objects.visible_to(request.user).select_related("route")
    return get_object_or_404(found, code=code)


@require_GET
@login_required
def services(request: HttpRequest) -> HttpResponse:
    """`/services/`: what the facility offers, its price, promise and next possible date."""
    actor = person(request)
    modules = Module.objects.visible_to(actor).select_related("route")
    context = {
        "cards": [_card(actor, module) for module in modules],
        "may_edit": may(actor, "edit_modules"),
    }
    return render(request, "services/services.html", context)


def _card(actor: User, module: Module) -> dict[str, Any]:
    return {
        "module": module,
        "quote": ordering.price_of(module),
        "next": _next(actor, module),
        "record": record_of(module),
    }


def _next(actor: User, module: Module) -> ordering.Offer | None:
    """The first offer for its least wafers in the next two weeks."""
    now = timezone.now()
    try:
        found = ordering.find_offers(
            actor=actor, module=module, wafers=module.wafers_min, start=now, end=now + AHEAD,
            limit=1,
        )  # fmt: skip
    except Refusal:
        return None
    return found.offers[0] if found.offers else None


@require_GET
@login_required
def service(request: HttpRequest, code: str) -> HttpResponse:
    """`/services/<code>/`: wafers and days → offers with price and promise."""
    module = module_of(request, code)
    form = WishForm(request.GET, user=booker(request), module=module)
    return _show_module(request, module, form)


def _show_module(
    request: HttpRequest, module: Module, form: WishForm, refused: Refusal | None = None
) -> HttpResponse:
    actor = booker(request)
    context: dict[str, Any] = {
        "module": module,
        "form": form,
        "quote": ordering.price_of(module),
        "record": record_of(module),
        "may_book": may(actor, "book"),
        "may_edit": may(request.user, "edit_modules"),
        "wish": request.POST.get("steps", "")[:LONGEST_WISH],
        **for_whom(request, actor),
        **setting_aside(request, refused),
    }
    if form.is_valid():
        try:
            exact = form.exact()
            context["exact"] = {"steps": exact, "wish": wish_for(exact)} if exact else None
            found = ordering.find_offers(
                actor=actor, module=module, wafers=form.cleaned_data["wafers"],
                start=form.range.start, end=form.range.end,
            )  # fmt: skip
            context |= {
                "found": found.found,
                "offers": [(one, wish_of(one.combination)) for one in found.offers],
            }
        except Refusal as no:
            refused = refused or no
    status = refused.status if refused else 200
    return render(request, "services/service.html", context | {"refused": refused}, status=status)


@require_POST
@login_required
def order_service(request: HttpRequest, code: str) -> HttpResponse:
    """An offer's button: book every step, or say why not beside other offers."""
    module = module_of(request, code)
    actor, who = person(request), booker(request)
    form = WishForm(request.POST, user=who, module=module)
    steps = wished(request)
    if steps is None or not form.is_valid():
        messages.error(request, _("This combination could not be read; choose it again."))
        return redirect("service", code=code)
    try:
        placed = ordering.order(
            actor=actor,
            on_behalf_of=None if who == actor else who,
            override=overriding(request),
            module=module,
            wafers=form.cleaned_data["wafers"],
            steps=steps,
            lot=form.cleaned_data["lot"],
            purpose=form.cleaned_data["purpose"],
        )
    except Refusal as refused:
        return _show_module(request, module, form, refused)
    messages.success(request, _("Ordered. This page shows the promise and how it stands."))
    return redirect("service_order", pk=placed.pk)


@require_GET
@login_required
def service_orders(request: HttpRequest) -> HttpResponse:
    """`/services/orders/`: one's company's, for staff all; the most urgent first."""
    page = Paginator(orders_of(request), 200).get_page(request.GET.get("page"))
    rows = shown(list(page), timezone.now())
    context = {
        "page": page,
        "rows": rows,
        "urgent": sum(row.tone != "ok" and row.order.state == "open" for row in rows),
        "is_staff": person(request).is_staff_member,
    }
    return render(request, "services/orders.html", context)


@require_GET
@login_required
def service_order(request: HttpRequest, pk: int) -> HttpResponse:
    """`/services/orders/<id>/`: the promise, how it stands, the chain, the price."""
    return _show_order(request, get_object_or_404(orders_of(request), pk=pk))


def _show_order(request: HttpRequest, found: Order, refused: Refusal | None = None) -> HttpResponse:
    [row] = shown([found], timezone.now())
    context = {
        "row": row,
        "picture": picture([step for step in row.steps if step.is_live]),
        "gone": [step for step in row.steps if not step.is_live],
        "may_finish": may(request.user, "finish_order") and found.state == "open",
        "may_cancel": may(request.user, "book") and any(step.is_live for step in row.steps),
        "refused": refused,
    }
    status = refused.status if refused else 200
    return render(request, "services/order.html", context, status=status)


@require_POST
@login_required
def finish_order(request: HttpRequest, pk: int) -> HttpResponse:
    """The facility has handed out the result."""
    found = get_object_or_404(orders_of(request), pk=pk)
    try:
        ordering.finish(actor=person(request), order=found)
    except Refusal as refused:
        return _show_order(request, found, refused)
    messages.success(request, _("Finished."))
    return redirect("service_order", pk=pk)


@require_http_methods(["GET", "POST"])
@login_required
def new_service(request: HttpRequest) -> HttpResponse:
    """`/services/new/`: the administrator adds a module."""
    demand(request.user, "edit_modules")
    return _edit(request, None)


@require_http_methods(["GET", "POST"])
@login_required
def edit_service(request: HttpRequest, code: str) -> HttpResponse:
    """`/services/<code>/edit/`: orders already placed keep their price and promise."""
    demand(request.user, "edit_modules")
    return _edit(request, module_of(request, code))


def _edit(request: HttpRequest, module: Module | None) -> HttpResponse:
    form = ModuleForm(request.POST or None, instance=module)
    if request.method == "POST" and form.is_valid():
        try:
            saved = save_module(actor=person(request), module=module, **form.cleaned_data)
        except Refusal as refused:
            for name, sentences in refused.fields.items():
                form.add_error(name if name in form.fields else None, sentences)
        else:
            messages.success(request, _("Saved."))
            return redirect("service", code=saved.code)
    status = 422 if form.errors else 200
    context = {"form": form, "module": module}
    return render(request, "services/edit.html", context, status=status)
