"""The operator's page of the simulated fab: what it shows, what its buttons do, who may press."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from django.test import Client

from instruments.driver import TOOL_STATES
from instruments.fab.config import FabConfig, ToolConfig
from instruments.fab.control import FabControl
from instruments.fab.fab import Fab
from instruments.fab.faults import KINDS
from instruments.fab.kinds import MODELS
from testbed.ops import fab_console, fab_words
from testbed.people.models import JournalEntry, User
from testbed.refusals import Refusal
from testbed.tools.models import Tool

URL = "/ops/fab/"
SignIn = Callable[[User], Client]


@pytest.fixture(scope="module")
def playing() -> Iterator[FabControl]:
    """A fab in a thread of this process, with a scanner and a CD-SEM."""
    tools = (
        ToolConfig("scanner", "scanner", "SN-scanner"),
        ToolConfig("cd_sem", "cd_sem", "SN-cd_sem"),
    )
    fab, loop = Fab(FabConfig(tools, scale=100.0)), asyncio.new_event_loop()
    loop.run_until_complete(fab.start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield FabControl("127.0.0.1", fab.control.port)
    asyncio.run_coroutine_threadsafe(_close(fab), loop).result(timeout=30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def _close(fab: Fab) -> None:
    """End every connection: one left pending would fail whichever test runs next."""
    fab.end()
    connections = asyncio.all_tasks() - {cast("asyncio.Task[Any]", asyncio.current_task())}
    for connection in connections:
        connection.cancel()
    await asyncio.gather(*connections, return_exceptions=True)


@pytest.fixture
def fab(playing: FabControl, settings: Any, scanner: Tool, cd_sem: Tool) -> Iterator[FabControl]:
    """The fab of this installation, without faults."""
    host, port = playing._address
    settings.SIMULATED_FAB_CONTROL = f"{host}:{port}"
    yield playing
    playing.clear_faults()


def press(client: Client, do: str, **said: object) -> Any:
    return client.post(URL, {"do": do, **said})


def test_it_shows_every_tool_and_that_the_data_are_made_up(
    fab: FabControl, sign_in: SignIn, technician: User, scanner: Tool
) -> None:
    fab.fault("scanner", "hislip", "drip", count=7, match="LENS:HEAT?")
    page = sign_in(technician).get(URL, headers={"accept-language": "en"}).content.decode()
    ports = fab.overview()[0]["ports"]
    for words in ("Made-up data", "SN-scanner", "SN-cd_sem", "LENS:HEAT?", "hislip × 7"):
        assert words in page
    assert all(f"{wire} {port}" in page for wire, port in ports.items())
    assert "best_dose_mj" in page
    assert "<details>" in page


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_of_the_plan_can_be_set(
    fab: FabControl, sign_in: SignIn, technician: User, kind: str
) -> None:
    said = {"tool": "cd_sem", "kind": kind, "wire": "vxi11", "count": 2, "seconds": 3, "skip": 1,
            "match": "STAT?"}  # fmt: skip
    assert press(sign_in(technician), "fault", **said).status_code == 302
    assert fab.faults() == [said]
    line = JournalEntry.objects.get(action="fab.fault")
    assert (line.actor, line.details["kind"]) == (technician, kind)


def test_everything_the_fab_says_has_its_words() -> None:
    assert set(fab_words.FAULTS) == set(KINDS)
    counted = {"starts", "wafers", "safes", "restarts"}
    counted |= {name for model in MODELS.values() for name in model.own_counters}
    assert set(fab_words.COUNTERS) == counted
    faults = {kind for model in MODELS.values() for kind in model.process_faults}
    assert set(fab_words.QUANTITIES) == faults
    assert set(fab_words.STATES) == set(TOOL_STATES)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("ko", ["대기 <code", "전원 차단", "지연: 응답이 늦게 옵니다", "오버레이 x", "2.5 nm"]),
        ("en", ["Idle <code", "power cuts", "delay: the answer comes late", "Overlay x"]),
    ],
)
def test_what_ails_a_tool_is_said_in_the_readers_language(
    fab: FabControl, sign_in: SignIn, technician: User, language: str, words: list[str]
) -> None:
    fab.restart("scanner")
    fab.fault("scanner", "", "delay")
    fab.process_fault("scanner", "overlay_x", 2.5)
    page = sign_in(technician).get(URL, headers={"accept-language": language})
    for one in words:
        assert one in page.text, one


def test_the_buttons_do_what_they_say(
    fab: FabControl, sign_in: SignIn, administrator: User, scanner: Tool
) -> None:
    client = sign_in(administrator)
    before = fab.counters("scanner")["restarts"]
    for do in ("restart", "forget"):
        assert press(client, do, tool="scanner").status_code == 302
    assert fab.counters("scanner")["restarts"] == before + 2
    assert not fab.overview()[0]["memory_kept"]
    press(client, "reinstall", tool="scanner")
    assert fab.overview()[0]["memory_kept"]
    press(client, "freeze", tool="scanner")
    assert fab.overview()[0]["frozen"]
    fab.restart("scanner")
    fab.fault("scanner", "", "close")
    fab.fault("cd_sem", "", "close")
    press(client, "clear", tool="scanner")
    assert [one["tool"] for one in fab.faults()] == ["cd_sem"]
    press(client, "clear_all")
    assert fab.faults() == []
    written = JournalEntry.objects.filter(action__startswith="fab.").values_list(
        "action", flat=True
    )
    assert sorted(written) == sorted([
        "fab.power_cycled", "fab.power_cycled", "fab.reinstalled", "fab.frozen", "fab.cleared",
        "fab.all_cleared",
    ])  # fmt: skip


def test_a_process_goes_wrong_and_right_again(
    fab: FabControl, technician: User, scanner: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from instruments.fab.models.scanner import ScannerModel

    monkeypatch.setattr(ScannerModel, "process_faults", {"dose": "%"})
    fab_console.disturb(actor=technician, tool=scanner, kind="dose", amount=3.0)
    assert fab.overview()[0]["disturbances"] == {"dose": 3.0}
    fab_console.disturb(actor=technician, tool=scanner, kind="dose", amount=0)
    assert fab.overview()[0]["disturbances"] == {}


@pytest.mark.parametrize(
    "said",
    [
        {"kind": "gremlin"}, {"tool": "nobody"}, {"tool": "\0"}, {"wire": "gpib"}, {"count": 0},
        {"count": 10**30}, {"seconds": "nan"}, {"seconds": 601}, {"seconds": -1},
        {"match": "온도"}, {"match": "x" * 61}, {"match": "\0"}, {"count": ""},
    ],
)  # fmt: skip
def test_bad_input_is_shown_beside_its_field(
    fab: FabControl, sign_in: SignIn, technician: User, said: dict[str, Any]
) -> None:
    good = {"tool": "cd_sem", "kind": "close", "wire": "", "count": 1, "seconds": 1}
    answer = press(sign_in(technician), "fault", **good | said)
    assert answer.status_code == 422
    assert b'class="error"' in answer.content
    assert fab.faults() == []
    assert not JournalEntry.objects.filter(action="fab.fault").exists()


@pytest.mark.parametrize("said", [{"do": "dance"}, {}, {"do": "freeze", "tool": "nobody"},
                                  {"do": "clear", "tool": "\0"}])  # fmt: skip
def test_what_is_not_there_is_not_found(
    fab: FabControl, sign_in: SignIn, technician: User, said: dict[str, str]
) -> None:
    assert sign_in(technician).post(URL, said).status_code == 404


def test_a_silent_fab_is_said_and_nothing_is_written(
    sign_in: SignIn, technician: User, scanner: Tool, settings: Any
) -> None:
    settings.SIMULATED_FAB_CONTROL = "127.0.0.1:1"
    client = sign_in(technician)
    assert "응답하지 않습니다" in client.get(URL).content.decode()
    assert press(client, "freeze", tool="scanner").status_code == 302
    assert not JournalEntry.objects.filter(action__startswith="fab.").exists()


def test_without_a_simulated_fab_there_is_no_page(sign_in: SignIn, technician: User) -> None:
    client = sign_in(technician)
    assert client.get(URL).status_code == 404
    assert press(client, "clear_all").status_code == 404
    with pytest.raises(Refusal):
        fab_console.clear_all(actor=technician)


def test_companies_and_other_staff_stay_outside(
    fab: FabControl, sign_in: SignIn, alice: User, process_engineer: User, auditor: User
) -> None:
    for person in (alice, process_engineer, auditor):
        client = sign_in(person)
        assert client.get(URL).status_code == 403
        assert press(client, "clear_all").status_code == 403
        assert URL not in client.get("/tools/").content.decode()
