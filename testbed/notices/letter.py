"""A mail's words: plain text and simple HTML from one template, in the reader's language."""

from __future__ import annotations

from email.encoders import encode_base64
from email.mime.base import MIMEBase
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from testbed.notices.enclose import opened
from testbed.notices.plain import one_line

if TYPE_CHECKING:
    from testbed.notices.enclose import Attachment
    from testbed.notices.models import Mail, Notice


def letter(mail: Mail) -> EmailMultiAlternatives:
    """The message to send: same rows, same message, whenever it is written."""
    return written(mail, list(mail.notices.order_by("pk")))


def written(mail: Mail, notices: list[Notice]) -> EmailMultiAlternatives:
    """The message that tells the mail's reader of these notices."""
    with translation.override(mail.reader.language):
        text = _text(mail, notices)
        message = EmailMultiAlternatives(
            subject=one_line(_subject(mail, notices)),
            body=text,
            to=[mail.reader.email],
            headers={
                "Message-ID": mail.message_id,
                "Auto-Submitted": "auto-generated",
                "List-Unsubscribe": f"<{settings.SITE_URL}/me/notices/>",
                "Content-Language": mail.reader.language,
            },
        )
        message.attach_alternative(_html(mail, str(message.subject), text), "text/html")
        for notice in notices:
            for file in opened(notice.attachments, mail.reader.email):
                message.attach(_part(file))
    return message


def _subject(mail: Mail, notices: list[Notice]) -> str:
    if mail.is_digest:
        return _("Testbed: %(count)d notices") % {"count": len(notices)}
    return notices[0].subject


def _text(mail: Mail, notices: list[Notice]) -> str:
    context = {
        "mail": mail,
        "notices": notices,
        "site": settings.SITE_URL,
        "preferences": f"{settings.SITE_URL}/me/notices/",
    }
    return render_to_string("notices/letter.txt", context).strip() + "\n"


def _html(mail: Mail, subject: str, text: str) -> str:
    """The same words; every paragraph and address of the plain text, nothing else."""
    return render_to_string("notices/letter.html", {"mail": mail, "text": text, "subject": subject})


def _part(file: Attachment) -> MIMEBase:
    """A MIME part; "text/calendar; method=REQUEST" keeps its parameters."""
    kind, _slash, rest = file.mime.partition("/")
    subtype, *parameters = (one.strip() for one in rest.split(";"))
    part = MIMEBase(kind, subtype)
    for parameter in parameters:
        key, _equals, value = parameter.partition("=")
        part.set_param(key, value)
    part.set_payload(file.content)
    encode_base64(part)
    part.add_header("Content-Disposition", "attachment", filename=file.name)
    return part
