"""Private calendar addresses: issue, find, revoke. The secret is shown once; its digest is kept."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.booking.models import CalendarFeed, FeedKind
from testbed.people import journal
from testbed.people.models import User
from testbed.refusals import Refusal

if TYPE_CHECKING:
    from testbed.tools.models import Tool


def digest_of(token: str) -> str:
    """SHA-256; enough for a secret of 256 random bits."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


@transaction.atomic
def issue(*, actor: User, kind: str, tool: Tool | None = None) -> tuple[CalendarFeed, str]:
    """A new address for the actor's calendar of this kind; an older one stops working.

    Returns the feed and its secret. Refusal "calendar_not_valid" (422) for a tool feed without
    a tool, any other with one, or a company feed for somebody without a company.
    """
    fits = (kind == FeedKind.TOOL) == (tool is not None) and kind in FeedKind.values
    if not fits or (kind == FeedKind.COMPANY and actor.company is None):
        raise Refusal(
            "calendar_not_valid",
            _("There is no such calendar for you."),
            status=422,
            next_step=_("Choose one of the calendars that are offered."),
        )
    # Two tabs at once: the second waits here, then replaces what the first has issued.
    User.objects.select_for_update(no_key=True).get(pk=actor.pk)
    for older in CalendarFeed.objects.visible_to(actor).live().filter(kind=kind, tool=tool):
        revoke(actor=actor, feed=older)
    token = secrets.token_urlsafe(32)
    feed = CalendarFeed.objects.create(owner=actor, kind=kind, tool=tool, digest=digest_of(token))
    journal.record(actor=actor, action="calendar.issued", subject=feed, company=actor.company)
    return feed, token


def find(token: str) -> CalendarFeed | None:
    """The feed behind a secret, unless it is revoked or its owner's account is closed."""
    feeds = CalendarFeed.objects.live().filter(digest=digest_of(token), owner__is_active=True)
    return feeds.select_related("owner__company", "tool").first()


@transaction.atomic
def revoke(*, actor: User, feed: CalendarFeed) -> None:
    """Close the address for good; closing it twice changes nothing."""
    mine = CalendarFeed.objects.visible_to(actor).live().filter(pk=feed.pk)
    if mine.update(revoked_at=timezone.now()):
        journal.record(actor=actor, action="calendar.revoked", subject=feed, company=actor.company)
