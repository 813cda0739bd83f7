"""A CD-SEM that is full all tomorrow, and people who wait for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from testbed.booking.models import Allocation, AllocationKind
from testbed.booking.target import Target
from testbed.people.models import Role, User
from testbed.tools.models import Tool
from testbed.waiting.models import Wish
from testbed.waiting.wish import wait_for
from tests.booking.conftest import tomorrow
from tests.conftest import make_user

Waits = Callable[..., Wish]


@pytest.fixture
def target(cd_sem: Tool) -> Target:
    return Target(tool=cd_sem)


@pytest.fixture
def full(cd_sem: Tool) -> Allocation:
    """Nothing is free on the tool tomorrow from 8 to 20 o'clock."""
    return Allocation.objects.create(
        tool=cd_sem,
        kind=AllocationKind.MAINTENANCE,
        starts_at=tomorrow(8),
        ends_at=tomorrow(20),
    )


@pytest.fixture
def dana(charlie: User) -> User:
    """A colleague of charlie's."""
    return make_user("dana@nuri.example", Role.ENGINEER, charlie.company)


@pytest.fixture
def waits(target: Target, full: Allocation) -> Waits:
    """Somebody joins the list for two hours of tomorrow, 8 to 20 o'clock."""

    def join(actor: User, **more: Any) -> Wish:
        asked: dict[str, Any] = {
            "target": target, "minutes": 120, "earliest": tomorrow(8), "latest": tomorrow(20),
        }  # fmt: skip
        return wait_for(actor=actor, **asked | more)

    return join


def free(full: Allocation, start: int, end: int) -> None:
    """Of tomorrow, only [start, end) is free on the full tool."""
    tool = full.tool
    Allocation.objects.filter(tool=tool, kind=AllocationKind.MAINTENANCE).delete()
    for first, last in ((8, start), (end, 20)):
        if first < last:
            Allocation.objects.create(
                tool=tool, kind=AllocationKind.MAINTENANCE,
                starts_at=tomorrow(first), ends_at=tomorrow(last),
            )  # fmt: skip
