"""Whether a run is as it was written: its log's chain, its recipe, and every number it left.

The event that begins a step carries the SHA-256 of what the tool was asked for, the event that
closes it that of all that the step stored, and the event of a failure that of the wire's log. So
the chain of events covers them too: what was changed, added or removed shows, and where.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC
from itertools import chain
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from testbed.process.versions import body_hash
from testbed.runs import log, store
from testbed.runs.log import Verdict
from testbed.runs.models import Reading, Run, RunEvent, RunPhoto, SiteReading, Step, TraceBlock
from testbed.runs.wire import seal

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Row = Reading | SiteReading | TraceBlock
MODELS: tuple[type[Row], ...] = (Reading, SiteReading, TraceBlock)


def fingerprint(rows: Iterable[Row]) -> str:
    """Hex SHA-256 over the rows in the order in which they were stored."""
    hashed = hashlib.sha256()
    for row in rows:
        hashed.update(json.dumps(_line(row), ensure_ascii=False).encode() + b"\n")
    return hashed.hexdigest()


def _line(row: Row) -> list[Any]:
    """Everything of the row that says something, floats without loss."""
    line = [type(row).__name__, row.key, row.unit, str(row.quality), row.wafer_id]
    if isinstance(row, Reading):
        at = row.at.astimezone(UTC).isoformat(timespec="microseconds")
        return [*line, float(row.value).hex(), at]
    if isinstance(row, SiteReading):
        place = [row.field_col, row.field_row, float(row.x_mm).hex(), float(row.y_mm).hex()]
        return [*line, float(row.value).hex(), *place]
    times = [float(row.t0_s).hex(), float(row.dt_s).hex()]
    return [*line, *times, row.count, row.sha256]


# What a step without data leaves.
NOTHING = fingerprint(())


def order_hash(step: Step) -> str:
    """Hex SHA-256 of what the step asks of its tool."""
    return hashlib.sha256(log.canonical({"params": log.plain(step.params)})).hexdigest()


def verify(run: Run) -> Verdict:
    """Check chain, recipe, steps and data; the first thing not as written names itself."""
    with _at_one_moment():
        verdict = log.verify(run)
        if not verdict.whole:
            return verdict
        events = list(RunEvent.objects.filter(run=run).order_by("seq"))
        steps = list(run.steps.order_by("seq"))
        said: Sequence[StrOrPromise] = (
            _recipe(run, events), _steps(steps, events), _wafers(run, events), _wires(run, events)
        )  # fmt: skip
        wrong = next((one for one in said if one), "")
        if wrong:
            return replace(verdict, whole=False, sentence=wrong)
        return _data(run, verdict, steps, events)


@contextmanager
def _at_one_moment() -> Iterator[None]:
    """Everything read inside is as it was when this began: a run at work is written meanwhile."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _begun(events: Sequence[RunEvent]) -> dict[str, Any]:
    return next((one.data for one in events if one.kind == "run.queued"), {})


def _recipe(run: Run, events: Sequence[RunEvent]) -> StrOrPromise:
    used = _begun(events).get("recipe_sha256", run.recipe_sha256)
    if {body_hash(run.recipe_version.body), run.recipe_sha256} == {used}:
        return ""
    return _("The recipe is not what the run used.")


def _steps(steps: Sequence[Step], events: Sequence[RunEvent]) -> StrOrPromise:
    """All that were planned are there, and asked of the tool what the log says."""
    planned = _begun(events).get("steps", len(steps))
    if [step.seq for step in steps] != list(range(1, planned + 1)):
        return _("A step of the run is missing.")
    asked = {one.data["step"]: one.data["order_sha256"] for one in events
             if "order_sha256" in one.data}  # fmt: skip
    for step in steps:
        if step.seq in asked and asked[step.seq] != order_hash(step):
            words = _("What step %(step)s asked of its tool is not what was written.")
            return words % {"step": step.seq}
    return ""


def wafer_states(run: Run) -> dict[str, str]:
    """What has become of each wafer, by slot."""
    rows = run.run_wafers.values_list("wafer__slot", "state")
    return {str(slot): str(state) for slot, state in rows}


def _wafers(run: Run, events: Sequence[RunEvent]) -> StrOrPromise:
    """Of an ended run, against the event that closed it."""
    written = events[-1].data.get("wafer_states") if events else None
    if written in (None, wafer_states(run)):
        return ""
    return _("What became of a wafer is not what was written.")


def _wires(run: Run, events: Sequence[RunEvent]) -> StrOrPromise:
    """Every log of the wire against the event that it was kept with; where that was written
    before wires were hashed, one is taken as it is."""
    closed = [one.data for one in events if one.kind in ("run.held", "tool.aborted")]
    written = Counter(one["wire_sha256"] for one in closed if one.get("wire_sha256"))
    kept = Counter(seal(one) for one in run.wire_logs.all())
    unsealed = sum("wire_sha256" not in one for one in closed)
    if written <= kept and kept.total() - written.total() <= unsealed:
        return ""
    return _("What was said on the wire is not what was written.")


def _data(run: Run, verdict: Verdict, steps: Sequence[Step], events: Sequence[RunEvent]) -> Verdict:
    """Every number and curve against the event that closed its step."""
    closed = [one.data for one in events if one.kind in ("step.done", "step.logged")]
    if any("data_sha256" not in one for one in closed):
        # Written before numbers were hashed.
        return _photos(run, verdict)
    written = {one["step"]: one["data_sha256"] for one in closed}
    count = 0
    for step in steps:
        try:
            rows = list(_rows(step.pk))
            whole = fingerprint(rows) == written.get(step.seq, NOTHING)
        except store.DamagedBlock:
            whole = False
        if not whole:
            words = _("The data of step %(step)s are not what was written.") % {"step": step.seq}
            return replace(verdict, whole=False, data=count, sentence=words)
        count += len(rows)
    if not count:
        return _photos(run, verdict)
    every = _("Every event and every number is as it was written.")
    return _photos(run, replace(verdict, data=count, sentence=every))


def _photos(run: Run, verdict: Verdict) -> Verdict:
    """Every picture against the event that it came with."""
    hashes = RunEvent.objects.filter(run=run, kind="run.photo").values_list("data__sha256")
    kept = (bytes(photo.content) for photo in RunPhoto.objects.filter(run=run).iterator())
    if {one for (one,) in hashes} == {hashlib.sha256(one).hexdigest() for one in kept}:
        return verdict
    return replace(verdict, whole=False, sentence=_("A photo is not what was written."))


def _rows(step_id: int) -> Iterator[Row]:
    """The step's rows as stored; raises DamagedBlock for a curve that does not fit its hash."""
    for row in chain(*(model.objects.filter(step=step_id).order_by("pk") for model in MODELS)):
        if isinstance(row, TraceBlock):
            store.samples_of(row)
        yield row
