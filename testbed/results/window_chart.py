"""The process window in the focus-dose plane, with the rectangles that fit inside; SVG."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from testbed.results import svg
from testbed.results.axes import WIDTH, Axes
from testbed.results.bossung import Matrix
from testbed.results.process_window import Estimate, ProcessWindow, Rectangle
from testbed.results.svg import element, number


def window_chart(matrix: Matrix, window: ProcessWindow, *, key: str) -> SafeString:
    """Where CD stays in its limits, the rectangles inside, the best point with its 95 % bars."""
    axes = _axes(matrix)
    return svg.drawing(
        WIDTH,
        400,
        axes.frame(_("Focus (nm)"), _("Dose (mJ/cm²)")),
        *_region(window, axes),
        *_rectangles(window, axes),
        _points(matrix, axes),
        _best(window, axes),
        _key(),
        key=key,
        title=_("Process window: the doses and focuses that keep CD within its limits"),
        description=_description(window),
    )


def _axes(matrix: Matrix) -> Axes:
    focus, dose = float(np.ptp(matrix.focus)), float(np.ptp(matrix.dose))
    return Axes(
        float(matrix.focus.min()) - 0.04 * focus,
        float(matrix.focus.max()) + 0.04 * focus,
        float(matrix.dose.min()) - 0.06 * dose,
        float(matrix.dose.max()) + 0.06 * dose,
    )


def _description(window: ProcessWindow) -> str:
    return _("CD between %(low)s and %(high)s nm; best point %(dose)s mJ/cm² at %(focus)s nm.") % {
        "low": number(window.low_nm, 1),
        "high": number(window.high_nm, 1),
        "dose": number(window.dose_to_size.value),
        "focus": number(window.best_focus.value, 1),
    }


def _region(window: ProcessWindow, axes: Axes) -> list[SafeString]:
    """The area between the two dose limits; where only one was measured it ends at the frame."""
    measured = np.isfinite(window.lower_dose) | np.isfinite(window.upper_dose)
    if not measured.any():
        return []
    focus = window.focus[measured]
    low = np.nan_to_num(window.lower_dose[measured], nan=axes.y_low)
    high = np.nan_to_num(window.upper_dose[measured], nan=axes.y_high)
    open_ = high > low
    points = [
        (axes.x(float(f)), axes.y(float(d))) for f, d in zip(focus[open_], low[open_], strict=True)
    ]
    points += [
        (axes.x(float(f)), axes.y(float(d)))
        for f, d in zip(focus[open_][::-1], high[open_][::-1], strict=True)
    ]
    return [element("path", d=svg.path(points, closed=True), class_="window-area")]


def _rectangles(window: ProcessWindow, axes: Axes) -> list[SafeString]:
    drawn = []
    for rectangle, class_ in ((window.widest, "window-widest"), (window.at_latitude, "window-ten")):
        if rectangle is not None:
            drawn.append(_rectangle(rectangle, axes, class_))
    return drawn


def _rectangle(rectangle: Rectangle, axes: Axes, class_: str) -> SafeString:
    left, right = axes.x(rectangle.focus_low), axes.x(rectangle.focus_high)
    top, bottom = axes.y(rectangle.dose_high), axes.y(rectangle.dose_low)
    return element(
        "rect",
        x=number(left),
        y=number(top),
        width=number(right - left),
        height=number(bottom - top),
        fill="none",
        class_=class_,
    )


def _points(matrix: Matrix, axes: Axes) -> SafeString:
    """Where something was measured, as one path of small dots."""
    pairs = sorted(set(zip(matrix.focus.tolist(), matrix.dose.tolist(), strict=True)))
    d = "".join(f"M{number(axes.x(f))} {number(axes.y(dose))}h0" for f, dose in pairs)
    return element("path", d=d, class_="measured-dots", fill="none")


def _best(window: ProcessWindow, axes: Axes) -> SafeString:
    x, y = axes.x(window.best_focus.value), axes.y(window.dose_to_size.value)
    return svg.join(
        (
            _bar(window.best_focus, axes.x, y, "h"),
            _bar(window.dose_to_size, axes.y, x, "v"),
            element("circle", cx=number(x), cy=number(y), r=4.5, class_="best-point"),
        )
    )


def _bar(
    estimate: Estimate, scale: Callable[[float], float], across: float, way: str
) -> SafeString:
    low, high, at = number(scale(estimate.low)), number(scale(estimate.high)), number(across)
    if way == "h":
        return element("line", x1=low, x2=high, y1=at, y2=at, class_="best-bar")
    return element("line", x1=at, x2=at, y1=low, y2=high, class_="best-bar")


def _key() -> SafeString:
    """What each line means, at the upper left inside the frame."""
    entries = (
        ("window-area", _("within limits")),
        ("window-widest", _("largest rectangle")),
        ("window-ten", _("10 % exposure latitude")),
    )
    parts = []
    for i, (class_, label) in enumerate(entries):
        y = 46.0 + 26 * i
        parts.append(element("rect", x=68, y=y, width=16, height=12, class_=class_, fill="none"))
        parts.append(svg.text(label, 90.0, y + 11, font_size=13, class_="chart-ink"))
    return svg.join(parts)
