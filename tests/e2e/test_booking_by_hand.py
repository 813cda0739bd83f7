"""Find, hold, book, move, share, cancel: with the keyboard alone, with a mouse, with a finger; and
what somebody else sees of it at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from re import Pattern
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from testbed.booking.hours import KST
from testbed.booking.models import Booking, BookingState, Sharer
from tests.e2e.pages import ALICE
from tests.e2e.site import Site
from tests.e2e.visits import LISTEN, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
CHARLIE = "charlie@nuri.example"
TABLET = {"width": 1024, "height": 768}
# A quarter of an hour is a column of the day's grid.
QUARTER = 15
MOST_TABS = 30


def working_day() -> datetime:
    """A Tuesday to Friday some days ahead, that no other test of the site looks at."""
    day = timezone.localtime(timezone.now(), KST) + timedelta(days=9)
    while day.weekday() in (0, 5, 6):
        day += timedelta(days=1)
    return day.replace(hour=0, minute=0, second=0, microsecond=0)


Open = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser, site: Site, visitor: Visitor) -> Iterator[Open]:
    """A page of a browser of its own, signed in as the named person, in English."""
    contexts: list[BrowserContext] = []

    def make(who: str = ALICE, **options: Any) -> Page:
        context = browser.new_context(
            base_url=site.url, locale="en-GB", **{"viewport": TABLET, **options}
        )
        context.set_default_timeout(10_000)
        context.add_init_script(LISTEN)
        if who not in visitor.sessions:
            visitor.sessions[who] = site.session_of(who)
        context.add_cookies(
            [{"name": "sessionid", "value": visitor.sessions[who], "url": site.url}]
        )
        contexts.append(context)
        return context.new_page()

    yield make
    for context in contexts:
        context.close()


def timetable(page: Page, *tools: str) -> None:
    named = "".join(f"&tool={tool}" for tool in tools)
    page.goto(f"/book/timeline/?zoom=day&from={working_day():%Y-%m-%d}{named}")


def piece(page: Page, tool: str, a: int) -> Locator:
    """What begins in a tool's row at the minute `a` of the day."""
    return page.locator(f"#tool-{tool} + .timeline-track [data-a='{a}']")


def own_block(page: Page, number: int) -> Locator:
    return page.locator(f"[data-b='{number}']")


def said(page: Page) -> Locator:
    return page.locator("#timeline-say")


def number_in(page: Page) -> int:
    page.wait_for_url(re.compile(r"/(book/hold|bookings)/\d+/(#content)?$"))
    return int(page.url.rstrip("/").rpartition("/")[2])


def stored(site: Site, number: int) -> Booking:
    with site.data():
        return Booking.objects.get(pk=number)


def hour_of(booking: Booking) -> tuple[str, str]:
    times = (booking.starts_at, booking.ends_at)
    first, last = (f"{moment.astimezone(KST):%H:%M}" for moment in times)
    return first, last


def x_of(page: Page, tool: str, minute: int) -> tuple[float, float]:
    """Where a minute of the day lies in a tool's row, in pixels of the window."""
    track = page.locator(f"#tool-{tool} + .timeline-track")
    track.scroll_into_view_if_needed()
    box = track.bounding_box()
    assert box
    return box["x"] + box["width"] * minute / 1440 + 1, box["y"] + box["height"] / 2


def bring_into_view(page: Page) -> None:
    """The working hours of the day, whatever the window's width."""
    page.evaluate("document.querySelector('.timeline-scroll').scrollLeft = 260")


def at(path: str) -> Pattern[str]:
    """An address with this path, whether or not its menu was skipped."""
    return re.compile(re.escape(path) + "(#content)?$")


def check_policy(page: Page) -> None:
    assert page.evaluate("window.__violations") == []


