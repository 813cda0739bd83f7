"""Sending mail: every message once, whatever dies in between.

A process takes one message under its row's lock (queued → sending, with a lease), sends it
outside any transaction, and writes down that it is sent. Should it die in between, the lease
runs out and the message is sent again under the same Message-ID: to the reader's mail program
it is the same message.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import datetime, timedelta
from smtplib import SMTPException, SMTPRecipientsRefused
from typing import TYPE_CHECKING

from django.core.cache import cache
from django.core.mail import get_connection
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from testbed.notices.letter import letter
from testbed.notices.models import Mail, MailState
from testbed.notices.plain import one_line

if TYPE_CHECKING:
    from django.core.mail.backends.base import BaseEmailBackend

    from testbed.notices.querysets import MailQuerySet

log = logging.getLogger(__name__)
# How long a process may be sending one message before another takes it over.
LEASE = timedelta(minutes=5)
# Minutes until the next try; who has none left has failed.
PAUSES = (1, 5, 15, 60, 240, 720)
MOST_TRIES = len(PAUSES) + 1
BATCH = 100
TROUBLE = "notices:mail_server"


def send_due(now: datetime | None = None, most: int = BATCH) -> int:
    """Send what is due, at most `most` messages; how many got through.

    A mail server that does not answer costs no message one of its tries: nothing is taken, and
    the next sweep knocks again.
    """
    if not _due(now or timezone.now()).exists():
        return 0
    connection = get_connection()
    if not _opened(connection):
        return 0
    sent = 0
    try:
        for _turn in range(most):
            mail = take(now or timezone.now())
            if mail is None:
                break
            sent += _send(mail, connection)
    finally:
        _close(connection)
    return sent


def _opened(connection: BaseEmailBackend) -> bool:
    try:
        connection.open()
    except (SMTPException, OSError) as error:
        log.warning("the mail server does not answer: %s", error)
        told = {"at": timezone.now().isoformat(), "error": one_line(error)}
        cache.set(TROUBLE, told, timeout=86_400)
        return False
    cache.delete(TROUBLE)
    return True


def _close(connection: BaseEmailBackend) -> None:
    # A connection that died is closed already.
    with suppress(SMTPException, OSError):
        connection.close()


def _due(now: datetime) -> MailQuerySet:
    queued = Q(state=MailState.QUEUED, due_at__lte=now)
    abandoned = Q(state=MailState.SENDING, lease_until__lte=now)
    return Mail.objects.filter(queued | abandoned).order_by("due_at", "pk")


def take(now: datetime) -> Mail | None:
    """The next message, now this process's alone until its lease runs out; None without any."""
    with transaction.atomic():
        rows = _due(now).select_for_update(skip_locked=True, of=("self",))
        mail = rows.select_related("reader").first()
        if mail is None:
            return None
        mail.state, mail.lease_until = MailState.SENDING, now + LEASE
        mail.tries += 1
        mail.save(update_fields=["state", "lease_until", "tries"])
        return mail


def _send(mail: Mail, connection: BaseEmailBackend) -> bool:
    """Whether it got through. Any failure is written on its row: one message stops no other."""
    try:
        connection.send_messages([letter(mail)])
    except Exception as error:
        log.warning("mail %s: %s", mail.pk, error, exc_info=not _is_usual(error))
        _close(connection)
        _leave(mail, error)
        return False
    _mine(mail).update(state=MailState.SENT, sent_at=timezone.now(), lease_until=None)
    return True


def _is_usual(error: Exception) -> bool:
    return isinstance(error, SMTPException | OSError)


def _mine(mail: Mail) -> MailQuerySet:
    """The row, unless its lease ran out and another process took it meanwhile."""
    return Mail.objects.filter(pk=mail.pk, state=MailState.SENDING, tries=mail.tries)


def _leave(mail: Mail, error: Exception) -> None:
    """Back into the queue after a pause that grows, or failed for good."""
    text = one_line(f"{type(error).__name__}: {error}")
    if mail.tries >= MOST_TRIES or _is_final(error):
        _mine(mail).update(state=MailState.FAILED, lease_until=None, last_error=text)
        return
    pause = timedelta(minutes=PAUSES[mail.tries - 1])
    _mine(mail).update(
        state=MailState.QUEUED,
        lease_until=None,
        due_at=timezone.now() + pause,
        last_error=text,
    )


def _is_final(error: Exception) -> bool:
    """True when the mail server will not have this reader's address, now or later (5xx)."""
    if not isinstance(error, SMTPRecipientsRefused):
        return False
    return all(code >= 500 for code, _text in error.recipients.values())
