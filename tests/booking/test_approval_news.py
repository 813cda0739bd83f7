"""An answer of the desk's, and a form sent off, change how a time looks on open timetables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from testbed.booking.approve import approve, refuse
from testbed.booking.hold import hold
from testbed.booking.models import Allocation, Booking
from testbed.booking.place import Answers, submit
from testbed.booking.signals import line_changed
from testbed.booking.target import Target
from testbed.people.models import User
from testbed.tools.models import Tool
from tests.booking.conftest import tomorrow


@pytest.fixture
def heard() -> Iterator[list[dict[str, Any]]]:
    """What open pages are told, in order."""
    told: list[dict[str, Any]] = []

    def listen(**news: Any) -> None:
        told.append({name: news[name] for name in ("tool_ids", "start", "end", "freed")})

    line_changed.connect(listen, sender=Allocation)
    yield told
    line_changed.disconnect(listen, sender=Allocation)


def of(booking: Booking, tool: Tool, *, freed: bool) -> dict[str, Any]:
    return {
        "tool_ids": frozenset({tool.pk}),
        "start": booking.starts_at,
        "end": booking.ends_at,
        "freed": freed,
    }


@pytest.mark.parametrize(("decide", "freed"), [(approve, False), (refuse, True)])
def test_a_decision_is_told_once_it_stands(
    decide: Any, freed: bool, administrator: User, alice: User, cd_sem: Tool,
    booked: Callable[..., Booking], heard: list[dict[str, Any]],
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    booking = booked(alice)
    why: dict[str, str] = {} if decide is approve else {"reason": "the lens is being cleaned"}
    with django_capture_on_commit_callbacks(execute=True):
        decide(actor=administrator, booking=booking, **why)
        assert heard == []
    assert heard == [of(booking, cd_sem, freed=freed)]


def test_a_form_sent_off_is_told(
    alice: User, cd_sem: Tool, sem_target: Target, heard: list[dict[str, Any]],
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    held = hold(actor=alice, target=sem_target, starts_at=tomorrow(8), ends_at=tomorrow(9))
    with django_capture_on_commit_callbacks(execute=True):
        submit(actor=alice, booking=held, answers=Answers())
    assert heard == [of(held, cd_sem, freed=False)]
