"""The tools' pages: the cards, one tool, and the emergency stop in two steps."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from testbed.people.models import User
from testbed.tools import states
from testbed.tools.models import E10State, Tool

SignIn = Callable[[User], Client]


def test_a_card_says_state_rate_hours_and_registration(
    sign_in: SignIn, alice: User, scanner: Tool
) -> None:
    page = sign_in(alice).get("/tools/").content.decode()
    for words in ("ArF 액침 스캐너", "대기", "2,400,000원", "24시간", "NFEC-scanner"):
        assert words in page


def test_cards_narrow_to_an_area(sign_in: SignIn, alice: User, scanner: Tool, cd_sem: Tool) -> None:
    client = sign_in(alice)
    tools = client.get("/tools/?area=metrology").context["tools"]
    assert [tool.code for tool in tools] == ["cd_sem"]
    assert len(client.get("/tools/?area=no-such").context["tools"]) == 2


def test_the_address_on_the_wire_is_for_the_staff(
    sign_in: SignIn, alice: User, technician: User, scanner: Tool
) -> None:
    Tool.objects.filter(pk=scanner.pk).update(visa_resource="TCPIP::127.0.0.1::hislip0::INSTR")
    assert "hislip0" not in sign_in(alice).get("/tools/scanner/").content.decode()
    assert "hislip0" in sign_in(technician).get("/tools/scanner/").content.decode()


def test_stop_and_clear_from_the_page(sign_in: SignIn, technician: User, scanner: Tool) -> None:
    client = sign_in(technician)
    assert 'class="confirm"' in client.get("/tools/scanner/").content.decode()
    assert client.post("/tools/scanner/emergency-stop/").status_code == 302
    scanner.refresh_from_db()
    assert scanner.emergency_stop_at is not None
    client.post("/tools/scanner/clear-emergency-stop/")
    scanner.refresh_from_db()
    assert scanner.emergency_stop_at is None


def test_a_company_sees_no_stop_and_is_refused_in_words(
    sign_in: SignIn, alice: User, scanner: Tool
) -> None:
    client = sign_in(alice)
    assert "emergency-stop" not in client.get("/tools/scanner/").content.decode()
    refused = client.post("/tools/scanner/emergency-stop/")
    assert refused.status_code == 403
    assert "이 역할로는 할 수 없습니다." in refused.content.decode()


def test_time_in_each_state_is_cut_at_the_window(
    sign_in: SignIn, alice: User, scanner: Tool
) -> None:
    long_ago = timezone.now() - timedelta(days=30)
    scanner.state_spans.update(started_at=long_ago)
    states.enter(tool=scanner, state=E10State.PRODUCTIVE, at=timezone.now() - timedelta(hours=6))
    spent = dict(sign_in(alice).get("/tools/scanner/").context["hours_by_state"])
    assert spent["productive"].total_seconds() == pytest.approx(6 * 3600, abs=5)
    assert spent["standby"].total_seconds() == pytest.approx(162 * 3600, abs=5)
