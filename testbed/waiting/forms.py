"""Waiting for a time, or asking to be told of one."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.booking import take_along
from testbed.booking.forms import LENGTHS, YEARS, AnswersForm, DateInput, length_label
from testbed.booking.hours import KST
from testbed.booking.place import Answers
from testbed.booking.target import choices
from testbed.material.models import Lot, LotState
from testbed.process.models import Route
from testbed.tools.models import Area, Tool

if TYPE_CHECKING:
    from django.http import QueryDict

    from testbed.booking.target import Target
    from testbed.people.models import User

DAYS_AHEAD = 7
WEEKDAYS = (
    (0, _("Mon")),
    (1, _("Tue")),
    (2, _("Wed")),
    (3, _("Thu")),
    (4, _("Fri")),
    (5, _("Sat")),
    (6, _("Sun")),
)
HOURS = [("", "–"), *((hour, f"{hour:02d}:00") for hour in range(25))]
ANY_TOOL = "any"


def hour_or_none(value: str) -> int | None:
    return int(value) if value else None


class WaitForm(forms.Form):
    """What, how long, in which days and hours; without weekdays all of them."""

    what = forms.ChoiceField(label=_("Tool or cell"))
    minutes = forms.TypedChoiceField(
        label=_("Length"), coerce=int, choices=[(n, length_label(n)) for n in LENGTHS]
    )
    first = forms.DateField(label=_("From"), widget=DateInput())
    last = forms.DateField(label=_("To"), widget=DateInput())
    weekdays = forms.TypedMultipleChoiceField(
        label=_("On these days (none chosen: any day)"),
        coerce=int,
        choices=WEEKDAYS,
        required=False,
        widget=forms.CheckboxSelectMultiple(),
    )
    from_hour = forms.TypedChoiceField(
        label=_("Not before (KST)"), coerce=hour_or_none, empty_value=None, choices=HOURS,
        required=False,
    )  # fmt: skip
    until_hour = forms.TypedChoiceField(
        label=_("Not after (KST)"), coerce=hour_or_none, empty_value=None, choices=HOURS,
        required=False,
    )  # fmt: skip

    lot = AnswersForm.base_fields["lot"]
    route = AnswersForm.base_fields["route"]
    wafer_count = AnswersForm.base_fields["wafer_count"]
    test_wafers = AnswersForm.base_fields["test_wafers"]
    use_mode = AnswersForm.base_fields["use_mode"]
    wished_document = AnswersForm.base_fields["wished_document"]
    buddy = AnswersForm.base_fields["buddy"]
    supplies = AnswersForm.base_fields["supplies"]
    purpose = AnswersForm.base_fields["purpose"]

    def __init__(self, data: QueryDict | None, *, user: User, asked: QueryDict) -> None:
        self.targets = {target.key: target for target in choices(user)}
        today = timezone.localtime(timezone.now(), KST).date()
        initial: dict[str, Any] = {
            "what": next(iter(self.targets), ""),
            "minutes": 120,
            "first": today,
            "last": today + timedelta(days=DAYS_AHEAD),
        }
        given = {name: asked[name] for name in initial if asked.get(name)}
        super().__init__(data, initial={**initial, **given})
        self._answerable(user)
        what = self.fields["what"]
        if isinstance(what, forms.ChoiceField):
            what.choices = [
                *((key, str(target)) for key, target in self.targets.items()),
                (_("Only to be told"), [
                    (ANY_TOOL, _("Any tool")),
                    *((f"area:{code}", _("Any: %(area)s") % {"area": label})
                      for code, label in Area.choices),
                ]),
            ]  # fmt: skip

    def _answerable(self, user: User) -> None:
        """What may be chosen; nothing must be, for who only asks to be told."""
        choices_of = {
            "lot": Lot.objects.visible_to(user).exclude(state=LotState.RETURNED),
            "route": Route.objects.visible_to(user),
            "buddy": take_along.buddies(user.company_id, user),
            "supplies": take_along.choices(user, list(Tool.objects.filter(is_bookable=True))),
        }
        for name in AnswersForm.base_fields:
            field = self.fields[name]
            field.required = False
            if isinstance(field, forms.ModelChoiceField):
                field.queryset = choices_of[name]

    def answers(self) -> Answers:
        """What is to be done; what was left empty is as the form has it at first."""
        said = {name: self.cleaned_data[name] for name in AnswersForm.base_fields}
        for name in ("wafer_count", "test_wafers", "use_mode", "wished_document"):
            said[name] = said[name] or self.fields[name].initial
        return Answers(**said | {"supplies": tuple(said["supplies"])})

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for name in ("first", "last"):
            if data.get(name) and data[name].year not in YEARS:
                self.add_error(name, _("Choose a time between the years 2000 and 2100."))
        return data

    @property
    def target(self) -> Target | None:
        return self.targets.get(self.cleaned_data["what"])

    @property
    def area(self) -> str:
        """The area of which any tool will do; empty for a tool, a cell, or any tool at all."""
        kind, _colon, code = self.cleaned_data["what"].partition(":")
        return code if kind == "area" else ""

    @property
    def earliest(self) -> datetime:
        return datetime.combine(self.cleaned_data["first"], time(0), KST)

    @property
    def latest(self) -> datetime:
        return datetime.combine(self.cleaned_data["last"], time(0), KST) + timedelta(days=1)

    @property
    def days(self) -> int | None:
        """As bits, Monday is 1; None when no day is chosen."""
        return sum(1 << day for day in self.cleaned_data["weekdays"]) or None
