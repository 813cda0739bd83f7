"""A kind of tool is called what people call it, on every page that names one."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import translation

from instruments.catalogue import PLANS
from testbed.people.models import User
from testbed.process.versions import create_recipe
from testbed.tools.kinds import kind_choices, kind_name
from testbed.tools.models import Clean
from tests.conftest import make_tool


def test_a_kind_has_its_name_in_both_languages_and_an_unknown_one_its_code() -> None:
    with translation.override("ko"):
        assert [kind_name(one) for one in ("film", "no_such")] == ["박막 두께 계측기", "no_such"]
    with translation.override("en"):
        assert kind_name("film") == "Film thickness"
        assert not {kind_name(one) for one in PLANS} & {"cd_sem", "litho_cell"}


def test_a_choice_follows_the_language_in_which_it_is_read() -> None:
    [(code, name)] = kind_choices(["film"])
    said = []
    for language in ("ko", "en"):
        with translation.override(language):
            said.append(str(name))
    assert (code, said) == ("film", ["박막 두께 계측기", "Film thickness"])


@pytest.mark.parametrize("path", ["/recipes/", "/recipes/film-49/", "/recipes/new/", "/cleans/"])
def test_pages_name_kinds_in_the_readers_language(
    alice: User, administrator: User, sign_in: Callable[[User], Client], path: str
) -> None:
    create_recipe(actor=alice, code="film-49", title="49 sites", tool_kind="film")
    Clean.objects.create(
        code="rca", name_ko="세정", name_en="RCA", tool_kind="film", from_class=3, to_class=0,
        cost_won=1,
    )  # fmt: skip
    make_tool("film-1", kind="film")
    reader = administrator if path == "/cleans/" else alice
    page = sign_in(reader).get(path, headers={"accept-language": "ko"}).content.decode()
    assert "박막 두께 계측기" in page
    assert ">film<" not in page
