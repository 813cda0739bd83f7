"""Recipes: what the tool refuses, who signs, and that a signed body stays as it is."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.utils import translation
from rest_framework.test import APIClient

from testbed.people.models import User
from testbed.process import versions
from testbed.process.models import Recipe, RecipeState, RecipeVersion
from testbed.refusals import Refusal

COAT: dict[str, Any] = {
    "operation": "coat",
    "resist": "ARF-1",
    "spin_rpm": 1500.0,
    "thickness_nm": 90.0,
    "bake_temperature_c": 110.0,
    "bake_time_s": 60.0,
}


@pytest.fixture
def recipe(alice: User) -> Recipe:
    return versions.create_recipe(actor=alice, code="coat", title="Coat", tool_kind="track")


@pytest.fixture
def submitted(alice: User, recipe: Recipe) -> RecipeVersion:
    version = versions.write_version(actor=alice, recipe=recipe, body=COAT)
    return versions.submit(actor=alice, version=version)


@pytest.mark.parametrize(
    "wrong",
    [
        {"spin_rpm": 1e9},
        {"spin_rpm": float("nan")},
        {"spin_rpm": "fast"},
        {"spin_rpm": "1500 rpm"},
        {"thickness_um": 0.09},
        {"thickness_nm": 0.09},
        {"no_such_setting": 1},
        {"operation": "melt"},
        {"resist": '"; *RST'},
    ],
)
def test_what_the_tool_would_not_take_is_named(
    alice: User, recipe: Recipe, wrong: dict[str, Any]
) -> None:
    with pytest.raises(Refusal, match="recipe_not_runnable") as refused:
        versions.write_version(actor=alice, recipe=recipe, body=COAT | wrong)
    assert next(iter(wrong)) in refused.value.fields
    assert not RecipeVersion.objects.exists()


def test_the_sentence_is_in_the_readers_language(alice: User, recipe: Recipe) -> None:
    said = set()
    for language in ("ko", "en"):
        with translation.override(language), pytest.raises(Refusal) as refused:
            versions.write_version(actor=alice, recipe=recipe, body=COAT | {"spin_rpm": 1e9})
        said.add(str(refused.value.fields["spin_rpm"][0]))
    assert len(said) == 2


def test_another_person_signs(
    alice: User, process_engineer: User, submitted: RecipeVersion
) -> None:
    with pytest.raises(Refusal, match="not_allowed"):
        versions.approve(actor=alice, version=submitted)
    versions.approve(actor=process_engineer, version=submitted)
    assert submitted.state == RecipeState.APPROVED
    assert versions.newest_approved(submitted.recipe) == submitted
    with pytest.raises(Refusal, match="wrong_state"):
        versions.approve(actor=process_engineer, version=submitted)


def test_nobody_signs_their_own(process_engineer: User) -> None:
    recipe = versions.create_recipe(
        actor=process_engineer, code="own", title="Own", tool_kind="track"
    )
    version = versions.write_version(actor=process_engineer, recipe=recipe, body=COAT)
    versions.submit(actor=process_engineer, version=version)
    with pytest.raises(Refusal, match="own_recipe"):
        versions.approve(actor=process_engineer, version=version)


def test_a_submitted_body_cannot_change(submitted: RecipeVersion) -> None:
    for change in ({"body": COAT | {"spin_rpm": 1.0}}, {"sha256": "0" * 64}):
        with pytest.raises(DatabaseError), transaction.atomic():
            RecipeVersion.objects.filter(pk=submitted.pk).update(**change)
    assert versions.is_whole(submitted)


def test_no_way_back_from_approved_to_draft(
    process_engineer: User, submitted: RecipeVersion
) -> None:
    versions.approve(actor=process_engineer, version=submitted)
    with pytest.raises(DatabaseError), transaction.atomic():
        RecipeVersion.objects.filter(pk=submitted.pk).update(state=RecipeState.DRAFT)


def test_a_stranger_sees_no_recipe_of_ours(
    charlie: User,
    recipe: Recipe,
    sign_in: Callable[[User], Client],
    api: Callable[[User], APIClient],
) -> None:
    assert sign_in(charlie).get("/recipes/coat/").status_code == 404
    assert api(charlie).get("/api/v1/recipes/coat/").status_code == 404
    answer = api(charlie).post("/api/v1/recipes/coat/versions/", {"body": COAT}, format="json")
    assert answer.status_code == 404


def test_facility_recipes_are_seen_but_not_changed(
    alice: User, process_engineer: User, api: Callable[[User], APIClient]
) -> None:
    versions.create_recipe(actor=process_engineer, code="fab", title="Fab", tool_kind="track")
    client = api(alice)
    assert client.get("/api/v1/recipes/fab/").json()["is_facility_recipe"] is True
    answer = client.post("/api/v1/recipes/fab/versions/", {"body": COAT}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "not_yours")


def test_the_whole_way_over_the_api(
    alice: User, process_engineer: User, api: Callable[[User], APIClient]
) -> None:
    client = api(alice)
    body = {"code": "mine", "title": "Mine", "tool_kind": "track"}
    assert client.post("/api/v1/recipes/", body, format="json").status_code == 201
    made = client.post("/api/v1/recipes/mine/versions/", {"body": COAT}, format="json")
    assert made.json()["number"] == 1
    assert client.post("/api/v1/recipes/mine/versions/1/submit/").json()["state"] == "submitted"
    signed = api(process_engineer).post("/api/v1/recipes/mine/versions/1/approve/")
    assert signed.json()["state"] == "approved"


def test_the_page_keeps_a_broken_body(
    alice: User, recipe: Recipe, sign_in: Callable[[User], Client]
) -> None:
    page = sign_in(alice).post("/recipes/coat/versions/new/", {"body": "{not json"})
    assert page.status_code == 422
    assert b"{not json" in page.content
