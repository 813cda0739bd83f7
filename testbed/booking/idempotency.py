"""A request that may arrive twice is done once: the client sends the same Idempotency-Key.

The key, the work and its answer are one transaction. A duplicate that arrives meanwhile waits
on the key's unique index, then reads the stored answer; a refused or failed request leaves
nothing behind, its key included, so that it may be tried again.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from testbed.booking.models import IdempotencyKey
from testbed.people.visitor import person
from testbed.refusals import Refusal
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from rest_framework.request import Request

    from testbed.people.models import User

HEADER = "Idempotency-Key"
ALLOWED = re.compile(r"[!-~]{1,80}")
PARAMETER = OpenApiParameter(
    HEADER,
    {"type": "string", "minLength": 1, "maxLength": 80, "pattern": "^[!-~]+$"},
    OpenApiParameter.HEADER,
    description="A key of your choice: the same request with the same key is done once.",
)


def once(request: Request, work: Callable[[], Response]) -> Response:
    """Answer with `work()`, or with what it answered before under the request's key.

    Keys belong to their user alone. Refusal "key_not_valid" (400) for an unusable key,
    "key_reused" (422) for a known key with another body.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return work()
    if not ALLOWED.fullmatch(key):
        raise Refusal(
            "key_not_valid",
            _("An Idempotency-Key is 1 to 80 visible ASCII characters."),
            status=400,
        )
    return in_transaction(lambda: _once(request, person(request), key, work))


def _once(request: Request, user: User, key: str, work: Callable[[], Response]) -> Response:
    digest = fingerprint(request.method or "", request.path, request.data)
    # Waits here while a duplicate of this request is being done in another transaction.
    IdempotencyKey.objects.bulk_create(
        [IdempotencyKey(user=user, key=key, request_sha256=digest)], ignore_conflicts=True
    )
    row = IdempotencyKey.objects.select_for_update().get(user=user, key=key)
    if row.request_sha256 != digest:
        raise Refusal(
            "key_reused",
            _("This Idempotency-Key was used for another request."),
            status=422,
            next_step=_("Choose a new key for a new request."),
        )
    if row.status is not None:
        return Response(row.body, status=row.status, headers={"Idempotent-Replayed": "true"})
    response = work()
    row.status = response.status_code
    row.body = json.loads(JSONRenderer().render(response.data))
    row.save(update_fields=["status", "body"])
    return response


def fingerprint(method: str, path: str, body: Any) -> str:
    """SHA-256 of what was asked; the order of a JSON object's keys does not matter."""
    text = json.dumps([method, path, body], sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
