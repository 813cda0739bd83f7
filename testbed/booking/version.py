"""Which state of a booking somebody saw, so that nobody overwrites what they have not seen."""

from __future__ import annotations

import hashlib
from datetime import UTC
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from testbed.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from testbed.booking.models import Booking

LENGTH = 16


def version_of(booking: Booking, tool_ids: Iterable[int]) -> str:
    """A fingerprint of state, time, tools and booker: the same again when these are."""
    said = (
        booking.pk,
        str(booking.state),
        booking.starts_at.astimezone(UTC).isoformat(),
        booking.ends_at.astimezone(UTC).isoformat(),
        booking.cell_id,
        booking.booked_by_id,
        sorted(set(tool_ids)),
    )
    return hashlib.sha256(repr(said).encode()).hexdigest()[:LENGTH]


def version_of_all(bookings: Iterable[Booking]) -> str:
    """One fingerprint of several bookings, whose allocations should have been fetched."""
    each = sorted(
        (one.pk, version_of(one, (claim.tool_id for claim in one.allocations.all())))
        for one in bookings
    )
    return hashlib.sha256(repr(each).encode()).hexdigest()[:LENGTH]


def demand_all_unchanged(bookings: Iterable[Booking], expected: str) -> None:
    """As `demand_unchanged`, for several that were seen together (`version_of_all`)."""
    if expected and expected != version_of_all(bookings):
        raise changed_meanwhile()


def demand_unchanged(booking: Booking, tool_ids: Iterable[int], expected: str) -> None:
    """Raise Refusal("changed_meanwhile", 409) unless the locked booking is as it was seen.

    expected: `version_of` what was seen; empty asks for nothing.
    """
    if expected and expected != version_of(booking, tool_ids):
        raise changed_meanwhile()


def changed_meanwhile() -> Refusal:
    return Refusal(
        "changed_meanwhile",
        _("Somebody has changed this booking since you opened it; nothing was changed now."),
        next_step=_("See how it stands, then change it again if you still want to."),
    )
