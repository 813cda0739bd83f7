"""Measurements, curves and process windows over the API."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import generics, serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.refusals import Refusal
from testbed.results import findings, measurements, traces
from testbed.results.bossung import Unsupported
from testbed.results.envelope import Envelope, envelope
from testbed.results.process_window import Estimate, ProcessWindow, Rectangle, analyse
from testbed.results.views import sites_download
from testbed.runs.models import Quality, Run, Traveler
from testbed.runs.store import DamagedBlock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpResponseBase
    from rest_framework.request import Request

NAME = r"^[A-Za-z0-9_.-]+$"


class ExposureSerializer(serializers.Serializer[Any]):
    dose = serializers.FloatField(help_text="mJ/cm²")
    focus = serializers.FloatField(help_text="nm")


class SiteSerializer(serializers.Serializer[Any]):
    slot = serializers.IntegerField()
    wafer_id = serializers.CharField()
    field_col = serializers.IntegerField(source="col", help_text="0 = centre field")
    field_row = serializers.IntegerField(source="row", help_text="0 = centre field")
    x_mm = serializers.FloatField()
    y_mm = serializers.FloatField()
    value = serializers.FloatField(allow_null=True, help_text="null when not resolved")
    unit = serializers.CharField()
    quality = serializers.ChoiceField(choices=Quality.choices)
    exposure = ExposureSerializer(allow_null=True)


class SiteQuery(serializers.Serializer[Any]):
    key = serializers.RegexField(
        NAME,
        required=False,
        default=measurements.CD,
        max_length=40,
        help_text="what was measured: cd, lwr, …",
    )


class CurveSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    unit = serializers.CharField()
    wafer = serializers.IntegerField(source="slot", allow_null=True, help_text="slot")
    count = serializers.IntegerField()
    start = serializers.FloatField(source="start_s")
    end = serializers.FloatField(source="end_s")
    along = serializers.CharField(help_text="unit of start, end and t: s or nm")
    minimum = serializers.FloatField(source="low")
    maximum = serializers.FloatField(source="high")


class EnvelopeQuery(serializers.Serializer[Any]):
    wafer = serializers.IntegerField(required=False, min_value=1, max_value=25)
    start = serializers.FloatField(required=False)
    end = serializers.FloatField(required=False)
    pixels = serializers.IntegerField(required=False, min_value=1, max_value=5_000, default=1_000)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Ends must be numbers, the start not after the end."""
        start, end = attrs.get("start"), attrs.get("end")
        for name, value in (("start", start), ("end", end)):
            if value is not None and not math.isfinite(value):
                raise serializers.ValidationError({name: _("A number is needed.")})
        if start is not None and end is not None and end < start:
            raise serializers.ValidationError({"end": _("The end is before the start.")})
        return attrs


class EnvelopeSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    unit = serializers.CharField()
    wafer = serializers.IntegerField(allow_null=True)
    along = serializers.CharField()
    is_raw = serializers.BooleanField(help_text="the samples themselves: low equals high")
    count = serializers.IntegerField(help_text="samples in the range")
    t = serializers.ListField(child=serializers.FloatField())
    low = serializers.ListField(child=serializers.FloatField(allow_null=True))
    high = serializers.ListField(child=serializers.FloatField(allow_null=True))


class EstimateSerializer(serializers.Serializer[Any]):
    value = serializers.FloatField()
    low = serializers.FloatField(help_text="95 % interval")
    high = serializers.FloatField(allow_null=True, help_text="null when open-ended")
    unit = serializers.CharField()
    at_least = serializers.BooleanField()


class RectangleSerializer(serializers.Serializer[Any]):
    focus_low = serializers.FloatField()
    focus_high = serializers.FloatField()
    dose_low = serializers.FloatField()
    dose_high = serializers.FloatField()
    latitude_percent = serializers.FloatField()
    depth_nm = serializers.FloatField()


class NoteSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()


class ProcessWindowSerializer(serializers.Serializer[Any]):
    traveler = serializers.IntegerField()
    run = serializers.IntegerField()
    target_nm = serializers.FloatField()
    tolerance = serializers.FloatField()
    best_focus = EstimateSerializer()
    dose_to_size = EstimateSerializer()
    exposure_latitude = EstimateSerializer(allow_null=True)
    depth_of_focus = EstimateSerializer(allow_null=True)
    isofocal_dose = EstimateSerializer(allow_null=True)
    residual_sigma_nm = serializers.FloatField()
    widest = RectangleSerializer(allow_null=True)
    at_10_percent_latitude = RectangleSerializer(allow_null=True)
    focus = serializers.ListField(child=serializers.FloatField())
    lower_dose = serializers.ListField(child=serializers.FloatField(allow_null=True))
    upper_dose = serializers.ListField(child=serializers.FloatField(allow_null=True))
    wafers = serializers.IntegerField()
    sites = serializers.IntegerField()
    set_aside = serializers.IntegerField()
    finding = serializers.CharField()
    notes = NoteSerializer(many=True)


def _run(request: Request, pk: int) -> Run:
    run: Run = get_object_or_404(Run.objects.visible_to(request.user).with_names(), pk=pk)
    return run


def finite(values: Sequence[float]) -> list[float | None]:
    """JSON knows no NaN: null instead."""
    return [value if math.isfinite(value) else None for value in values]


