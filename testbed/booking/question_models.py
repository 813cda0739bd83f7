"""What the facility asks a company about a request that waits, and what the company answers."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from testbed.booking.querysets import QuestionQuerySet
from testbed.people.models import User

LONGEST = 500


class Question(models.Model):
    """One question about one booking. Append-only but for its one answer."""

    booking = models.ForeignKey(
        "booking.Booking", on_delete=models.PROTECT, related_name="questions"
    )
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(auto_now_add=True)
    text = models.CharField(max_length=LONGEST)
    answer = models.CharField(max_length=LONGEST, blank=True)
    answered_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    answered_at = models.DateTimeField(null=True, blank=True)

    objects = QuestionQuerySet.as_manager()

    class Meta:
        ordering = ("asked_at", "pk")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["booking"],
                condition=Q(answered_at=None),
                name="question_one_open",
                violation_error_message=_("This booking has a question that waits already."),
            ),
            models.CheckConstraint(
                condition=Q(answered_at=None, answered_by=None, answer="")
                | (Q(answered_at__isnull=False, answered_by__isnull=False) & ~Q(answer="")),
                name="question_answer_whole",
                violation_error_message=_("An answer has a text, an author and a time."),
            ),
            models.CheckConstraint(
                condition=~Q(text=""),
                name="question_has_text",
                violation_error_message=_("A question has a text."),
            ),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="answered_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__answered_at__isnull=False)
                | pgtrigger.Q(old__text__df=pgtrigger.F("new__text"))
                | pgtrigger.Q(old__booking_id__df=pgtrigger.F("new__booking_id"))
                | pgtrigger.Q(old__asked_by_id__df=pgtrigger.F("new__asked_by_id"))
                | pgtrigger.Q(old__asked_at__df=pgtrigger.F("new__asked_at")),
            ),
        ]

    def __str__(self) -> str:
        return self.text
