"""Whatever is changed of what a run left behind is found, and in which step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pgtrigger
import pytest
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone
from rest_framework.test import APIClient

from testbed.people.models import User
from testbed.process.models import RecipeVersion
from testbed.process.versions import body_hash
from testbed.runs import advance as engine
from testbed.runs import control, log, proof
from testbed.runs.models import Reading, Run, TraceBlock, WireLog
from tests.runs.floor import Floor, drive
from tests.runs.test_engine import working


def other_number(run: Run) -> None:
    reading = Reading.objects.filter(run=run, key="thickness")[0]
    Reading.objects.filter(pk=reading.pk).update(value=reading.value + 1e-12)


def other_unit(run: Run) -> None:
    Reading.objects.filter(run=run, key="thickness").update(unit="µm")


def removed(run: Run) -> None:
    TraceBlock.objects.filter(run=run)[0].delete()


def added(run: Run) -> None:
    reading = Reading.objects.filter(run=run)[0]
    reading.pk = None
    reading.save()


def other_bytes(run: Run) -> None:
    block = TraceBlock.objects.filter(run=run)[0]
    block.samples = bytes(block.samples)[:-1] + b"\0"
    block.save()


def other_curve(run: Run) -> None:
    """A curve that fits its own hash, but is not the one that was written."""
    one, other = TraceBlock.objects.filter(run=run).order_by("pk")[:2]
    TraceBlock.objects.filter(pk=one.pk).update(samples=other.samples, sha256=other.sha256)


def other_recipe(run: Run) -> None:
    with pgtrigger.ignore("process.RecipeVersion:signed_body_stays"):
        RecipeVersion.objects.filter(pk=run.recipe_version_id).update(body={"operation": "coat"})


def other_recipe_with_its_hash(run: Run) -> None:
    other_recipe(run)
    Run.objects.filter(pk=run.pk).update(recipe_sha256=body_hash({"operation": "coat"}))


def other_order(run: Run) -> None:
    """As if the tool had been set otherwise."""
    step = run.steps.get(kind="settings")
    step.params["settings"][0][1] = "other"
    step.save()


def other_wafer(run: Run) -> None:
    run.run_wafers.update(state="skipped")


def removed_step(run: Run) -> None:
    with pgtrigger.ignore("runs.Step:done_stays_done"):
        run.steps.get(is_process=True).delete()


def test_whatever_is_changed_is_found(
    live_floor: Floor, api: Callable[[User], APIClient], alice: User, charlie: User,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    ways = (other_number, other_unit, removed, added, other_bytes, other_curve, other_recipe,
            other_recipe_with_its_hash, other_order, other_wafer, removed_step)  # fmt: skip
    run = live_floor.run("coat", [1])
    verdict = proof.verify(run)
    assert verdict.whole
    assert verdict.data == sum(model.objects.filter(run=run).count() for model in proof.MODELS)
    address = f"/api/v1/runs/{run.pk}/verify/"
    assert api(alice).get(address).json()["whole"] is True
    assert api(charlie).get(address).status_code == 404
    for change in ways:
        with transaction.atomic():
            change(run)
            found = proof.verify(Run.objects.get(pk=run.pk))
            assert not found.whole, change.__name__
            transaction.set_rollback(True)
    other_number(run)
    assert api(alice).get(address).json()["whole"] is False
    with pytest.raises(SystemExit):
        call_command("verify_run", str(run.pk))
    assert "BROKEN" in capsys.readouterr().out


def test_a_wires_log_is_proved_and_nothing_can_be_put_beside_it(live_floor: Floor) -> None:
    run = live_floor.start("coat", [1])
    engine.advance(run.pk)
    control.abort(actor=live_floor.technician, run=run)
    assert drive(run).state == "aborted"
    assert proof.verify(run).whole
    kept = run.wire_logs.get()
    with transaction.atomic():
        WireLog.objects.create(run=run, exchanges=[])
        assert not proof.verify(run).whole
        transaction.set_rollback(True)
    with pgtrigger.ignore("runs.WireLog:append_only"):
        WireLog.objects.filter(pk=kept.pk).update(exchanges=kept.exchanges[:-1])
    assert not proof.verify(run).whole


def test_a_number_put_into_a_run_that_left_none_is_found(floor: Floor) -> None:
    run = floor.start("coat")
    assert proof.verify(run).whole
    Reading.objects.create(
        run=run, step=run.steps.all()[0], key="thickness", unit="nm", value=1.0, at=timezone.now()
    )
    assert not proof.verify(run).whole


def test_a_run_that_is_written_meanwhile_is_whole(
    transactional_db: None, floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, real = floor.start("coat"), log.digest_of

    def meanwhile(*args: Any, **kwargs: Any) -> str:
        monkeypatch.setattr(log, "digest_of", real)
        with working(lambda: log.append(run=run, kind="run.running")) as raised:
            pass
        assert raised == []
        return real(*args, **kwargs)

    monkeypatch.setattr(log, "digest_of", meanwhile)
    assert proof.verify(run).whole
    assert run.events.count() == 2
