"""Bossung curves: line width against focus, one curve a dose, the spec as a band; SVG."""

from __future__ import annotations

import numpy as np
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from testbed.results import svg
from testbed.results.axes import RIGHT, WIDTH, Axes, end_labels
from testbed.results.bossung import Array, Matrix
from testbed.results.process_window import ProcessWindow
from testbed.results.svg import element, number

# The first place a dose's label may take: the heading with the unit stands above it.
BELOW_HEADING = 44.0
SHAPES = ("circle", "square", "diamond", "triangle")


def bossung_chart(matrix: Matrix, window: ProcessWindow, *, key: str) -> SafeString:
    """Points are means over wafers, curves the fit; each dose has its own shape and label."""
    doses = np.unique(matrix.dose)
    axes = _axes(matrix, window)
    curves = [_curve(matrix, window, axes, float(dose), i) for i, dose in enumerate(doses)]
    return svg.drawing(
        WIDTH,
        400,
        axes.band(window.low_nm, window.high_nm, class_="spec-band"),
        axes.frame(_("Focus (nm)"), _("CD (nm)")),
        *(axes.level(nm, class_="spec-line") for nm in (window.low_nm, window.high_nm)),
        axes.level(window.target_nm, class_="target-line"),
        _best(axes, window),
        *curves,
        _labels(window, axes, doses),
        key=key,
        title=_("Bossung curves: CD against focus for each dose"),
        description=_("%(doses)d doses from %(low)s to %(high)s mJ/cm², target %(target)s nm.")
        % {
            "doses": doses.size,
            "low": number(float(doses[0])),
            "high": number(float(doses[-1])),
            "target": number(window.target_nm),
        },
    )


def _axes(matrix: Matrix, window: ProcessWindow) -> Axes:
    margin = 0.04 * float(np.ptp(matrix.focus))
    low = min(float(matrix.cd.min()), window.low_nm) - 0.6
    high = max(float(matrix.cd.max()), window.high_nm) + 0.6
    return Axes(float(matrix.focus.min()) - margin, float(matrix.focus.max()) + margin, low, high)


def _curve(
    matrix: Matrix, window: ProcessWindow, axes: Axes, dose: float, index: int
) -> SafeString:
    focus = _range_at(matrix, dose)
    points = [
        (axes.x(float(f)), axes.y(float(cd)))
        for f, cd in zip(focus, window.fit.surface.cd(dose, focus), strict=True)
    ]
    series = f"series series-{index % 7}"
    line = element("path", d=svg.path(points), fill="none", class_=series)
    marks = [
        _mark(axes.x(f), axes.y(cd), SHAPES[index % len(SHAPES)], series)
        for f, cd in _means(matrix, dose)
    ]
    return svg.join((line, *marks))


def _range_at(matrix: Matrix, dose: float) -> Array:
    """Only where this dose was measured: a curve never runs past its points."""
    focus = matrix.focus[matrix.dose == dose]
    return np.linspace(float(focus.min()), float(focus.max()), 61)


def _means(matrix: Matrix, dose: float) -> list[tuple[float, float]]:
    at = matrix.dose == dose
    return [
        (float(focus), float(matrix.cd[at & (matrix.focus == focus)].mean()))
        for focus in np.unique(matrix.focus[at])
    ]


def _mark(x: float, y: float, shape: str, class_: str) -> SafeString:
    if shape == "circle":
        return element("circle", cx=number(x), cy=number(y), r=3, class_=f"{class_} mark")
    corners = {
        "square": ((-2.8, -2.8), (2.8, -2.8), (2.8, 2.8), (-2.8, 2.8)),
        "diamond": ((0, -4), (4, 0), (0, 4), (-4, 0)),
        "triangle": ((0, -3.8), (3.6, 2.8), (-3.6, 2.8)),
    }[shape]
    d = svg.path(((x + dx, y + dy) for dx, dy in corners), closed=True)
    return element("path", d=d, class_=f"{class_} mark")


def _best(axes: Axes, window: ProcessWindow) -> SafeString:
    """Best focus as a vertical line with its interval as a bar on it."""
    x = axes.x(window.best_focus.value)
    y = axes.y(window.target_nm)
    return svg.join(
        (
            element(
                "line",
                x1=number(x),
                x2=number(x),
                y1=number(axes.y(axes.y_high)),
                y2=number(axes.y(axes.y_low)),
                class_="best-line",
            ),
            element(
                "line",
                x1=number(axes.x(window.best_focus.low)),
                x2=number(axes.x(window.best_focus.high)),
                y1=number(y),
                y2=number(y),
                class_="best-bar",
            ),
        )
    )


def _labels(window: ProcessWindow, axes: Axes, doses: Array) -> SafeString:
    entries = []
    for i, dose in enumerate(doses):
        # As high as the curve at best focus: there the doses stand apart, and in their order.
        there = float(window.fit.surface.cd(float(dose), window.best_focus.value))
        y = max(axes.y(min(max(there, axes.y_low), axes.y_high)), BELOW_HEADING)
        shape = {"circle": "●", "square": "■", "diamond": "◆", "triangle": "▲"}[SHAPES[i % 4]]
        entries.append((y, f"{shape} {number(float(dose), 1)}", f"series-ink series-{i % 7}"))
    heading = svg.text(
        "mJ/cm²", WIDTH - 2, 20.0, font_size=13, text_anchor="end", class_="chart-ink"
    )
    return svg.join((heading, end_labels(entries, WIDTH - RIGHT + 8)))
