"""Told once of each free stretch, and no longer than asked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from testbed.booking.models import Allocation
from testbed.booking.target import Target
from testbed.people.models import User
from testbed.refusals import Refusal
from testbed.waiting.models import Watch
from testbed.waiting.watch import look, stop, watch
from tests.booking.conftest import tomorrow
from tests.waiting.conftest import free

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(alice: User, target: Target, full: Allocation) -> Watch:
    return watch(actor=alice, minutes=120, earliest=tomorrow(8), latest=tomorrow(20), target=target)


def test_told_once_of_a_stretch_and_again_of_the_next(
    asked: Watch, full: Allocation, alice: User
) -> None:
    assert look() == 0
    free(full, 10, 12)
    assert look() == 1
    assert look() == 0
    [notice] = alice.notices.all()
    assert notice.kind == "waiting_watch"
    assert notice.path.startswith("/book/?what=tool%3Acd_sem&minutes=120")
    free(full, 10, 16)
    assert look(tool_ids=[full.tool_id]) == 1
    assert look() == 0
    assert alice.notices.count() == 2


def test_other_tools_are_not_looked_at(asked: Watch, full: Allocation) -> None:
    free(full, 10, 12)
    assert look(tool_ids=[full.tool_id + 1]) == 0


@pytest.mark.parametrize("area", ["metrology", ""])
def test_any_tool_of_an_area_or_any_tool_at_all(area: str, alice: User, full: Allocation) -> None:
    watch(actor=alice, minutes=60, earliest=tomorrow(8), latest=tomorrow(20), area=area)
    free(full, 9, 10)
    assert look(tool_ids=[full.tool_id]) == 1


def test_it_ends_with_its_range_or_when_stopped(
    asked: Watch, full: Allocation, alice: User, charlie: User, target: Target
) -> None:
    other = watch(actor=alice, minutes=60, earliest=tomorrow(8), latest=tomorrow(12), target=target)
    with pytest.raises(Refusal, match="not_found"):
        stop(actor=charlie, asked=asked)
    assert stop(actor=alice, asked=asked).ended_at is not None
    free(full, 10, 20)
    assert look(now=tomorrow(13)) == 0
    other.refresh_from_db()
    assert other.ended_at is not None


def test_what_is_free_already_is_not_watched(alice: User, target: Target, full: Allocation) -> None:
    free(full, 10, 12)
    with pytest.raises(Refusal, match="free_already"):
        watch(actor=alice, minutes=60, earliest=tomorrow(8), latest=tomorrow(20), target=target)
    with pytest.raises(Refusal, match="wish_not_valid"):
        watch(
            actor=alice, minutes=60, earliest=tomorrow(8),
            latest=timezone.now() - timedelta(hours=1), target=target,
        )  # fmt: skip
