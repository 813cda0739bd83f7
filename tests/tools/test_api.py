"""The catalogue and the emergency stop over the API."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from testbed.people.models import JournalEntry, User
from testbed.tools.models import E10State, StateSpan, Tool

Api = Callable[[User], APIClient]


def test_lists_tools_with_their_state(api: Api, alice: User, scanner: Tool, cd_sem: Tool) -> None:
    answer = api(alice).get("/api/v1/tools/").json()
    assert answer["count"] == 2
    first = next(tool for tool in answer["results"] if tool["code"] == "scanner")
    assert first["cell"] == "litho"
    assert first["state"] == E10State.STANDBY
    assert first["rate_won_per_hour"] == 2_400_000


def test_never_shows_the_tools_address(api: Api, alice: User, scanner: Tool) -> None:
    tool = api(alice).get("/api/v1/tools/scanner/").json()
    assert "visa_resource" not in tool


def test_narrows_by_area_and_cell(api: Api, alice: User, scanner: Tool, cd_sem: Tool) -> None:
    def codes(query: str) -> list[str]:
        answer = api(alice).get(f"/api/v1/tools/?{query}").json()
        return [tool["code"] for tool in answer["results"]]

    assert codes("cell=litho") == ["scanner"]
    assert codes("area=metrology") == ["cd_sem"]
    for query in ("area=nowhere", "area=%00", "cell=%00", "cell="):
        assert api(alice).get(f"/api/v1/tools/?{query}").status_code == 400


def test_a_visitor_without_a_token_is_turned_away(scanner: Tool) -> None:
    assert APIClient().get("/api/v1/tools/").status_code == 401


def test_emergency_stop_is_raised_once_and_cleared(
    api: Api, technician: User, scanner: Tool
) -> None:
    client = api(technician)
    for _press in range(2):
        answer = client.post("/api/v1/tools/scanner/emergency-stop/")
        assert answer.status_code == 200
        assert answer.json()["state"] == E10State.UNSCHEDULED_DOWN
    assert JournalEntry.objects.filter(action="tool.emergency_stop").count() == 1
    cleared = client.post("/api/v1/tools/scanner/clear-emergency-stop/").json()
    assert cleared["emergency_stop_at"] is None
    assert cleared["state"] == E10State.STANDBY
    assert StateSpan.objects.filter(tool=scanner, ended_at=None).count() == 1


@pytest.mark.parametrize("verb", ["emergency-stop", "clear-emergency-stop"])
def test_a_company_may_not_stop_a_tool(api: Api, alice: User, scanner: Tool, verb: str) -> None:
    answer = api(alice).post(f"/api/v1/tools/scanner/{verb}/")
    assert answer.status_code == 403
    assert answer.json()["code"] == "not_allowed"
    scanner.refresh_from_db()
    assert scanner.emergency_stop_at is None


def test_an_auditor_may_stop_but_not_clear(api: Api, auditor: User, scanner: Tool) -> None:
    client = api(auditor)
    assert client.post("/api/v1/tools/scanner/emergency-stop/").status_code == 200
    assert client.post("/api/v1/tools/scanner/clear-emergency-stop/").status_code == 403


def test_an_unknown_tool_is_not_found(api: Api, technician: User) -> None:
    assert api(technician).post("/api/v1/tools/nothing/emergency-stop/").status_code == 404
