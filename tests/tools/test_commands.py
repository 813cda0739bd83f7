"""The page and the endpoint that show a driver's table: every row, its limits, its recipe."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation
from django.utils.html import escape

from instruments.catalogue import TOOLS
from testbed.people.models import User
from testbed.tools import commands
from testbed.tools.described import unit_in_words
from testbed.tools.models import Tool

HANGUL = re.compile("[가-힣]")


@pytest.mark.parametrize("kind", sorted(TOOLS))
def test_every_row_of_a_driver_stands_in_one_group(kind: str) -> None:
    shown = [row.name for _title, rows in commands.groups(kind) for row in rows]
    assert sorted(shown) == sorted(row.name for row in TOOLS[kind].driver.parameters())


@pytest.mark.parametrize("kind", sorted(TOOLS))
def test_every_field_has_a_title_in_both_languages(kind: str) -> None:
    titles = {}
    for language in ("ko", "en"):
        with translation.override(language):
            titles[language] = [row.title for row in commands.recipe_rows(kind)]
    assert titles["ko"]
    assert len(titles["ko"]) == len(titles["en"])
    assert titles["ko"] != titles["en"]


@pytest.mark.parametrize("kind", sorted(TOOLS))
def test_every_field_is_described_in_the_readers_language(kind: str) -> None:
    notes = {}
    for language in ("ko", "en"):
        with translation.override(language):
            notes[language] = [row.doc for row in commands.recipe_rows(kind)]
    assert all(HANGUL.search(note) for note in notes["ko"]), notes["ko"]
    assert not any(HANGUL.search(note) for note in notes["en"])
    assert all(notes["en"])


def test_a_recipe_of_two_kinds_shows_each_field_once_with_both_words() -> None:
    rows = {row.path: row for row in commands.recipe_rows("scanner")}
    assert [raw for raw, _name in rows["layout.kind"].words] == ["fem", "uniform"]
    assert (rows["layout.dose"].low, rows["layout.dose"].high) == (5, 100)
    assert rows["na"].default == "1.35"


def test_a_word_stands_beside_its_name_in_the_readers_language(
    alice: User, scanner: Tool, sign_in: Callable[[User], Client]
) -> None:
    client, address = sign_in(alice), reverse("tool_commands", args=[scanner.code])
    for language, name, layout in (
        ("ko", "초점–노광량 매트릭스", "노광 배치"), ("en", "Focus–exposure matrix", "Layout"),
    ):  # fmt: skip
        page = client.get(address, headers={"accept-language": language}).content.decode()
        assert f"{name} <code>fem</code>" in page
        assert f">{layout}</th><td><code>layout.kind</code>" in page
    Tool.objects.filter(pk=scanner.pk).update(kind="film")
    page = client.get(address, headers={"accept-language": "ko"}).content.decode()
    # A number is its own name.
    assert "<code>25</code><br><code>49</code>" in page
    assert "감광막 <code>resist</code>" in page


def test_a_kind_without_a_driver_has_nothing_to_show() -> None:
    assert commands.groups("abacus") == []
    assert commands.recipe_rows("abacus") == []
    assert commands.recipe_schema("abacus") is None


def test_the_page_shows_limits_units_and_small_numbers(
    alice: User, scanner: Tool, sign_in: Callable[[User], Client]
) -> None:
    Tool.objects.filter(pk=scanner.pk).update(kind="prober")
    page = sign_in(alice).get(reverse("tool_commands", args=[scanner.code])).content.decode()
    for words in ("SOUR:VOLT", "-20 – 20 V", "1e-09 – 0.1 A", "compliance_a", "전류 제한값"):
        assert words in page
    Tool.objects.filter(pk=scanner.pk).update(kind="abacus")
    page = sign_in(alice).get(reverse("tool_commands", args=[scanner.code])).content.decode()
    assert "수동으로 운전합니다" in page


@pytest.mark.parametrize(("language", "rows"), [("ko", "1 – 7 행"), ("en", "1 – 7 rows")])
def test_a_unit_that_is_a_word_is_in_the_readers_language(
    language: str, rows: str, alice: User, scanner: Tool, sign_in: Callable[[User], Client]
) -> None:
    address = reverse("tool_commands", args=[scanner.code])
    page = sign_in(alice).get(address, headers={"accept-language": language}).content.decode()
    assert page.count(rows) == 2, "in the recipe's table and in the driver's"


SYMBOLS = {
    "", "%", "A", "MΩ·cm", "PLC", "Pa", "Torr", "V", "W", "a.u.", "h", "kPa", "mJ/cm²", "mL/min",
    "mTorr", "mW", "mm", "nm", "nm/s", "pA", "pC", "rpm", "s", "sccm", "°", "°C", "Ω",
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(TOOLS))
def test_every_unit_is_a_symbol_or_has_its_korean_word(kind: str) -> None:
    units = {row.unit for row in TOOLS[kind].driver.parameters()} - SYMBOLS
    with translation.override("ko"):
        assert all(HANGUL.search(unit_in_words(unit)) for unit in units), units


def test_the_page_describes_every_row_in_the_readers_language(
    alice: User, scanner: Tool, sign_in: Callable[[User], Client]
) -> None:
    client = sign_in(alice)
    for language, said, other in (("ko", "doc_ko", "doc"), ("en", "doc", "doc_ko")):
        address = reverse("tool_commands", args=[scanner.code])
        page = client.get(address, headers={"accept-language": language}).content.decode()
        for row in TOOLS["scanner"].driver.parameters():
            assert escape(getattr(row, said)) in page
            assert f"<td>{escape(getattr(row, other))}</td>" not in page


def test_the_endpoint_gives_the_table_and_the_schema(
    alice: User, scanner: Tool, api: Callable[[User], Any]
) -> None:
    Tool.objects.filter(pk=scanner.pk).update(kind="film")
    found = api(alice).get(reverse("api_tool_commands", args=[scanner.code])).json()
    rows = {row["name"]: row for row in found["commands"]}
    assert (rows["averages"]["low"], rows["averages"]["high"]) == (1, 16)
    assert (rows["averages"]["doc"], rows["averages"]["doc_ko"]) == (
        "Spectra averaged at each site.", "지점마다 평균하는 스펙트럼 수.",
    )  # fmt: skip
    target = found["recipe_schema"]["properties"]["target_nm"]
    assert (target["unit"], target["description_ko"]) == ("nm", "예상 두께. 맞춤은 여기서 시작함.")
    assert api(alice).get(reverse("api_tool_commands", args=["nothing"])).status_code == 404
