"""Charlie of the demo waits for a time that is taken, and asked to be told when it comes free."""

from typing import Any

from django.utils import timezone

from testbed.booking.models import Allocation
from testbed.booking.target import Target
from testbed.people.models import User
from testbed.waiting.models import Wish
from testbed.waiting.watch import watch
from testbed.waiting.wish import wait_for


def load(*, people: dict[str, User]) -> None:
    """One wish and one watch for a booked time, unless somebody waits already.

    The bookings of the week have told their people already, so the inboxes are not empty.
    """
    if Wish.objects.exists():
        return
    now = timezone.now()
    taken = Allocation.objects.claiming(now).filter(
        starts_at__gt=now, booking__isnull=False, booking__company=people["alice"].company
    )
    claim = taken.select_related("tool").order_by("starts_at").first()
    if claim is None:
        return
    asked: dict[str, Any] = {
        "actor": people["charlie"],
        "target": Target(tool=claim.tool),
        "minutes": int((claim.ends_at - claim.starts_at).total_seconds() // 60),
        "earliest": claim.starts_at,
        "latest": claim.ends_at,
    }
    wait_for(**asked)
    watch(**asked)
