"""What people fill in to open slots, and to join."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.booking.hours import KST
from testbed.material.models import SLOTS, Lot, LotState

if TYPE_CHECKING:
    from testbed.booking.models import Booking
    from testbed.people.models import User

CLOSES_BEFORE = timedelta(hours=24)


class OpenForm(forms.Form):
    """How many slots, until when, and a line for everybody."""

    seats = forms.IntegerField(label=_("Slots to open"), min_value=1, max_value=SLOTS - 1)
    closes_at = forms.DateTimeField(
        label=_("Open until (KST)"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("Then the split of the cost is fixed."),
    )
    note = forms.CharField(
        label=_("Note that every company reads"),
        max_length=120,
        required=False,
        help_text=_("For instance the resist. Name no customer and no product."),
    )

    def __init__(self, data: Any, *, booking: Booking) -> None:
        wafers = booking.lot.wafers.count() if booking.lot else 0
        closes = max(
            timezone.now() + timedelta(minutes=10), booking.starts_at - CLOSES_BEFORE
        ).astimezone(KST)
        initial = {"seats": SLOTS - wafers, "closes_at": closes.replace(second=0, microsecond=0)}
        super().__init__(data, initial=initial)


class JoinForm(forms.Form):
    """Which of the company's lots joins."""

    lot = forms.ModelChoiceField(
        Lot.objects.none(),
        label=_("Lot"),
        empty_label=None,
        help_text=_("All of its wafers join. They get the numbers of the free slots."),
    )
    purpose = forms.CharField(
        label=_("Purpose"),
        max_length=200,
        required=False,
        help_text=_("Only the facility sees it."),
    )

    def __init__(self, data: Any, *, viewer: User) -> None:
        super().__init__(data)
        field = self.fields["lot"]
        field.queryset = lots_of(viewer)  # type: ignore[attr-defined]
        field.label_from_instance = _lot_label  # type: ignore[attr-defined]


def lots_of(viewer: User) -> Any:
    """The company's lots that are registered and ride nowhere yet."""
    own = Lot.objects.visible_to(viewer).filter(company=viewer.company_id)
    return own.filter(state=LotState.REGISTERED, pool="").with_wafer_count()


def _lot_label(lot: Lot) -> str:
    count = getattr(lot, "wafer_count", 0)
    return str(_("%(code)s · %(product)s · %(count)s wafers")) % {
        "code": lot.code, "product": lot.product, "count": count,
    }  # fmt: skip
