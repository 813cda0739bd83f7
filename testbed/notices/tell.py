"""The one verb with which every part of the product tells people something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils import translation

from testbed.compiled import insert
from testbed.notices import doorbell
from testbed.notices.kinds import KINDS
from testbed.notices.models import Notice
from testbed.notices.plain import one_line
from testbed.people.permissions import MAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django_stubs_ext import StrOrPromise

    from testbed.notices.enclose import Attachment, Drawn
    from testbed.people.models import Company, User


def tell(
    *,
    to: Iterable[User],
    kind: str,
    subject: StrOrPromise,
    sentences: Sequence[StrOrPromise],
    path: str = "",
    attachments: Sequence[Attachment | Drawn] = (),
    company: Company | None = None,
    audience: str = "",
) -> list[Notice]:
    """Tell each of `to` once; one insert in the caller's transaction, the mail after its commit.

    kind: a code of KINDS (KeyError otherwise). subject, sentences: lazy (`said(...)` for those
    with figures); they are read once in each language of the product. path: where the reader
    sees more, from "/". audience: an action; everybody who may do it is told too (KeyError for
    an unknown one), found in the background. company: whom it is about. Who wants no mail of
    this kind, or a digest, is settled when the mail is due.
    """
    return post(
        compose(
            to=to,
            kind=kind,
            subject=subject,
            sentences=sentences,
            path=path,
            attachments=attachments,
            company=company,
            audience=audience,
        )
    )


def post(notices: list[Notice]) -> list[Notice]:
    """Write what was composed, in one insert, and ring for the mail after the commit."""
    if notices:
        insert(notices)
        doorbell.ring_on_commit()
    return notices


def compose(
    *,
    to: Iterable[User],
    kind: str,
    subject: StrOrPromise,
    sentences: Sequence[StrOrPromise],
    path: str = "",
    attachments: Sequence[Attachment | Drawn] = (),
    company: Company | None = None,
    audience: str = "",
) -> list[Notice]:
    """The notices of `tell`, not yet written: several kinds of them cost one insert together."""
    KINDS[kind]
    files = [one.as_json() for one in attachments]
    texts = {code: _words(code, subject, sentences) for code, _name in settings.LANGUAGES}
    common: dict[str, Any] = {
        "kind": kind, "company": company, "texts": texts, "path": path, "attachments": files,
    }  # fmt: skip
    readers = {one.pk: one for one in to if one.is_active}
    rows = [Notice(reader=one, **common) for one in readers.values()]
    if audience:
        MAY[audience]
        rows.append(Notice(audience=audience, **common))
    return rows


def _words(
    language: str, subject: StrOrPromise, sentences: Sequence[StrOrPromise]
) -> dict[str, Any]:
    # PostgreSQL's JSON takes no NUL, and no line of a mail has use for one.
    with translation.override(language):
        told = [str(one).replace("\x00", " ").strip() for one in sentences]
        return {"subject": one_line(subject), "sentences": [one for one in told if one]}
