"""The floor's pages: one next thing for each job, the carrier as seen, the stop in one press."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from redis.exceptions import RedisError
from rest_framework.test import APIClient

from testbed.material.models import LotState, SlotMap
from testbed.people.models import User
from testbed.runs import doorbell, jobs
from testbed.runs.models import Run, RunEvent
from testbed.runs.states import RunState, StepState
from tests.runs.floor import Floor
from tests.runs.test_control import held

SignIn = Callable[[User], Client]
EN = {"accept-language": "en"}
AS_SEEN = {f"slot{slot}": "O" if slot <= 4 else "." for slot in range(1, 26)}


def codes(floor: Floor, area: str = "") -> list[tuple[str, str]]:
    queue = jobs.queue(floor.technician, timezone.now(), area)
    return [(job.action.code, job.operation.name_en) for job in queue]


@pytest.mark.django_db
def test_each_job_has_one_next_thing_the_most_urgent_first(floor: Floor) -> None:
    assert ("start", "coat") in codes(floor)
    assert ("clear", "expose") in codes(floor)
    run = floor.start("coat")
    assert codes(floor)[0] == ("watch", "coat")
    Run.objects.filter(pk=run.pk).update(state=RunState.SETTING_UP)
    Run.objects.filter(pk=run.pk).update(state=RunState.HELD)
    assert codes(floor)[0] == ("decide", "coat")
    assert codes(floor, "metrology") == [] or "coat" not in dict(codes(floor, "metrology")).values()
    floor.lot.state, floor.lot.carrier = LotState.REGISTERED, None
    floor.lot.save()
    assert {code for code, _name in codes(floor)} == {"decide", "check_in"}


@pytest.mark.django_db
def test_a_carrier_seen_otherwise_refuses_the_start_until_it_is_right(
    floor: Floor, sign_in: SignIn
) -> None:
    client = sign_in(floor.technician)
    carrier = floor.lot.carrier
    assert carrier is not None
    address = f"/floor/carriers/{floor.lot.code}/"
    seen = {**AS_SEEN, "carrier": carrier.code, "counted": "3", "slot2": "X"}
    text = client.post(address, seen, follow=True, headers=EN).content.decode()
    assert "Not as registered: no run starts with this carrier." in text
    assert text.index('name="slot25"') < text.index('name="slot1"')
    start = {"booking": floor.bookings["track"].pk, "operation": 1, "chosen": 1, "slot": [1]}
    answer = client.post("/runs/start/", start, headers=EN)
    assert answer.status_code == 409
    assert "2: crossed" in answer.content.decode()
    assert ("check_in", "coat") in codes(floor)
    wrong = client.post(address, {**AS_SEEN, "carrier": carrier.code, "counted": "5"})
    assert (wrong.status_code, SlotMap.objects.count()) == (422, 1)
    client.post(address, {**AS_SEEN, "carrier": carrier.code, "counted": "4"})
    assert client.post("/runs/start/", start).status_code == 302


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "value", "status"),
    [("carrier", "no\0such", 404), ("carrier", "", 404), ("slot3", "OO", 422), ("slot3", "", 422),
     ("counted", "٤", 422), ("counted", "-1", 422), ("counted", "9" * 50, 422)],
)  # fmt: skip
def test_bad_input_about_a_carrier_changes_nothing(
    floor: Floor, sign_in: SignIn, field: str, value: str, status: int
) -> None:
    carrier = floor.lot.carrier
    assert carrier is not None
    sent = {**AS_SEEN, "carrier": carrier.code, "counted": "4", field: value}
    answer = sign_in(floor.technician).post(f"/floor/carriers/{floor.lot.code}/", sent)
    assert (answer.status_code, SlotMap.objects.count()) == (status, 0)


@pytest.mark.django_db
def test_the_stop_is_one_press_for_all_of_the_staff_and_no_page_of_a_company(
    floor: Floor, sign_in: SignIn, auditor: User, alice: User
) -> None:
    run = floor.start("coat")
    page = sign_in(auditor).get(f"/floor/runs/{run.pk}/", headers=EN).content.decode()
    bar = page[page.index('class="stop-bar"') : page.index("page-head")]
    assert f'action="/runs/{run.pk}/emergency-stop/" data-again' in bar
    assert "<details" not in bar
    assert "accesskey" in bar
    sent = sign_in(auditor).post(f"/runs/{run.pk}/emergency-stop/", {"back": "floor"})
    assert sent["Location"] == f"/floor/runs/{run.pk}/"
    assert RunEvent.objects.filter(run=run, kind="run.emergency_stop", actor=auditor).exists()
    for tool in run.tools():
        assert tool.emergency_stop_at is not None
    for address in ("/floor/", "/floor/stop/", "/bays/", "/bays/litho/", f"/floor/runs/{run.pk}/"):
        assert sign_in(alice).get(address).status_code == 403
        assert sign_in(auditor).get(address).status_code == 200
    assert sign_in(alice).post("/floor/stop/", {"area": "litho"}).status_code == 403


@pytest.mark.django_db
def test_a_whole_bay_stops_and_only_that_bay(floor: Floor, sign_in: SignIn, auditor: User) -> None:
    client = sign_in(auditor)
    client.post("/floor/stop/", {"area": "litho"})
    client.post("/floor/stop/", {"area": "litho"})
    stopped = {name for name, tool in floor.tools.items() if _stopped(floor, name)}
    assert stopped == {name for name, tool in floor.tools.items() if tool.area == "litho"}
    for sent in ({}, {"area": "no-such"}, {"tool": "x\0"}, {"tool": "no-such"}):
        assert client.post("/floor/stop/", sent).status_code == 404
    one = floor.tools["cd_sem"]
    assert client.post("/floor/stop/", {"tool": one.code}).status_code == 302
    assert _stopped(floor, "cd_sem")


def _stopped(floor: Floor, name: str) -> bool:
    tool = floor.tools[name]
    tool.refresh_from_db()
    return tool.emergency_stop_at is not None


@pytest.mark.django_db
def test_the_bay_shows_run_wafer_and_step(floor: Floor, sign_in: SignIn, auditor: User) -> None:
    run = floor.start("coat", (1, 2))
    for address in ("", "tiles/"):
        text = sign_in(auditor).get(f"/bays/litho/{address}", headers=EN).content.decode()
        assert "Queued" in text
        assert "0/2" in text
        assert "Dock" in text
        assert f"/floor/runs/{run.pk}/" in text
    page = sign_in(auditor).get("/bays/litho/").content.decode()
    after = re.search(r'data-after="([^"]+)"', page)
    assert after is not None
    assert after[1] == f"{run.pk}.1"
    assert sign_in(auditor).get("/bays/no-such/").status_code == 404


@pytest.mark.django_db
def test_the_tablets_page_comes_without_valkey(
    floor: Floor, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = floor.start("coat")
    Run.objects.update(changed_at=timezone.now() - timedelta(minutes=5))
    client = sign_in(floor.technician)

    def away(*args: object, **kwargs: object) -> None:
        raise RedisError

    monkeypatch.setattr(doorbell.cache, "get", away)
    page = client.get(f"/floor/runs/{run.pk}/", headers={"accept-language": "en"})
    assert "No worker of this tool has signed in" in page.content.decode()


def test_a_held_run_is_decided_on_the_tablet(floor: Floor, sign_in: SignIn) -> None:
    run = held(floor, StepState.UNKNOWN)
    text = sign_in(floor.technician).get(f"/floor/runs/{run.pk}/", headers=EN).content.decode()
    assert "What shall happen?" in text
    assert text.count('name="back" value="floor"') >= 2


@pytest.mark.django_db
def test_the_api_looks_into_a_carrier_and_writes_a_note(
    floor: Floor, api: Callable[[User], APIClient], alice: User
) -> None:
    carrier = floor.lot.carrier
    assert carrier is not None
    path, technician = f"/api/v1/lots/{floor.lot.code}/slot-map/", api(floor.technician)
    assert technician.get(path).status_code == 404
    seen = {"carrier": carrier.code, "marks": "OOOD" + 21 * ".", "counted": 3}
    answer = technician.post(path, seen, format="json")
    assert (answer.status_code, answer.json()["differ"]) == (201, [4])
    assert api(alice).get(path).json()["marks"] == seen["marks"]
    assert api(alice).post(path, seen, format="json").status_code == 403
    for bad, status in (({"counted": 4}, 422), ({"marks": "O"}, 400), ({"carrier": "no"}, 404)):
        assert technician.post(path, seen | bad, format="json").status_code == status
    technician.post(path, seen | {"marks": "OOOO" + 21 * ".", "counted": 4}, format="json")
    notes = f"/api/v1/runs/{floor.start('coat').pk}/notes/"
    written = technician.post(notes, {"text": "thin"}, format="json")
    assert (written.status_code, written.json()["data"]) == (201, {"text": "thin"})
    assert technician.post(notes, {"text": ""}, format="json").status_code == 400
    assert api(alice).post(notes, {"text": "x"}, format="json").status_code == 403
