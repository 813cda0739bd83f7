"""The timetable: groups, configurations, free time as links, what a drawn time would cost."""

from __future__ import annotations

import re
from datetime import time, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from testbed.booking.models import Allocation, Booking, Holiday, RuleSetting
from testbed.booking.timeline import timeline
from testbed.tools.models import Loading, Supply
from tests.booking.conftest import setting, tomorrow
from tests.conftest import make_tool

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpResponse
    from django.test import Client
    from rest_framework.test import APIClient

    from testbed.people.models import Company, User
    from testbed.tools.models import Tool

    SignIn = Callable[[User], Client]
    Api = Callable[[User], APIClient]


def query(**more: Any) -> dict[str, Any]:
    return {"zoom": "day", "from": f"{tomorrow(0):%Y-%m-%d}", **more}


def text(response: Any) -> str:
    assert response.status_code == 200
    return str(response.content.decode())


def see(client: Client, **more: Any) -> str:
    return text(client.get("/book/timeline/", query(**more)))


def rows_of(viewer: User) -> Any:
    return timeline(viewer=viewer, start=tomorrow(0), days=1, now=timezone.now())


class TestChoosingTools:
    """A form of boxes, so that it works without a script; areas are links."""

    def test_the_form_keeps_the_rest_of_the_address(
        self, alice: User, sign_in: SignIn, track: Tool, cd_sem: Tool
    ) -> None:
        page = see(sign_in(alice), tool=["track"])
        assert 'value="track" id="pick-track" checked' in page
        assert 'value="cd_sem" id="pick-cd_sem">' in page
        for name, value in (query() | {"group": "area", "view": "grid"}).items():
            assert f'<input type="hidden" name="{name}" value="{value}">' in page

    def test_an_area_is_one_link_away(
        self, alice: User, sign_in: SignIn, track: Tool, cd_sem: Tool
    ) -> None:
        client = sign_in(alice)
        first = client.get("/book/timeline/", query())
        only = {one["tools"][0].code: one["only"] for one in first.context["choice"]}
        shown = client.get(f"/book/timeline/{only['cd_sem']}")
        assert [tool.code for tool in shown.context["tools"]] == ["cd_sem"]
        assert "choice" not in client.get("/book/timeline/", query(part="grid")).context


