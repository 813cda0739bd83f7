"""Checking a lot in: the technician puts its wafers into one of the facility's carriers."""

from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.material.models import Carrier, Lot, LotState
from testbed.people import journal
from testbed.people.models import User
from testbed.people.permissions import demand
from testbed.refusals import Refusal

# Sent after commit with `lot`: the floor's transport now knows the carrier.
checked_in = Signal()


@transaction.atomic
def check_in(*, actor: User, lot: Lot, carrier: Carrier) -> Lot:
    """Put the lot into a carrier that is no dirtier than its wafers and is empty, or its pool's.

    Checking the same lot into the same carrier twice changes nothing. Raises Refusal.
    """
    demand(actor, "check_in_lot")
    lot = Lot.objects.select_for_update().get(pk=lot.pk)
    carrier = Carrier.objects.select_for_update().get(pk=carrier.pk)
    if lot.state == LotState.CHECKED_IN and lot.carrier_id == carrier.pk:
        return lot
    _refuse_unless_fit(lot, carrier)
    lot.carrier = carrier
    lot.state = LotState.CHECKED_IN
    lot.checked_in_at = timezone.now()
    lot.save(update_fields=["carrier", "state", "checked_in_at"])
    journal.record(
        actor=actor,
        action="lot.checked_in",
        subject=lot,
        company=lot.company,
        carrier=carrier.code,
    )
    transaction.on_commit(lambda: checked_in.send_robust(sender=Lot, lot=lot))
    return lot


def _refuse_unless_fit(lot: Lot, carrier: Carrier) -> None:
    if lot.state != LotState.REGISTERED:
        raise Refusal(
            "lot_not_waiting",
            _("This lot is already in a carrier, or was returned."),
            next_step=_("Look at the lot's page for where it is."),
        )
    if not Carrier.objects.open_to(lot).filter(pk=carrier.pk).exists():
        raise Refusal(
            "carrier_full",
            _("Carrier %(code)s already holds another lot.") % {"code": carrier.code},
            next_step=_("Choose an empty carrier."),
        )
    cleanest = min(lot.wafers.values_list("contamination_class", flat=True), default=0)
    if carrier.contamination_class > cleanest:
        raise Refusal(
            "carrier_too_dirty",
            _("Carrier %(code)s is of a dirtier class than the wafers.") % {"code": carrier.code},
            next_step=_("Choose a carrier of the wafers' own class."),
        )
