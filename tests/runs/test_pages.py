"""Pages of runs: who sees what, and what the controls do."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone

from testbed.outages import failures
from testbed.outages.models import Utility
from testbed.people.models import User
from testbed.runs import advance as engine
from testbed.runs import control, log, pause
from testbed.runs.models import Run, Step
from testbed.runs.states import StepState
from testbed.tools.models import Tool
from tests.runs.floor import Floor
from tests.runs.test_control import held

SignIn = Callable[[User], Client]


def test_the_queue_shows_what_runs_and_what_can_start(floor: Floor, sign_in: SignIn) -> None:
    floor.start("coat", (1,))
    page = sign_in(floor.technician).get("/runs/", headers={"accept-language": "en"})
    text = page.content.decode()
    assert page.status_code == 200
    assert "Queued" in text
    assert "Check and start" in text
    assert f"/runs/start/?booking={floor.bookings['scanner'].pk}" in text


def test_a_company_sees_its_runs_without_controls(
    floor: Floor, sign_in: SignIn, alice: User, charlie: User
) -> None:
    run = floor.start("coat")
    for address in ("", "live/", "log/"):
        answer = sign_in(alice).get(f"/runs/{run.pk}/{address}")
        assert answer.status_code == 200
        assert '<form method="post" action="/runs/' not in answer.content.decode()
        assert sign_in(charlie).get(f"/runs/{run.pk}/{address}").status_code == 404
    assert "L" in sign_in(alice).get("/runs/").content.decode()
    assert str(run) not in sign_in(charlie).get("/runs/").content.decode()
    for verb in ("stop", "abort", "resolve"):
        assert sign_in(alice).post(f"/runs/{run.pk}/{verb}/").status_code == 403
        assert sign_in(charlie).post(f"/runs/{run.pk}/{verb}/").status_code == 404
    assert sign_in(alice).get("/runs/start/?booking=1").status_code == 403


def test_the_start_page_lists_interlocks_and_starts(floor: Floor, sign_in: SignIn) -> None:
    client = sign_in(floor.technician)
    address = f"/runs/start/?booking={floor.bookings['track'].pk}"
    page = client.get(address, headers={"accept-language": "en"})
    assert "Every interlock is met." in page.content.decode()
    chosen = {"booking": floor.bookings["track"].pk, "operation": 1, "chosen": 1, "slot": [1, 3]}
    answer = client.post("/runs/start/", chosen)
    run = Run.objects.get()
    assert answer.headers["Location"] == f"/runs/{run.pk}/"
    assert list(run.run_wafers.values_list("wafer__slot", flat=True)) == [1, 3]
    again = client.post("/runs/start/", chosen)
    assert again.status_code == 409
    assert Run.objects.count() == 1


def test_choosing_other_slots_checks_again_without_the_frame(floor: Floor, sign_in: SignIn) -> None:
    answer = sign_in(floor.technician).get(
        f"/runs/start/?booking={floor.bookings['track'].pk}&operation=1&chosen=1",
        headers={"HX-Request": "true", "accept-language": "en"},
    )
    text = answer.content.decode()
    assert "<html" not in text
    assert "Choose slots that hold a wafer of this lot." in text
    assert "disabled" in text


@pytest.mark.parametrize(
    "query",
    ["", "?booking=x", "?booking=99999999999999999999", "?booking=1&operation=99", "?booking=²"],
)
def test_a_start_page_of_nothing_is_not_found(floor: Floor, sign_in: SignIn, query: str) -> None:
    assert sign_in(floor.technician).get(f"/runs/start/{query}").status_code == 404


def test_stop_and_abort_from_the_page_are_asked_for_not_claimed_done(
    floor: Floor, sign_in: SignIn
) -> None:
    run = floor.start("coat")
    client = sign_in(floor.technician)
    assert client.post(f"/runs/{run.pk}/stop/").status_code == 302
    assert client.post(f"/runs/{run.pk}/abort/").status_code == 302
    run.refresh_from_db()
    assert (run.state, run.ask) == ("queued", "abort")
    page = client.get(f"/runs/{run.pk}/", headers={"accept-language": "en"}).content.decode()
    assert "waiting for the tool to confirm" in page


def test_a_pause_from_the_page_shows_its_reason_and_ends_from_the_page(
    floor: Floor, sign_in: SignIn
) -> None:
    run = floor.start("coat")
    client = sign_in(floor.technician)
    english = {"accept-language": "en"}
    client.post(f"/runs/{run.pk}/pause/", {"reason": "look at the chuck"})
    page = client.get(f"/runs/{run.pk}/", headers=english).content.decode()
    assert "Pause asked for" in page
    assert "Do not pause" in page
    assert engine.advance(run.pk)
    page = client.get(f"/runs/{run.pk}/", headers=english).content.decode()
    assert "look at the chuck" in page
    assert "It goes on when a person lets it." in page
    assert client.get(f"/runs/{run.pk}/live/?phase=open").headers["HX-Refresh"] == "true"
    client.post(f"/runs/{run.pk}/resume/")
    run.refresh_from_db()
    assert run.state == "queued"


def test_a_pause_by_a_supply_names_it_and_when_it_will_have_settled(
    floor: Floor, sign_in: SignIn
) -> None:
    run = floor.start("coat")
    water = Utility.objects.create(code="di", name_ko="초순수", name_en="DI water")
    water.tools.set([floor.tools["track"]])
    failures.report(actor=floor.technician, utility=water)
    assert engine.advance(run.pk)
    client, english = sign_in(floor.technician), {"accept-language": "en"}
    page = client.get(f"/runs/{run.pk}/", headers=english).content.decode()
    assert "In want of: DI water." in page
    assert "once the supply is back and has settled" in page
    failures.end(actor=floor.technician, utility=water)
    pause.resume_settled()
    assert "it has settled at" in client.get(f"/runs/{run.pk}/", headers=english).content.decode()


def test_whose_run_it_is_may_press_the_emergency_stop_and_nothing_else(
    floor: Floor, sign_in: SignIn, alice: User, charlie: User
) -> None:
    run = floor.start("coat")
    page = sign_in(alice).get(f"/runs/{run.pk}/").content.decode()
    forms = set(re.findall(rf'action="/runs/{run.pk}/([a-z-]+)/"', page))
    assert forms == {"emergency-stop"}
    assert sign_in(charlie).post(f"/runs/{run.pk}/emergency-stop/").status_code == 404
    assert sign_in(alice).post(f"/runs/{run.pk}/emergency-stop/").status_code == 302
    assert all(tool.emergency_stop_at for tool in run.tools())
    assert run.events.filter(kind="run.emergency_stop", actor=alice).exists()


def test_the_live_part_asks_for_a_whole_page_when_the_controls_must_change(
    floor: Floor, sign_in: SignIn
) -> None:
    run = floor.start("coat")
    client = sign_in(floor.technician)
    assert "HX-Refresh" not in client.get(f"/runs/{run.pk}/live/?phase=open").headers
    control.stop(actor=floor.technician, run=run)
    assert client.get(f"/runs/{run.pk}/live/?phase=open").headers["HX-Refresh"] == "true"


def test_a_held_run_shows_its_evidence_and_takes_a_decision(
    floor: Floor, sign_in: SignIn, alice: User
) -> None:
    run = held(floor, "unknown", tool_says="lost", error="Timeout: JOB:STAT? said nothing")
    client = sign_in(floor.technician)
    page = client.get(f"/runs/{run.pk}/", headers={"accept-language": "en"}).content.decode()
    assert "Timeout: JOB:STAT? said nothing" in page
    assert "The tool has lost its record of jobs." in page
    assert 'value="mark_done"' in page
    assert 'value="mark_done"' not in sign_in(alice).get(f"/runs/{run.pk}/").content.decode()
    client.post(f"/runs/{run.pk}/resolve/", {"choice": "mark_done", "note": ""})
    run.refresh_from_db()
    assert run.state == "held"
    client.post(f"/runs/{run.pk}/resolve/", {"choice": "mark_done", "note": "I looked"})
    run.refresh_from_db()
    assert run.state == "running"


def test_only_who_may_clear_an_emergency_stop_is_sent_to_the_tools_page(
    floor: Floor, sign_in: SignIn, alice: User
) -> None:
    run = held(floor, "unknown", tool_says="lost")
    Tool.objects.filter(pk=run.tool_id).update(emergency_stop_at=timezone.now())
    for user, words in (
        (floor.technician, "Look at the tool, then clear it on its page."),
        (alice, "A technician looks at the tool and clears it."),
    ):
        page = sign_in(user).get(f"/runs/{run.pk}/", headers={"accept-language": "en"}).text
        assert words in page


def test_the_log_page_says_whether_the_chain_is_whole(floor: Floor, sign_in: SignIn) -> None:
    run = floor.start("coat")
    log.append(run=run, kind="tool.says", step=1, says="done", message="<script>alert(1)</script>")
    page = sign_in(floor.technician).get(f"/runs/{run.pk}/log/", headers={"accept-language": "en"})
    text = page.content.decode()
    assert "Every event is as it was written." in text
    assert "<script>alert" not in text


def test_a_run_of_25_wafers_needs_no_more_queries_than_one_of_two(
    floor: Floor, sign_in: SignIn, django_assert_max_num_queries: Callable[..., object]
) -> None:
    run = floor.start("coat", (1, 2, 3, 4))
    Step.objects.filter(run=run, seq=1).update(state=StepState.INTENT)
    client = sign_in(floor.technician)
    with django_assert_max_num_queries(23):  # type: ignore[attr-defined]
        client.get(f"/runs/{run.pk}/live/")