class TestWhatIsShown:
    def test_groups_by_area_by_cell_or_not(
        self, sign_in: SignIn, alice: User, cd_sem: Tool, track: Tool, scanner: Tool
    ) -> None:
        client = sign_in(alice)
        assert re.findall(r'data-key="(\w+)"', see(client)) == ["metrology", "litho"]
        by_cell = see(client, group="cell")
        assert re.findall(r'data-key="(\w+)"', by_cell) == ["litho", "alone"]
        assert "/book/?what=cell:litho" in by_cell
        assert '<details class="timeline-group"' not in see(client, group="none")

    def test_only_the_named_tools(
        self, sign_in: SignIn, alice: User, cd_sem: Tool, track: Tool, scanner: Tool
    ) -> None:
        page = see(sign_in(alice), tool=["track", "no such tool", "\x00"])
        assert 'id="tool-track"' in page
        assert 'id="tool-scanner"' not in page

    def test_free_time_is_a_link_with_its_time(
        self, sign_in: SignIn, alice: User, cd_sem: Tool, booked: Callable[..., Booking]
    ) -> None:
        booked(alice, 10)
        page = see(sign_in(alice))
        day = f"{tomorrow(0):%Y-%m-%d}"
        assert f"/book/?what=tool:cd_sem&amp;at={day}T00:00&amp;minutes=120" in page
        assert f"/book/?what=tool:cd_sem&amp;at={day}T12:00&amp;minutes=120" in page
        assert f"at={day}T10:00" not in page

    def test_who_may_not_book_gets_no_free_time(
        self, sign_in: SignIn, bob: User, technician: User, cd_sem: Tool
    ) -> None:
        for user in (bob, technician):
            page = see(sign_in(user))
            assert "/book/?what=" not in page
            assert "data-ask" not in page

    def test_only_what_has_not_begun_can_be_moved(
        self, sign_in: SignIn, alice: User, charlie: User, booked: Callable[..., Booking]
    ) -> None:
        mine, theirs = booked(alice, 10), booked(charlie, 14)
        client = sign_in(alice)
        assert f'data-b="{mine.pk}" data-t="tool:cd_sem"' in see(client)
        assert f'data-b="{theirs.pk}"' not in see(client)
        Allocation.objects.filter(booking=mine).update(
            starts_at=timezone.now() - timedelta(hours=1), ends_at=tomorrow(9)
        )
        assert f'data-b="{mine.pk}"' not in see(client)

    def test_the_booking_of_a_cell_moves_as_a_cell(
        self, sign_in: SignIn, alice: User, cell_target: Any, booked: Callable[..., Booking]
    ) -> None:
        booked(alice, 10, cell_target)
        assert see(sign_in(alice)).count('data-t="cell:litho"') == 2

    def test_hours_that_are_closed_prime_or_a_holiday_are_marked(
        self, sign_in: SignIn, alice: User
    ) -> None:
        make_tool("film", opens_at=time(9), closes_at=time(18))
        Holiday.objects.create(day=tomorrow(0).date(), name_ko="쉬는 날", name_en="Rest day")
        page = see(sign_in(alice))
        assert '<li class="shut s1 n36"' in page
        assert "쉬는 날" in page
        assert 'class="holiday s1 n96"' in page
        assert 'class="prime ' not in page

    def test_prime_time_follows_its_rule_tool_by_tool(
        self, alice: User, cd_sem: Tool, scanner: Tool
    ) -> None:
        setting("prime_time", until_hour=12)
        setting("prime_time", tool=scanner, from_hour=8)
        RuleSetting.objects.create(
            code="prime_time", parameters={"from_hour": 1},
            effective_from=timezone.now() + timedelta(days=1), tool=cd_sem,
        )  # fmt: skip
        prime = {row.tool.code: row.prime for row in rows_of(alice)}
        assert prime == {"cd_sem": (9, 12), "scanner": (8, 12)}

    def test_outages_tell_their_public_reason_and_never_the_note(
        self, sign_in: SignIn, alice: User, technician: User, cd_sem: Tool
    ) -> None:
        Allocation.objects.create(
            tool=cd_sem, kind="outage", starts_at=tomorrow(8), ends_at=tomorrow(12),
            note="valve of supplier X", reason_ko="질소 공급 중단", reason_en="No nitrogen",
        )  # fmt: skip
        page = see(sign_in(alice))
        assert "claim--outage" in page
        assert "질소 공급 중단" in page
        assert "supplier X" not in page
        assert "supplier X" in see(sign_in(technician))

    def test_what_is_loaded_is_named_unless_it_is_anothers(
        self, alice: User, charlie: User, technician: User, cd_sem: Tool, company_a: Company
    ) -> None:
        own = Supply.objects.create(
            code="r1", kind="reticle", name_ko="레티클 R1", name_en="R1", company=company_a
        )
        gas = Supply.objects.create(code="n2", kind="gas", name_ko="질소", name_en="N2")
        gone = Supply.objects.create(code="o2", kind="gas", name_ko="산소", name_en="O2")
        for supply, until in ((own, None), (gas, None), (gone, timezone.now())):
            Loading.objects.create(
                tool=cd_sem, supply=supply, loaded_at=tomorrow(0) - timedelta(9), unloaded_at=until
            )
        seen = {
            user.name: [one.words for one in rows_of(user)[0].loaded]
            for user in (alice, charlie, technician)
        }
        assert seen["alice"] == seen["technician"] == ["질소", "레티클 R1"]
        assert seen["charlie"] == ["질소", "다른 회사의 레티클"]

    @pytest.mark.parametrize("view", ["grid", "list"])
    @pytest.mark.parametrize("zoom", ["day", "week", "month"])
    def test_what_people_typed_is_escaped(
        self, sign_in: SignIn, technician: User, zoom: str, view: str
    ) -> None:
        tool = make_tool("film", name_ko="<b>film</b>")
        Allocation.objects.create(
            tool=tool, kind="closure", note="<script>1</script>", reason_ko="a\" onx='",
            starts_at=tomorrow(8), ends_at=tomorrow(9),
        )  # fmt: skip
        page = see(sign_in(technician), zoom=zoom, view=view)
        assert "<script>1" not in page
        assert "<b>film" not in page
        assert "a&quot; onx" in page

    def test_the_list_says_the_same(
        self, sign_in: SignIn, alice: User, charlie: User, booked: Callable[..., Booking]
    ) -> None:
        mine, theirs = booked(alice, 10), booked(charlie, 14)
        page = see(sign_in(alice), view="list")
        assert f'<a href="/bookings/{mine.pk}/">' in page
        assert str(theirs) not in page
        assert "14:00–16:00" in page
        assert "/book/?what=tool:cd_sem&amp;at=" in page

    @pytest.mark.parametrize("asked", [{}, {"part": "grid"}, {"part": "grid", "view": "list"}])
    def test_a_week_takes_few_queries(
        self, sign_in: SignIn, alice: User, charlie: User, booked: Callable[..., Booking],
        django_assert_max_num_queries: Any, asked: dict[str, str],
    ) -> None:  # fmt: skip
        for hour in (4, 6, 8, 10, 12):
            booked(charlie if hour % 4 else alice, hour)
        setting("prime_time")
        client = sign_in(alice)
        # Session, person, tools, claims; the frame asks for the company and the lamp (two).
        with django_assert_max_num_queries(4 if asked else 7):
            see(client, zoom="week", **asked)


