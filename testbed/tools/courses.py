"""Courses that tools or areas ask for, and who has passed them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.people import journal
from testbed.people.models import User
from testbed.people.permissions import demand
from testbed.people.suspend import read_reason
from testbed.refusals import Refusal
from testbed.tools.ending import tell_withdrawn
from testbed.tools.keep import keep
from testbed.tools.models import Area, Course, Tool, Training
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from django.db.models import QuerySet

    from testbed.tools.querysets import TrainingQuerySet

SOON = timedelta(days=30)
YEARS = range(2000, 2100)


def save_course(
    *,
    actor: User,
    code: str,
    name_ko: str,
    name_en: str,
    area: str = "",
    tools: Sequence[Tool] = (),
) -> Course:
    """The course called `code`, asked for on these tools and on every tool of the area.

    Raises Refusal: "not_allowed" (403), "code_not_valid", "area_not_valid" (422).
    """
    demand(actor, "manage_trainings")
    if area and area not in Area.values:
        raise Refusal("area_not_valid", _("There is no such area."), status=422)
    values = {"name_ko": name_ko, "name_en": name_en, "area": area}
    return keep(Course, actor=actor, action="course.saved", code=code, values=values, tools=tools)


def record(
    *,
    actor: User,
    user: User,
    course: Course,
    completed_on: date,
    valid_until: date | None = None,
    trainer: str = "",
) -> Training:
    """That the person passed the course on a day; passed again, the newer dates take its place.

    Days are Korea's; `valid_until` is the last one. Raises Refusal: "date_not_valid" (422),
    "account_closed" (422) for somebody who has left.
    """
    demand(actor, "manage_trainings")
    _demand_dates(completed_on, valid_until)
    if not user.is_active:
        raise Refusal(
            "account_closed",
            _("This account is closed."),
            status=422,
            fields={"person": [_("Choose somebody else.")]},
        )
    values = {
        "completed_on": completed_on, "valid_until": valid_until, "trainer": trainer,
        "recorded_by": actor,
    }  # fmt: skip

    def work() -> Training:
        passed, _made = Training.objects.update_or_create(user=user, course=course, defaults=values)
        _note(actor, "training.recorded", passed)
        return passed

    return in_transaction(work)


def withdraw(*, actor: User, training: Training, reason: str) -> None:
    """It counts no more; the journal keeps that it was held, and why it ended.

    Raises Refusal: "reason_missing" (422); "not_found" (404) when it was withdrawn meanwhile.
    """
    demand(actor, "manage_trainings")
    reason = read_reason(reason)

    def work() -> None:
        rows = Training.objects.select_related("user__company", "course")
        held = rows.select_for_update(of=("self",)).filter(pk=training.pk).first()
        if held is None:
            raise Refusal("not_found", _("There is no such training."), status=404)
        _note(actor, "training.withdrawn", held, reason)
        tell_withdrawn(held, reason)
        held.delete()

    in_transaction(work)


def ending_soon(trainings: TrainingQuerySet, today: date) -> TrainingQuerySet:
    """Those whose last day lies within 30 days from today, today's among them."""
    return trainings.filter(valid_until__range=(today, today + SOON))


def _demand_dates(completed_on: date, valid_until: date | None) -> None:
    fields = {}
    if completed_on.year not in YEARS or completed_on > timezone.localdate():
        fields["completed_on"] = [_("Choose today or an earlier day.")]
    if valid_until is not None and (valid_until < completed_on or valid_until.year not in YEARS):
        fields["valid_until"] = [_("Choose a day after the training, before the year 2100.")]
    if fields:
        raise Refusal(
            "date_not_valid",
            _("A training is over today at the latest, and is valid from its day on."),
            status=422,
            fields=fields,
        )


def _note(actor: User, action: str, held: Training, reason: str = "") -> None:
    journal.record(
        actor=actor,
        action=action,
        subject=held.course,
        company=held.user.company,
        user=held.user_id,
        person=held.user.name,
        valid_until=held.valid_until.isoformat() if held.valid_until else None,
        completed_on=held.completed_on.isoformat(),
        trainer=held.trainer,
        reason=reason,
    )


def asked_on(tool_code: str) -> QuerySet[Course]:
    """The courses that a tool asks for by itself or by its area; none for an unknown code."""
    areas = Tool.objects.filter(code=tool_code).values("area")
    return Course.objects.filter(Q(tools__code=tool_code) | Q(area__in=areas)).distinct()
