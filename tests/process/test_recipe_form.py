"""The form of a recipe comes from the tool's own table, for every kind of tool."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.forms import ChoiceField
from django.http import QueryDict
from django.test import Client
from django.utils import translation

from instruments.catalogue import PLANS
from testbed.people.models import User
from testbed.process import versions
from testbed.process.models import RecipeVersion
from testbed.process.recipe_form import SettingsForm, Way, named, way_of, ways_of

EVERY = [
    pytest.param(kind, way, id=f"{kind}-{name}")
    for kind, plan in PLANS.items()
    for name, way in ways_of(plan.program.schema()).items()
]


def filled_in(way: Way) -> QueryDict:
    """What a careful person sends: the middle of each range, the first of each list."""
    sent = QueryDict(mutable=True)
    for path, described, _required in way:
        if "enum" in described:
            sent[path] = described["enum"][0]
        elif described.get("type") == "string":
            sent[path] = "TB-40"
        elif "minimum" in described:
            low, high = described["minimum"], described["maximum"]
            middle = low + (high - low) / 8
            sent[path] = str(round(middle) if described["type"] == "integer" else middle)
    return sent


@pytest.mark.parametrize(("kind", "way"), EVERY)
def test_what_the_form_takes_the_tool_takes(kind: str, way: Way) -> None:
    form = SettingsForm(way, {}, filled_in(way))
    assert form.is_valid(), form.errors
    program = PLANS[kind].program
    said = [one.field for one in program.problems(form.body())]
    # What several fields must keep between them only the tool knows.
    assert set(said) <= {"sigma_in", "points", "expose.sigma_in"}
    assert way_of(form.body(), ways_of(program.schema())) == "-".join(
        str(one.described["const"]) for one in way if "const" in one.described
    )


@pytest.mark.parametrize(("kind", "way"), EVERY)
def test_what_is_out_of_its_limits_is_said_at_its_field(kind: str, way: Way) -> None:
    for path, described, _required in way:
        if "minimum" not in described:
            continue
        for wrong in (described["maximum"] * 2 + 1, "nan", "1e999", "9" * 400, "x"):
            sent = filled_in(way)
            sent[path] = str(wrong)
            assert path in SettingsForm(way, {}, sent).errors


def test_the_names_and_limits_are_the_drivers_in_both_languages() -> None:
    (way,) = ways_of(PLANS["cvd"].program.schema()).values()
    for language, label in (("ko", "증착 시간"), ("en", "Deposition time")):
        with translation.override(language):
            field = SettingsForm(way, {}).fields["time_s"]
            assert (field.label, field.help_text) == (label, "5 – 900 s")
    matrix = ways_of(PLANS["scanner"].program.schema())["fem"]
    with translation.override("ko"):
        assert SettingsForm(matrix, {}).fields["layout.dose_count"].help_text == "1 – 7 행"
    assert set(ways_of(PLANS["litho_cell"].program.schema())) == {"fem", "uniform"}
    assert set(ways_of(PLANS["track"].program.schema())) == {"coat", "develop"}


def test_a_choice_offers_names_and_keeps_the_tools_words() -> None:
    (way,) = ways_of(PLANS["etcher"].program.schema()).values()
    for language, first in (("ko", "산화막 (oxide)"), ("en", "Oxide (oxide)")):
        with translation.override(language):
            field = SettingsForm(way, {}).fields["film"]
            assert isinstance(field, ChoiceField)
            assert next(iter(field.choices)) == ("oxide", first)
    (way,) = ways_of(PLANS["film"].program.schema()).values()
    field = SettingsForm(way, {}).fields["sites"]
    assert isinstance(field, ChoiceField)
    assert ("49", "49") in list(field.choices)


def test_a_kind_of_recipe_is_called_by_its_name(
    alice: User, sign_in: Callable[[User], Client]
) -> None:
    versions.create_recipe(actor=alice, code="coat", title="Coat", tool_kind="track")
    client = sign_in(alice)
    sent = {"way": "coat", "resist": "ARF-1", "spin_rpm": "1500", "thickness_nm": "90",
            "bake_temperature_c": "110", "bake_time_s": "60"}  # fmt: skip
    assert client.post("/recipes/coat/versions/new/", sent).status_code == 302
    for language, coat, develop in (("ko", "도포", "현상"), ("en", "Coat", "Develop")):
        headers = {"accept-language": language}
        page = client.get("/recipes/coat/versions/new/", headers=headers).content.decode()
        assert f"{coat} <code>coat</code></a>" in page
        assert f"{develop} <code>develop</code></a>" in page
        page = client.get("/recipes/coat/", headers=headers).content.decode()
        assert f"<dd>{coat} <code>coat</code></dd>" in page


def test_an_old_recipe_is_where_the_form_begins() -> None:
    ways = ways_of(PLANS["scanner"].program.schema())
    layout = {"kind": "uniform", "dose": 28.5, "focus": 0.0}
    old: dict[str, Any] = {"reticle": "R-7", "layout": layout}
    assert way_of(old, ways) == "uniform"
    form = SettingsForm(ways["uniform"], old)
    assert form["layout.dose"].value() == 28.5
    assert form["na"].value() == 1.35
    sent = QueryDict(mutable=True)
    sent.update({"reticle": "R-8", "layout.dose": "29", "layout.focus": "0", "mode": "dipole"})
    again = SettingsForm(ways["uniform"], old, sent)
    assert again.is_valid(), again.errors
    assert again.body() == {
        "reticle": "R-8", "mode": "dipole",
        "layout": {"kind": "uniform", "dose": 29.0, "focus": 0.0},
    }  # fmt: skip


def test_a_company_writes_a_recipe_without_knowing_json(
    alice: User, sign_in: Callable[[User], Client]
) -> None:
    versions.create_recipe(actor=alice, code="expose", title="Expose", tool_kind="scanner")
    client, address = sign_in(alice), "/recipes/expose/versions/new/"
    page = client.get(address, {"way": "uniform"}).content.decode()
    assert 'name="layout.dose"' in page
    assert 'name="layout.dose_start"' not in page
    sent = {"way": "uniform", "reticle": "TB-40", "layout.dose": "30", "layout.focus": "0",
            "sigma_in": "0.9", "sigma_out": "0.8", "mode": "annular"}  # fmt: skip
    refused = client.post(address, sent)
    assert refused.status_code == 422
    assert "sigma_in" in refused.context["form"].errors
    assert client.post(address, sent | {"sigma_in": "0.5"}).status_code == 302
    body = RecipeVersion.objects.get().body
    assert body["layout"] == {"kind": "uniform", "dose": 30.0, "focus": 0.0}
    assert (body["sigma_in"], "na" in body) == (0.5, False)
    assert client.post(address, {"way": "nonsense"}).status_code == 422
    assert client.get(address, {"way": "nonsense"}).status_code == 200


def test_a_field_bears_its_name_and_unit_also_inside_a_cells_recipe() -> None:
    schema = PLANS["litho_cell"].program.schema()
    body = {"expose": {"layout": {"kind": "uniform", "dose": 31.5}}}
    with translation.override("ko"):
        assert named(schema, body, "expose.layout.dose") == ("노광량", "mJ/cm²", 31.5)
    assert named(schema, body, "expose.nothing") == ("expose.nothing", "", None)
