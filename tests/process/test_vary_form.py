"""What may differ by wafer in a recipe's form: kept, refused beside its box, sent to the verb."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse, QueryDict
from django.test import Client
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from instruments.catalogue import PLANS
from testbed.people.models import User
from testbed.process import versions
from testbed.process.models import RecipeVersion
from testbed.process.recipe_form import Way, ways_of
from testbed.process.vary import MOST_PARAMETERS
from testbed.process.vary_form import BodyForm
from testbed.process.vary_words import numbers
from tests.process.test_recipe_form import EVERY, filled_in

WAYS = [(case.values[0], case.values[1]) for case in EVERY]
SCANNER = ways_of(PLANS["scanner"].program.schema())
SCAN: dict[str, Any] = {
    "reticle": "R-7",
    "layout": {"kind": "uniform", "dose": 30.0, "focus": 0.0},
    "vary": {"layout.dose": {"low": 24.5, "high": 36.0}},
}


def sent_of(form: BodyForm) -> QueryDict:
    """What a browser sends when nothing is changed."""
    sent = QueryDict(mutable=True)
    for bound in form:
        value = bound.value()
        sent[bound.html_name] = "" if value is None else str(value)
    return sent


def scan(**more: str) -> BodyForm:
    """The form of a uniform exposure, sent with other ends of its ranges."""
    sent = sent_of(BodyForm(SCANNER["uniform"], SCAN))
    sent.update({f"vary.{name}": text for name, text in more.items()})
    return BodyForm(SCANNER["uniform"], SCAN, sent)


# -- there and back ----------------------------------------------------------------------------
def some_ranges(way: Way, data: st.DataObject) -> dict[str, dict[str, float]]:
    """Ranges that the tool takes, for at most eight of the numbers."""
    known = numbers(way)
    paths = data.draw(st.sets(st.sampled_from(sorted(known)), max_size=MOST_PARAMETERS))
    found = {}
    for path in sorted(paths):
        described = known[path].described
        kind = st.integers if described["type"] == "integer" else st.floats
        ends = st.lists(kind(described["minimum"], described["maximum"]), min_size=2, max_size=2)
        low, high = sorted(data.draw(ends))
        found[path] = {"low": low, "high": high}
    return found


@given(st.sampled_from(WAYS), st.data())
def test_a_recipe_comes_back_from_its_form_as_it_was(
    case: tuple[str, Way], data: st.DataObject
) -> None:
    _kind, way = case
    plain = BodyForm(way, {}, filled_in(way))
    assert plain.is_valid(), plain.errors
    assert "vary" not in plain.body()
    ranges = some_ranges(way, data)
    body = plain.body() | ({"vary": ranges} if ranges else {})
    form = BodyForm(way, body)
    assert form.given() == [path for path in numbers(way) if path in ranges]
    again = BodyForm(way, body, sent_of(form))
    assert again.is_valid(), again.errors
    assert again.body() == body
    assert sent_of(again) == sent_of(form)


@given(st.text(max_size=12), st.text(max_size=12))
def test_whatever_is_typed_is_kept_and_either_taken_or_answered(low: str, high: str) -> None:
    form = scan(**{"layout.focus.low": low, "layout.focus.high": high})
    assert form["vary.layout.focus.low"].value() == low
    assert form["vary.layout.focus.high"].value() == high
    if form.is_valid():
        taken = form.body()["vary"].get("layout.focus")
        assert (taken is None) == (not low and not high)
        assert taken is None or -500 <= taken["low"] <= taken["high"] <= 500
    else:
        assert set(form.errors) <= {"vary.layout.focus.low", "vary.layout.focus.high"}


def test_an_emptied_range_is_gone() -> None:
    form = scan(**{"layout.dose.low": "", "layout.dose.high": ""})
    assert form.is_valid()
    assert "vary" not in form.body()


# -- what is wrong -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("path", "low", "high", "at", "said"),
    [
        ("layout.dose", "36", "24", "low", "exchange them"),
        ("layout.dose", "24", "", "high", "both ends"),
        ("layout.dose", "", "24", "low", "both ends"),
        ("layout.dose", "1", "30", "low", "The tool takes 5 – 100 mJ/cm²."),
        ("layout.dose", "20", "1e9", "high", "The tool takes 5 – 100 mJ/cm²."),
        ("layout.dose", "nan", "30", "low", "Give a number"),
        ("layout.dose", "20", "1e999", "high", "Give a number"),
        ("layout.dose", "24,5", "30", "low", "Give a number"),
        ("layout.dose", "a little", "30", "low", "Give a number"),
        ("no.such", "1", "2", "low", "has this name"),
        ("reticle", "1", "2", "low", "has this name"),
    ],
)
def test_what_is_wrong_is_said_beside_its_box(
    path: str, low: str, high: str, at: str, said: str
) -> None:
    sentences = []
    for language in ("en", "ko"):
        with translation.override(language):
            form = scan(**{f"{path}.low": low, f"{path}.high": high})
            assert list(form.errors) == [f"vary.{path}.{at}"]
            sentences.append(form.errors[f"vary.{path}.{at}"][0])
    assert said in sentences[0]
    assert said not in sentences[1]
    assert path in form.given()


def test_a_count_differs_in_whole_numbers() -> None:
    (way,) = ways_of(PLANS["film"].program.schema()).values()
    sent = filled_in(way)
    sent.update({"vary.averages.low": "1.5", "vary.averages.high": "4"})
    with translation.override("en"):
        said = BodyForm(way, {}, sent).errors["vary.averages.low"]
    assert said == ["Give a whole number, such as 12."]


def test_one_value_too_many_is_said_at_that_value() -> None:
    (way,) = ways_of(PLANS["etcher"].program.schema()).values()
    sent = filled_in(way)
    for path, row in list(numbers(way).items())[: MOST_PARAMETERS + 1]:
        sent[f"vary.{path}.low"] = sent[f"vary.{path}.high"] = str(row.described["minimum"])
    form = BodyForm(way, {}, sent)
    (name,) = form.errors
    assert name == f"vary.{list(numbers(way))[MOST_PARAMETERS]}.low"


def test_a_range_of_another_kind_of_recipe_waits_for_a_decision() -> None:
    rows = BodyForm(SCANNER["fem"], SCAN).rows()
    (strange,) = [row for row in rows if row.field is None]
    assert (strange.path, strange.low.value(), strange.high.value()) == (
        "layout.dose",
        "24.5",
        "36",
    )


# -- the page ----------------------------------------------------------------------------------
@pytest.fixture
def page(alice: User, sign_in: Callable[[User], Client]) -> Callable[..., HttpResponse]:
    """Open the form of alice's recipe, or send what stands in it with some changes."""
    recipe = versions.create_recipe(actor=alice, code="scan", title="Scan", tool_kind="scanner")
    versions.write_version(actor=alice, recipe=recipe, body=SCAN)
    client = sign_in(alice)

    def answer(language: str = "en", **changed: str) -> Any:
        address, headers = "/recipes/scan/versions/new/", {"accept-language": language}
        if not changed:
            return client.get(address, headers=headers)
        sent = sent_of(BodyForm(SCANNER["uniform"], SCAN))
        sent.update(changed)
        return client.post(address, sent.dict(), headers=headers)

    return answer


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("ko", ("웨이퍼별로 다르게", "노광량, 최저 (5 – 100 mJ/cm²)")),
        ("en", ("Different by wafer", "Dose, lowest (5 – 100 mJ/cm²)")),
    ],
)
def test_the_page_has_a_row_for_each_number(
    page: Callable[..., HttpResponse], language: str, words: tuple[str, str]
) -> None:
    shown = page(language).content.decode()
    assert all(word in shown for word in words)
    for path in numbers(SCANNER["uniform"]):
        assert f'name="vary.{path}.low"' in shown
    assert 'value="24.5"' in shown
    assert '<value-of data-field="id_layout.dose">30</value-of>' in shown


