"""Writing SVG: escaped elements, numbers in the shortest form, colour scales.

Only presentation attributes and classes, never a style attribute, so a strict content policy
holds; colours that must follow light and dark come from classes in the style sheet.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

VIRIDIS = (
    "#440154", "#482878", "#3e4989", "#31688e", "#26828e",
    "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725",
)  # fmt: skip


def number(value: float, digits: int = 2) -> str:
    """At most `digits` decimals, no trailing zeros, no "-0"."""
    text = f"{value:.{digits}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def element(name: str, *children: SafeString, **attributes: object) -> SafeString:
    """`<name a="1">children</name>`; `_` in a name becomes `-`, `class_` is `class`.

    Attribute values are escaped; None leaves an attribute out.
    """
    written = "".join(
        f' {_attribute(key)}="{escape(_value(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if not children:
        return _safe(f"<{name}{written}/>")
    return _safe(f"<{name}{written}>{''.join(children)}</{name}>")


def text(content: object, x: float, y: float, **attributes: object) -> SafeString:
    """A `<text>` at x, y; the content is escaped."""
    return element("text", escaped(content), x=x, y=y, **attributes)


def escaped(content: object) -> SafeString:
    """Any text, safe between tags."""
    return escape(str(content))


def join(parts: Iterable[SafeString]) -> SafeString:
    """Safe pieces one after another."""
    return _safe("".join(parts))


def path(points: Iterable[tuple[float, float]], *, closed: bool = False) -> str:
    """The `d` of a polyline."""
    d = "L".join(f"{number(x)} {number(y)}" for x, y in points)
    return f"M{d}{'Z' if closed else ''}" if d else ""


def drawing(
    width: float,
    height: float,
    *children: SafeString,
    key: str,
    title: object,
    description: object,
    origin: tuple[float, float] = (0, 0),
    class_: str = "chart",
) -> SafeString:
    """An `<svg role="img">` named by its title and description; `key` is unique on the page."""
    head = (
        element("title", escaped(title), id=f"{key}-title"),
        element("desc", escaped(description), id=f"{key}-desc"),
    )
    return element(
        "svg",
        *head,
        *children,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"{number(origin[0])} {number(origin[1])} {number(width)} {number(height)}",
        role="img",
        aria_labelledby=f"{key}-title",
        aria_describedby=f"{key}-desc",
        class_=class_,
    )


def ink_on(colour: str) -> str:
    """Black or white, whichever stands out more on `#rrggbb` (WCAG relative luminance)."""
    light = _luminance(colour)
    return "#000000" if (light + 0.05) / 0.05 >= 1.05 / (light + 0.05) else "#ffffff"


def ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Round numbers within [low, high], about `about` of them."""
    span = high - low
    if span <= 0:
        return [low]
    raw = span / max(about, 1)
    power = 10.0 ** _floor_log10(raw)
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= raw * 0.9)
    first = -(-low // step)
    count = int((high - first * step) / step + 1e-9) + 1
    return [round((first + i) * step, 10) for i in range(max(count, 0))]


def _floor_log10(value: float) -> int:
    return int(f"{value:e}".split("e")[1])


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _attribute(key: str) -> str:
    if key in ("viewBox", "preserveAspectRatio", "clipPathUnits"):
        return key
    return key.rstrip("_").replace("_", "-")


def _value(value: object) -> str:
    return number(value) if isinstance(value, float) else str(value)


def _safe(markup: str) -> SafeString:
    # Every caller hands over markup made of escaped parts only.
    return mark_safe(markup)  # noqa: S308
