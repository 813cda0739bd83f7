"""The wire log kept with a failed run: whose exchanges, in which order, for whose eyes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.db import ProgrammingError, transaction
from django.test import Client
from rest_framework.test import APIClient

from instruments.errors import NotConnected
from instruments.link import Exchange, Link
from testbed.people.models import User
from testbed.runs import attempt, wire
from testbed.runs.attempt import Attempt
from testbed.runs.models import Run, WireLog
from testbed.runs.states import RunState
from tests.runs.floor import Floor, drive

SignIn = Callable[[User], Client]
NOON = datetime(2026, 3, 2, 3, tzinfo=UTC)


def said(about: str, tx: str, number: int = 0) -> Exchange:
    return Exchange(NOON, tx, "ok", 1.234, "", about, number)


@pytest.fixture
def run(floor: Floor) -> Run:
    return floor.start("coat")


def test_only_what_was_said_for_this_run_is_kept(run: Run) -> None:
    mine = wire.label(run.pk, "track", 3)
    others = [wire.label(run.pk + 1, "track", 3), "", "rubbish", f"{run.pk}1/track/3"]
    kept = wire.keep(run, None, [*(said(one, "SECRET") for one in others), said(mine, "MINE")])
    assert kept is not None
    assert [row["tx"] for row in kept.exchanges] == ["MINE"]
    assert (kept.exchanges[0]["tool"], kept.exchanges[0]["step"]) == ("track", 3)
    assert kept.exchanges[0]["ms"] == 1.23


def test_the_newest_are_kept_and_nothing_is_no_log(run: Run) -> None:
    mine = wire.label(run.pk, "track", None)
    assert wire.keep(run, None, [said("", "X")]) is None
    kept = wire.keep(run, None, [said(mine, str(k)) for k in range(wire.KEPT + 7)])
    assert kept is not None
    assert [row["tx"] for row in kept.exchanges] == [str(k) for k in range(7, wire.KEPT + 7)]
    assert kept.exchanges[0]["step"] is None


def test_the_database_never_changes_a_wire_log(run: Run) -> None:
    kept = wire.keep(run, None, [said(wire.label(run.pk, "track", 1), "X")])
    assert kept is not None
    with pytest.raises(ProgrammingError), transaction.atomic():
        WireLog.objects.filter(pk=kept.pk).update(exchanges=[])
    with pytest.raises(ProgrammingError), transaction.atomic():
        kept.delete()


@pytest.mark.django_db(transaction=True)
def test_a_run_that_fails_keeps_its_wire_on_its_page(
    floor: Floor, sign_in: SignIn, alice: User, charlie: User, api: Callable[[User], APIClient],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(attempt, "PAUSES_S", ())
    run = drive(floor.start("coat"))
    assert run.state == RunState.HELD
    rows = run.wire_logs.get().exchanges
    assert {(row["tool"], row["step"]) for row in rows} == {("track", 1)}
    assert any(row["tx"] == "(open)" and "RSRC_NFOUND" in row["error"] for row in rows)
    page = sign_in(alice).get(f"/runs/{run.pk}/").content.decode()
    assert '<details class="wire">' in page
    assert "VI_ERROR_RSRC_NFOUND" in page
    found = api(alice).get(f"/api/v1/runs/{run.pk}/wire/").json()["results"]
    assert found[0]["exchanges"][0]["tool"] == "track"
    assert api(charlie).get(f"/api/v1/runs/{run.pk}/wire/").status_code == 404
    Run.objects.filter(pk=run.pk).update(state=RunState.ABORTED, ask="")
    after = sign_in(alice).get(f"/runs/{run.pk}/").content.decode()
    assert '<details class="wire">' in after


class Sent(Link):
    """A link whose log can be written by hand."""

    def hear(self, tx: str, at: float) -> None:
        self._log.append((at, tx, "", 1.0, "", self.about, self.logged))
        self.logged += 1


def test_a_clock_that_is_set_back_hides_no_command(run: Run) -> None:
    """Whether a step was sent is read off the log's numbers: its times may lie."""
    from instruments.catalogue import TOOLS

    link = Sent("TCPIP::127.0.0.1::1::SOCKET")
    link.hear('JOB:STAR "before",1\n*OPC?', NOON.timestamp())
    trial = Attempt(
        TOOLS["track"].program, TOOLS["track"].driver(link), run.steps.get(seq=1),
        pause=lambda seconds: None, prepare=lambda: None, on_trouble=lambda error: None,
        on_answer=lambda says, text: None,
    )  # fmt: skip
    assert trial._unclear(NotConnected("gone")).nothing_sent is False
    assert not trial._commanded()
    link.hear('JOB:STAR "now",1\n*OPC?', 0.0)
    assert trial._commanded()
