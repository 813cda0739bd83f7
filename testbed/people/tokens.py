"""API tokens: issue, find, revoke. The key is shown once; the database keeps its digest."""

import hashlib
import secrets

from django.db import transaction
from django.utils import timezone

from testbed.compiled import Statement, text
from testbed.people import journal
from testbed.people.models import ApiToken, User

PREFIX = "tb_"


def digest_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


@transaction.atomic
def issue(*, actor: User, name: str) -> tuple[ApiToken, str]:
    """(token, key): the key has 256 random bits, so a plain SHA-256 is enough."""
    key = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(user=actor, name=name, digest=digest_of(key))
    journal.record(actor=actor, action="token.issued", subject=token, company=actor.company)
    return token, key


def find(key: str) -> ApiToken | None:
    """The live token for `key`, its owner active, or None."""
    found = _LIVE(digest=digest_of(key))
    return found[0] if found else None


_LIVE = Statement(
    lambda: ApiToken.objects.select_related("user__company").filter(
        digest=text("digest"), revoked_at=None, user__is_active=True
    )
)


@transaction.atomic
def revoke(*, actor: User, token: ApiToken) -> None:
    """Close the token for good; closing it twice changes nothing."""
    changed = ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(
        revoked_at=timezone.now()
    )
    if changed:
        journal.record(actor=actor, action="token.revoked", subject=token, company=actor.company)
