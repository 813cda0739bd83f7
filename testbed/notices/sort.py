"""From notices to mails: at once, in the reader's next digest, or in the inbox alone."""

from __future__ import annotations

import uuid
from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction

from testbed.notices.kinds import KINDS, Delivery
from testbed.notices.models import (
    DIGEST_HOUR,
    DigestHour,
    Mail,
    Notice,
    NoticeChoice,
    NoticeState,
)
from testbed.notices.said import KST
from testbed.people.models import User
from testbed.people.permissions import MAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from testbed.notices.querysets import NoticeQuerySet

BATCH = 200


def sort_new(now: datetime) -> int:
    """Settle what becomes of up to 200 new notices, audiences written out first; how many.

    Each runs in a transaction of its own; rows that another process holds are left to it.
    """
    spread = _spread()
    return spread + _deliver(now)


@transaction.atomic
def _spread() -> int:
    """A notice to an audience becomes one for each person who may do what it names."""
    calls = list(_new().filter(reader=None)[:BATCH])
    for call in calls:
        people = User.objects.filter(is_active=True, role__in=MAY[call.audience])
        Notice.objects.bulk_create(_copy(call, one) for one in people)
    Notice.objects.filter(pk__in=[one.pk for one in calls]).update(state=NoticeState.SPREAD)
    return len(calls)


def _copy(call: Notice, reader: User) -> Notice:
    return Notice(
        reader=reader,
        kind=call.kind,
        company_id=call.company_id,
        texts=call.texts,
        path=call.path,
        attachments=call.attachments,
    )


def _new() -> NoticeQuerySet:
    rows = Notice.objects.filter(state=NoticeState.NEW).order_by("pk")
    return rows.select_for_update(skip_locked=True, of=("self",))


@transaction.atomic
def _deliver(now: datetime) -> int:
    rows = list(_new().filter(reader__isnull=False).select_related("reader")[:BATCH])
    readers = {row.reader_id for row in rows if row.reader_id}
    wanted = deliveries(readers)
    hours = dict(DigestHour.objects.filter(user__in=readers).values_list("user_id", "hour"))
    for row in rows:
        if row.reader is None:
            continue
        delivery = wanted.get((row.reader.pk, row.kind), _default(row.kind))
        if delivery == Delivery.OFF or not row.reader.is_active:
            row.state = NoticeState.KEPT
        elif delivery == Delivery.DIGEST:
            row.state = NoticeState.DIGEST
            row.digest_at = next_digest(now, hours.get(row.reader.pk, DIGEST_HOUR))
    single = [row for row in rows if row.state == NoticeState.NEW]
    _mail_each([[row] for row in single], now, is_digest=False)
    Notice.objects.bulk_update(rows, ["state", "digest_at", "mail"])
    return len(rows)


def deliveries(readers: Iterable[int]) -> dict[tuple[int, str], Delivery]:
    """What these people chose, by (user's pk, kind); a kind they said nothing of is missing."""
    rows = NoticeChoice.objects.filter(user__in=list(readers), kind__in=KINDS)
    return {
        (user, kind): _allowed(kind, delivery)
        for user, kind, delivery in rows.values_list("user_id", "kind", "delivery")
    }


def _allowed(kind: str, delivery: str) -> Delivery:
    """The choice, unless the kind has since become one that cannot be switched off."""
    chosen = Delivery(delivery)
    return chosen if chosen in KINDS[kind].choices() else Delivery.DIGEST


def _default(kind: str) -> Delivery:
    known = KINDS.get(kind)
    return known.delivery if known else Delivery.AT_ONCE


def next_digest(now: datetime, hour: int) -> datetime:
    """The first moment after `now` at which it is `hour` o'clock in Korea."""
    local = now.astimezone(KST)
    today = local.replace(hour=hour, minute=0, second=0, microsecond=0)
    return today if today > local else today + timedelta(days=1)


@transaction.atomic
def gather_digests(now: datetime) -> int:
    """One mail for each reader whose digest is due, with everything that waited; how many."""
    due = Notice.objects.filter(state=NoticeState.DIGEST, digest_at__lte=now).order_by("pk")
    rows = list(
        due.select_related("reader").select_for_update(skip_locked=True, of=("self",))[: BATCH * 5]
    )
    by_reader: dict[int, list[Notice]] = defaultdict(list)
    for row in rows:
        if row.reader_id:
            by_reader[row.reader_id].append(row)
    _mail_each(list(by_reader.values()), now, is_digest=True)
    Notice.objects.bulk_update(rows, ["state", "mail"])
    return len(by_reader)


def _mail_each(groups: Sequence[Sequence[Notice]], now: datetime, *, is_digest: bool) -> None:
    """A mail for each group of notices to one reader; the notices' rows are saved by the caller."""
    mails = [
        Mail(
            reader=group[0].reader,
            is_digest=is_digest,
            due_at=now,
            message_id=f"<{uuid.uuid4().hex}@{settings.MAIL_DOMAIN}>",
        )
        for group in groups
    ]
    for group, mail in zip(groups, Mail.objects.bulk_create(mails), strict=True):
        for notice in group:
            notice.mail, notice.state = mail, NoticeState.MAILED
