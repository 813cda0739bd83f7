"""The run's log: append-only events, each carrying the hash of the one before.

hash = SHA-256 over the previous hash, a line feed, and the event's canonical JSON (UTF-8, sorted
keys, no spaces) with run, seq, at (UTC, microseconds), actor, kind and data.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from testbed.people.models import User
from testbed.runs.causes import told
from testbed.runs.choices import BY_CODE
from testbed.runs.models import Run, RunEvent
from testbed.runs.states import ENDED
from testbed.runs.titles import titled

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

GENESIS = "0" * 64
# Kinds whose sentence begins with the tool's code: a run may have several.
ABOUT_A_TOOL = frozenset({"tool.safe_sent", "tool.safe_failed", "tool.identified"})
# The event and the run's word on its newest one, in one exchange with the database.
ADD = """
    WITH added AS (
        INSERT INTO runs_runevent
            (run_id, seq, at, actor_id, kind, data, previous_hash, hash)
        VALUES (%s, %s, %s, %s, %s, %s::jsonb, %s, %s)
        RETURNING id, run_id, seq, hash
    )
    UPDATE runs_run SET event_count = added.seq, head_hash = added.hash
    FROM added WHERE runs_run.id = added.run_id
    RETURNING added.id
"""
CLOSING = frozenset({"run.completed", "run.stopped", "run.aborted", "run.failed"})

SENTENCES: dict[str, StrOrPromise] = {
    "run.queued": _("started the run: %(steps)s steps, %(wafers)s wafers"),
    "run.split": _("%(wafers)s wafers have values of their own."),
    "sampling.deviated": _(
        "Other wafers than planned (slots %(planned)s): added %(added)s, left out %(left_out)s"
    ),
    "run.setting_up": _("The tool was taken for this run."),
    "run.running": _("The first wafer is in work."),
    "run.stop_asked": _("asked to stop after the present step"),
    "run.pause_asked": _("asked to pause before the next step: %(reason)s"),
    "run.paused_by_person": _("Paused before the next step: %(reason)s"),
    "run.paused_by_supply": _("Paused before the next step: down or settling: %(reason)s"),
    "run.resume_asked": _("asked to go on"),
    "run.resumed": _("The run goes on."),
    "run.emergency_stop": _("pressed the emergency stop"),
    "run.note": _("noted: %(text)s"),
    "run.photo": _("added a photo. %(text)s"),
    "run.abort_asked": _("asked to abort now"),
    "run.held": _("Held: %(why)s %(error)s"),
    "run.resolved": _("decided “%(choice)s”: %(note)s"),
    "run.completed": _("Completed: %(processed)s of %(wafers)s wafers."),
    "run.stopped": _("Stopped: %(processed)s of %(wafers)s wafers were processed."),
    "run.aborted": _("Aborted: %(processed)s of %(wafers)s wafers were processed."),
    "run.failed": _("Closed as failed: %(processed)s of %(wafers)s wafers were processed."),
    "tool.identified": _("%(vendor)s %(model)s, serial %(serial)s, firmware %(firmware)s answers."),
    "tool.safe_sent": _("The tool was told to go to its safe state, and confirmed it."),
    "tool.safe_failed": _("The tool could not be told to go to its safe state: %(error)s"),
    "tool.aborted": _("The tool confirmed the abort."),
    "tool.says": _("Asked about step %(step)s, the tool says: %(says)s %(message)s"),
    "lease.taken_over": _("The worker before fell silent; another took over (claim %(epoch)s)."),
    "step.intent": _("Step %(step)s is about to start: %(title)s"),
    "step.sent": _("Step %(step)s is in progress on the tool (job %(handle)s)."),
    "step.done": _(
        "Step %(step)s is done: %(readings)s readings, %(sites)s sites, %(traces)s traces."
    ),
    "step.failed": _("Step %(step)s failed: %(error)s"),
    "step.logged": _("Kept what was logged during step %(step)s: %(traces)s traces."),
    "step.unknown": _("The outcome of step %(step)s is unknown: %(error)s"),
    "step.again": _("Step %(step)s is tried again (attempt %(attempt)s): %(error)s"),
    "step.restored": _("The tool had lost step %(step)s (%(title)s); it is done again."),
    "step.skipped": _("Steps left out: %(steps)s"),
    "step.marked_done": _("Step %(step)s was judged done by a person."),
}
REASONS: dict[str, StrOrPromise] = {
    "outcome_unknown": _("it is not known what the tool did."),
    "unreachable": _("the tool does not answer."),
    "refused": _("the tool refused the step."),
    "step_failed": _("the step failed."),
    "wrong_tool": _("another instrument answers at this address."),
    "emergency_stop": _("the emergency stop was pressed."),
    "worker_lost": _("the worker was lost in the middle of a step."),
    "unforeseen": _("the software met something unforeseen."),
    "abort_unconfirmed": _("the tool did not confirm the abort."),
}
SAYS: dict[str, StrOrPromise] = {
    "done": _("done"),
    "running": _("running"),
    "failed": _("ended without success"),
    "not_started": _("never started"),
}


@dataclass(frozen=True)
class Verdict:
    """What a check of a run found; `broken_at` is the first wrong event's number, `data` how many
    readings, sites and curves were recomputed (see `testbed.runs.proof`)."""

    whole: bool
    events: int
    broken_at: int | None = None
    sentence: StrOrPromise = ""
    data: int = 0


def canonical(value: Mapping[str, Any]) -> bytes:
    """The one way of writing `value` that is hashed."""
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def plain(value: Any) -> Any:
    """`value` as it comes back from a jsonb column, so that its hash is the same for ever.

    Raises ValueError for NaN and infinities, TypeError for what JSON does not know.
    """
    if isinstance(value, Mapping):
        return {plain(str(key)): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, float):
        return _plain_float(value)
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, str | Promise):
        # PostgreSQL's text has no NUL and no lone surrogates.
        return str(value).replace("\0", "�").encode(errors="replace").decode()
    if value is None or isinstance(value, bool | int):
        return value
    raise TypeError(f"{type(value).__name__} cannot stand in the log")


def _plain_float(value: float) -> float | int:
    """jsonb keeps decimals: it knows no -0.0 and writes a large whole float as an integer."""
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError("NaN and infinity cannot stand in the log")
    if value == 0:
        return 0.0
    return int(value) if abs(value) >= 1e15 and value.is_integer() else value


def digest(
    *,
    previous: str,
    run_id: int,
    seq: int,
    at: datetime,
    actor_id: int | None,
    kind: str,
    data: Mapping[str, Any],
) -> str:
    """Hex SHA-256 of one event on top of `previous`."""
    body = {
        "run": run_id,
        "seq": seq,
        "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": actor_id,
        "kind": kind,
        "data": data,
    }
    return hashlib.sha256(previous.encode() + b"\n" + canonical(body)).hexdigest()


def append(*, run: Run | int, kind: str, actor: User | None = None, **data: Any) -> RunEvent:
    """Add one event under the run's row lock; `kind` must have a sentence (KeyError)."""
    SENTENCES[kind]
    run_id = run if isinstance(run, int) else run.pk
    clean = plain(data)
    with transaction.atomic(savepoint=False):
        return _append(run_id, kind, actor, clean)


