"""Whose training or qualification ends hears of it in time, once, and again after a renewal."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest
import time_machine
from django.utils import timezone

from testbed.notices.models import Notice
from testbed.notices.said import KST
from testbed.people.models import User
from testbed.tools import courses, qualify
from testbed.tools.ending import tell_ending
from testbed.tools.models import Course, Qualification, Tool, Training

pytestmark = pytest.mark.django_db
WHY = "The certificate was another person's"


@pytest.fixture
def course(scanner: Tool) -> Course:
    made = Course.objects.create(code="laser", name_ko="레이저 안전", name_en="Laser safety")
    made.tools.add(scanner)
    return made


@pytest.fixture
def training(alice: User, course: Course) -> Training:
    today = timezone.localdate()
    return Training.objects.create(
        user=alice, course=course, completed_on=today, valid_until=today + timedelta(days=31)
    )


def subjects(user: User) -> list[str]:
    found = Notice.objects.filter(kind="training", reader=user).order_by("pk")
    return [one.text("en")["subject"] for one in found]


def told(day: date) -> int:
    """What a sweep tells on the morning of that day."""
    with time_machine.travel(datetime.combine(day, time(9), KST), tick=False):
        return tell_ending()


def test_once_thirty_days_before_and_once_after(alice: User, training: Training) -> None:
    last = training.valid_until
    assert last is not None
    news = [told(last + timedelta(days=days)) for days in (-31, -30, -29, 0, 1, 2, 8)]
    assert news == [0, 1, 0, 0, 1, 0, 0]
    assert subjects(alice) == [
        f"Your training “Laser safety” ends on {last}",
        f"Your training “Laser safety” ended on {last}",
    ]


def test_what_ended_long_ago_or_never_ends_is_no_news(
    alice: User, training: Training, cd_sem: Tool
) -> None:
    Qualification.objects.create(user=alice, tool=cd_sem, granted_at=timezone.now())
    assert training.valid_until is not None
    assert told(training.valid_until + timedelta(days=8)) == 0


def test_a_renewed_one_is_told_of_anew(alice: User, training: Training) -> None:
    today = timezone.localdate()
    assert told(today + timedelta(days=1)) == 1
    Training.objects.update(valid_until=today + timedelta(days=200))
    assert [told(today + timedelta(days=days)) for days in (2, 170, 171)] == [0, 1, 0]
    assert len(subjects(alice)) == 2


def test_a_withdrawal_says_why(
    alice: User, process_engineer: User, training: Training, cd_sem: Tool
) -> None:
    courses.withdraw(actor=process_engineer, training=training, reason=WHY)
    held = qualify.grant(actor=process_engineer, user=alice, tool=cd_sem)
    qualify.withdraw(actor=process_engineer, qualification=held, reason=WHY)
    first, second = Notice.objects.filter(kind="training", reader=alice).order_by("pk")
    assert "레이저 안전" in first.text("ko")["subject"]
    assert str(cd_sem) in second.text("ko")["subject"]
    assert all(WHY in one.text("ko")["sentences"][0] for one in (first, second))
