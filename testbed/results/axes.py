"""The frame of an x-y chart: where a value falls, ticks, grid lines, axis titles."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.safestring import SafeString

from testbed.results import svg
from testbed.results.svg import element, number

WIDTH, HEIGHT = 640.0, 400.0
LEFT, RIGHT, TOP, BOTTOM = 58.0, 74.0, 36.0, 52.0


@dataclass(frozen=True)
class Axes:
    """A plot area with linear axes; `x` and `y` turn values into drawing coordinates."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float

    def x(self, value: float) -> float:
        """Drawing x of a value."""
        return LEFT + (value - self.x_low) / (self.x_high - self.x_low) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """Drawing y of a value; larger values are higher up."""
        share = (value - self.y_low) / (self.y_high - self.y_low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def band(self, low: float, high: float, **attributes: object) -> SafeString:
        """A horizontal band between two y values, cut at the frame."""
        top, bottom = self.y(min(high, self.y_high)), self.y(max(low, self.y_low))
        return element(
            "rect",
            x=number(LEFT),
            y=number(top),
            width=number(WIDTH - LEFT - RIGHT),
            height=number(max(bottom - top, 0)),
            **attributes,
        )

    def level(self, value: float, **attributes: object) -> SafeString:
        """A horizontal line across the plot."""
        y = number(self.y(value))
        return element("line", x1=number(LEFT), x2=number(WIDTH - RIGHT), y1=y, y2=y, **attributes)

    def frame(self, x_title: object, y_title: object) -> SafeString:
        """Grid, tick labels and titles."""
        parts = [self._x_tick(value) for value in svg.ticks(self.x_low, self.x_high, 8)]
        parts += [self._y_tick(value) for value in svg.ticks(self.y_low, self.y_high, 6)]
        parts.append(_label(x_title, (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, font_weight=600))
        # Lying above the axis, not turned along it: read at once, and from farther away.
        parts.append(_label(y_title, 4, 20, font_weight=600, text_anchor="start"))
        return svg.join(parts)

    def _x_tick(self, value: float) -> SafeString:
        x = number(self.x(value))
        line = element("line", x1=x, x2=x, y1=TOP, y2=HEIGHT - BOTTOM, class_="grid-line")
        return svg.join((line, _label(number(value, 3), self.x(value), HEIGHT - BOTTOM + 19)))

    def _y_tick(self, value: float) -> SafeString:
        label = _label(number(value, 3), LEFT - 7, self.y(value) + 4, text_anchor="end")
        return svg.join((self.level(value, class_="grid-line"), label))


def _label(content: object, x: float, y: float, **attributes: object) -> SafeString:
    merged = {"text_anchor": "middle", "font_size": 13, "class_": "chart-ink", **attributes}
    return svg.text(content, float(x), float(y), **merged)


def end_labels(entries: list[tuple[float, str, str]], x: float, *, gap: float = 19.0) -> SafeString:
    """Labels (y, text, class) at the right end of curves, pushed apart so that none overlap."""
    ordered = sorted(entries)
    lowest = HEIGHT - BOTTOM + 6
    places = [y for y, _content, _class in ordered]
    for i in range(1, len(places)):
        places[i] = max(places[i], places[i - 1] + gap)
    # Pushed down beyond the frame: back up from the lowest, only as far as it must be.
    for i in reversed(range(len(places))):
        places[i] = min(places[i], lowest)
        lowest = places[i] - gap
    return svg.join(
        svg.text(content, x, at + 4, font_size=13, class_=class_)
        for at, (_y, content, class_) in zip(places, ordered, strict=True)
    )
