"""The main job, once, by hand: three people in real browsers on the product that `make up` runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from testbed.ops.demo.people import PASSWORD
from tests.e2e.product import Product, running

# One product for both tests: starting it is the dear part.
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("product")]
SignIn = Callable[[str], Page]
RUN_MS = 90_000
ROUTE = "ArF resist evaluation"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("product")
    # Passable, for the servers run under a powerless account when we are root.
    for each in (folder, folder.parent):
        each.chmod(0o711)
    with running(folder) as started:
        yield started


@pytest.fixture
def sign_in(browser: Browser, product: Product) -> Iterator[SignIn]:
    """A page of a browser of its own, signed in as the named person, in English."""
    contexts = []

    def signed_in(email: str) -> Page:
        context = browser.new_context(
            base_url=product.address, locale="en-US", viewport={"width": 1280, "height": 900}
        )
        contexts.append(context)
        page = context.new_page()
        page.goto("/accounts/login/")
        page.fill("input[name=login]", email)
        page.fill("input[name=password]", PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(f"{product.address}/")
        return page

    yield signed_in
    for context in contexts:
        context.close()


def press(page: Page, name: str) -> None:
    page.locator("main").get_by_role("button", name=name, exact=False).first.click()


def register_lot(page: Page) -> str:
    page.goto("/lots/new/")
    page.get_by_label("What is on the wafers").fill("40 nm lines")
    press(page, "Register")
    page.wait_for_url(re.compile(r"/lots/L\d\d-\d{4}/"))
    return page.url.rstrip("/").rpartition("/")[2]


def hold_first_slot(page: Page, what: str) -> None:
    page.goto(f"/book/?what={what}&minutes=15")
    press(page, "Hold")


def book(page: Page, what: str, lot: str) -> int:
    """Hold the first slot, answer the form, check, submit; the booking's number."""
    hold_first_slot(page, what)
    page.wait_for_url(re.compile(r"/book/hold/\d+/"))
    page.get_by_label("Lot", exact=True).select_option(label=option(page, "lot", lot))
    page.get_by_label("Route", exact=True).select_option(label=option(page, "route", ROUTE))
    page.locator("input[name=wafer_count]").fill("3")
    page.locator("[name=purpose]").fill("Resist evaluation by hand")
    press(page, "Check the answers")
    press(page, "Submit")
    page.wait_for_url(re.compile(r"/bookings/\d+/"))
    return int(page.url.rstrip("/").rpartition("/")[2])


def option(page: Page, name: str, part: str) -> str:
    """The whole label of the option that contains `part`."""
    labels = page.locator(f"select[name={name}] option").all_inner_texts()
    return next(label for label in labels if part in label)


def start_run(page: Page, booking: int, operation: int) -> None:
    page.goto(f"/runs/start/?booking={booking}&operation={operation}")
    for slot in range(4, 26):
        page.locator(f"input[name=slot][value='{slot}']").set_checked(False, force=True)
    button = page.locator("main").get_by_role("button", name="Start").last
    expect(button).to_be_enabled()
    button.click()
    page.wait_for_url(re.compile(r"/runs/\d+/"))
    expect(page.locator(".run-word").first).to_contain_text("Completed", timeout=RUN_MS)


def interval(page: Page, label: str) -> tuple[float, float]:
    """The 95 % interval that the card called `label` shows."""
    text = page.locator(".kpi", has_text=label).inner_text().replace("−", "-")
    found = re.search(r"interval (-?[\d.]+) to (-?[\d.]+)", text)
    assert found, text
    return float(found[1]), float(found[2])


def test_a_companys_work_from_slot_to_process_window(sign_in: SignIn, product: Product) -> None:
    alice, technician = sign_in("alice@gaon.example"), sign_in("technician@testbed.example")
    desk = sign_in("process@testbed.example")
    lot = register_lot(alice)
    bookings = [book(alice, what, lot) for what in ("cell:litho", "tool:cd-sem")]
    for booking in bookings:
        desk.goto("/approvals/")
        desk.locator(f"#booking-{booking}").get_by_role("button", name="Approve").click()
        alice.goto(f"/bookings/{booking}/")
        expect(alice.locator(".status-word")).to_contain_text("Confirmed")
    technician.goto(f"/lots/{lot}/")
    press(technician, "Check in")
    wait_for_slot(technician, bookings[0])
    for operation in (1, 2, 3):
        start_run(technician, bookings[0], operation)
    start_run(technician, bookings[1], 4)
    shows_the_truth(alice, lot, product)
    shows_hours_and_won(alice, sign_in("admin@testbed.example"), bookings)
    assert product.fab().double_exposures() == 0
    strangers_find_nothing(sign_in("charlie@nuri.example"), lot)


def wait_for_slot(page: Page, booking: int) -> None:
    """A slot may start at the next full minute: its interlock opens then."""
    page.goto(f"/runs/start/?booking={booking}&operation=1")
    deadline = 90
    while page.locator("main").get_by_role("button", name="Start").last.is_disabled():
        assert deadline > 0, page.locator("main").inner_text()
        deadline -= 1
        page.wait_for_timeout(1_000)
        page.reload()


def shows_the_truth(page: Page, lot: str, product: Product) -> None:
    page.goto("/results/")
    page.get_by_role("link", name=lot).first.click()
    page.goto(f"/lots/{lot}/wafers/1/")
    expect(page.locator("svg[role=img]").first).to_be_visible()
    wafer_id = re.search(rf"{lot}-01[A-H][0-7]", page.locator("main").inner_text())
    assert wafer_id
    truth = product.fab().truth(wafer_id[0])
    page.goto("/results/")
    page.get_by_role("link", name=lot).first.click()
    for label, name in (("Dose to size", "best_dose_mj"), ("Best focus", "best_focus_nm")):
        low, high = interval(page, label)
        assert low <= truth[name] <= high


def shows_hours_and_won(company: Page, administrator: Page, bookings: list[int]) -> None:
    company.goto("/usage/")
    for booking in bookings:
        line = company.locator("tr", has_text=f"B{booking:05d}").first
        expect(line).to_contain_text("₩")
    administrator.goto("/ops/")
    expect(administrator.locator("main")).to_contain_text("Gaon Materials")


def strangers_find_nothing(stranger: Page, lot: str) -> None:
    for address in (f"/lots/{lot}/", f"/lots/{lot}/wafers/1/", "/runs/1/", "/results/1/"):
        answer = stranger.goto(address)
        assert answer is not None
        assert answer.status == 404


def test_two_browsers_one_slot(sign_in: SignIn) -> None:
    """Both see the same first slot; one holds it, the other reads why not and where else."""
    winner, loser = sign_in("alice@gaon.example"), sign_in("charlie@nuri.example")
    for page in (winner, loser):
        page.goto("/book/?what=tool:film&minutes=60")
    press(winner, "Hold")
    winner.wait_for_url(re.compile(r"/book/hold/\d+/"))
    press(loser, "Hold")
    said = loser.locator("main").inner_text()
    assert "taken" in said
    assert "Gaon" not in said
    expect(loser.locator("main").get_by_role("button", name="Hold").first).to_be_visible()
    press(loser, "Hold")
    loser.wait_for_url(re.compile(r"/book/hold/\d+/"))
