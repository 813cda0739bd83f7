"""A curve as a static SVG envelope: what is seen before, or without, a script."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from django.utils.safestring import SafeString

from testbed.results import svg
from testbed.results.axes import Axes
from testbed.results.envelope import Envelope
from testbed.results.svg import element


def trace_chart(
    drawn: Envelope,
    *,
    key: str,
    title: object,
    description: object,
    x_title: object,
    unit: str,
    limits: Sequence[float] = (),
) -> SafeString:
    """Minimum to maximum of every pixel as one filled shape; `limits` as dashed lines."""
    axes = _axes(drawn, limits)
    up = [(axes.x(float(t)), axes.y(float(v))) for t, v in zip(drawn.t, drawn.high, strict=True)]
    down = [(axes.x(float(t)), axes.y(float(v))) for t, v in zip(drawn.t, drawn.low, strict=True)]
    shape = svg.path([*up, *reversed(down)] if not drawn.is_raw else up, closed=not drawn.is_raw)
    paint = {} if not drawn.is_raw else {"fill": "none"}
    line = element("path", d=shape, class_="trace-raw" if drawn.is_raw else "trace-line", **paint)
    return svg.drawing(
        640,
        400,
        axes.frame(x_title, unit),
        *(axes.level(limit, class_="spec-line") for limit in limits),
        line,
        key=key,
        title=title,
        description=description,
    )


def _axes(drawn: Envelope, limits: Sequence[float]) -> Axes:
    low = min([float(np.nanmin(drawn.low)), *limits])
    high = max([float(np.nanmax(drawn.high)), *limits])
    margin = 0.08 * (high - low) or max(abs(high) * 0.01, 1e-6)
    first, last = float(drawn.t[0]), float(drawn.t[-1])
    return Axes(first, last if last > first else first + 1, low - margin, high + margin)
