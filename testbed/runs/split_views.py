"""The table of values by wafer: cells, a pasted or sent CSV, and the table as CSV."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from testbed.booking.models import Booking
from testbed.people.permissions import demand, may
from testbed.people.visitor import person
from testbed.process.models import Operation, RecipeVersion
from testbed.process.vary import ranges_of
from testbed.process.vary_words import NamedRange, named_ranges
from testbed.process.versions import newest_approved
from testbed.refusals import Refusal
from testbed.runs import splits
from testbed.runs.split_models import Split

if TYPE_CHECKING:
    from django.http import HttpRequest

SENT_BYTES = 80_000


@dataclass(frozen=True)
class At:
    """What a split is about; `version` None while no version is signed."""

    booking: Booking
    operation: Operation
    version: RecipeVersion | None
    stored: Split | None

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        return {} if self.version is None else ranges_of(self.version.body)


def columns(at: At) -> list[NamedRange]:
    """What the signed recipe lets differ, in the reader's language and with units."""
    if at.version is None:
        return []
    return named_ranges(at.operation.recipe.tool_kind, at.version.body)


def found(user: Any, pk: int, position: int) -> At:
    """404 for another company's booking, and for an operation that is not on its route."""
    bookings = Booking.objects.visible_to(user).select_related("lot", "route", "company")
    booking = get_object_or_404(bookings, pk=pk)
    rows = Operation.objects.filter(route=booking.route_id).select_related("recipe")
    operation = get_object_or_404(rows, position=min(position, 32_767))
    if booking.lot is None:
        raise Http404
    stored = Split.objects.filter(booking=booking, operation=operation).first()
    return At(booking, operation, newest_approved(operation.recipe), stored)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def edit_split(request: HttpRequest, pk: int, position: int) -> HttpResponse:
    at = found(request.user, pk, position)
    texts = {} if at.stored is None else splits.texts_of(at.stored.table)
    if request.method != "POST":
        return _page(request, at, texts, {}, 200)
    demand(request.user, "write_recipe")
    try:
        texts = _sent(request, at)
        splits.write(actor=person(request), booking=at.booking, operation=at.operation, texts=texts)
    except Refusal as refusal:
        if refusal.status == 403:
            raise
        more = [str(one) for one in refusal.fields.get("csv", [])]
        messages.error(request, " ".join([str(refusal.message), *more, str(refusal.next_step)]))
        wrong = {}
        if at.version is not None:
            wrong = splits.check(at.version, splits.slots_of(at.booking), texts).wrong
        return _page(request, at, texts, wrong, 422)
    messages.success(request, _("The values by wafer are saved."))
    return redirect("edit_split", pk=pk, position=position)


def _sent(request: HttpRequest, at: At) -> dict[int, dict[str, str]]:
    """The table's cells, or the CSV when its button was pressed."""
    if "send_csv" in request.POST:
        sent = request.FILES.get("file")
        if sent is None:
            return splits.read_csv(request.POST.get("csv", ""))
        return splits.read_csv(sent.read(SENT_BYTES).decode(errors="replace"))
    return {
        slot: {
            path: request.POST.get(f"v-{slot}-{number}", "").replace("\0", "")
            for number, path in enumerate(at.ranges)
        }
        for slot in splits.slots_of(at.booking)
    }


def _page(
    request: HttpRequest, at: At, texts: splits.Texts, wrong: dict[tuple[int, str], Any],
    status: int,
) -> HttpResponse:  # fmt: skip
    slots, heads = splits.slots_of(at.booking), columns(at)
    rows = [
        (slot, [
            (number, one, texts.get(slot, {}).get(one.path, ""), wrong.get((slot, one.path), ""))
            for number, one in enumerate(heads)
        ])
        for slot in slots
    ]  # fmt: skip
    shown = {(slot, path) for slot in slots for path in at.ranges}
    return render(
        request,
        "runs/split.html",
        {
            "booking": at.booking,
            "operation": at.operation,
            "version": at.version,
            "columns": heads,
            "rows": rows,
            "elsewhere": [
                (slot, path, said) for (slot, path), said in wrong.items()
                if (slot, path) not in shown
            ],
            "may_write": may(request.user, "write_recipe"),
        },
        status=status,
    )  # fmt: skip


@require_GET
@login_required
def split_csv(request: HttpRequest, pk: int, position: int) -> HttpResponse:
    at = found(request.user, pk, position)
    texts = {} if at.stored is None else splits.texts_of(at.stored.table)
    text = splits.as_csv(list(at.ranges), splits.slots_of(at.booking), texts)
    answer = HttpResponse(text, content_type="text/csv; charset=utf-8")
    name = f"split-B{at.booking.pk}-{at.operation.position}.csv"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
