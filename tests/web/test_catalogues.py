"""Every sentence has its Korean, in one word for one thing, compiled and committed."""

import io
import re
import tokenize
from pathlib import Path

import pytest

from testbed.web import catalogues

HANGUL = re.compile("[가-힣]")
ROOT = catalogues.ROOT
# Data whose Korean is the content itself.
KOREAN_DATA = {"web/glossary.py"}
# What runs before Django is there, and the demo facility, carry both languages themselves.
BOTH_LANGUAGES = "ops/"
# The name of a language is written in that language.
OWN_NAME = "한국어"


@pytest.mark.parametrize("app", catalogues.apps())
def test_catalogue_is_whole(app: str) -> None:
    assert catalogues.problems(app) == []


def test_one_thing_has_one_name() -> None:
    assert catalogues.double_names() == []


def raw_korean_in_python(text: str) -> list[str]:
    """String literals with Korean in them, docstrings apart."""
    found = []
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    for before, token in zip([None, *tokens], tokens, strict=False):
        is_statement = before is None or before.type in (
            tokenize.INDENT,
            tokenize.NEWLINE,
            tokenize.NL,
            tokenize.DEDENT,
        )
        is_docstring = is_statement and token.string.startswith(('"""', 'r"""'))
        if token.type == tokenize.STRING and HANGUL.search(token.string) and not is_docstring:
            found.append(token.string)
    return found


def test_no_korean_in_python_outside_the_catalogues() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): korean
        for path in ROOT.rglob("*.py")
        if path.relative_to(ROOT).as_posix() not in KOREAN_DATA
        and not path.relative_to(ROOT).as_posix().startswith(BOTH_LANGUAGES)
        and (korean := raw_korean_in_python(path.read_text().replace(OWN_NAME, "")))
    }
    assert found == {}


def test_no_korean_in_templates_and_scripts() -> None:
    found = [
        path.relative_to(ROOT).as_posix()
        for pattern in ("*/templates/**/*.html", "*/static/*/*.js")
        for path in ROOT.glob(pattern)
        if "vendor" not in path.parts and HANGUL.search(path.read_text().replace(OWN_NAME, ""))
    ]
    assert found == []


def test_korean_in_a_string_is_found_and_in_a_docstring_is_not() -> None:
    assert raw_korean_in_python('"""예약."""\nx = "예약"\n') == ['"예약"']


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two apps; `one` marks a sentence in Python and one in a template."""
    for app in ("one", "two"):
        (tmp_path / app / "templates" / app).mkdir(parents=True)
        (tmp_path / app / "apps.py").write_text("")
    (tmp_path / "one" / "views.py").write_text('x = _("A %(n)d wafer")\n')
    (tmp_path / "one" / "templates" / "one" / "a.html").write_text(
        "{% load i18n %}\n  <p>{% translate 'Find a slot' %}</p>\n"
        "{% blocktranslate count n=2 %}{{ n }} run{% plural %}{{ n }} runs{% endblocktranslate %}"
    )
    monkeypatch.setattr(catalogues, "ROOT", tmp_path)
    return tmp_path


def translate(app: str, english: str, korean: str) -> None:
    path = catalogues.po_path(app)
    path.write_text(
        path.read_text().replace(
            f'msgid "{english}"\nmsgstr ""', f'msgid "{english}"\nmsgstr "{korean}"'
        )
    )


def test_collects_from_python_and_templates(tiny: Path) -> None:
    outcome = catalogues.update("one")
    assert set(outcome.untranslated) == {"A %(n)d wafer", "Find a slot", "%(n)s run"}
    assert any("no Korean" in line for line in catalogues.problems("one"))


def test_translations_survive_collecting_again(tiny: Path) -> None:
    catalogues.update("one")
    translate("one", "Find a slot", "빈 시간 찾기")
    before = catalogues.po_path("one").read_text()
    assert "Find a slot" not in catalogues.update("one").untranslated
    assert catalogues.po_path("one").read_text() == before


def test_another_apps_korean_is_borrowed(tiny: Path) -> None:
    catalogues.update("one")
    translate("one", "Find a slot", "빈 시간 찾기")
    (tiny / "two" / "views.py").write_text('x = _("Find a slot")\n')
    assert catalogues.update("two").borrowed == ["Find a slot"]


def test_what_left_the_sources_stays_until_pruned(tiny: Path) -> None:
    catalogues.update("one")
    translate("one", "Find a slot", "빈 시간 찾기")
    (tiny / "one" / "templates" / "one" / "a.html").write_text("")
    assert "Find a slot" in catalogues.update("one").gone
    assert "#~ msgid" in catalogues.po_path("one").read_text()
    catalogues.update("one", prune=True)
    assert "Find a slot" not in catalogues.po_path("one").read_text()


def test_a_lost_placeholder_is_a_problem(tiny: Path) -> None:
    catalogues.update("one")
    translate("one", "A %(n)d wafer", "웨이퍼 한 장")
    assert any("other placeholders" in line for line in catalogues.problems("one"))


def test_a_stale_mo_is_a_problem(tiny: Path) -> None:
    catalogues.update("one")
    assert catalogues.compile_app("one")
    assert not catalogues.compile_app("one")
    translate("one", "Find a slot", "빈 시간 찾기")
    assert any("not compiled" in line for line in catalogues.problems("one"))
