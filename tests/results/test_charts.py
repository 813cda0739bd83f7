"""The drawings: geometry, what they say without colour, and that nothing gets in unescaped."""

from __future__ import annotations

import itertools
import re
from xml.etree import ElementTree

import pytest
from django.utils.translation import override

from testbed.results import svg
from testbed.results.axes import end_labels
from testbed.results.bossung_chart import bossung_chart
from testbed.results.exposure import Exposure, layout_of
from testbed.results.field_grid import field_at, fields, full_fields
from testbed.results.process_window import analyse
from testbed.results.wafer_map import Scale, small_map, wafer_map
from testbed.results.window_chart import window_chart
from tests.results.synthetic import TARGET, matrix

SCALE = Scale(36.0, 44.0, "nm")
NS = "{http://www.w3.org/2000/svg}"


def parsed(markup: str) -> ElementTree.Element:
    return ElementTree.fromstring(markup)  # noqa: S314 - our own drawing


def draw(values: dict[tuple[int, int], float], **more: object) -> ElementTree.Element:
    return parsed(
        wafer_map(values, scale=SCALE, key="k", title="<b>", description='"&', **more)  # type: ignore[arg-type]
    )


def test_the_grid_has_57_full_and_40_partial_fields() -> None:
    assert len(full_fields()) == 57
    assert len(fields()) == 97
    assert {field_at(f.x_mm + 12, f.y_mm - 16) == (f.col, f.row) for f in fields()} == {True}


def test_the_map_is_in_mm_with_a_notch_at_the_bottom() -> None:
    root = draw({(0, 0): 40.0})
    x, y, width, _height = map(float, root.attrib["viewBox"].split())
    assert (x, y, width) == (-160, -160, 320)
    notch = next(e for e in root.iter(f"{NS}path") if e.get("class") == "map-notch")
    assert "M0 144.5" in notch.attrib["d"]


def test_one_rectangle_a_field_where_it_belongs() -> None:
    values = {(f.col, f.row): 40.0 + 0.01 * f.col for f in full_fields()}
    drawn = [
        rect
        for rect in draw(values).iter(f"{NS}rect")
        if rect.get("fill") in svg.VIRIDIS and rect.get("height") == "33"
    ]
    assert len(drawn) == 57
    places = {(float(r.attrib["x"]) + 13, -float(r.attrib["y"]) - 16.5) for r in drawn}
    assert places == {(f.x_mm, f.y_mm) for f in full_fields()}


def test_out_of_spec_is_said_by_outline_mark_and_number() -> None:
    root = draw({(0, 0): 40.0, (1, 0): 45.0})
    assert len([r for r in root.iter(f"{NS}rect") if r.get("class") == "map-bad"]) == 1
    assert len([p for p in root.iter(f"{NS}path") if p.get("stroke") == "#bd2c0f"]) == 1
    assert "45.0" in {t.text for t in root.iter(f"{NS}text")}


def test_what_was_not_resolved_is_a_question_mark() -> None:
    root = draw({(0, 0): 40.0}, unresolved=[(1, 1)])
    assert "?" in {t.text for t in root.iter(f"{NS}text")}


def test_the_scale_is_fixed_by_the_spec_and_has_ten_bins() -> None:
    colours = [SCALE.colour(36 + 0.8 * i + 0.1) for i in range(10)]
    assert tuple(colours) == svg.VIRIDIS
    assert (SCALE.colour(-1e9), SCALE.colour(1e9)) == (svg.VIRIDIS[0], svg.VIRIDIS[9])


@pytest.mark.parametrize("colour", svg.VIRIDIS)
def test_numbers_on_every_bin_can_be_read(colour: str) -> None:
    light = svg._luminance(colour)
    ink = svg._luminance(svg.ink_on(colour))
    high, low = max(light, ink) + 0.05, min(light, ink) + 0.05
    assert high / low >= 4.5


def test_drawings_are_named_and_escaped_without_styles() -> None:
    markup = wafer_map({}, scale=SCALE, key="k", title="<script>", description='"a" & b')
    root = parsed(markup)
    assert root.get("role") == "img"
    assert [e.text for e in root if e.tag in (f"{NS}title", f"{NS}desc")] == [
        "<script>",
        '"a" & b',
    ]
    assert "style=" not in markup
    assert "<script>" not in markup


def test_a_thumbnail_marks_without_numbers() -> None:
    root = parsed(small_map({(0, 0): 50.0}, scale=SCALE, key="k", title="t", description="d"))
    assert not list(root.iter(f"{NS}text"))
    assert len([p for p in root.iter(f"{NS}path") if p.get("stroke") == "#bd2c0f"]) == 1


@pytest.mark.parametrize("language", ["ko", "en"])
def test_both_window_drawings_are_sound(language: str) -> None:
    found = matrix(1)
    window = analyse(found, TARGET)
    with override(language):
        bossung = bossung_chart(found, window, key="b")
        plane = window_chart(found, window, key="w")
    for markup in (bossung, plane):
        root = parsed(markup)
        assert "nan" not in markup.lower()
        assert "style=" not in markup
        assert root.find(f"{NS}title") is not None
    curves = re.findall(r'class="series series-\d"', bossung)
    assert len(curves) == 7
    korean = re.search("[가-힣]", plane) is not None
    assert korean is (language == "ko")


def test_labels_at_the_end_of_curves_never_overlap() -> None:
    entries = [(100.0 + i, str(i), "c") for i in range(7)]
    root = parsed(f"<svg xmlns='http://www.w3.org/2000/svg'>{end_labels(entries, 5.0)}</svg>")
    ys = [float(t.attrib["y"]) for t in root.iter(f"{NS}text")]
    assert min(b - a for a, b in itertools.pairwise(ys)) >= 13.9


def test_ticks_are_round_and_inside() -> None:
    assert svg.ticks(0, 168, 7) == [0, 25, 50, 75, 100, 125, 150]
    assert svg.ticks(-108.3, 92.1, 8) == [-100, -75, -50, -25, 0, 25, 50, 75]
    assert svg.ticks(1, 1) == [1]


# -- which field got what ------------------------------------------------------------------------
FEM = {
    "kind": "fem", "dose_start": 24, "dose_step": 2, "dose_count": 7,
    "focus_start": -100, "focus_step": 20, "focus_count": 11,
}  # fmt: skip


def test_columns_are_focus_and_rows_are_dose_from_the_bottom() -> None:
    layout = layout_of({"layout": FEM})
    assert layout is not None
    assert layout.at(0, 0) == Exposure(30, 0)
    assert layout.at(-5, -3) == Exposure(24, -100)
    assert layout.at(2, 3) == Exposure(36, 40)


def test_the_layout_is_the_scanners_own() -> None:
    from instruments.scanner.steps import field_settings

    for count, rows in ((11, 7), (5, 3), (4, 2), (1, 1)):
        body = FEM | {"focus_count": count, "dose_count": rows}
        layout = layout_of({"layout": body})
        assert layout is not None
        told = {(c - 5, r - 3): Exposure(*v) for (c, r), v in field_settings(body).items()}
        mine = {(f.col, f.row): layout.at(f.col, f.row) for f in full_fields()}
        assert {place: e for place, e in mine.items() if e is not None} == told


def test_bodies_without_a_layout_have_none() -> None:
    assert layout_of({}) is None
    assert layout_of({"layout": "fem"}) is None
    assert layout_of({"layout": {"kind": "fem"}}) is None
    uniform = layout_of({"layout": {"kind": "uniform", "dose": 30, "focus": 5}})
    assert uniform is not None
    assert uniform.at(3, 1) == Exposure(30, 5)
