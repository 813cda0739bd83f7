"""What host and guests are told: numbers and times, never who the others are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from testbed.notices.said import kst_span, said
from testbed.notices.tell import tell

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django_stubs_ext import StrOrPromise

    from testbed.booking.models import Booking
    from testbed.pools.models import Pool


def _send(booking: Booking, pool: Pool, subject: StrOrPromise, sentence: StrOrPromise) -> None:
    tell(
        to=[booking.booked_by],
        kind="pool",
        subject=subject,
        sentences=[sentence],
        path=reverse("pool", kwargs={"pk": pool.pk}),
        company=booking.company,
    )


def joined(pool: Pool, wafers: int) -> None:
    """The host: wafers have come."""
    subject = said(_("Carrier of %(booking)s: %(wafers)s more wafers"), booking=pool.host,
                   wafers=wafers)  # fmt: skip
    _send(pool.host, pool, subject, _("Another company has taken slots; your share is lower now."))


def left(pool: Pool, wafers: int) -> None:
    """The host: wafers have gone."""
    subject = said(_("Carrier of %(booking)s: %(wafers)s wafers fewer"), booking=pool.host,
                   wafers=wafers)  # fmt: skip
    _send(pool.host, pool, subject, _("A company has left; your share is higher now."))


def fixed(pool: Pool, guests: Iterable[Booking]) -> None:
    """Everybody: the prices stand."""
    for booking in (pool.host, *guests):
        subject = said(_("%(booking)s: the split of the cost is fixed"), booking=booking)
        sentence = said(
            _("You pay %(won)s won (VAT included) for %(wafers)s wafers."),
            won=f"{booking.quote.get('total_won', 0):,}",
            wafers=booking.wafer_count,
        )
        _send(booking, pool, subject, sentence)


def dissolved(pool: Pool, guest: Booking) -> None:
    """A guest: the carrier does not go."""
    subject = said(_("%(booking)s is cancelled: its carrier does not go"), booking=guest)
    _send(guest, pool, subject, _("You pay nothing. Look for another pool, or book the tools."))


def moved(pool: Pool, guest: Booking) -> None:
    """A guest: the facility has moved the carrier."""
    subject = said(_("%(booking)s was moved with its carrier"), booking=guest)
    sentence = said(
        _("The new time is %(span)s. Until it starts you may leave at no cost."),
        span=kst_span(pool.host.starts_at, pool.host.ends_at),
    )
    _send(guest, pool, subject, sentence)
