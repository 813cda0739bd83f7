"""Telling people that a training or a qualification of theirs ends, has ended, or was withdrawn.

The notice itself is the note that it was sent, looked for under the row's lock: two sweeps send
one, and what was renewed is told of anew when its new last day comes near.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.notices.models import Notice
from testbed.notices.said import KST, said
from testbed.notices.tell import tell
from testbed.tools.models import Qualification, Training

if TYPE_CHECKING:
    from datetime import date

    from django_stubs_ext import StrOrPromise

KIND = "training"
SOON = timedelta(days=30)
# What ended longer ago is no news any more, such as on the first day of this sweep.
LATELY = timedelta(days=7)
Held = Training | Qualification
WORDS: dict[type[Held], dict[str, StrOrPromise]] = {
    Training: {
        "ends": _("Your training “%(what)s” ends on %(day)s"),
        "ended": _("Your training “%(what)s” ended on %(day)s"),
        "withdrawn": _("Your training “%(what)s” does not count any more"),
        "then": _("After that day bookings that ask for it are refused. Take the course again."),
        "now": _("Bookings that ask for it are refused. Take the course again."),
    },
    Qualification: {
        "ends": _("Your qualification for %(what)s ends on %(day)s"),
        "ended": _("Your qualification for %(what)s ended on %(day)s"),
        "withdrawn": _("Your qualification for %(what)s does not count any more"),
        "then": _("After that day you do not operate it alone. Ask the facility to renew it."),
        "now": _("Book a requested test, or ask the facility to renew it."),
    },
}


def tell_ending(today: date | None = None) -> int:
    """Tell of every last day that is near or just over, once each; how many were told."""
    day = today or timezone.localdate()
    told = 0
    for kind in (Training, Qualification):
        near = kind._default_manager.filter(
            valid_until__range=(day - LATELY, day + SOON), user__is_active=True
        )
        told += sum(
            _remind(kind, pk, day) for pk in near.order_by("pk").values_list("pk", flat=True)
        )
    return told


def tell_withdrawn(held: Held, reason: str) -> None:
    """The person hears why; called in the transaction that takes it away."""
    words = WORDS[type(held)]
    because = said(_("The reason: %(reason)s"), reason=reason)
    _tell(held, said(words["withdrawn"], what=_what(held)), [because, words["now"]])


@transaction.atomic
def _remind(kind: type[Held], pk: int, today: date) -> bool:
    rows = kind._default_manager.select_related("user__company").filter(pk=pk)
    held = rows.select_for_update(of=("self",), skip_locked=True).first()
    last = held.valid_until if held is not None else None
    if held is None or last is None or not today - LATELY <= last <= today + SOON:
        return False
    is_over = last < today
    since = _midnight(last + timedelta(days=1) if is_over else last - SOON)
    known = Notice.objects.filter(
        reader=held.user_id, kind=KIND, path=_path(held), created_at__gte=since
    )
    if known.exists():
        return False
    words = WORDS[kind]
    subject = words["ended" if is_over else "ends"]
    _tell(
        held,
        said(subject, what=_what(held), day=last.isoformat()),
        [words["now" if is_over else "then"]],
    )
    return True


def _tell(held: Held, subject: StrOrPromise, sentences: list[StrOrPromise]) -> None:
    tell(
        to=[held.user],
        kind=KIND,
        subject=subject,
        sentences=sentences,
        path=_path(held),
        company=held.user.company,
    )


def _what(held: Held) -> object:
    """The course or the tool; its name is read in the reader's language."""
    return held.course if isinstance(held, Training) else held.tool


def _path(held: Held) -> str:
    if isinstance(held, Training):
        return f"{reverse('trainings')}#training-{held.pk}"
    return f"{reverse('qualifications')}#qualification-{held.pk}"


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, KST)
