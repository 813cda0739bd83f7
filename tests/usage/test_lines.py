"""One priced line for each ended run: right, once, and also when the signal was lost."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from testbed.people.models import SizeClass
from testbed.runs.models import Run, RunEvent
from testbed.runs.signals import run_ended
from testbed.runs.states import RunState
from testbed.tools.models import StateSpan
from testbed.usage import ended as ended_module
from testbed.usage import lines, tasks
from testbed.usage.lines import settle
from testbed.usage.models import UsageLine
from testbed.usage.run_time import disagree, log_of, wall_seconds, wall_seconds_from_log
from tests.usage.conftest import Ended


@pytest.fixture(autouse=True)
def clock(settings: Any) -> None:
    settings.FAB_CLOCK_SCALE = 36.0


def test_a_simulated_tools_clock_and_the_companys_discount_make_the_price(ended: Ended) -> None:
    line = settle(run=ended(seconds=100.0))
    assert line is not None
    assert line.tool_seconds == pytest.approx(3_600)  # 100 s, 36 times faster
    assert line.rate_won_per_hour == line.service_won == 2_400_000
    assert (line.discount_percent, line.discount_won) == (20, 480_000)
    assert (line.supply_won, line.vat_won, line.total_won) == (1_920_000, 192_000, 2_112_000)
    assert line.wafers == 2


def test_a_real_tools_clock_is_the_wall_clock(ended: Ended) -> None:
    run = ended(seconds=1_800.0)
    run.tool.is_simulated = False
    line = settle(run=run)
    assert line is not None
    assert (line.tool_seconds, line.service_won) == (pytest.approx(1_800), 1_200_000)


@pytest.mark.parametrize(
    ("size", "percent"),
    [(SizeClass.ACADEMIA, 30), (SizeClass.SME, 20), (SizeClass.LARGE, 5), (SizeClass.INSTITUTE, 5)],
)
def test_each_group_has_its_discount(ended: Ended, size: SizeClass, percent: int) -> None:
    run = ended()
    run.company.size_class = size
    line = settle(run=run)
    assert line is not None
    assert line.discount_percent == percent
    assert line.discount_won == line.service_won * percent // 100


def test_settling_twice_changes_nothing_even_when_the_rate_has_risen(ended: Ended) -> None:
    run = ended()
    first = settle(run=run)
    run.tool.rate_won_per_hour *= 2
    run.tool.save()
    assert settle(run=Run.objects.get(pk=run.pk)) == first
    assert UsageLine.objects.get().rate_won_per_hour == 2_400_000


def test_time_on_hold_is_not_charged(ended: Ended) -> None:
    run = ended(seconds=100.0, held=500.0)
    assert wall_seconds(run) == pytest.approx(100)
    assert wall_seconds_from_log(log_of(run)) == pytest.approx(100)
    line = settle(run=run)
    assert line is not None
    assert line.tool_seconds == pytest.approx(3_600)


def test_log_and_tool_states_check_each_other(
    ended: Ended, caplog: pytest.LogCaptureFixture
) -> None:
    run = ended(seconds=100.0)
    assert disagree(run) < 0.001
    StateSpan.objects.filter(run_id=run.pk).delete()
    assert disagree(run) == pytest.approx(100)
    with caplog.at_level(logging.WARNING):
        settle(run=run)
    assert "differ by 100.0 s" in caplog.text


@pytest.mark.parametrize("choice", ["abort", "close"])
def test_a_decision_to_end_is_no_work(ended: Ended, choice: str) -> None:
    run = ended(seconds=100.0, held=500.0)
    events = [(k, at, choice if k == "run.resolved" else c) for k, at, c in log_of(run)]
    assert wall_seconds_from_log(events) == pytest.approx(50)


@pytest.mark.parametrize("state", [RunState.ABORTED, RunState.FAILED, RunState.STOPPED])
def test_time_is_charged_however_the_run_ended(ended: Ended, state: RunState) -> None:
    assert settle(run=ended(state=state)) is not None


def test_runs_that_never_took_the_tool_or_still_go_have_no_line(ended: Ended) -> None:
    run = ended()
    run.started_at = None
    assert settle(run=run) is None
    run = Run.objects.get(pk=run.pk)
    run.state = RunState.HELD
    assert settle(run=run) is None
    assert not UsageLine.objects.exists()


def test_the_end_of_a_run_writes_its_line(ended: Ended) -> None:
    run = ended()
    run_ended.send(Run, run=run)
    assert UsageLine.objects.get().run == run


def test_a_failing_database_leaves_the_line_to_the_sweep(
    ended: Ended, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run = ended()

    def fail(**_named: object) -> None:
        raise DatabaseError

    monkeypatch.setattr(ended_module, "settle", fail)
    run_ended.send(Run, run=run)
    assert not UsageLine.objects.exists()
    assert "waits for the sweep" in caplog.text
    assert tasks.settle_missed() == 1
    assert tasks.settle_missed() == 0
    assert UsageLine.objects.get().run == run


def test_the_sweep_is_on_beats_schedule() -> None:
    from testbed.celery import app

    entry = app.conf.beat_schedule["usage.settle_missed"]
    assert entry["task"] == tasks.settle_missed.name


def test_lines_are_never_changed_nor_deleted(ended: Ended) -> None:
    line = settle(run=ended())
    assert line is not None
    for change in (lambda: UsageLine.objects.update(total_won=0), line.delete):
        with (
            pytest.raises(DatabaseError, match="append_only|Cannot update or delete"),
            transaction.atomic(),
        ):
            change()


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_eight_threads_write_one_line(ended: Ended) -> None:
    run = ended()
    barrier, failures = threading.Barrier(8), []

    def work() -> None:
        try:
            barrier.wait(10)
            lines.settle(run=Run.objects.get(pk=run.pk))
        except DatabaseError as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    assert UsageLine.objects.count() == 1
    assert RunEvent.objects.filter(run=run).exists()
