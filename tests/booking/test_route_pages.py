"""The pages of a whole route: find, hold, answer, see, give back; and capabilities at /book/."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone

from testbed.booking.bundles import steps_in
from testbed.booking.cancel import cancel
from testbed.booking.chain_chart import picture
from testbed.booking.models import Booking, BookingState, Bundle
from testbed.booking.place import Answers
from testbed.booking.route_place import Chosen, hold_route, place_route
from testbed.booking.target import Target
from testbed.people.models import User
from testbed.process.models import Route
from testbed.tools.models import Capability, Tool
from tests.booking.conftest import setting, tomorrow

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
TYPED = {
    "what_1": "cell:litho", "minutes_1": "120",
    "what_2": "tool:cd_sem", "minutes_2": "60", "within_2": "240",
}  # fmt: skip


@pytest.fixture(autouse=True)
def tools(cell_target: Target, sem_target: Target) -> None:
    """The litho cell and the CD-SEM."""


@pytest.fixture
def chain(alice: User, cell_target: Target, sem_target: Target) -> Bundle:
    steps = [
        Chosen(cell_target, tomorrow(8), tomorrow(10)),
        Chosen(sem_target, tomorrow(11), tomorrow(12), within_minutes=240),
    ]
    return place_route(actor=alice, steps=steps, answers=Answers())


def test_find_hold_answer_and_cancel(alice: User, sign_in: SignIn) -> None:
    client = sign_in(alice)
    page = client.get("/book/route/", TYPED)
    assert page.status_code == 200
    offer = page.context["offers"][0]
    held = client.post("/book/route/hold/", {**TYPED, "steps": offer["wish"]})
    bundle = Bundle.objects.get()
    assert held.headers["Location"] == f"/bundles/{bundle.pk}/"
    form = client.get(held.headers["Location"])
    assert b"count-down" in form.content
    step = steps_in(bundle)[0]
    assert client.get(f"/book/hold/{step.pk}/").headers["Location"] == f"/bundles/{bundle.pk}/"
    answers = {"wafer_count": "0", "test_wafers": "1", "use_mode": "requested"}
    refused = client.post(
        f"/bundles/{bundle.pk}/", {**answers, "step": "submit", "wafer_count": "99"}
    )
    assert refused.context["form"].errors
    client.post(f"/bundles/{bundle.pk}/", {"step": "extend"})
    client.post(f"/bundles/{bundle.pk}/", {**answers, "step": "submit"})
    assert {one.state for one in steps_in(bundle)} == {BookingState.PENDING}
    told = client.get(f"/bundles/{bundle.pk}/cancel/")
    assert told.context["cost"].total_won == 0
    client.post(f"/bundles/{bundle.pk}/cancel/", {"total_won": "0", "debt_minutes": "0"})
    assert {one.state for one in steps_in(bundle)} == {BookingState.CANCELLED}
    assert client.get(f"/bundles/{bundle.pk}/").status_code == 200


@pytest.fixture
def held(alice: User, cell_target: Target, sem_target: Target) -> Bundle:
    steps = [
        Chosen(cell_target, tomorrow(8), tomorrow(10)),
        Chosen(sem_target, tomorrow(11), tomorrow(12), within_minutes=240),
    ]
    return hold_route(actor=alice, steps=steps)


TYPED_ANSWERS = {
    "wafer_count": "0", "test_wafers": "4", "use_mode": "requested", "purpose": "written slowly",
}  # fmt: skip


def test_the_form_begins_with_the_route_and_the_wafers_of_the_search(
    alice: User, sign_in: SignIn
) -> None:
    client = sign_in(alice)
    offer = client.get("/book/route/", TYPED).context["offers"][0]
    route = Route.objects.create(code="fem", name_ko="평가", name_en="Evaluation")
    sent = {**TYPED, "steps": offer["wish"], "route": str(route.pk), "wafers": "7"}
    form = client.post("/book/route/hold/", sent, follow=True).context["form"]
    assert (form["route"].value(), form["wafer_count"].value()) == (str(route.pk), "7")


def test_extending_a_chain_keeps_what_was_typed(alice: User, sign_in: SignIn, held: Bundle) -> None:
    page = sign_in(alice).post(
        f"/bundles/{held.pk}/", {**TYPED_ANSWERS, "step": "extend"}, follow=True
    )
    assert "written slowly" in page.content.decode()
    assert page.context["form"]["test_wafers"].value() == "4"


def test_a_chain_whose_hold_runs_out_while_its_form_is_open_loses_nothing(
    alice: User, sign_in: SignIn, held: Bundle
) -> None:
    client = sign_in(alice)
    assert client.get(f"/bundles/{held.pk}/").context["ran_out"] is None
    Booking.objects.filter(bundle=held).update(hold_expires_at=timezone.now())
    page = client.post(f"/bundles/{held.pk}/", {**TYPED_ANSWERS, "step": "submit"})
    assert (page.status_code, page.context["refused"].code) == (409, "hold_expired")
    ran_out = page.context["ran_out"]
    assert ran_out["again"] == {
        "what_1": "cell:litho", "minutes_1": "120",
        "what_2": "tool:cd_sem", "minutes_2": "60", "within_2": "240",
    }  # fmt: skip
    assert client.get(f"/book/route/?{ran_out['query']}").context["offers"]
    again = {**ran_out["again"], "steps": ran_out["wish"], "carried": "1"}
    anew = client.post("/book/route/hold/", again, follow=True)
    assert anew.context["bundle"].pk != held.pk
    assert "written slowly" in anew.content.decode()
    done = client.post(anew.request["PATH_INFO"], {**TYPED_ANSWERS, "step": "submit"})
    assert done.status_code == 302
    assert "answers" not in client.session


def test_a_step_taken_meanwhile_shows_the_search_again(
    alice: User, charlie: User, sign_in: SignIn
) -> None:
    wish = sign_in(alice).get("/book/route/", TYPED).context["offers"][0]["wish"]
    assert sign_in(charlie).post("/book/route/hold/", {"steps": wish}).status_code == 302
    page = sign_in(alice).post("/book/route/hold/", {**TYPED, "steps": wish})
    assert page.status_code == 422
    assert len(page.context["offers"]) > 0
    assert len(page.context["refused"].extra["broken_steps"]) == 2
    assert "nuri" not in page.content.decode().lower()


@pytest.mark.parametrize(
    "steps", ["", "[", "[1]", "[" * 9_000, json.dumps([{"target": "tool:\x00"}])]
)
def test_a_wish_that_cannot_be_read_leads_back(alice: User, sign_in: SignIn, steps: str) -> None:
    page = sign_in(alice).post("/book/route/hold/", {"steps": steps})
    assert page.headers["Location"] == "/book/route/"


def test_the_search_tells_what_forbids_each_step(
    alice: User, sign_in: SignIn, cd_sem: Tool
) -> None:
    setting("minimum_length", cd_sem, minutes=90)
    page = sign_in(alice).get("/book/route/", TYPED)
    assert [number for number, _broken in page.context["found"].nothing_because] == [2]
    assert "CD-SEM" in page.content.decode() or "cd_sem" in page.content.decode()


@pytest.mark.parametrize(
    "query",
    [{"route": "x"}, {"what_1": "tool:none"}, {"wafers": "99"}, {"first": "1000-01-01"},
     {"first": "2027-03-02", "last": "2027-03-01"}, {"minutes_1": "x"}, {"what_1": "tool:\x00"}],
)  # fmt: skip
def test_wishes_that_make_no_sense(alice: User, sign_in: SignIn, query: dict[str, str]) -> None:
    page = sign_in(alice).get("/book/route/", query)
    assert page.status_code == 200
    assert page.context["form"].errors
    assert "found" not in page.context


def test_the_booking_page_shows_its_chain(
    alice: User, technician: User, sign_in: SignIn, chain: Bundle
) -> None:
    step = steps_in(chain)[1]
    for user in (alice, technician):
        page = sign_in(user).get(f"/bookings/{step.pk}/").content.decode()
        assert f"/bundles/{chain.pk}/" in page
        assert 'class="chain-window"' in page


def test_the_chain_says_each_step_once_and_keeps_its_number(
    alice: User, sign_in: SignIn, chain: Bundle
) -> None:
    first, second = steps_in(chain)
    client = sign_in(alice)
    page = client.get(f"/bundles/{chain.pk}/").content.decode()
    for step in (first, second):
        assert page.count(f'href="/bookings/{step.pk}/"') == 1
    cancel(actor=alice, booking=first)
    answer = client.get(f"/bundles/{chain.pk}/")
    assert [row.number for row in answer.context["picture"].rows] == [2]
    assert answer.context["gone"] == [first]
    assert answer.content.decode().count(f'href="/bookings/{first.pk}/"') == 1


def test_a_stranger_sees_no_chain(charlie: User, sign_in: SignIn, chain: Bundle) -> None:
    client = sign_in(charlie)
    for path in ("", "cancel/"):
        assert client.get(f"/bundles/{chain.pk}/{path}").status_code == 404
    assert client.post(f"/bundles/{chain.pk}/cancel/").status_code == 404


def test_the_picture_marks_a_step_that_waits_too_long(chain: Bundle) -> None:
    steps = steps_in(chain)
    drawn = picture(steps)
    assert drawn is not None
    assert [row.is_late for row in drawn.rows] == [False, False]
    assert drawn.rows[1].window_width > 0
    steps[1].starts_at, steps[1].ends_at = tomorrow(20), tomorrow(21)
    late = picture(steps)
    assert late is not None
    assert [row.number for row in late.late] == [2]
    assert picture([]) is None


def test_a_capability_is_searched_on_any_tool_that_has_it(
    alice: User, sign_in: SignIn, cd_sem: Tool, scanner: Tool
) -> None:
    able = Capability.objects.create(code="fine", name_ko="미세", name_en="Fine")
    able.tools.set([cd_sem, scanner])
    client = sign_in(alice)
    page = client.get("/book/", {"what": "capability:fine", "minutes": "60"})
    first, second = page.context["able"].slots[:2]
    assert (first.tools, second.tools) == ([cd_sem], [scanner])
    held = client.post(
        "/book/hold/",
        {
            "what": "tool:cd_sem",
            "starts_at": first.starts_at.isoformat(),
            "ends_at": first.ends_at.isoformat(),
        },
    )
    assert held.headers["Location"] == f"/book/hold/{Booking.objects.get().pk}/"
    exact = client.get(
        "/book/",
        {"what": "capability:fine", "minutes": "60", "at": f"{tomorrow(9):%Y-%m-%dT%H:%M}"},
    )
    assert {slot.starts_at for slot in exact.context["able"].slots} == {tomorrow(9)}
