"""The page of what a run measured on one wafer, whichever tool it ran on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from testbed.results import measured
from testbed.results.by_split import groups
from testbed.results.measured import Quantity
from testbed.results.point_map import point_map
from testbed.results.quantity_names import quantity_name
from testbed.runs.models import Run

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString


@require_GET
@login_required
def run_measured(request: HttpRequest, pk: int) -> HttpResponse:
    """Single values, numbers over places and a map; `?wafer=` (slot) and `?key=` choose."""
    run = get_object_or_404(Run.objects.visible_to(request.user).with_names(), pk=pk)
    slots = measured.slots(run)
    slot = _chosen(request.GET.get("wafer"), [str(one) for one in slots])
    wafer = int(slot) if slot else None
    found = measured.quantities(run, wafer)
    key = _chosen(request.GET.get("key"), [one.key for one in found])
    shown = next((one for one in found if one.key == key), None)
    rows = [(quantity_name(one.key), one) for one in measured.readings(run, wafer)]
    context = {
        "run": run,
        "slots": slots,
        "slot": wafer,
        "readings": rows,
        "quantities": found,
        "shown": shown,
        "split_groups": groups(run),
        "map": _map(shown) if shown else "",
    }
    return render(request, "results/measured.html", context)


def _chosen(text: str | None, known: list[str]) -> str:
    """What was asked for, the first when nothing was; 404 for what there is not."""
    if not text:
        return known[0] if known else ""
    if text not in known:
        raise Http404
    return text


def _map(shown: Quantity) -> SafeString:
    description = _("%(count)d places, %(unresolved)d of them not resolved") % {
        "count": len(shown.places),
        "unresolved": shown.unresolved,
    }
    return point_map(
        shown.places, unit=shown.unit, key="points", title=shown.name, description=description
    )
