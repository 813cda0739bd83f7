"""Charlie of the demo opens the empty slots of a carrier, so that there is one to join."""

from datetime import timedelta

from django.utils import timezone

from testbed.booking.approve import approve
from testbed.booking.models import BookingState
from testbed.booking.place import Answers, place
from testbed.booking.slots import find_slots
from testbed.booking.target import Target
from testbed.material.register import register
from testbed.people.models import User
from testbed.pools.models import Pool
from testbed.pools.seats import open_seats
from testbed.process.models import Route
from testbed.tools.models import Tool

AHEAD = timedelta(days=5)
WITHIN = timedelta(days=20)
MINUTES = 120
SEATS = 12


def load(*, people: dict[str, User], approver: User) -> None:
    """One pool on the film tool, unless there is one; needs the demo's routes."""
    if Pool.objects.exists():
        return
    charlie, now = people["charlie"], timezone.now()
    target = Target(tool=Tool.objects.get(code="film"))
    found = find_slots(
        actor=charlie, target=target, minutes=MINUTES, start=now + AHEAD, end=now + WITHIN, limit=1
    )
    for slot in found.slots:
        lot = register(actor=charlie, product="precursor film", code="DEMO-FILM", wafer_count=6)
        answers = Answers(lot=lot, route=Route.objects.get(code="film-check"), wafer_count=6)
        booking = place(
            actor=charlie,
            target=target,
            starts_at=slot.starts_at,
            ends_at=slot.ends_at,
            answers=answers,
        )
        if booking.state == BookingState.PENDING:
            booking = approve(actor=approver, booking=booking)
        open_seats(
            actor=charlie,
            booking=booking,
            seats=SEATS,
            closes_at=slot.starts_at - timedelta(days=1),
            note="Al₂O₃ 20 nm, bare Si",
        )
