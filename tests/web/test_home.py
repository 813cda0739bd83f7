"""The first page shows each role what is needed from them now, and nothing of another company."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from testbed.booking.models import BookingState
from testbed.people.models import User
from testbed.runs.states import RunState
from testbed.tools import states
from testbed.tools.models import E10State, Tool
from tests.world import World, make_booking

SignIn = Callable[[User], Client]


def page(client: Client, path: str = "/") -> str:
    return client.get(path).content.decode()


def test_a_visitor_reads_what_this_is(client: Client, db: None) -> None:
    shown = page(client)
    assert "소재·부품·장비를 300 mm 라인에서 검증하세요" in shown
    assert "/accounts/login/" in shown


def test_a_company_sees_its_bookings_results_and_hold(
    sign_in: SignIn, alice: User, world: World
) -> None:
    context = sign_in(alice).get("/").context
    assert list(context["next_bookings"]) == [world.booking]
    assert list(context["held"]) == [world.held]
    assert list(context["results"]) == [world.run]
    assert list(context["lots"]) == [world.lot]


def test_another_company_sees_none_of_it(sign_in: SignIn, charlie: User, world: World) -> None:
    shown = page(sign_in(charlie))
    assert world.lot.code not in shown
    assert str(world.booking) not in shown
    assert "가온소재" not in shown


def test_an_expired_hold_is_not_shown(sign_in: SignIn, alice: User, world: World) -> None:
    world.held.hold_expires_at = timezone.now() - timedelta(seconds=1)
    world.held.save(update_fields=["hold_expires_at"])
    assert list(sign_in(alice).get("/").context["held"]) == []


def test_a_technician_sees_what_stands_still_first(
    sign_in: SignIn, technician: User, alice: User, world: World, scanner: Tool
) -> None:
    run = type(world.run).objects.create(
        traveler=world.traveler,
        operation=world.run.operation.__class__.objects.create(
            route=world.run.operation.route,
            position=2,
            name_ko="다시 측정",
            name_en="Again",
            tool_kind="cd_sem",
            recipe=world.recipe,
        ),
        booking=world.booking,
        company=world.lot.company,
        tool=world.tool,
        recipe_version=world.version,
        recipe_sha256=world.version.sha256,
        state=RunState.HELD,
        started_by=technician,
    )
    states.emergency_stop(actor=technician, tool=scanner)
    context = sign_in(technician).get("/").context
    assert list(context["held_runs"]) == [run]
    assert list(context["running"]) == []
    assert [tool.code for tool in context["down"]] == ["scanner"]
    assert list(context["queue"]) == [world.booking]


def test_an_administrator_sees_exceptions_and_what_waits(
    sign_in: SignIn, administrator: User, alice: User, world: World
) -> None:
    pending = make_booking(alice, world.tool, BookingState.PENDING, 30)
    context = sign_in(administrator).get("/").context
    assert list(context["pending"]) == [pending]
    assert context["pending_count"] == 1
    assert context["ended_today"] == 1


def test_a_process_engineer_sees_signatures_that_wait(
    sign_in: SignIn, process_engineer: User, world: World
) -> None:
    assert list(sign_in(process_engineer).get("/").context["signatures"]) == []


@pytest.mark.parametrize("path", ["/board/", "/board/tiles/"])
def test_the_wall_screen_names_no_company_and_no_lot(
    sign_in: SignIn, technician: User, world: World, path: str
) -> None:
    shown = page(sign_in(technician), path)
    assert str(world.tool) in shown
    for secret in ("가온소재", "Gaon", world.lot.code, str(world.booking), str(world.run)):
        assert secret not in shown


def test_the_wall_screen_puts_what_is_down_first(
    sign_in: SignIn, technician: User, scanner: Tool, track: Tool
) -> None:
    states.enter(tool=track, state=E10State.SCHEDULED_DOWN)
    states.emergency_stop(actor=technician, tool=scanner)
    tools = sign_in(technician).get("/board/").context["tools"]
    assert [tool.code for tool in tools] == ["scanner", "track"]


def test_the_wall_screen_says_until_when(sign_in: SignIn, technician: User, world: World) -> None:
    tool = sign_in(technician).get("/board/").context["tools"][0]
    assert tool.busy_until == world.booking.ends_at
    assert tool.next_at == world.held.starts_at


def test_the_glossary_is_searched_in_both_languages(client: Client, db: None) -> None:
    for wanted in ("노광량", "dose"):
        found = page(client, f"/glossary/?q={wanted}")
        assert "노광량" in found
        assert "FOUP" not in found
    assert "맞는 용어가 없습니다" in page(client, "/glossary/?q=zzz")


def test_status_names_each_part(client: Client, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from testbed.web import status

    assert client.get("/status/").context["all_well"]
    silent = status.Part("Somewhere", "something", lambda: False)
    monkeypatch.setattr(status, "PARTS", (*status.PARTS, silent))
    response = client.get("/status/")
    assert not response.context["all_well"]
    assert "응답 없음" in response.content.decode()
