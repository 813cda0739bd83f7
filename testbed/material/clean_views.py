"""`/cleans/`: the kinds of clean, what was certified, and certifying one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from testbed.material.certify import (
    LONGEST_CERTIFICATE,
    SHORTEST_CERTIFICATE,
    certify_carrier,
    certify_wafers,
)
from testbed.material.models import SLOTS, Carrier, CertifiedClean, Lot
from testbed.people.permissions import demand, may
from testbed.people.visitor import person
from testbed.refusals import Refusal
from testbed.tools.abilities import DEAREST_WON, save_clean
from testbed.tools.kinds import kind_choices
from testbed.tools.models import Clean, ContaminationClass, Tool
from testbed.tools.stock_forms import NamedForm

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

PAGE = 50


def _class_field(label: Any, initial: int) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(
        label=label, choices=ContaminationClass.choices, coerce=int, initial=initial
    )


class CleanForm(NamedForm):
    """A kind of clean: which tools, from which class to which, for how much."""

    kind_of_thing = Clean
    tool_kind = forms.ChoiceField(label=_("Kind of tool"))
    from_class = _class_field(_("Takes wafers down to"), ContaminationClass.COPPER)
    to_class = _class_field(_("Leaves them as"), ContaminationClass.FEOL)
    cost_won = forms.IntegerField(
        label=_("Price a lot (₩, without VAT)"), min_value=0, max_value=DEAREST_WON
    )

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        kinds = Tool.objects.order_by("kind").values_list("kind", flat=True).distinct()
        field: Any = self.fields["tool_kind"]
        field.choices = kind_choices(kinds)
        if not self.initial and "clean" in kinds:
            field.initial = "clean"

    def shown(self, thing: Clean) -> dict[str, Any]:
        names = ("tool_kind", "from_class", "to_class", "cost_won")
        return {name: getattr(thing, name) for name in names}


class CertificateForm(forms.Form):
    """Which clean, on which tool, and what certifies it."""

    kind = forms.ModelChoiceField(
        label=_("Clean"), queryset=Clean.objects.all(), to_field_name="code",
        empty_label=_("Choose…"),
    )  # fmt: skip
    tool = forms.ModelChoiceField(
        label=_("On the tool"), queryset=Tool.objects.none(), to_field_name="code",
        empty_label=_("Choose…"),
    )  # fmt: skip
    certificate = forms.CharField(
        label=_("Certificate"), min_length=SHORTEST_CERTIFICATE, max_length=LONGEST_CERTIFICATE,
        help_text=_("What shows that it is clean: a measurement's number, a protocol."),
    )  # fmt: skip

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, auto_id="certify_%s")
        tool: Any = self.fields["tool"]
        tool.queryset = Tool.objects.filter(kind__in=Clean.objects.values("tool_kind"))


class WafersForm(CertificateForm):
    """With the slots of the wafers that were cleaned."""

    slots = forms.TypedMultipleChoiceField(
        label=_("Wafers that were cleaned"), coerce=int, widget=forms.CheckboxSelectMultiple,
        choices=[(slot, str(slot)) for slot in range(1, SLOTS + 1)],
    )  # fmt: skip

    def __init__(self, data: Any = None, *, lot: Lot) -> None:
        super().__init__(data)
        wafers = list(lot.wafers.order_by("slot"))
        field: Any = self.fields["slots"]
        field.choices = [
            (wafer.slot, f"{wafer.slot} · {wafer.get_contamination_class_display()}")
            for wafer in wafers
        ]
        field.initial = [wafer.slot for wafer in wafers if wafer.contamination_class > 0]


class CarrierForm(CertificateForm):
    """With the empty carrier that was cleaned."""

    carrier = forms.ModelChoiceField(
        label=_("Empty carrier"), queryset=Carrier.objects.none(), to_field_name="code",
        empty_label=_("Choose…"),
    )  # fmt: skip

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        carrier: Any = self.fields["carrier"]
        carrier.queryset = Carrier.objects.free().filter(contamination_class__gt=0)


@require_http_methods(["GET", "POST"])
@login_required
def cleans(request: HttpRequest) -> HttpResponse:
    """The kinds of clean, and the certificates; POST enters a kind."""
    form = CleanForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        demand(request.user, "edit_cleans")
        if form.is_valid() and _saved(request, form):
            messages.success(request, _("The clean is in the list."))
            return redirect("cleans")
    return _show(request, form, CarrierForm())


def _saved(request: HttpRequest, form: CleanForm, code: str = "") -> bool:
    values = dict(form.cleaned_data)
    code = code or values.pop("code")
    try:
        save_clean(actor=person(request), code=code, **values)
    except Refusal as refused:
        form.complain(refused)
        return False
    return True


def _show(
    request: HttpRequest,
    form: CleanForm,
    carrier_form: CarrierForm,
    refused: Refusal | None = None,
) -> HttpResponse:
    rows = CertifiedClean.objects.visible_to(request.user)
    named = rows.select_related("kind", "tool", "wafer__lot", "carrier", "cleaned_by")
    context = {
        "cleans": Clean.objects.all(),
        "page": Paginator(named.order_by("-cleaned_at", "-pk"), PAGE).get_page(
            request.GET.get("page")
        ),
        "base": "",
        "form": form,
        "carrier_form": carrier_form,
        "refused": refused,
        "may_edit": may(request.user, "edit_cleans"),
        "may_certify": may(request.user, "certify_clean"),
    }
    bad = form.errors or carrier_form.errors
    status = refused.status if refused else 422 if bad else 200
    return render(request, "material/cleans.html", context, status=status)


@require_http_methods(["GET", "POST"])
@login_required
def clean(request: HttpRequest, code: str) -> HttpResponse:
    """Another price, other classes; certificates already given stay as they are."""
    demand(request.user, "edit_cleans")
    found = get_object_or_404(Clean, code=code)
    form = CleanForm(request.POST if request.method == "POST" else None, thing=found)
    if form.is_valid() and _saved(request, form, code):
        messages.success(request, _("Kept. Certificates already given stay as they are."))
        return redirect("cleans")
    context = {"thing": found, "form": form, "back": "cleans", "back_label": _("All cleans")}
    return render(request, "tools/named.html", context, status=422 if form.errors else 200)


@require_POST
@login_required
def clean_carrier(request: HttpRequest) -> HttpResponse:
    """Certify that an empty carrier was cleaned."""
    demand(request.user, "certify_clean")
    form = CarrierForm(request.POST)
    if not form.is_valid():
        return _show(request, CleanForm(), form)
    try:
        made = certify_carrier(actor=person(request), **form.cleaned_data)
    except Refusal as refused:
        return _show(request, CleanForm(), form, refused)
    said = {"carrier": made.carrier, "to": made.get_to_class_display()}
    messages.success(request, _("Carrier %(carrier)s is “%(to)s” again.") % said)
    return redirect("cleans")


@require_http_methods(["GET", "POST"])
@login_required
def clean_lot(request: HttpRequest, code: str) -> HttpResponse:
    """Certify that wafers of a lot were cleaned."""
    found = get_object_or_404(Lot.objects.visible_to(request.user), code=code)
    demand(request.user, "certify_clean")
    form = WafersForm(request.POST if request.method == "POST" else None, lot=found)
    refused: Refusal | None = None
    if form.is_valid():
        said = dict(form.cleaned_data)
        wafers = list(found.wafers.filter(slot__in=said.pop("slots")))
        try:
            made = certify_wafers(actor=person(request), wafers=wafers, **said)
        except Refusal as why:
            refused = why
        else:
            words = {"count": len(made), "to": made[0].get_to_class_display()}
            messages.success(request, _("%(count)s wafers are “%(to)s” again.") % words)
            return redirect("lot", code=code)
    context = {"lot": found, "form": form, "refused": refused}
    status = refused.status if refused else 422 if form.errors else 200
    return render(request, "material/clean_lot.html", context, status=status)
