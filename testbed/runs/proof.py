"""Whether a run is as it was written: its log's chain, its recipe, and every number it left.

The event that closes a step carries the SHA-256 of all that the step stored, so the chain of
events covers the data too: a changed, added or removed reading shows, and in which step.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC
from itertools import chain
from typing import Any

from django.utils.translation import gettext_lazy as _

from testbed.process.versions import body_hash
from testbed.runs import log, store
from testbed.runs.log import Verdict
from testbed.runs.models import Reading, Run, RunEvent, RunPhoto, SiteReading, TraceBlock

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


def verify(run: Run) -> Verdict:
    """Check chain, recipe and data; the first thing that is not as written names itself."""
    verdict = log.verify(run)
    if not verdict.whole:
        return verdict
    if body_hash(run.recipe_version.body) != run.recipe_sha256:
        return replace(verdict, whole=False, sentence=_("The recipe is not what the run used."))
    return _data(run, verdict)


def _data(run: Run, verdict: Verdict) -> Verdict:
    """Every number and curve against the event that closed its step."""
    kinds = ("step.done", "step.logged")
    closed = RunEvent.objects.filter(run=run, kind__in=kinds, data__has_key="data_sha256")
    written = {event.data["step"]: event.data["data_sha256"] for event in closed}
    if not written:
        return _photos(run, verdict)
    count = 0
    for step in run.steps.order_by("seq"):
        try:
            rows = list(_rows(step.pk))
            whole = fingerprint(rows) == written.get(step.seq, NOTHING)
        except store.DamagedBlock:
            whole = False
        if not whole:
            words = _("The data of step %(step)s are not what was written.") % {"step": step.seq}
            return replace(verdict, whole=False, data=count, sentence=words)
        count += len(rows)
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