def append_if_open(
    *, run: Run | int, kind: str, actor: User | None = None, **data: Any
) -> RunEvent | None:
    """`append`, unless the run has ended meanwhile: nothing may follow its closing event.

    For whoever writes beside the worker that may be ending the run at this moment.
    """
    run_id = run if isinstance(run, int) else run.pk
    with transaction.atomic():
        row = Run.objects.select_for_update(no_key=True).only("state").get(pk=run_id)
        if row.state in ENDED:
            return None
        return append(run=run_id, kind=kind, actor=actor, **data)


def _append(run_id: int, kind: str, actor: User | None, data: dict[str, Any]) -> RunEvent:
    row = Run.objects.select_for_update(no_key=True).only("event_count", "head_hash").get(pk=run_id)
    event = RunEvent(
        run_id=run_id,
        seq=row.event_count + 1,
        at=timezone.now(),
        actor=actor,
        kind=kind,
        data=data,
        previous_hash=row.head_hash or GENESIS,
    )
    event.hash = digest_of(event, previous=event.previous_hash)
    with connection.cursor() as cursor:
        cursor.execute(ADD, [
            run_id, event.seq, event.at, actor.pk if actor else None, kind, json.dumps(data),
            event.previous_hash, event.hash,
        ])  # fmt: skip
        [event.pk] = cursor.fetchone()
    return event


def digest_of(event: RunEvent, *, previous: str) -> str:
    """The hash that `event` should carry after `previous`."""
    return digest(
        previous=previous,
        run_id=event.run_id,
        seq=event.seq,
        at=event.at,
        actor_id=event.actor_id,
        kind=event.kind,
        data=event.data,
    )


def verify(run: Run) -> Verdict:
    """Recompute the whole chain; False on any changed, missing, added or reordered event."""
    previous, count = GENESIS, 0
    kind = ""
    for event in RunEvent.objects.filter(run=run).order_by("seq").iterator():
        count += 1
        if event.seq != count:
            return Verdict(False, count, count, _("An event is missing."))
        if event.previous_hash != previous or event.hash != digest_of(event, previous=previous):
            return Verdict(False, count, event.seq, _("An event is not what was written."))
        previous, kind = event.hash, event.kind
    run.refresh_from_db(fields=["event_count", "head_hash", "state"])
    if count != run.event_count or previous != (run.head_hash or GENESIS):
        return Verdict(False, count, count, _("The newest events are missing."))
    if run.state in ENDED and kind not in CLOSING:
        return Verdict(False, count, count, _("The closing event is missing."))
    return Verdict(True, count, None, _("Every event is as it was written."))


def sentence(event: RunEvent) -> str:
    """The event in the reader's language; numbers and names come from its data."""
    words: defaultdict[str, Any] = defaultdict(str, event.data)
    if "why" in words:
        words["why"] = str(REASONS.get(words["why"], words["why"]))
    if "error" in words:
        words["error"] = told(words["error"])
    if words["says"] == "failed":
        words["message"] = told(words["message"])
    if "says" in words:
        words["says"] = str(SAYS.get(words["says"], words["says"]))
    if "choice" in words and words["choice"] in BY_CODE:
        words["choice"] = str(BY_CODE[words["choice"]].label)
    if "step_kind" in words:
        words["title"] = titled(words["step_kind"], words["subject"], words["title"])
    said = (str(SENTENCES.get(event.kind, event.kind)) % words).strip()
    if event.kind in ABOUT_A_TOOL and words["tool"]:
        said = f"{words['tool']}: {said}"
    return f"{said} ({words['ms']:g} ms)" if isinstance(words["ms"], int | float) else said
