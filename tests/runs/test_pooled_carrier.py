"""Two companies' wafers in one carrier on real sockets: a run each, the data of each its own."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from testbed.booking.models import Booking
from testbed.material.check_in import check_in
from testbed.material.models import Wafer
from testbed.material.register import register
from testbed.people.models import User
from testbed.pools import seats
from testbed.results.views import sites_download
from testbed.runs.models import Run, SiteReading
from testbed.runs.ready import ready
from testbed.runs.start import start
from testbed.usage.models import UsageLine
from tests.runs.floor import Floor, drive


def test_each_companys_wafers_run_on_their_own_and_nobody_reads_the_others(
    live_floor: Floor, charlie: User, alice: User
) -> None:
    floor, host = live_floor, live_floor.bookings["track"]
    guest = joined(host, alice, charlie)
    assert guest.lot is not None
    assert floor.lot.carrier is not None
    assert floor.fab is not None
    check_in(actor=floor.technician, lot=guest.lot, carrier=floor.lot.carrier)
    inside = dict(
        Wafer.objects.filter(lot__carrier=floor.lot.carrier).values_list("slot", "wafer_id")
    )
    assert sorted(inside) == [1, 2, 3, 4, 5, 6]
    floor.fab.control.deliver(floor.lot.carrier.code, inside)
    waiting = {entry.booking.pk: entry for entry in ready(floor.technician, timezone.now())}
    assert waiting[guest.pk].slots == [5, 6]
    assert waiting[guest.pk].unmet == []
    ours = floor.run("coat", slots=[1, 2])
    theirs = drive(
        start(
            actor=floor.technician, booking=guest, operation=floor.operation("coat"), slots=[5, 6]
        )
    )
    assert (ours.state, theirs.state) == ("completed", "completed"), theirs.evidence
    assert set(Run.objects.visible_to(charlie)) == {theirs}
    assert ours in Run.objects.visible_to(alice)
    assert theirs not in Run.objects.visible_to(alice)
    assert {line.company for line in UsageLine.objects.all()} <= {host.company, guest.company}
    read = b"".join(sites_download(theirs).streaming_content).decode()  # type: ignore[attr-defined]
    assert floor.lot.code not in read
    seen = SiteReading.objects.visible_to(charlie).exclude(wafer__lot=guest.lot)
    assert not seen.exists()


def joined(host: Booking, alice: User, charlie: User) -> Booking:
    """Charlie's two wafers in the slots behind alice's, the pool fixed before the time came."""
    starts_at = host.starts_at
    ahead = timezone.now() + timedelta(hours=1)
    Booking.objects.filter(pk=host.pk).update(starts_at=ahead)
    host.refresh_from_db()
    closes_at = timezone.now() + timedelta(minutes=30)
    pool = seats.open_seats(actor=alice, booking=host, seats=4, closes_at=closes_at)
    lot = register(actor=charlie, product="part", wafer_count=2)
    guest = seats.join(actor=charlie, pool=pool, lot=lot)
    seats.fix(actor=alice, pool=pool)
    Booking.objects.filter(pk__in=[host.pk, guest.pk]).update(starts_at=starts_at)
    guest.refresh_from_db()
    assert guest.lot is not None
    guest.lot.refresh_from_db()
    return guest
