"""What people at the tool add to a run's log: a sentence, a picture, or both."""

from __future__ import annotations

import hashlib

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from testbed.people.models import User
from testbed.people.permissions import demand
from testbed.refusals import Refusal
from testbed.runs import log
from testbed.runs.models import Run, RunEvent, RunPhoto
from testbed.runs.pause import locked
from testbed.runs.pictures import cleaned
from testbed.runs.states import ENDED

LONGEST = 500


@transaction.atomic
def note(*, actor: User, run: Run, text: str = "", photo: bytes | None = None) -> RunEvent:
    """Write `text` and the picture's SHA-256 into the log of an open run.

    Sent twice (a second press, a bad connection) it stands there once. Raises Refusal:
    not_allowed (403), log_closed (409), note_empty, note_too_long, picture_unreadable (422),
    picture_too_large (413).
    """
    demand(actor, "note_run")
    text = text.strip()
    _refuse_unless_said(text, photo)
    run = locked(run)
    if run.state in ENDED:
        raise Refusal(
            "log_closed",
            _("This run has ended, and its log with it."),
            next_step=_("Write to the company under the booking instead."),
        )
    return _sentence(actor, run, text) if photo is None else _photo(actor, run, text, photo)


def _refuse_unless_said(text: str, photo: bytes | None) -> None:
    if not text and photo is None:
        raise Refusal("note_empty", _("Write a sentence or take a photo."), status=422)
    if len(text) > LONGEST:
        raise Refusal("note_too_long", _("A note has at most 500 characters."), status=422)


def _sentence(actor: User, run: Run, text: str) -> RunEvent:
    last: RunEvent | None = RunEvent.objects.filter(run=run).order_by("-seq").first()
    said = ("run.note", actor.pk, log.plain({"text": text}))
    if last is not None and (last.kind, last.actor_id, last.data) == said:
        return last
    return log.append(run=run, kind="run.note", actor=actor, text=text)


def _photo(actor: User, run: Run, text: str, sent: bytes) -> RunEvent:
    picture = cleaned(sent)
    digest = hashlib.sha256(picture.content).hexdigest()
    there: RunEvent | None = RunEvent.objects.filter(
        run=run, kind="run.photo", data__sha256=digest
    ).first()
    if there is not None:
        return there
    kept = RunPhoto.objects.create(
        run=run, sha256=digest, media_type=picture.media_type, width=picture.width,
        height=picture.height, content=picture.content, taken_by=actor,
    )  # fmt: skip
    return log.append(
        run=run, kind="run.photo", actor=actor, text=text, photo=kept.pk, sha256=digest,
        bytes=len(picture.content),
    )  # fmt: skip
