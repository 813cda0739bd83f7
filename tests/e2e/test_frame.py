"""What the frame promises in a real browser: stale is said, danger takes two presses, keyboard and
telephone work, and so does a browser without scripts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from testbed.ops.demo.people import PASSWORD
from tests.e2e.pages import ALICE, TECHNICIAN
from tests.e2e.site import Site
from tests.e2e.visits import NARROW, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture
def fresh(browser: Browser) -> Iterator[BrowserContext]:
    """A context of this test alone, in Korean by default."""
    made = browser.new_context(locale="ko-KR")
    yield made
    made.close()


def sign_in(page: Page, site: Site, email: str) -> None:
    page.goto(f"{site.url}/accounts/login/")
    page.locator("#id_login").fill(email)
    page.locator("#id_password").fill(PASSWORD)
    page.locator("main button.button--primary").click()
    page.wait_for_url(f"{site.url}/")


def test_the_wall_screen_renews_itself(visitor: Visitor) -> None:
    page = visitor.open("/board/", TECHNICIAN).page
    with page.expect_response("**/board/tiles/", timeout=15_000) as answer:
        pass
    assert answer.value.status == 200
    expect(page.locator("#tiles")).not_to_have_class("stack is-stale")
    page.close()


def test_what_is_no_longer_renewed_turns_grey_and_says_so(visitor: Visitor) -> None:
    page = visitor.open("/board/", TECHNICIAN).page
    page.route("**/board/tiles/", lambda route: route.abort())
    tiles = page.locator("#tiles")
    expect(tiles).to_contain_class("is-stale", timeout=20_000)
    expect(tiles.locator("age-of")).to_contain_text("갱신 없음")
    expect(page.locator("#messages")).to_contain_text("서버에 닿지 않습니다")
    page.unroute("**/board/tiles/")
    expect(tiles).not_to_contain_class("is-stale", timeout=20_000)
    expect(page.locator("#messages")).not_to_contain_text("서버에 닿지 않습니다")
    page.close()


def test_the_emergency_stop_takes_two_presses(visitor: Visitor) -> None:
    page = visitor.open("/tools/prober/", TECHNICIAN).page
    posted: list[str] = []

    def note(request: Request) -> None:
        if request.method == "POST":
            posted.append(request.url)

    page.on("request", note)
    page.get_by_text("비상 정지…").click()
    expect(page.locator(".confirm-body")).to_be_visible()
    assert posted == []
    page.locator(".confirm-body button").click()
    expect(page.locator(".page-head .lamp--bad")).to_be_visible()
    page.get_by_text("비상 정지 해제…").click()
    page.locator(".confirm-body button").click()
    expect(page.locator(".page-head .lamp--idle")).to_be_visible()
    assert len(posted) == 2
    page.close()


def test_escape_takes_back_the_first_press(visitor: Visitor) -> None:
    page = visitor.open("/tools/prober/", TECHNICIAN).page
    page.locator("details.confirm > summary").click()
    page.keyboard.press("Escape")
    expect(page.locator(".confirm-body")).to_be_hidden()
    page.close()


def test_the_keyboard_skips_to_the_content(visitor: Visitor) -> None:
    page = visitor.open("/tools/", ALICE).page
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")
    page.close()


def test_the_menu_folds_on_a_telephone(visitor: Visitor) -> None:
    page = visitor.open("/", ALICE).page
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    entry = page.locator("#menu").get_by_role("link", name="결과")
    expect(entry).to_be_hidden()
    page.get_by_role("button", name="메뉴").click()
    expect(entry).to_be_visible()
    page.keyboard.press("Escape")
    expect(entry).to_be_hidden()
    page.get_by_role("button", name="메뉴").click()
    entry.click()
    page.wait_for_url("**/results/")
    page.close()


TOO_SMALL = """() => [...document.querySelectorAll("main button, main .button, main select")]
  .filter((element) => element.checkVisibility() && !element.matches(".button--small"))
  .map((element) => [element.textContent.trim(), element.getBoundingClientRect().height])
  .filter(([, height]) => height < 43.5)"""


@pytest.mark.parametrize("path", ["/", "/tools/cmp/", "/runs/"])
def test_targets_are_large_enough_for_gloves(visitor: Visitor, path: str) -> None:
    page = visitor.open(path, TECHNICIAN).page
    assert page.evaluate(TOO_SMALL) == []
    page.close()


def test_the_look_goes_round_and_stays(fresh: BrowserContext, site: Site) -> None:
    page = fresh.new_page()
    page.goto(f"{site.url}/glossary/?q=dose")
    for look in ("light", "dark", "auto"):
        page.locator("button[name=theme]").click()
        expect(page.locator("html")).to_have_attribute("data-theme", look)
        assert page.url.endswith("/glossary/?q=dose")


def test_dark_is_dark_whatever_the_device_says(browser: Browser, site: Site) -> None:
    context = browser.new_context(color_scheme="light")
    context.add_cookies([{"name": "theme", "value": "dark", "url": site.url}])
    page = context.new_page()
    page.goto(f"{site.url}/status/")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(19, 20, 22)"
    context.close()


def test_everything_needed_works_without_scripts(browser: Browser, site: Site) -> None:
    context = browser.new_context(java_script_enabled=False, locale="ko-KR")
    page = context.new_page()
    sign_in(page, site, TECHNICIAN)
    page.goto(f"{site.url}/tools/prober/")
    page.locator("details.confirm > summary").click()
    expect(page.locator(".confirm-body")).to_be_visible()
    page.get_by_role("button", name="English").click()
    expect(page.locator("h1")).to_contain_text("Prober with SMU")
    assert page.url.endswith("/tools/prober/")
    context.close()


def test_a_wrong_password_is_said_in_words(fresh: BrowserContext, site: Site) -> None:
    page = fresh.new_page()
    page.goto(f"{site.url}/accounts/login/")
    page.locator("#id_login").fill("nobody@gaon.example")
    page.locator("#id_password").fill("not the password")
    page.locator("main button.button--primary").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.locator("#id_login")).to_have_value("nobody@gaon.example")


def test_paper_carries_the_page_and_not_the_menu(visitor: Visitor) -> None:
    page = visitor.open("/tools/", ALICE).page
    page.emulate_media(media="print")
    expect(page.locator("header.top")).to_be_hidden()
    expect(page.locator("h1")).to_be_visible()
    expect(page.locator(".simulated")).to_be_visible()
    page.close()
