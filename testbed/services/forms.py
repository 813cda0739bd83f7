"""A module's search, its order, and its entry in the catalogue."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.booking.forms import SEARCH_DAYS, YEARS, DateInput, MomentInput
from testbed.booking.hours import KST
from testbed.booking.intervals import Interval
from testbed.booking.route_place import Chosen
from testbed.booking.route_steps import steps_of
from testbed.material.models import Lot, LotState
from testbed.services.models import Module

if TYPE_CHECKING:
    from django.http import QueryDict

    from testbed.people.models import User


class WishForm(forms.Form):
    """How many wafers, in which days; the lot and purpose go with the order."""

    wafers = forms.IntegerField(label=_("Your wafers"))
    first = forms.DateField(label=_("From"), widget=DateInput())
    last = forms.DateField(label=_("To"), widget=DateInput())
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
        today = timezone.localtime(timezone.now(), KST).date()
        defaults = {
            "wafers": str(module.wafers_max),
            "first": today.isoformat(),
            "last": (today + timedelta(days=SEARCH_DAYS)).isoformat(),
        }
        super().__init__({**defaults, **(data.dict() if data else {})})
        wafers, lot = self.fields["wafers"], self.fields["lot"]
        if isinstance(wafers, forms.IntegerField) and isinstance(lot, forms.ModelChoiceField):
            low, high = module.wafers_min, module.wafers_max
            self.fields["wafers"] = forms.IntegerField(
                label=wafers.label, min_value=low, max_value=high, help_text=f"{low}–{high}"
            )
            lot.queryset = Lot.objects.visible_to(user).exclude(state=LotState.RETURNED)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        first, last = data.get("first"), data.get("last")
        if first and last and last < first:
            self.add_error("last", _("The range must end after it starts."))
        for name in ("first", "last", "at"):
            if data.get(name) and data[name].year not in YEARS:
                self.add_error(name, _("Choose a time between the years 2000 and 2100."))
        return data

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

    @property
    def carried(self) -> list[tuple[str, Any]]:
        """What was asked, for the buttons of the offers."""
        return [(name, self.data[name]) for name in self.fields if self.data.get(name)]

    @property
    def range(self) -> Interval:
        """From the first day's midnight, or now if that has passed, to the last day's end."""
        start = datetime.combine(self.cleaned_data["first"], time(0), KST)
        end = datetime.combine(self.cleaned_data["last"], time(0), KST) + timedelta(days=1)
        return Interval(min(max(start, timezone.now()), end), end)


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
