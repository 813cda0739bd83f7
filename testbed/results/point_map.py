"""A wafer seen from above with one dot a place, coloured by its value, as an SVG string.

Pure: values in, markup out; the drawing is in mm, the notch at the bottom. The colours run from
the lowest to the highest value shown, which the legend names: two maps are not on one scale.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.safestring import SafeString

from testbed.results import svg
from testbed.results.field_grid import WAFER_MM
from testbed.results.svg import element, number

EXTENT = 158.0
DOT_MM, SMALL_DOT_MM, MANY = 4.0, 2.2, 300
Place = tuple[float, float, float | None]


def point_map(
    places: Sequence[Place], *, unit: str, key: str, title: object, description: object
) -> SafeString:
    """The map with its legend; hollow dots where nothing was resolved."""
    values = [value for _x, _y, value in places if value is not None]
    low, high = (min(values), max(values)) if values else (0.0, 0.0)
    radius = DOT_MM if len(places) <= MANY else SMALL_DOT_MM
    return svg.drawing(
        2 * EXTENT,
        2 * EXTENT + 34,
        element("circle", cx=0, cy=0, r=number(WAFER_MM), class_="map-ground"),
        element("path", d="M0 144.5L-3.6 151L3.6 151Z", class_="map-notch"),
        *(_dot(place, low, high, radius) for place in places),
        *(_legend(low, high, unit) if values else ()),
        key=key,
        title=title,
        description=description,
        origin=(-EXTENT, -EXTENT),
        class_="chart wafer-map",
    )


def _dot(place: Place, low: float, high: float, radius: float) -> SafeString:
    x, y, value = place
    if value is None:
        return element(
            "circle", cx=number(x), cy=number(-y), r=radius, class_="map-empty",
            stroke_dasharray="2 2",
        )  # fmt: skip
    share = (value - low) / (high - low) if high > low else 0.5
    colour = svg.VIRIDIS[min(int(share * 10), 9)]
    return element("circle", cx=number(x), cy=number(-y), r=radius, fill=colour)


def _legend(low: float, high: float, unit: str) -> list[SafeString]:
    bins = [
        element("rect", x=number(-140 + 28 * i), y=164, width=28, height=11, fill=colour)
        for i, colour in enumerate(svg.VIRIDIS)
    ]
    ends = ((-140, "start", low), (140, "end", high))
    return bins + [
        svg.text(f"{value:.4g} {unit}".strip(), x, 187, font_size=10, text_anchor=anchor,
                 class_="map-ink")
        for x, anchor, value in ends
    ]  # fmt: skip
