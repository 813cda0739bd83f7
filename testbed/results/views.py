"""Pages of results: own lots, one traveler's process window, one wafer, one run's curves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from testbed.material.models import Wafer
from testbed.results import findings, measurements, traces
from testbed.results.bossung import Unsupported
from testbed.results.bossung_chart import bossung_chart
from testbed.results.csv_stream import download
from testbed.results.envelope import envelope
from testbed.results.measurements import Site
from testbed.results.process_window import TOLERANCE, ProcessWindow, analyse
from testbed.results.story import chapters
from testbed.results.trace_chart import trace_chart
from testbed.results.wafer_map import Scale, small_map, wafer_map
from testbed.results.wafer_statistics import WaferStatistics, by_wafer, departures, describe
from testbed.results.window_chart import window_chart
from testbed.runs.models import Run, Traveler

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse, HttpResponseBase

SITE_HEADER = (
    "run", "lot", "slot", "wafer_id", "field_col", "field_row", "x_mm", "y_mm",
    "key", "value", "unit", "quality", "dose_mj_cm2", "focus_nm",
)  # fmt: skip
FALLBACK_PIXELS = 500


@require_GET
@login_required
def index(request: HttpRequest) -> HttpResponse:
    """Own lots with results, newest first."""
    rows = measurements.travelers_with_results(Traveler.objects.visible_to(request.user))
    page = Paginator(rows, 50).get_page(request.GET.get("page"))
    return render(request, "results/index.html", {"page": page})


@require_GET
@login_required
def traveler(request: HttpRequest, pk: int) -> HttpResponse:
    """The verdict of one traveler: process window, curves, wafers worst first."""
    found = get_object_or_404(
        Traveler.objects.visible_to(request.user).select_related("lot__company", "route"), pk=pk
    )
    run = measurements.measurement_run(found)
    context: dict[str, Any] = {"traveler": found, "lot": found.lot, "run": run}
    if run is not None:
        context |= _verdict(found, run)
    return render(request, "results/traveler.html", context)


def _verdict(found: Traveler, run: Run) -> dict[str, Any]:
    rows = measurements.sites(run)
    scale = scale_of(run)
    context: dict[str, Any] = {
        "scale": scale,
        "is_matrix": measurements.is_matrix(rows),
        "resolved": sum(site.is_good for site in rows),
        "site_count": len(rows),
        "exposure_run": measurements.exposure_run(found, run),
    }
    try:
        matrix = measurements.matrix_of(rows)
        window = analyse(matrix, scale.middle)
    except Unsupported as error:
        return context | {
            "reason": findings.reason(error),
            "gallery": _gallery(rows, scale, {}),
        }
    return context | {
        "gallery": _gallery(rows, scale, departures(matrix, window.fit)),
        "window": window,
        "numbers": _numbers(window),
        "finding": findings.window_finding(window),
        "notes": findings.notes(window),
        "bossung": bossung_chart(matrix, window, key="bossung"),
        "bossung_finding": findings.bossung_finding(window),
        "bossung_rows": _bossung_rows(matrix.dose, matrix.focus, matrix.cd),
        "window_map": window_chart(matrix, window, key="window"),
    }


def scale_of(run: Run) -> Scale:
    """The fixed colour scale of a measurement run: target plus and minus the tolerance."""
    target = measurements.target_of(run)
    return Scale(target * (1 - TOLERANCE), target * (1 + TOLERANCE), "nm")


def _numbers(window: ProcessWindow) -> list[tuple[str, Any, str]]:
    """(label, estimate, note) of the four verdict numbers."""
    return [
        (_("Dose to size"), window.dose_to_size, findings.plus_minus(window.dose_to_size, 2)),
        (_("Best focus"), window.best_focus, findings.plus_minus(window.best_focus)),
        (
            _("Exposure latitude"),
            window.exposure_latitude,
            findings.plus_minus(window.exposure_latitude),
        ),
        (
            _("Depth of focus at 10 % latitude"),
            window.depth_of_focus,
            findings.plus_minus(window.depth_of_focus, 0),
        ),
    ]


def _bossung_rows(dose: Any, focus: Any, cd: Any) -> dict[str, Any]:
    """The table behind the curves: focuses across, one row a dose, means over wafers."""
    focuses = sorted(set(focus.tolist()))
    rows = []
    for each in sorted(set(dose.tolist())):
        picked = [cd[(dose == each) & (focus == value)] for value in focuses]
        rows.append((each, [float(p.mean()) if p.size else None for p in picked]))
    return {"focuses": focuses, "rows": rows}


def _gallery(rows: list[Site], scale: Scale, departure: dict[int, float]) -> list[dict[str, Any]]:
    """One entry a measured wafer, worst first.

    On a matrix being out of spec is the experiment, so the worst is the wafer that departs most
    from the fitted curves (`departure`: rms nm by slot); elsewhere the one most out of spec.
    """
    groups = by_wafer(rows)
    numbered = [(describe(sites, scale), sites) for sites in groups.values()]
    numbered.sort(key=lambda pair: (-departure.get(pair[0].slot, 0.0), -pair[0].bad, pair[0].slot))
    return [
        {
            "numbers": numbers,
            "map": _small(numbers, sites, scale),
            "departure": departure.get(numbers.slot),
        }
        for numbers, sites in numbered
    ]


def _small(numbers: WaferStatistics, sites: list[Site], scale: Scale) -> str:
    matrix = measurements.is_matrix(sites)
    return small_map(
        {(site.col, site.row): site.value for site in sites if site.value is not None},
        scale=scale,
        key=f"wafer-{numbers.slot}",
        title=_("Wafer %(slot)d") % {"slot": numbers.slot},
        description=findings.wafer_finding(numbers, scale, matrix=matrix),
        marks=not matrix,
    )


@require_GET
@login_required
def wafer(request: HttpRequest, code: str, slot: int) -> HttpResponse:
    """One wafer: its map, its numbers, and everything that happened to it."""
    found = get_object_or_404(
        Wafer.objects.visible_to(request.user).select_related("lot__company", "lot__carrier"),
        lot__code=code,
        slot=slot,
    )
    run = measurements.latest_measurement_of(found)
    context: dict[str, Any] = {
        "wafer": found,
        "lot": found.lot,
        "run": run,
        "chapters": chapters(found),
    }
    if run is not None:
        context |= _wafer_result(found, run)
    return render(request, "results/wafer.html", context)


def _wafer_result(found: Wafer, run: Run) -> dict[str, Any]:
    rows, scale = measurements.sites(run, wafer=found), scale_of(run)
    numbers = describe(rows, scale)
    matrix = measurements.is_matrix(rows)
    finding = findings.wafer_finding(numbers, scale, matrix=matrix)
    drawing = wafer_map(
        {(site.col, site.row): site.value for site in rows if site.value is not None},
        scale=scale,
        key="map",
        title=_("CD of wafer %(wafer)s") % {"wafer": found.wafer_id},
        description=finding,
        unresolved=[(site.col, site.row) for site in rows if site.value is None],
    )
    return {
        "sites": rows,
        "numbers": numbers,
        "scale": scale,
        "is_matrix": matrix,
        "finding": finding,
        "map": drawing,
    }


@require_GET
@login_required
def run_traces(request: HttpRequest, pk: int) -> HttpResponse:
    """The curves of a run for one wafer, each with what it shows in words."""
    run = get_object_or_404(Run.objects.visible_to(request.user).with_names(), pk=pk)
    found = traces.curves(run)
    slots = sorted({curve.slot for curve in found if curve.slot is not None})
    slot = _chosen(request.GET.get("wafer"), slots)
    shown = [curve for curve in found if curve.slot in (slot, None)]
    context = {
        "run": run,
        "slots": slots,
        "slot": slot,
        "panes": [_pane(run, curve) for curve in shown],
        "bad": [curve for curve in found if findings.trace_is_bad(curve)],
    }
    return render(request, "results/traces.html", context)


def _chosen(text: str | None, slots: list[int]) -> int | None:
    """The slot asked for, the first when none is; 404 for one without curves."""
    if not text:
        return slots[0] if slots else None
    asked = [slot for slot in slots if str(slot) == text]
    if not asked:
        raise Http404
    return asked[0]


def _pane(run: Run, curve: traces.Curve) -> dict[str, Any]:
    blocks = traces.blocks(run, key=curve.key, slot=curve.slot)
    drawn = envelope(
        traces.pieces(blocks, None, None), start=None, end=None, pixels=FALLBACK_PIXELS
    )
    name, finding = findings.trace_name(curve.key), findings.trace_finding(curve)
    limits = findings.trace_limits(curve.key)
    chart = trace_chart(
        drawn,
        key=f"trace-{curve.key}",
        title=name,
        description=finding,
        x_title=_("Time (s)") if curve.along == "s" else _("Position (nm)"),
        unit=curve.unit,
        limits=limits,
    )
    return {
        "curve": curve,
        "name": name,
        "finding": finding,
        "chart": chart,
        "is_bad": findings.trace_is_bad(curve),
        "limits": " ".join(f"{limit:g}" for limit in limits),
    }


@require_GET
@login_required
def trace_csv(request: HttpRequest, pk: int, key: str) -> HttpResponseBase:
    """Every sample of one curve of the wafer in ?wafer= (slot); without it, the first wafer's."""
    run = get_object_or_404(Run.objects.visible_to(request.user), pk=pk)
    found = [curve for curve in traces.curves(run) if curve.key == key]
    slot = _chosen(request.GET.get("wafer"), [c.slot for c in found if c.slot is not None])
    curve = next((each for each in found if each.slot == slot), None)
    if curve is None:
        raise Http404
    blocks = traces.blocks(run, key=key, slot=slot)
    header = (
        f"{'time' if curve.along == 's' else 'position'}_{curve.along}",
        f"{key} ({curve.unit})",
    )
    wafer_part = "" if slot is None else f"w{slot:02d}-"
    return download(_plain(f"{run}-{wafer_part}{key}.csv"), header, traces.rows_of(blocks))


@require_GET
@login_required
def sites_csv(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Every measured place of a run."""
    run = get_object_or_404(Run.objects.visible_to(request.user).with_names(), pk=pk)
    return sites_download(run)


def sites_download(run: Run) -> HttpResponseBase:
    """The CSV of a run's places, shared by page and API."""
    return download(_plain(f"{run}-sites.csv"), SITE_HEADER, _site_rows(run))


def _site_rows(run: Run) -> Iterator[tuple[object, ...]]:
    lot = run.traveler.lot.code
    for key in measurements.keys_of(run):
        for site in measurements.sites(run, key=key):
            exposure = site.exposure
            yield (
                str(run), lot, site.slot, site.wafer_id, site.col, site.row, site.x_mm, site.y_mm,
                key, site.value, site.unit, site.quality,
                exposure.dose if exposure else None, exposure.focus if exposure else None,
            )  # fmt: skip


def _plain(name: str) -> str:
    """A file name of letters, digits, dot, dash and underscore only."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name)