class TestWhatADrawnTimeCosts:
    def ask(self, client: Client, start: int, end: int, **more: Any) -> HttpResponse:
        span = {"starts_at": tomorrow(start).isoformat(), "ends_at": tomorrow(end).isoformat()}
        answer: Any = client.get("/book/timeline/ask/", {"what": "tool:cd_sem", **span, **more})
        return answer

    def test_a_free_time_has_its_price_and_a_button_that_holds_it(
        self, sign_in: SignIn, alice: User, cd_sem: Tool
    ) -> None:
        page = text(self.ask(sign_in(alice), 10, 12))
        assert "data-free" in page
        assert "616,000원" in page  # two hours, a small company's discount, VAT
        assert 'action="/book/hold/"' in page
        assert not Booking.objects.exists()

    def test_a_taken_time_has_every_reason_and_the_nearest_slots(
        self, sign_in: SignIn, alice: User, booked: Callable[..., Booking], charlie: User
    ) -> None:
        theirs = booked(charlie, 10)
        page = text(self.ask(sign_in(alice), 9, 23))
        assert "data-free" not in page
        assert page.count("notice--bad") == 2  # taken, and longer than twelve hours
        assert str(theirs) not in page
        assert page.count('action="/book/hold/"') == 0 or "slot-when" in page

    def test_a_tool_of_a_cell_offers_the_cell(
        self, sign_in: SignIn, alice: User, scanner: Tool, track: Tool
    ) -> None:
        client = sign_in(alice)
        assert 'data-cell="cell:litho"' in text(self.ask(client, 10, 12, what="tool:scanner"))
        assert "data-cell" not in text(self.ask(client, 10, 12, what="cell:litho"))

    def test_a_move_is_previewed_and_not_made(
        self, sign_in: SignIn, alice: User, booked: Callable[..., Booking]
    ) -> None:
        mine = booked(alice, 10)
        page = text(self.ask(sign_in(alice), 14, 16, booking=mine.pk))
        assert "data-free" in page
        assert "<form" not in page
        mine.refresh_from_db()
        assert mine.starts_at == tomorrow(10)

    def test_a_move_to_where_it_is_says_so(
        self, sign_in: SignIn, alice: User, booked: Callable[..., Booking]
    ) -> None:
        page = text(self.ask(sign_in(alice), 10, 12, booking=booked(alice, 10).pk))
        assert "data-free" not in page
        assert "notice--bad" in page

    def test_anothers_booking_is_not_there(
        self, sign_in: SignIn, alice: User, charlie: User, booked: Callable[..., Booking]
    ) -> None:
        theirs = booked(charlie, 10)
        for pk in (theirs.pk, 10**30, "x", "١"):
            assert self.ask(sign_in(alice), 14, 16, booking=pk).status_code == 404

    @pytest.mark.parametrize(
        "wrong", [{"what": "tool:none"}, {"starts_at": "soon"}, {"ends_at": "9999-01-01T00:00"}]
    )
    def test_what_cannot_be_read_is_said(
        self, sign_in: SignIn, alice: User, cd_sem: Tool, wrong: dict[str, str]
    ) -> None:
        page = text(self.ask(sign_in(alice), 10, 12, **wrong))
        assert "data-free" not in page
        assert "notice--bad" in page

    def test_a_reader_may_not_ask(self, sign_in: SignIn, bob: User, cd_sem: Tool) -> None:
        assert self.ask(sign_in(bob), 10, 12).status_code == 403


