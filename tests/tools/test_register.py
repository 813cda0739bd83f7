"""A new machine is asked who it is, checked whole, and only then registered."""

from __future__ import annotations

import re
import shlex
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import translation

from testbed.people.models import JournalEntry, User
from testbed.refusals import Refusal
from testbed.tools import register as registering
from testbed.tools.models import StateSpan, Tool
from tests.conftest import make_tool

GIVEN = {
    "--kind": "film", "--resource": "TCPIP::127.0.0.1::hislip0,4999::INSTR", "--serial": "FLM-9",
    "--registration-number": "NFEC-9", "--name-ko": "박막 2", "--name-en": "Film 2",
    "--area": "metrology", "--contamination": "beol", "--rate": "180000",
}  # fmt: skip


def told(actor: User, *more: str, **other: str) -> str:
    """What the command writes; `other` replaces what is given."""
    given = (
        GIVEN | {"--by": actor.email} | {f"--{k.replace('_', '-')}": v for k, v in other.items()}
    )
    words = [word for pair in given.items() for word in pair]
    out = StringIO()
    call_command("register_tool", "film-2", *words, *more, stdout=out)
    return out.getvalue()


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tool is there, and is who it should be."""
    monkeypatch.setattr(
        "testbed.tools.management.commands.register_tool.identity",
        lambda tool: f"SIMFAB,FILM-300,{tool.serial},1",
    )


@pytest.mark.usefixtures("answering")
def test_a_tool_that_answers_is_registered(administrator: User) -> None:
    said = told(administrator, "--hours", "00:00-00:00", "--weekends")
    assert "film-2 is registered (SIMFAB,FILM-300,FLM-9,1)." in said
    assert "tool.film-2" in said
    tool = Tool.objects.get(code="film-2")
    assert (tool.kind, tool.is_around_the_clock, tool.works_weekends) == ("film", True, True)
    assert StateSpan.objects.get(tool=tool).state == "standby"
    entry = JournalEntry.objects.get(action="tool.registered")
    assert (entry.actor, entry.subject_id) == (administrator, tool.pk)


def test_where_nobody_answers_nothing_is_saved(administrator: User) -> None:
    with pytest.raises(CommandError, match=r"cannot be opened.*Nothing was saved"):
        told(administrator, resource="TCPIP::127.0.0.1::1::SOCKET")
    assert not Tool.objects.exists()
    assert "(not asked)" in told(administrator, "--unasked")


@pytest.mark.usefixtures("answering")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "spaceship"}, "kind: Nobody drives"),
        ({"resource": "GPIB0::1::INSTR"}, "visa_resource: This is no VISA resource name"),
        ({"rate": "-5"}, "rate_won_per_hour:"),
        ({"serial": "SN-other"}, "serial: "),
        ({"resource": "TCPIP::127.0.0.1::5::SOCKET"}, "Another tool already uses this VISA"),
        ({"cell": "nowhere"}, "no cell nowhere"),
        ({"by": "nobody@example.com"}, "Nobody has the e-mail address"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_saved(
    administrator: User, change: dict[str, str], words: str
) -> None:
    make_tool("other", visa_resource="TCPIP::127.0.0.1::5::SOCKET")
    with translation.override("en"), pytest.raises(CommandError) as refused:
        told(administrator, **change)
    assert words in str(refused.value)
    assert Tool.objects.count() == 1


@pytest.mark.usefixtures("answering")
def test_all_that_is_wrong_is_said_at_once_and_in_korean(administrator: User) -> None:
    with translation.override("ko"), pytest.raises(CommandError) as refused:
        told(administrator, kind="spaceship", resource="here", serial="")
    said = str(refused.value)
    assert [field for field in ("kind:", "visa_resource:", "serial:") if field not in said] == []
    assert "장비를 등록하지 않았습니다." in said


def test_only_an_administrator_registers(technician: User, alice: User) -> None:
    for actor in (technician, alice):
        with pytest.raises(Refusal, match="not_allowed"):
            registering.register(actor=actor, tool=Tool())


def test_the_identity_is_asked_of_the_right_kind_and_serial(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Any] = []

    class Driver:
        link = type("Link", (), {"identity": "SIMFAB,FILM-300,FLM-9,1", "close": lambda _: None})()

        def connect(self) -> None:
            asked.append("connected")

    def open_tool(*words: str) -> Driver:
        asked.extend(words)
        return Driver()

    monkeypatch.setattr(registering, "open_tool", open_tool)
    tool = Tool(kind="film", visa_resource="TCPIP::h::hislip0::INSTR", serial="FLM-9")
    assert registering.identity(tool) == "SIMFAB,FILM-300,FLM-9,1"
    assert asked == ["film", "TCPIP::h::hislip0::INSTR", "FLM-9", "connected"]


@pytest.mark.usefixtures("answering")
def test_the_command_on_the_page_is_right(administrator: User) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "developers" / "adding-a-tool.md"
    found = re.search(r"^ {4}manage\.py (register_tool (?:.*\\\n)*.*)$", page.read_text(), re.M)
    assert found
    words = shlex.split(found[1].replace("\\\n", " "))
    # The page's oven is nowhere but on the page.
    words = ["film" if word == "oven" else word for word in words]
    words[words.index("--by") + 1] = administrator.email
    call_command(*words, stdout=StringIO())
    tool = Tool.objects.get(code="oven-1")
    assert (tool.serial, tool.is_simulated, tool.name_ko) == ("OVN-0007", False, "베이크 오븐")
