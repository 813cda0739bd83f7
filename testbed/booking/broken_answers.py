"""Which rules a booking would break with certain answers, as it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.booking.request import gather
from testbed.booking.rules import Broken, check_all, refusing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from testbed.booking.models import Booking
    from testbed.booking.place import Answers
    from testbed.people.models import User
    from testbed.tools.models import Tool


def broken_by(
    answers: Answers,
    *,
    actor: User,
    booking: Booking,
    tools: Sequence[Tool],
    now: datetime,
    about: Iterable[str] = ("answers",),
) -> list[Broken]:
    """The rules that forbid it, its time and tools as they are; about: empty means every rule."""
    request = gather(
        actor=actor,
        tools=tools,
        starts_at=booking.starts_at,
        ends_at=booking.ends_at,
        now=now,
        company=booking.company,
        without=booking,
        is_hold=False,
        answers=answers,
    )
    return refusing(check_all(request, about=about))