class TestOverTheApi:
    def get(self, client: APIClient, **more: Any) -> Any:
        asked = {"from": tomorrow(0).isoformat(), "days": 1, **more}
        return client.get("/api/v1/timeline/", asked)

    def test_it_says_what_the_page_shows(
        self, api: Api, alice: User, charlie: User, cd_sem: Tool, track: Tool, scanner: Tool,
        booked: Callable[..., Booking],
    ) -> None:  # fmt: skip
        mine, _theirs = booked(alice, 10), booked(charlie, 14)
        gas = Supply.objects.create(code="n2", kind="gas", name_ko="질소", name_en="N2")
        Loading.objects.create(tool=scanner, supply=gas, loaded_at=timezone.now())
        Holiday.objects.create(day=tomorrow(0).date(), name_ko="쉬는 날", name_en="Rest day")
        setting("prime_time", tool=scanner)
        said = self.get(api(alice), group="cell").json()
        assert [(one["key"], one["tools"]) for one in said["groups"]] == [
            ("litho", ["scanner", "track"]),
            ("alone", ["cd_sem"]),
        ]
        assert said["holidays"] == [{"day": f"{tomorrow(0):%Y-%m-%d}", "name": "쉬는 날"}]
        rows = {row["tool"]: row for row in said["rows"]}
        assert rows["scanner"]["loaded"] == [{"kind": "gas", "name": "질소"}]
        assert rows["scanner"]["prime"] == {"from_hour": 9, "until_hour": 18}
        assert rows["cd_sem"]["prime"] is None
        assert rows["cd_sem"]["open"] == [{"starts_at": said["from"], "ends_at": said["to"]}]
        assert [(one["kind"], one["booking"]) for one in rows["cd_sem"]["blocks"]] == [
            ("pending", mine.pk),
            ("busy", None),
        ]

    def test_only_the_named_tools(self, api: Api, alice: User, cd_sem: Tool, track: Tool) -> None:
        client = api(alice)
        assert [row["tool"] for row in self.get(client, tool=["track"]).json()["rows"]] == ["track"]
        assert self.get(client, tool="none").status_code == 400
        assert self.get(client, tool="\x00").status_code == 400
        assert self.get(client, group="colour").status_code == 400

    def test_few_queries_whatever_is_asked(
        self, api: Api, alice: User, booked: Callable[..., Booking],
        django_assert_max_num_queries: Any,
    ) -> None:  # fmt: skip
        for hour in (4, 6, 8, 10, 12):
            booked(alice, hour)
        client = api(alice)
        with django_assert_max_num_queries(5):
            self.get(client, days=31)
