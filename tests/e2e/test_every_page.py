"""Every page, in Korean and English, light and dark: accessible, within the content policy, from
our own origin alone, light enough, and without sideways scrolling on the smallest telephone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.urls import URLResolver, get_resolver

from tests.conftest import WIDE
from tests.e2e.facility import Facility
from tests.e2e.pages import ALICE, NO_PAGE, PAGES, Page
from tests.e2e.visits import Look, Visitor

pytestmark = [pytest.mark.browser]
# A site and a browser for each group; two of them leave both cores busy to the end.
GROUPS = [pytest.mark.xdist_group("browser"), pytest.mark.xdist_group("another browser")]
# Each page is opened in one language and one look, the next page in another; `make wide` opens
# every page in all of them.
LANGUAGES = ("ko", "en")
LOOKS: tuple[Look, Look] = ("light", "dark")
CASES = [(name, page) for name, pages in PAGES.items() for page in pages]


def case_id(page: Page) -> str:
    who = page.who.split("@")[0] or "nobody"
    return "-".join([who, *map(str, page.arguments.values()), *filter(None, [page.query])])


def page_routes(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[str]:
    """Names of all routes outside the API's own addresses."""
    for entry in (resolver or get_resolver()).url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from page_routes(entry, path)
        elif not path.startswith("api/v1/"):
            yield entry.name or f"unnamed: {path}"


def test_every_route_is_a_known_page_or_said_to_be_none() -> None:
    unknown = set(page_routes()) - set(PAGES) - set(NO_PAGE)
    assert unknown == set(), "add these to tests/e2e/pages.py"


@pytest.mark.parametrize(
    ("name", "page"),
    [
        pytest.param(name, page, marks=GROUPS[turn % 2], id=f"{name}-{case_id(page)}")
        for turn, (name, page) in enumerate(CASES)
    ],
)
def test_page(name: str, page: Page, visitor: Visitor, facility: Facility) -> None:
    complaints: list[str] = []
    turn = CASES.index((name, page))
    for language in LANGUAGES if WIDE else LANGUAGES[turn // 2 % 2 :][:1]:
        visit = visitor.open(page.path(name, facility), page.who, language)
        try:
            assert visit.status == page.status
            assert visit.page.locator("html").get_attribute("lang") == language
            visit.check_narrow()
            visit.check_scripts()
            for look in LOOKS if WIDE else LOOKS[turn % 2 :][:1]:
                visit.page.emulate_media(color_scheme=look)
                visit.check_axe()
            visit.check_policy()
        finally:
            visit.leave()
        complaints += [f"{language}: {line}" for line in visit.complaints]
    assert not complaints, "\n".join(complaints)


@GROUPS[0]
def test_the_language_switch_stays_on_the_page(visitor: Visitor) -> None:
    visit = visitor.open("/tools/?area=litho", ALICE, "ko")
    visit.page.get_by_role("button", name="English").click()
    visit.page.wait_for_url("**/tools/?area=litho")
    assert visit.page.locator("html").get_attribute("lang") == "en"
    visit.page.get_by_role("button", name="한국어").click()
    visit.page.wait_for_url("**/tools/?area=litho")
    assert visit.page.locator("html").get_attribute("lang") == "ko"
    visit.page.close()
