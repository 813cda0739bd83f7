"""A module's search, its order, and its entry in the catalogue."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django import forms
from django.utils.translation import gettext_lazy as _

from testbed.booking.forms import DateInput, DaysForm, MomentInput
from testbed.booking.route_place import Chosen
from testbed.booking.route_steps import steps_of
from testbed.material.models import Lot, LotState
from testbed.services.models import Module

if TYPE_CHECKING:
    from django.http import QueryDict

    from testbed.people.models import User


class WishForm(DaysForm):
    """How many wafers, in which days; the lot and purpose go with the order."""

    wafers = forms.IntegerField(label=_("Your wafers"))
    lot = forms.ModelChoiceField(
        label=_("Lot"),
        queryset=Lot.objects.none(),
        required=False,
        empty_label=_("I register it later"),
    )
    purpose = forms.CharField(label=_("Purpose"), max_length=200, required=False)
    at = forms.DateTimeField(
        label=_("First step at this time exactly"),
        widget=MomentInput(),
        required=False,
        help_text=_("The other steps follow one another at once (Korean time)."),
    )

    def __init__(self, data: QueryDict | None, *, user: User, module: Module) -> None:
        self.module = module
        defaults = {"wafers": str(module.wafers_max), **self.first_days()}
        super().__init__({**defaults, **(data.dict() if data else {})})
        wafers, lot = self.fields["wafers"], self.fields["lot"]
        if isinstance(wafers, forms.IntegerField) and isinstance(lot, forms.ModelChoiceField):
            low, high = module.wafers_min, module.wafers_max
            self.fields["wafers"] = forms.IntegerField(
                label=wafers.label, min_value=low, max_value=high, help_text=f"{low}–{high}"
            )
            lot.queryset = Lot.objects.visible_to(user).exclude(state=LotState.RETURNED)

    def exact(self) -> list[Chosen]:
        """All steps one after the other from the time asked for; none when none is.

        Refusal as of `steps_of`.
        """
        at, found = self.cleaned_data["at"], []
        if at is None:
            return []
        for step in steps_of(self.module.route, self.cleaned_data["wafers"]):
            end = at + timedelta(minutes=step.minutes)
            found.append(Chosen(step.targets[0], at, end, step.within_minutes))
            at = end
        return found


class ModuleForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Module
        fields = (
            "code", "name_ko", "name_en", "description_ko", "description_en", "route",
            "wafers_min", "wafers_max", "price_won", "turnaround_days", "document", "is_active",
            "valid_from", "valid_until",
        )  # fmt: skip
        labels = {  # noqa: RUF012 - Django's own way
            "code": _("Code"),
            "name_ko": _("Name in Korean"),
            "name_en": _("Name in English"),
            "description_ko": _("Description in Korean"),
            "description_en": _("Description in English"),
            "route": _("Route"),
            "wafers_min": _("Least wafers"),
            "wafers_max": _("Most wafers"),
            "price_won": _("Price in won, before VAT"),
            "turnaround_days": _("Turnaround in working days"),
            "document": _("Document"),
            "is_active": _("On offer"),
            "valid_from": _("First day"),
            "valid_until": _("Last day"),
        }
        help_texts = {  # noqa: RUF012
            "price_won": _("VAT is added when it is shown."),
            "turnaround_days": _("Counted from the day of the first step; holidays left out."),
        }
        widgets = {  # noqa: RUF012
            "description_ko": forms.Textarea(attrs={"rows": 3}),
            "description_en": forms.Textarea(attrs={"rows": 3}),
            "valid_from": DateInput(),
            "valid_until": DateInput(),
        }
