"""A request that may arrive twice is done once: the client sends the same Idempotency-Key.

The key, the work and its answer are one transaction. A duplicate that arrives meanwhile waits
on the key's unique index, then reads the stored answer; a refused or failed request leaves
nothing behind, its key included, so that it may be tried again.
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from testbed.booking.models import IdempotencyKey
from testbed.compiled import known_ahead
from testbed.people.visitor import person
from testbed.refusals import Refusal
from testbed.transactions import at_the_end, opened_with

if TYPE_CHECKING:
    from collections.abc import Callable

    from rest_framework.request import Request

    from testbed.people.models import User
    from testbed.prepared import Question

_WRITE = """
    INSERT INTO booking_idempotencykey ("user_id", "key", "request_sha256", "created_at")
    VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING "id"
"""
_ANSWER = """
    UPDATE booking_idempotencykey SET "status" = %s, "body" = %s::jsonb WHERE "id" = %s
"""
HEADER = "Idempotency-Key"
ALLOWED = re.compile(r"[!-~]{1,80}")
PARAMETER = OpenApiParameter(
    HEADER,
    {"type": "string", "minLength": 1, "maxLength": 80, "pattern": "^[!-~]+$"},
    OpenApiParameter.HEADER,
    description="A key of your choice: the same request with the same key is done once.",
)


class _Written(Response):
    """An answer whose JSON is written once: the client gets what is kept."""

    def __init__(self, answer: Response) -> None:
        super().__init__(answer.data, status=answer.status_code, headers=dict(answer.items()))
        self["Content-Type"] = "application/json"
        self._text: bytes = JSONRenderer().render(answer.data)

    @property
    def rendered_content(self) -> bytes:  # type: ignore[override]
        return self._text


def once(
    request: Request,
    work: Callable[[], Response],
    *,
    is_whole: bool = False,
    ahead: Question | None = None,
) -> Response:
    """Answer with `work()`, or with what it answered before under the request's key.

    Keys belong to their user alone. is_whole: `work` catches no refusal of a part of its own, so
    that the parts need no savepoints. ahead: a `Statement`'s question that `work` will ask first,
    which then goes with the key's. Refusal "key_not_valid" (400) for an unusable key,
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
    user = person(request)
    digest = fingerprint(request.method or "", request.path, request.data)
    # Waits here while a duplicate of this request is being done in another transaction.
    first: list[Question] = [(_WRITE, [user.pk, key, digest, timezone.now()])]
    first += [ahead] if ahead else []

    def answer(rows: list[list[Any]]) -> Response:
        if not rows[0]:
            return _again(user, key, digest)
        with known_ahead(ahead, rows[1]) if ahead else nullcontext():
            return _kept(rows[0][0][0], work())

    return opened_with(first, answer, is_whole=is_whole)


def _kept(pk: int, answer: Response) -> Response:
    """The answer, which stays with the key."""
    response = _Written(answer)
    at_the_end(_ANSWER, [response.status_code, response.rendered_content.decode(), pk])
    return response


def _again(user: User, key: str, digest: str) -> Response:
    row = IdempotencyKey.objects.select_for_update().get(user=user, key=key)
    if row.request_sha256 != digest:
        raise Refusal(
            "key_reused",
            _("This Idempotency-Key was used for another request."),
            status=422,
            next_step=_("Choose a new key for a new request."),
        )
    return Response(row.body, status=row.status, headers={"Idempotent-Replayed": "true"})


def fingerprint(method: str, path: str, body: Any) -> str:
    """SHA-256 of what was asked; the order of a JSON object's keys does not matter."""
    text = json.dumps([method, path, body], sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
