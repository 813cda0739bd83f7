"""A wafer seen from above: one rectangle a field, coloured on a fixed scale, as an SVG string.

Pure: values in, markup out. Out of spec is said by outline, by a mark and in words, never by
colour alone. The drawing is in mm, -160..160 both ways, the notch at the bottom.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from testbed.results import svg
from testbed.results.field_grid import EDGE_MM, HEIGHT_MM, WAFER_MM, WIDTH_MM, fields
from testbed.results.svg import element, number

EXTENT = 160.0
LEGEND_HEIGHT = 34.0
Place = tuple[int, int]


@dataclass(frozen=True)
class Scale:
    """A fixed colour scale from the spec, so that two maps can be compared. Unit shown as is."""

    low: float
    high: float
    unit: str

    @property
    def middle(self) -> float:
        """The target."""
        return (self.low + self.high) / 2

    def colour(self, value: float) -> str:
        """One of ten viridis bins; values beyond the ends get the end's colour."""
        share = (value - self.low) / (self.high - self.low)
        return svg.VIRIDIS[min(max(int(share * 10), 0), 9)]

    def holds(self, value: float) -> bool:
        """True when the value is within spec."""
        return self.low <= value <= self.high


def wafer_map(
    values: Mapping[Place, float],
    *,
    scale: Scale,
    key: str,
    title: object,
    description: object,
    unresolved: Sequence[Place] = (),
) -> SafeString:
    """The full map with numbers and legend. `values` by (column, row) from the centre field."""
    clip = f"{key}-edge"
    return svg.drawing(
        2 * EXTENT,
        2 * EXTENT + LEGEND_HEIGHT,
        element("defs", element("clipPath", _disc(WAFER_MM), id=clip)),
        _ground(),
        element("g", *_partial_fields(), clip_path=f"url(#{clip})"),
        *(_field(place, values[place], scale) for place in sorted(values)),
        *(_unresolved(place) for place in sorted(unresolved)),
        _edge(),
        _legend(scale),
        key=key,
        title=title,
        description=description,
        origin=(-EXTENT, -EXTENT),
        class_="chart wafer-map",
    )


def small_map(
    values: Mapping[Place, float],
    *,
    scale: Scale,
    key: str,
    title: object,
    description: object,
    marks: bool = True,
) -> SafeString:
    """A thumbnail for the gallery: colours, and a mark on each field out of spec; no numbers.

    `marks` False leaves the marks out: on a focus-exposure matrix they would cover the map.
    """
    bad = [place for place in sorted(values) if marks and not scale.holds(values[place])]
    return svg.drawing(
        2 * EXTENT,
        2 * EXTENT,
        _ground(),
        *(_rectangle(place, fill=scale.colour(values[place])) for place in sorted(values)),
        *(_cross(place, size=7, width=2.5) for place in bad),
        _notch(),
        key=key,
        title=title,
        description=description,
        origin=(-EXTENT, -EXTENT),
        class_="chart wafer-map",
    )


def _field(place: Place, value: float, scale: Scale) -> SafeString:
    colour, (x, y) = scale.colour(value), _centre(place)
    label = svg.text(
        f"{value:.1f}", x, y + 2.6, font_size=7.4, text_anchor="middle", fill=svg.ink_on(colour)
    )
    if scale.holds(value):
        return svg.join((_rectangle(place, fill=colour, stroke="#ffffff"), label))
    outline = _rectangle(place, inset=1.0, fill=colour, class_="map-bad", stroke_width=2.2)
    return svg.join((outline, label, _cross(place, size=3.2, width=1.8)))


def _unresolved(place: Place) -> SafeString:
    x, y = _centre(place)
    return svg.join(
        (
            _rectangle(place, class_="map-empty", stroke_dasharray="2 2"),
            svg.text("?", x, y + 3, font_size=9, text_anchor="middle", class_="map-ink"),
        )
    )


def _rectangle(place: Place, *, inset: float = 0.0, **attributes: object) -> SafeString:
    x, y = _centre(place)
    return element(
        "rect",
        x=number(x - WIDTH_MM / 2 + inset),
        y=number(y - HEIGHT_MM / 2 + inset),
        width=number(WIDTH_MM - 2 * inset),
        height=number(HEIGHT_MM - 2 * inset),
        **attributes,
    )


def _cross(place: Place, *, size: float, width: float) -> SafeString:
    """The mark of a field out of spec, at its lower left: shape beside colour."""
    x, y = _centre(place)
    x, y = x - WIDTH_MM / 2 + 6.5, y + HEIGHT_MM / 2 - 6.5
    d = (
        f"M{number(x - size)} {number(y - size)}L{number(x + size)} {number(y + size)}"
        f"M{number(x - size)} {number(y + size)}L{number(x + size)} {number(y - size)}"
    )
    halo = element("path", d=d, stroke="#ffffff", stroke_width=width + 1.6, fill="none")
    return svg.join((halo, element("path", d=d, stroke="#bd2c0f", stroke_width=width, fill="none")))


def _centre(place: Place) -> tuple[float, float]:
    """Drawing coordinates: y runs down."""
    return place[0] * WIDTH_MM, -place[1] * HEIGHT_MM


def _ground() -> SafeString:
    return element("circle", cx=0, cy=0, r=number(WAFER_MM), class_="map-ground")


def _disc(radius: float) -> SafeString:
    return element("circle", cx=0, cy=0, r=number(radius))


def _partial_fields() -> list[SafeString]:
    return [
        _rectangle((field.col, field.row), class_="map-empty", stroke_width=0.4)
        for field in fields()
    ]


def _edge() -> SafeString:
    return svg.join(
        (
            element("circle", cx=0, cy=0, r=number(WAFER_MM), class_="map-edge", fill="none"),
            element(
                "circle",
                cx=0,
                cy=0,
                r=number(EDGE_MM),
                class_="map-edge",
                fill="none",
                stroke_width=0.5,
                stroke_dasharray="2 2",
            ),
            _notch(),
        )
    )


def _notch() -> SafeString:
    return element("path", d="M0 144.5L-3.6 151L3.6 151Z", class_="map-notch")


def _legend(scale: Scale) -> SafeString:
    """Ten bins with the ends and the target in numbers."""
    width, left, top = 28.0, -140.0, 164.0
    bins = (
        element("rect", x=number(left + i * width), y=top, width=width, height=11, fill=colour)
        for i, colour in enumerate(svg.VIRIDIS)
    )
    words = (
        (left, "start", f"{number(scale.low, 1)}"),
        (0.0, "middle", _("target %(value)s %(unit)s")
         % {"value": number(scale.middle, 1), "unit": scale.unit}),
        (-left, "end", f"{number(scale.high, 1)}"),
    )  # fmt: skip
    labels = (
        svg.text(text, x, top + 23, font_size=10, text_anchor=anchor, class_="map-ink")
        for x, anchor, text in words
    )
    return svg.join((*bins, *labels))
