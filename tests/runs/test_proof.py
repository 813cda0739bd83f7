"""Whatever is changed of what a run left behind is found, and in which step."""

from __future__ import annotations

from collections.abc import Callable

import pgtrigger
import pytest
from django.core.management import call_command
from django.db import transaction
from rest_framework.test import APIClient

from testbed.people.models import User
from testbed.process.models import RecipeVersion
from testbed.runs import proof
from testbed.runs.models import Reading, Run, TraceBlock
from tests.runs.floor import Floor


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


def test_whatever_is_changed_is_found(
    live_floor: Floor, api: Callable[[User], APIClient], alice: User, charlie: User,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    ways = (other_number, other_unit, removed, added, other_bytes, other_curve, other_recipe)
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
