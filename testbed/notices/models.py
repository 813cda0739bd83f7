"""Telling people: what happened, by mail, at once or in a digest, in their own language."""

from typing import Any, ClassVar

import pgtrigger
from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from testbed.notices.kinds import Delivery
from testbed.notices.querysets import MailQuerySet, NoticeQuerySet
from testbed.people.models import Company, Language, User

DIGEST_HOUR = 8


class MailState(models.TextChoices):
    QUEUED = "queued", _("Waiting to be sent")
    SENDING = "sending", _("Being sent")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Failed")


class Mail(models.Model):
    """One message to one person: a single notice, or a day's digest of several.

    `lease_until`: until when the process that took it may still be sending. `message_id` never
    changes, so that a message repeated after a crash is the same message to the reader's mail.
    """

    reader = models.ForeignKey(User, on_delete=models.CASCADE, related_name="mails")
    state = models.CharField(max_length=8, choices=MailState.choices, default=MailState.QUEUED)
    is_digest = models.BooleanField(default=False)
    message_id = models.CharField(max_length=120, unique=True)
    tries = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=200, blank=True)

    objects = MailQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["due_at"],
                condition=models.Q(state__in=(MailState.QUEUED, MailState.SENDING)),
                name="mail_open",
            ),
            models.Index(fields=["state", "id"], name="mail_by_state"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(state=MailState.SENDING, lease_until__isnull=False)
                | (~models.Q(state=MailState.SENDING) & models.Q(lease_until=None)),
                name="mail_lease_fits_state",
            ),
            models.CheckConstraint(
                condition=models.Q(state=MailState.SENT, sent_at__isnull=False)
                | (~models.Q(state=MailState.SENT) & models.Q(sent_at=None)),
                name="mail_sent_has_time",
            ),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            # Sent is the end: nothing sends a message a second time.
            pgtrigger.FSM(
                name="state_path",
                field="state",
                transitions=[
                    ("queued", "sending"),
                    ("sending", "queued"),
                    ("sending", "sent"),
                    ("sending", "failed"),
                    ("failed", "queued"),
                ],
            ),
        ]

    def __str__(self) -> str:
        return self.message_id


class NoticeState(models.TextChoices):
    NEW = "new", _("New")
    SPREAD = "spread", _("Written to each of its readers")
    DIGEST = "digest", _("Waits for the digest")
    MAILED = "mailed", _("In a mail")
    KEPT = "kept", _("In the inbox only")


class Notice(models.Model):
    """What one person is told, in every language of the product; it stands in their inbox.

    texts: by language code, {"subject": str, "sentences": [str]}. attachments: see
    `testbed.notices.enclose`. A row with an `audience` (an action of people/permissions.py)
    instead of a reader is written out to everybody who may do that, in the background.
    """

    reader = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.CASCADE, related_name="notices"
    )
    audience = models.CharField(max_length=40, blank=True)
    kind = models.CharField(max_length=40)
    company = models.ForeignKey(
        Company, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    texts = models.JSONField()
    path = models.CharField(max_length=200, blank=True)
    attachments = models.JSONField(default=list)
    state = models.CharField(max_length=8, choices=NoticeState.choices, default=NoticeState.NEW)
    mail = models.ForeignKey(
        Mail, null=True, blank=True, on_delete=models.PROTECT, related_name="notices"
    )
    digest_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True, blank=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["reader", "-id"], name="notice_inbox"),
            models.Index(fields=["reader"], condition=models.Q(read_at=None), name="notice_unread"),
            models.Index(fields=["id"], condition=models.Q(state="new"), name="notice_new"),
            models.Index(
                fields=["digest_at"], condition=models.Q(state="digest"), name="notice_digest"
            ),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(reader__isnull=False, audience="")
                | (models.Q(reader=None) & ~models.Q(audience="")),
                name="notice_reader_or_audience",
            ),
            models.CheckConstraint(
                condition=models.Q(state=NoticeState.MAILED, mail__isnull=False)
                | (~models.Q(state=NoticeState.MAILED) & models.Q(mail=None)),
                name="notice_mail_fits_state",
            ),
            models.CheckConstraint(
                condition=~models.Q(state=NoticeState.DIGEST) | models.Q(digest_at__isnull=False),
                name="notice_digest_has_time",
            ),
        ]

    def __str__(self) -> str:
        return self.subject

    def text(self, language: str | None = None) -> dict[str, Any]:
        """Subject and sentences in `language`, or in the active one."""
        wanted = language or get_language() or Language.KOREAN
        found: dict[str, Any] = self.texts.get(wanted) or self.texts[Language.KOREAN]
        return found

    @property
    def subject(self) -> str:
        return str(self.text()["subject"])

    @property
    def sentences(self) -> list[str]:
        return list(self.text()["sentences"])


class NoticeChoice(models.Model):
    """How one person wants one kind of notice."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notice_choices")
    kind = models.CharField(max_length=40)
    delivery = models.CharField(max_length=8, choices=Delivery.choices)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "kind"], name="notice_choice_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.kind} {self.delivery}"


class DigestHour(models.Model):
    """At which hour (in Korea) a person's digest leaves; without a row at eight."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="digest_hour")
    hour = models.PositiveSmallIntegerField(default=DIGEST_HOUR, validators=[MaxValueValidator(23)])

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=models.Q(hour__lt=24), name="digest_hour_of_a_day"),
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.hour}:00"
