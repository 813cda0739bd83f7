"""The domain log: one sentence per action, in both languages; append-only by a trigger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from testbed.people.models import Company, JournalEntry, User

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

SENTENCES: dict[str, StrOrPromise] = {
    "booking.held": _("held the slot"),
    "booking.extended": _("extended the hold"),
    "booking.placed": _("placed the booking"),
    "booking.changed": _("changed the booking"),
    "booking.handed_over": _("handed the booking over"),
    "booking.approved": _("approved the booking"),
    "booking.refused": _("refused the booking"),
    "booking.cancelled": _("cancelled the booking"),
    "booking.expired": _("let the hold expire"),
    "booking.finished": _("ended the booking early"),
    "holiday.added": _("entered a holiday"),
    "holiday.removed": _("removed a holiday"),
    "calendar.issued": _("made a calendar address"),
    "calendar.revoked": _("revoked a calendar address"),
    "lot.registered": _("registered the lot"),
    "lot.checked_in": _("checked the lot in"),
    "lot.returned": _("handed the lot back"),
    "recipe.submitted": _("submitted the recipe version"),
    "recipe.approved": _("approved the recipe version"),
    "tool.emergency_stop": _("pressed the emergency stop"),
    "tool.emergency_cleared": _("cleared the emergency stop"),
    "token.issued": _("issued an API token"),
    "token.revoked": _("revoked an API token"),
}


def record(
    *,
    actor: User | None,
    action: str,
    subject: models.Model,
    company: Company | None = None,
    **details: Any,
) -> JournalEntry:
    """Write one line; `action` must have a sentence in `SENTENCES` (KeyError otherwise)."""
    SENTENCES[action]
    return JournalEntry.objects.create(
        actor=actor,
        company=company,
        action=action,
        subject_kind=subject._meta.label_lower,
        subject_id=subject.pk,
        details=details,
    )


def sentence(entry: JournalEntry) -> str:
    """The entry in the reader's language."""
    return str(SENTENCES.get(entry.action, entry.action))
