"""Forms for repeating a booking and for taking a penalty back."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from testbed.booking.penalties import LONGEST_REASON
from testbed.booking.repeat import EVERY, TIMES


class RepeatForm(forms.Form):
    """Every so many weeks; either how many times more, or until which day."""

    every = forms.TypedChoiceField(label=_("Every"), coerce=int, initial=1)
    times = forms.IntegerField(
        label=_("How many times more"),
        required=False,
        min_value=TIMES[0],
        max_value=TIMES[-1],
        help_text=_("1 to 26; leave it empty to give a last day instead."),
    )
    until = forms.DateField(
        label=_("Until"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("The last day; leave it empty to give a number instead."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        every = self.fields["every"]
        if isinstance(every, forms.ChoiceField):
            every.choices = [(1, _("week"))] + [
                (weeks, _("%(weeks)s weeks") % {"weeks": weeks}) for weeks in EVERY[1:]
            ]


class WaiverForm(forms.Form):
    """Why a penalty is taken back."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=LONGEST_REASON,
        help_text=_("The company reads it."),
    )


class ChargeForm(forms.Form):
    """The cost that the page showed; it comes back with the click."""

    total_won = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    debt_minutes = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
