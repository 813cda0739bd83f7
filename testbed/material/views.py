"""Pages of lots: the list, one lot with its 25 slots, register, check in."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from testbed.material.check_in import check_in
from testbed.material.hand_back import hand_back
from testbed.material.models import SLOTS, Carrier, CertifiedClean, Lot, Wafer
from testbed.material.register import register
from testbed.people.models import Company
from testbed.people.permissions import demand, may
from testbed.people.visitor import person
from testbed.refusals import Refusal

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class LotForm(forms.Form):
    """What a company says about the wafers it sends."""

    code = forms.CharField(
        label=gettext_lazy("Lot code"),
        required=False,
        max_length=12,
        help_text=gettext_lazy("Leave it empty to get the next free one."),
    )
    product = forms.CharField(label=gettext_lazy("What is on the wafers"), max_length=60)
    wafer_count = forms.IntegerField(
        label=gettext_lazy("Number of wafers"), min_value=1, max_value=SLOTS, initial=SLOTS
    )
    wafer_ids = forms.CharField(
        label=gettext_lazy("Wafer IDs, one a line"),
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy(
            "With their check characters (SEMI M12). Empty: IDs are made from the lot code."
        ),
    )
    company = forms.ModelChoiceField(
        label=gettext_lazy("Company"), queryset=Company.objects.none(), required=False
    )

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        company = self.fields["company"]
        if person(request).is_staff_member and isinstance(company, forms.ModelChoiceField):
            company.queryset = Company.objects.visible_to(request.user)
        else:
            del self.fields["company"]


@require_GET
@login_required
def lots(request: HttpRequest) -> HttpResponse:
    rows = Lot.objects.visible_to(request.user).with_wafer_count()
    page = Paginator(rows.select_related("company", "carrier"), 50).get_page(
        request.GET.get("page")
    )
    return render(
        request,
        "material/lots.html",
        {"page": page, "may_register": may(request.user, "register_lot")},
    )


@require_GET
@login_required
def lot(request: HttpRequest, code: str) -> HttpResponse:
    found = get_object_or_404(
        Lot.objects.visible_to(request.user).select_related("company", "carrier"), code=code
    )
    wafers = {wafer.slot: wafer for wafer in found.wafers.all()}
    return render(
        request,
        "material/lot.html",
        {
            "lot": found,
            "slots": slot_rows(wafers),
            "wafer_count": len(wafers),
            "certificates": CertifiedClean.objects.filter(wafer__lot=found).select_related(
                "kind", "tool", "wafer__lot", "cleaned_by"
            ),
            "may_certify": may(request.user, "certify_clean") and found.state == "checked_in",
            "carriers": Carrier.objects.visible_to(request.user).open_to(found),
            "may_check_in": may(request.user, "check_in_lot") and found.state == "registered",
            "may_hand_back": may(request.user, "check_in_lot") and found.state == "checked_in",
        },
    )


def slot_rows(wafers: dict[int, Wafer]) -> list[tuple[str, Wafer | None]]:
    """The 25 slots from the top one: a row a wafer, and one row for neighbours that are empty."""
    rows: list[tuple[str, Wafer | None]] = []
    for is_taken, group in groupby(range(SLOTS, 0, -1), key=wafers.__contains__):
        slots = list(group)
        if is_taken:
            rows.extend((str(slot), wafers[slot]) for slot in slots)
        else:
            rows.append((f"{slots[0]}–{slots[-1]}" if slots[1:] else str(slots[0]), None))
    return rows


@require_http_methods(["GET", "POST"])
@login_required
def new_lot(request: HttpRequest) -> HttpResponse:
    demand(request.user, "register_lot")
    form = LotForm(request.POST or None, request=request)
    if request.method == "POST" and form.is_valid():
        made = _register(request, form)
        if made is not None:
            messages.success(request, _("Lot %(code)s is registered.") % {"code": made.code})
            return redirect("lot", code=made.code)
    status = 422 if form.errors else 200
    return render(request, "material/new_lot.html", {"form": form}, status=status)


def _register(request: HttpRequest, form: LotForm) -> Lot | None:
    data = dict(form.cleaned_data)
    data["wafer_ids"] = data["wafer_ids"].split()
    try:
        return register(actor=person(request), **data)
    except Refusal as refusal:
        for name, sentences in refusal.fields.items():
            form.add_error(name if name in form.fields else None, [str(s) for s in sentences])
        if not refusal.fields:
            form.add_error(None, str(refusal.message))
        return None


@require_POST
@login_required
def check_in_lot(request: HttpRequest, code: str) -> HttpResponse:
    found = get_object_or_404(Lot.objects.visible_to(request.user), code=code)
    demand(request.user, "check_in_lot")
    chosen = request.POST.get("carrier", "").replace("\x00", "")
    carrier = Carrier.objects.visible_to(request.user).filter(code=chosen).first()
    if carrier is None:
        messages.error(request, _("Choose an empty carrier."))
        return redirect("lot", code=code)
    try:
        check_in(actor=person(request), lot=found, carrier=carrier)
    except Refusal as refusal:
        messages.error(request, f"{refusal.message} {refusal.next_step}")
    else:
        messages.success(
            request,
            _("Lot %(lot)s is in carrier %(carrier)s.")
            % {"lot": found.code, "carrier": carrier.code},
        )
    return redirect("lot", code=code)


@require_POST
@login_required
def hand_back_lot(request: HttpRequest, code: str) -> HttpResponse:
    found = get_object_or_404(Lot.objects.visible_to(request.user), code=code)
    try:
        hand_back(actor=person(request), lot=found)
    except Refusal as refusal:
        messages.error(request, f"{refusal.message} {refusal.next_step}")
    else:
        messages.success(request, _("Lot %(lot)s is handed back.") % {"lot": found.code})
    return redirect("lot", code=code)
