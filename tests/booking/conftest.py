"""A quiet facility: rules as delivered, a fixed Monday morning where time matters."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from testbed.booking.hours import KST
from testbed.booking.models import Booking, RuleSetting
from testbed.booking.place import Answers, place
from testbed.booking.target import Target
from testbed.material.models import Lot, Wafer

if TYPE_CHECKING:
    from collections.abc import Callable

    from testbed.people.models import Company, User
    from testbed.tools.models import Cell, Tool


def kst(day: int, hour: int = 0, minute: int = 0) -> datetime:
    """A moment of March 2027, Korean time; the 1st is a Monday."""
    return datetime(2027, 3, day, hour, minute, tzinfo=KST)


def tomorrow(hour: int, minute: int = 0) -> datetime:
    """A moment of the day after the real today, in Korea; late in the evening of the next day.

    Whatever the hour, there is time enough for a booking's lead.
    """
    day = timezone.localtime(timezone.now() + timedelta(hours=3), KST) + timedelta(days=1)
    return day.replace(hour=hour, minute=minute, second=0, microsecond=0)


def setting(code: str, tool: Tool | None = None, **parameters: Any) -> RuleSetting:
    return RuleSetting.objects.create(code=code, tool=tool, parameters=parameters)


@pytest.fixture
def cell_target(litho_cell: Cell, track: Tool, scanner: Tool) -> Target:
    return Target(cell=litho_cell)


@pytest.fixture
def sem_target(cd_sem: Tool) -> Target:
    return Target(tool=cd_sem)


@pytest.fixture
def lot_of() -> Callable[..., Lot]:
    """Makes a lot with wafers for a company."""

    def make(company: Company, by: User, code: str = "LOT-1", wafers: int = 3) -> Lot:
        lot = Lot.objects.create(code=code, company=company, product="resist", registered_by=by)
        Wafer.objects.bulk_create(
            Wafer(lot=lot, wafer_id=f"{code}-{slot:02d}", slot=slot)
            for slot in range(1, wafers + 1)
        )
        return lot

    return make


@pytest.fixture
def booked(sem_target: Target) -> Callable[..., Booking]:
    """Places a booking of the CD-SEM for tomorrow, two hours from `hour`."""

    def make(actor: User, hour: int = 10, target: Target | None = None) -> Booking:
        return place(
            actor=actor,
            target=target or sem_target,
            starts_at=tomorrow(hour),
            ends_at=tomorrow(hour + 2),
            answers=Answers(purpose="dose to size"),
        )

    return make
