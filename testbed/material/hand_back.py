"""Handing a lot back to its company: the carrier is free for the next."""

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from testbed.material.models import Lot, LotState
from testbed.people import journal
from testbed.people.models import User
from testbed.people.permissions import demand
from testbed.refusals import Refusal


@transaction.atomic
def hand_back(*, actor: User, lot: Lot) -> Lot:
    """Take the lot out of its carrier for good. Raises Refusal unless it is checked in."""
    demand(actor, "check_in_lot")
    lot = Lot.objects.select_for_update().get(pk=lot.pk)
    if lot.state != LotState.CHECKED_IN:
        raise Refusal(
            "lot_not_here",
            _("This lot is not in the facility."),
            next_step=_("Look at the lot's page for where it is."),
        )
    carrier = lot.carrier
    lot.state, lot.carrier = LotState.RETURNED, None
    lot.save(update_fields=["state", "carrier"])
    journal.record(
        actor=actor,
        action="lot.returned",
        subject=lot,
        company=lot.company,
        carrier=carrier.code if carrier else "",
    )
    return lot