class RunSites(generics.GenericAPIView[Any]):
    """What a run measured per field (default key `cd`), in pages."""

    serializer_class = SiteSerializer

    @extend_schema(parameters=[SiteQuery], responses={200: SiteSerializer(many=True)})
    def get(self, request: Request, pk: int) -> Response:
        run = _run(request, pk)
        query = SiteQuery(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        page = self.paginate_queryset(measurements.sites(run, key=query.validated_data["key"]))
        return self.get_paginated_response(SiteSerializer(page, many=True).data)


class RunSitesCsv(APIView):
    """Every place a run measured, as CSV."""

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR})
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        return sites_download(_run(request, pk))


class RunTraces(generics.GenericAPIView[Any]):
    """The curves a run recorded, in pages."""

    serializer_class = CurveSerializer

    @extend_schema(responses={200: CurveSerializer(many=True)})
    def get(self, request: Request, pk: int) -> Response:
        page = self.paginate_queryset(traces.curves(_run(request, pk)))
        return self.get_paginated_response(CurveSerializer(page, many=True).data)


class RunTrace(APIView):
    """One curve between `start` and `end` for a screen of `pixels`: the minimum and maximum of
    each pixel, or the samples themselves when there are few. Without `wafer`: the first wafer's."""

    @extend_schema(
        parameters=[EnvelopeQuery],
        responses={200: EnvelopeSerializer, 409: OpenApiResponse(description="damaged on disk")},
    )
    def get(self, request: Request, pk: int, key: str) -> Response:
        run = _run(request, pk)
        query = EnvelopeQuery(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        curve = _curve(run, key, asked.get("wafer"))
        start, end = asked.get("start"), asked.get("end")
        try:
            blocks = traces.blocks(run, key=key, slot=curve.slot)
            found = envelope(
                traces.pieces(blocks, start, end), start=start, end=end, pixels=asked["pixels"]
            )
        except DamagedBlock as error:
            raise Refusal(
                "damaged_trace", _("This curve is no longer what the tool sent.")
            ) from error
        return Response(_envelope(curve, found))


def _curve(run: Run, key: str, slot: int | None) -> traces.Curve:
    for curve in traces.curves(run):
        if curve.key == key and slot in (None, curve.slot):
            return curve
    raise Refusal("not_found", _("There is nothing here for you."), status=404)


def _envelope(curve: traces.Curve, found: Envelope) -> dict[str, Any]:
    return {
        "key": curve.key,
        "unit": curve.unit,
        "wafer": curve.slot,
        "along": curve.along,
        "is_raw": found.is_raw,
        "count": found.count,
        "t": found.t.round(9).tolist(),
        "low": finite(found.low.tolist()),
        "high": finite(found.high.tolist()),
    }


class TravelerWindow(APIView):
    """The process window of a traveler's focus-exposure matrix, with 95 % intervals."""

    @extend_schema(
        responses={
            200: ProcessWindowSerializer,
            409: OpenApiResponse(description="not measured yet, or too little to say"),
        }
    )
    def get(self, request: Request, pk: int) -> Response:
        traveler = get_object_or_404(
            Traveler.objects.visible_to(request.user).select_related("lot", "route"), pk=pk
        )
        run = measurements.measurement_run(traveler)
        if run is None:
            raise Refusal(
                "not_measured",
                _("No line widths have been measured yet."),
                next_step=_("Wait until the measurement has run."),
            )
        try:
            matrix = measurements.matrix_of(measurements.sites(run))
            window = analyse(matrix, measurements.target_of(run))
        except Unsupported as error:
            raise Refusal(error.code, findings.reason(error)) from error
        return Response(_window(traveler, run, window))


def _window(traveler: Traveler, run: Run, window: ProcessWindow) -> dict[str, Any]:
    return {
        "traveler": traveler.pk,
        "run": run.pk,
        "target_nm": window.target_nm,
        "tolerance": window.tolerance,
        "best_focus": _estimate(window.best_focus),
        "dose_to_size": _estimate(window.dose_to_size),
        "exposure_latitude": _estimate(window.exposure_latitude),
        "depth_of_focus": _estimate(window.depth_of_focus),
        "isofocal_dose": _estimate(window.isofocal_dose),
        "residual_sigma_nm": window.residual_sigma_nm,
        "widest": _rectangle(window.widest),
        "at_10_percent_latitude": _rectangle(window.at_latitude),
        "focus": window.focus.tolist(),
        "lower_dose": finite(window.lower_dose.tolist()),
        "upper_dose": finite(window.upper_dose.tolist()),
        "wafers": window.wafers,
        "sites": window.sites,
        "set_aside": window.fit.set_aside,
        "finding": findings.window_finding(window),
        "notes": [
            {"code": code, "message": message}
            for code, message in zip(window.notes, findings.notes(window), strict=True)
        ],
    }


def _estimate(estimate: Estimate | None) -> dict[str, Any] | None:
    if estimate is None:
        return None
    return {
        "value": estimate.value,
        "low": estimate.low,
        "high": finite([estimate.high])[0],
        "unit": estimate.unit,
        "at_least": estimate.at_least,
    }


def _rectangle(rectangle: Rectangle | None) -> dict[str, Any] | None:
    return None if rectangle is None else dict(RectangleSerializer(rectangle).data)


urlpatterns = [
    path("runs/<int:pk>/sites/", RunSites.as_view(), name="api_run_sites"),
    path("runs/<int:pk>/sites.csv", RunSitesCsv.as_view(), name="api_run_sites_csv"),
    path("runs/<int:pk>/traces/", RunTraces.as_view(), name="api_run_traces"),
    path("runs/<int:pk>/traces/<slug:key>/", RunTrace.as_view(), name="api_run_trace"),
    path(
        "travelers/<int:pk>/process-window/",
        TravelerWindow.as_view(),
        name="api_process_window",
    ),
]
