"""The pages of closures, as staff and companies meet them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from testbed.booking.models import Booking, BookingState
from testbed.outages.announce import announce
from testbed.outages.models import Fate, Outage, Rebooking, RebookingState, Utility
from testbed.outages.rebook import Chosen
from tests.booking.conftest import setting, tomorrow
from tests.outages.conftest import book, suggested, terms

if TYPE_CHECKING:
    from testbed.people.models import User
    from testbed.tools.models import Tool

pytestmark = pytest.mark.django_db
SignIn = Callable[["User"], Client]


@pytest.fixture(autouse=True)
def no_approval(db: None) -> None:
    row = setting("needs_approval")
    row.is_active = False
    row.save()


@pytest.fixture
def english(settings: Any) -> None:
    settings.LANGUAGE_CODE = "en"


def answers(**more: Any) -> dict[str, Any]:
    return {
        "kind": "closure", "scope": "tools", "tools": ["cd_sem"],
        "starts_at": f"{tomorrow(10):%Y-%m-%dT%H:%M}", "ends_at": f"{tomorrow(12):%Y-%m-%dT%H:%M}",
        "repeat": "once", "every": "1", "reason_ko": "정기 점검", "reason_en": "Yearly check",
        "note": "vendor comes",
    } | more  # fmt: skip


def hidden(html: str) -> dict[str, list[str]]:
    """What the page would send back besides what is chosen."""
    found: dict[str, list[str]] = {}
    for tag in re.findall(r'<input type="hidden"[^>]*>', html):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and value and name[1] != "csrfmiddlewaretoken":
            found.setdefault(name[1], []).append(value[1])
    return found


def test_one_step_closes_and_moves(
    sign_in: SignIn, administrator: User, alice: User, cd_sem: Tool
) -> None:
    booking = book(alice, cd_sem, 10, wafer_count=7)
    staff = sign_in(administrator)
    page = staff.post("/outages/new/", answers())
    assert page.status_code == 200
    html = page.content.decode()
    assert str(booking) in html
    assert "가온소재" in html
    option = f"moved:{tomorrow(9).isoformat()}"
    assert option in html
    assert not Outage.objects.exists()
    # The page is sent back as it is, with the first choice of its list.
    sent = {**hidden(html), f"fate_{booking.pk}": option, "confirm": "1"}
    done = staff.post("/outages/new/", sent)
    assert done.status_code == 302
    booking.refresh_from_db()
    assert booking.starts_at == tomorrow(9)
    detail = staff.get(done["Location"]).content.decode()
    assert "vendor comes" in detail
    assert str(booking) in detail


def test_a_booking_placed_meanwhile_is_shown(
    sign_in: SignIn, administrator: User, alice: User, cd_sem: Tool
) -> None:
    staff = sign_in(administrator)
    html = staff.post("/outages/new/", answers()).content.decode()
    late = book(alice, cd_sem, 11)
    again = staff.post("/outages/new/", {**hidden(html), "confirm": "1"})
    assert again.status_code == 409
    assert f'name="fate_{late.pk}"' in again.content.decode()
    assert not Outage.objects.exists()
    late.refresh_from_db()
    assert late.state == BookingState.CONFIRMED


def test_the_form_says_what_does_not_fit(
    sign_in: SignIn, administrator: User, cd_sem: Tool
) -> None:
    staff = sign_in(administrator)
    wrong = answers(ends_at=f"{tomorrow(9):%Y-%m-%dT%H:%M}")
    page = staff.post("/outages/new/", wrong)
    assert page.status_code == 422
    assert page.context["form"].errors["ends_at"]
    for other in ({"exceptions": "tomorrow"}, {"kind": "x"}, {"starts_at": "0001-01-01T00:00"}):
        assert staff.post("/outages/new/", answers(**other)).status_code == 422


def test_a_tool_that_is_down_opens_the_form_filled(
    sign_in: SignIn, technician: User, cd_sem: Tool
) -> None:
    staff = sign_in(technician)
    form = staff.get("/outages/new/?tool=cd_sem&down=1").context["form"]
    assert form.initial["kind"] == "outage"
    assert form.initial["tools"] == ["cd_sem"]
    assert "closure" not in dict(form.fields["kind"].choices)


def test_changing_ending_and_withdrawing(
    sign_in: SignIn, administrator: User, cd_sem: Tool
) -> None:
    outage = announce(actor=administrator, terms=terms(cd_sem), fates={})
    staff = sign_in(administrator)
    form = staff.get(f"/outages/{outage.pk}/edit/")
    assert "Yearly check" in form.content.decode()
    longer = answers(ends_at=f"{tomorrow(13):%Y-%m-%dT%H:%M}", confirm="1")
    assert staff.post(f"/outages/{outage.pk}/edit/", longer).status_code == 302
    outage.refresh_from_db()
    assert outage.ends_at == tomorrow(13)
    staff.post(f"/outages/{outage.pk}/end/")
    outage.refresh_from_db()
    assert outage.withdrawn_at is None
    staff.post(f"/outages/{outage.pk}/withdraw/")
    outage.refresh_from_db()
    assert outage.withdrawn_at is not None


def test_companies_see_the_reason_and_their_own(
    sign_in: SignIn, administrator: User, alice: User, charlie: User, cd_sem: Tool
) -> None:
    booking = book(alice, cd_sem, 10)
    asked = terms(cd_sem)
    outage = announce(actor=administrator, terms=asked, fates=suggested(administrator, asked))
    for person, own in ((alice, True), (charlie, False)):
        client = sign_in(person)
        for address in ("/outages/", f"/outages/{outage.pk}/"):
            html = client.get(address).content.decode()
            assert "정기 점검" in html
            assert "call the vendor" not in html
            assert (str(booking) in html) is own
    assert sign_in(charlie).get("/outages/new/").status_code == 403


def test_the_company_accepts_with_one_click(
    sign_in: SignIn, administrator: User, alice: User, cd_sem: Tool
) -> None:
    book(alice, cd_sem, 10)
    asked = terms(cd_sem)
    announce(actor=administrator, terms=asked, fates=suggested(administrator, asked))
    row = Rebooking.objects.get()
    company = sign_in(alice)
    page = company.get(f"/rebookings/{row.pk}/")
    assert "정기 점검" in page.content.decode()
    done = company.post(f"/rebookings/{row.pk}/accept/")
    assert done["Location"] == f"/bookings/{row.booking_id}/"
    row.refresh_from_db()
    assert row.state == RebookingState.ACCEPTED
    assert company.post(f"/rebookings/{row.pk}/decline/").status_code == 409


def test_choosing_and_giving_back(
    sign_in: SignIn, administrator: User, alice: User, bob: User, cd_sem: Tool
) -> None:
    first, second = book(alice, cd_sem, 10), book(alice, cd_sem, 11)
    fates = {one.pk: Chosen(Fate.OFFERED) for one in (first, second)}
    announce(actor=administrator, terms=terms(cd_sem), fates=fates)
    one, two = Rebooking.objects.order_by("from_starts_at")
    company = sign_in(alice)
    slot = company.get(f"/rebookings/{one.pk}/").context["slots"][0]
    choice = {"starts_at": slot.starts_at.isoformat()}
    assert sign_in(bob).post(f"/rebookings/{one.pk}/choose/", choice).status_code == 403
    assert company.post(f"/rebookings/{one.pk}/choose/", choice).status_code == 302
    taken = company.post(f"/rebookings/{two.pk}/choose/", choice)
    assert taken.status_code == 409
    assert company.post(f"/rebookings/{two.pk}/choose/", {"starts_at": "x"}).status_code == 302
    company.post(f"/rebookings/{two.pk}/decline/")
    states = Booking.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == [BookingState.CONFIRMED, BookingState.CANCELLED]


def test_supplies_of_the_building(
    sign_in: SignIn, administrator: User, technician: User, cd_sem: Tool
) -> None:
    staff = sign_in(administrator)
    new = {"code": "di", "name_ko": "초순수", "name_en": "DI water", "tools": ["cd_sem"]}
    assert staff.post("/utilities/", new).status_code == 302
    assert staff.post("/utilities/", new).status_code == 409
    assert staff.post("/utilities/", {"code": "!"}).status_code == 422
    assert staff.get("/utilities/di/").status_code == 200
    staff.post("/utilities/di/", {"name_ko": "초순수", "name_en": "UPW", "tools": []})
    found = Utility.objects.get()
    assert (found.name_en, found.tools.count()) == ("UPW", 0)
    assert sign_in(technician).get("/utilities/").status_code == 200
    assert sign_in(technician).post("/utilities/", new).status_code == 403


def test_home_and_the_booking_show_what_was_moved(
    sign_in: SignIn, administrator: User, alice: User, charlie: User, cd_sem: Tool
) -> None:
    booking = book(alice, cd_sem, 10)
    asked = terms(cd_sem)
    announce(actor=administrator, terms=asked, fates=suggested(administrator, asked))
    row = Rebooking.objects.get()
    accept = f'action="/rebookings/{row.pk}/accept/"'
    company = sign_in(alice)
    assert accept in company.get("/").content.decode()
    assert accept in company.get(f"/bookings/{booking.pk}/").content.decode()
    assert accept not in sign_in(charlie).get("/").content.decode()
    company.post(f"/rebookings/{row.pk}/accept/")
    assert accept not in company.get("/").content.decode()
