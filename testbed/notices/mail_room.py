"""How the mail stands, for the facility's administrator; never what it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.cache import cache
from django.db.models import Count, Min
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from redis.exceptions import RedisError

from testbed.notices import doorbell
from testbed.notices.models import Mail, MailState
from testbed.notices.send import TROUBLE
from testbed.people.permissions import demand
from testbed.refusals import Refusal

if TYPE_CHECKING:
    from datetime import datetime

    from testbed.people.models import User


@dataclass(frozen=True)
class MailRoom:
    """counts: by state; oldest: since when the longest-waiting message waits; trouble: what the
    mail server's silence looks like, empty when it answers; folder: where messages are files."""

    counts: dict[str, int]
    oldest: datetime | None
    trouble: str
    folder: str


def mail_room(*, actor: User) -> MailRoom:
    """How the mail stands now. Refusal("not_allowed", 403)."""
    demand(actor, "see_mail")
    rows = Mail.objects.visible_to(actor).order_by().values("state").annotate(count=Count("pk"))
    queued = Mail.objects.visible_to(actor).filter(state=MailState.QUEUED)
    return MailRoom(
        counts={row["state"]: row["count"] for row in rows},
        oldest=queued.aggregate(oldest=Min("created_at"))["oldest"],
        trouble=_trouble(),
        folder="" if settings.EMAIL_URL else str(settings.MAIL_FOLDER),
    )


def _trouble() -> str:
    try:
        found = cache.get(TROUBLE)
    except RedisError:
        return ""
    return str(found["error"]) if found else ""


def send_again(*, actor: User, mail: Mail) -> Mail:
    """Put a failed message back into the queue, with all its tries.

    Refusal "not_failed" (409) for any other; what is sent stays sent.
    """
    demand(actor, "see_mail")
    failed = Mail.objects.visible_to(actor).filter(pk=mail.pk, state=MailState.FAILED)
    if not failed.update(state=MailState.QUEUED, tries=0, due_at=timezone.now(), last_error=""):
        raise Refusal("not_failed", _("This message has not failed, so it is not sent again."))
    doorbell.ring_on_commit()
    return Mail.objects.get(pk=mail.pk)
