"""Alice of the demo varies the dose from wafer to wafer: a booking with its table of values."""

from datetime import timedelta

from django.utils import timezone

from testbed.booking.place import Answers, place
from testbed.booking.slots import find_slots
from testbed.booking.target import Target
from testbed.material.register import register
from testbed.people.models import User
from testbed.process.models import Route
from testbed.runs import splits
from testbed.runs.models import Split
from testbed.tools.models import Tool

AHEAD = timedelta(days=2)
WITHIN = timedelta(days=14)
MINUTES = 60
# mJ/cm² by slot; the wafers between keep the recipe's own 30.
DOSES = {1: "26", 2: "28", 4: "32", 5: "34"}
WAFERS = 6


def load(*, people: dict[str, User]) -> None:
    """One booking of the scanner with values by wafer, unless there is one; needs the routes."""
    if Split.objects.exists():
        return
    alice, now = people["alice"], timezone.now()
    target = Target(tool=Tool.objects.get(code="scanner"))
    found = find_slots(
        actor=alice, target=target, minutes=MINUTES, start=now + AHEAD, end=now + WITHIN, limit=1
    )
    for slot in found.slots:
        lot = register(actor=alice, product="ArF resist", code="DEMO-DOSE", wafer_count=WAFERS)
        route = Route.objects.get(code="litho-dose")
        answers = Answers(lot=lot, route=route, wafer_count=WAFERS)
        booking = place(
            actor=alice,
            target=target,
            starts_at=slot.starts_at,
            ends_at=slot.ends_at,
            answers=answers,
        )
        splits.write(
            actor=alice,
            booking=booking,
            operation=route.operations.get(recipe__code="arf-dose"),
            texts={number: {"layout.dose": dose} for number, dose in DOSES.items()},
        )