# -- hands ----------------------------------------------------------------------------------------
class Keyboard:
    """Nothing but keys; each step must be near, and the focus is never lost."""

    tool = "overlay"

    def __init__(self, page: Page) -> None:
        self.page = page

    def tab_to(self, goal: Locator) -> None:
        # The page that has the goal, not the one that is just being left.
        goal.wait_for(state="attached")
        if self.page.evaluate("document.activeElement === document.body"):
            self.skip_the_menu()
        for _ in range(MOST_TABS):
            self.page.keyboard.press("Tab")
            if goal.evaluate("goal => goal === document.activeElement"):
                return
        raise AssertionError(f"more than {MOST_TABS} presses of Tab to {goal}")

    def skip_the_menu(self) -> None:
        """The first stop of a page leads past its menu."""
        self.page.keyboard.press("Tab")
        assert self.page.evaluate("document.activeElement.getAttribute('href')") == "#content"
        self.page.keyboard.press("Enter")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            lost = self.page.evaluate("document.activeElement === document.body")
            assert not lost, f"{key} lost the focus"

    def go(self, goal: Locator) -> None:
        self.tab_to(goal)
        self.page.keyboard.press("Enter")

    def choose(self, select: Locator) -> None:
        self.tab_to(select)
        self.press("ArrowDown")

    def draw(self) -> None:
        """10:00 to 12:30 of a tool that opens at 9."""
        start = piece(self.page, self.tool, 540)
        self.tab_to(start)
        self.press("Enter", *["ArrowRight"] * 4, *["Shift+ArrowRight"] * 2)
        expect(said(self.page)).to_contain_text("10:00–12:30")
        expect(said(self.page)).to_contain_text("available")

    def hold(self) -> None:
        self.page.keyboard.press("Enter")

    def move(self, number: int) -> None:
        self.tab_to(own_block(self.page, number).or_(piece(self.page, self.tool, 540)).first)
        if not own_block(self.page, number).evaluate("one => one === document.activeElement"):
            self.press("ArrowRight")
        expect(own_block(self.page, number)).to_be_focused()
        self.press("m", *["ArrowRight"] * 8)
        expect(said(self.page)).to_contain_text("12:00–14:30")
        self.page.keyboard.press("Enter")