def test_the_form_writes_the_next_version_through_the_verb(
    page: Callable[..., HttpResponse],
) -> None:
    changed = {"vary.layout.focus.low": "-60", "vary.layout.focus.high": "60"}
    assert page(**changed).status_code == 302
    newest = RecipeVersion.objects.get(number=2).body
    assert newest["vary"] == SCAN["vary"] | {"layout.focus": {"low": -60, "high": 60}}


@pytest.mark.parametrize("language", ["ko", "en"])
def test_what_only_the_tool_knows_stands_beside_its_range(
    page: Callable[..., HttpResponse], language: str
) -> None:
    changed = {"vary.sigma_in.low": "0.4", "vary.sigma_in.high": "0.89", "sigma_out": "0.6"}
    refused = page(language, **changed | {"sigma_in": "0.5"})
    assert refused.status_code == 422
    form = refused.context["form"]  # type: ignore[attr-defined]
    assert list(form.errors) == ["__all__", "vary.sigma_in.low"]
    shown = refused.content.decode()
    assert form.errors["vary.sigma_in.low"][0] in shown
    assert 'value="0.89"' in shown
    assert 'aria-describedby="id_vary.sigma_in.low_error"' in shown
    assert 'id="id_vary.sigma_in.low_error"' in shown
    assert "<details open>" in shown
    assert not RecipeVersion.objects.filter(number=2).exists()


def test_an_unknown_range_can_be_emptied_in_the_form(page: Callable[..., HttpResponse]) -> None:
    gone = {"gone": {"low": 1, "high": 2}}
    RecipeVersion.objects.update(body=SCAN | {"vary": gone})
    assert "No number of this recipe has this name" in page().content.decode()
    refused = page(**{"vary.gone.low": "1", "vary.gone.high": "2"})
    assert refused.status_code == 422
    assert 'value="24.5"' in refused.content.decode()
    assert page(**{"vary.gone.low": "", "vary.gone.high": ""}).status_code == 302
    assert RecipeVersion.objects.get(number=2).body["vary"] == SCAN["vary"]