class Mouse:
    tool = "film"

    def __init__(self, page: Page) -> None:
        self.page = page

    def go(self, goal: Locator) -> None:
        goal.click()

    def choose(self, select: Locator) -> None:
        select.select_option(index=1)

    def drag(self, from_minute: int, to_minute: int) -> None:
        bring_into_view(self.page)
        self.page.mouse.move(*x_of(self.page, self.tool, from_minute))
        self.page.mouse.down()
        self.page.mouse.move(*x_of(self.page, self.tool, (from_minute + to_minute) // 2))
        self.page.mouse.move(*x_of(self.page, self.tool, to_minute))

    def draw(self) -> None:
        self.drag(600, 748)
        self.page.mouse.up()

    def hold(self) -> None:
        self.page.locator("#timeline-ask").get_by_role("button", name="Hold").first.click()

    def move(self, number: int) -> None:
        self.drag(660, 780)
        self.page.mouse.up()


class Finger:
    tool = "particles"

    def __init__(self, page: Page) -> None:
        self.page = page
        self.wire = page.context.new_cdp_session(page)

    def go(self, goal: Locator) -> None:
        goal.tap()

    def choose(self, select: Locator) -> None:
        select.select_option(index=1)

    def touch(self, kind: str, *points: tuple[float, float]) -> None:
        at = [{"x": x, "y": y} for x, y in points]
        self.wire.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    def long_press(self, from_minute: int, to_minute: int) -> None:
        bring_into_view(self.page)
        self.touch("touchStart", x_of(self.page, self.tool, from_minute))
        expect(self.page.locator(".draft")).to_be_visible()
        self.touch("touchMove", x_of(self.page, self.tool, (from_minute + to_minute) // 2))
        self.touch("touchMove", x_of(self.page, self.tool, to_minute))
        self.touch("touchEnd")

    def draw(self) -> None:
        self.long_press(600, 748)

    def hold(self) -> None:
        self.page.locator("#timeline-ask").get_by_role("button", name="Hold").first.tap()

    def move(self, number: int) -> None:
        self.long_press(660, 780)


HANDS: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "keyboard": (Keyboard, {}),
    "mouse": (Mouse, {}),
    "touch": (Finger, {"has_touch": True, "is_mobile": True}),
}


@pytest.mark.parametrize("name", HANDS)
def test_from_finding_to_cancelling(name: str, opened: Open, site: Site) -> None:
    kind, options = HANDS[name]
    page = opened(**options)
    hands = kind(page)
    # find, and hold
    timetable(page, hands.tool)
    hands.draw()
    expect(page.locator("#timeline-ask")).to_contain_text("₩")
    hands.hold()
    number = number_in(page)
    assert stored(site, number).state == BookingState.HELD
    # book
    main = page.locator("main")
    hands.go(main.get_by_role("button", name="Check the answers"))
    hands.go(main.get_by_role("button", name="Submit the booking"))
    page.wait_for_url(at(f"/bookings/{number}/"))
    assert hour_of(stored(site, number)) == ("10:00", "12:30")
    # move: nothing has moved before the check is confirmed
    timetable(page, hands.tool)
    hands.move(number)
    page.wait_for_url(at(f"/bookings/{number}/change/"))
    assert hour_of(stored(site, number)) == ("10:00", "12:30")
    hands.go(main.get_by_role("button", name="Confirm the change"))
    page.wait_for_url(at(f"/bookings/{number}/"))
    assert hour_of(stored(site, number)) == ("12:00", "14:30")
    # share
    hands.go(main.get_by_role("link", name="Share…"))
    page.wait_for_url(at(f"/bookings/{number}/share/"))
    hands.choose(main.get_by_label("Colleague"))
    hands.go(main.get_by_role("button", name="Share", exact=True))
    expect(main).to_contain_text("Bob shares the booking now.")
    with site.data():
        assert Sharer.objects.get(booking=number).user.name == "Bob"
    hands.go(main.get_by_role("link", name="Back"))
    page.wait_for_url(at(f"/bookings/{number}/"))
    # cancel
    hands.go(main.get_by_role("link", name="Cancel…"))
    page.wait_for_url(at(f"/bookings/{number}/cancel/"))
    hands.go(main.get_by_role("button", name="Cancel the booking"))
    page.wait_for_url(at(f"/bookings/{number}/"))
    assert stored(site, number).state == BookingState.CANCELLED
    check_policy(page)


def test_somebody_elses_booking_appears_and_the_chosen_time_says_so(opened: Open) -> None:
    """Charlie has chosen a time; Alice holds it; his page says so within two seconds."""
    alice, charlie = opened(), opened(CHARLIE)
    for page in (alice, charlie):
        timetable(page, "cd-sem")
    busy = charlie.locator(".claim--busy")
    before = busy.count()
    piece(charlie, "cd-sem", 0).focus()
    charlie.keyboard.press("Enter")
    expect(charlie.locator("#timeline-ask")).to_contain_text("Available")
    piece(alice, "cd-sem", 0).focus()
    alice.keyboard.press("Enter")
    expect(said(alice)).to_contain_text("available")
    alice.keyboard.press("Enter")
    number = number_in(alice)
    expect(busy).to_have_count(before + 1, timeout=2_500)
    expect(said(charlie)).to_contain_text("just been taken")
    expect(charlie.locator("#timeline-ask")).to_contain_text("Cannot be booked")
    # The choice and the focus stay where they were.
    expect(charlie.locator(".draft button")).to_be_focused()
    assert "Gaon" not in charlie.locator("main").inner_text()
    alice.goto(f"/bookings/{number}/cancel/")
    alice.locator("main").get_by_role("button", name="Release").or_(
        alice.locator("main button.button--danger")
    ).first.click()
    expect(busy).to_have_count(before, timeout=2_500)
    check_policy(charlie)


def test_what_is_drawn_stops_at_the_neighbour_and_at_closing(opened: Open, site: Site) -> None:
    page = opened()
    mouse = Mouse(page)
    timetable(page, mouse.tool)
    mouse.drag(960, 1200)
    expect(page.locator(".draft")).to_contain_text("16:00–18:00")
    page.keyboard.press("Escape")
    page.mouse.up()
    expect(page.locator(".draft")).to_have_count(0)
    expect(page.locator("#timeline-ask")).to_be_hidden()
    mouse.drag(720, 778)
    page.mouse.up()
    # The drawn time itself can be pulled at its edges and moved before it is held.
    expect(page.locator("#timeline-ask")).to_contain_text("12:00–13:00")
    mouse.drag(750, 840)
    page.mouse.up()
    expect(page.locator("#timeline-ask")).to_contain_text("13:30–14:30")
    page.keyboard.press("Escape")
    expect(page.locator("#timeline-ask")).to_be_hidden()
    with site.data():
        day = working_day()
        held = Booking.objects.filter(starts_at__range=(day, day + timedelta(days=1)))
        assert not held.filter(allocations__tool__code=mouse.tool, state="held").exists()


def test_a_short_touch_scrolls_and_draws_nothing(opened: Open) -> None:
    page = opened(has_touch=True, is_mobile=True)
    finger = Finger(page)
    timetable(page, finger.tool)
    bring_into_view(page)
    x, y = x_of(page, finger.tool, 700)
    finger.touch("touchStart", (x, y))
    finger.touch("touchMove", (x - 40, y))
    finger.touch("touchMove", (x - 120, y))
    finger.touch("touchEnd")
    expect(page.locator(".draft")).to_have_count(0)
    page.wait_for_function("document.querySelector('.timeline-scroll').scrollLeft > 300")


def test_without_a_script_free_time_leads_to_its_search(browser: Browser, site: Site) -> None:
    context = browser.new_context(java_script_enabled=False, base_url=site.url, locale="en-GB")
    context.add_cookies([{"name": "sessionid", "value": site.session_of(ALICE), "url": site.url}])
    page = context.new_page()
    timetable(page, "overlay")
    piece(page, "overlay", 540).focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/book/\?what=tool:overlay"))
    expect(page.locator("main")).to_contain_text("This time is free.")
    context.close()
