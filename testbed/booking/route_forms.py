"""The wish for a whole route."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from testbed.booking.capability import capabilities
from testbed.booking.forms import LENGTHS, DaysForm, MomentInput, length_label
from testbed.booking.route_place import Chosen
from testbed.booking.route_steps import Step, steps_of, typed_step
from testbed.booking.target import choices
from testbed.material.models import SLOTS
from testbed.process.models import Route
from testbed.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import QueryDict

    from testbed.booking.target import Target
    from testbed.people.models import User

ROWS = (1, 2, 3, 4)
WAITS = (30, 60, 120, 240, 480, 1440, 2880, 4320)
ANY_TIME = ""


class RouteSearchForm(DaysForm):
    """A stored route with a number of wafers, or up to four steps by hand; and the days."""

    route = forms.ModelChoiceField(
        label=_("Route"),
        queryset=Route.objects.none(),
        required=False,
        empty_label=_("No route: the steps below"),
    )
    wafers = forms.IntegerField(
        label=_("Wafers"), min_value=0, max_value=SLOTS, initial=5, help_text=_("0 to 25")
    )

    def __init__(self, data: QueryDict | None, *, user: User) -> None:
        self.user = user
        super().__init__({**self.defaults(), **(data.dict() if data else {})})
        route = self.fields["route"]
        if isinstance(route, forms.ModelChoiceField):
            route.queryset = Route.objects.visible_to(user)
        for number in ROWS:
            self.fields |= _row(number, self._targets(user))
        self.is_asked = bool(data)

    @staticmethod
    def _targets(user: User) -> list[tuple[str, Any]]:
        able = [(f"capability:{one.code}", str(one)) for one in capabilities(user)]
        tools = [(target.key, str(target)) for target in choices(user)]
        groups: list[tuple[str, Any]] = [("", _("–"))]
        groups += [(str(_("Any tool that can")), able)] if able else []
        return [*groups, (str(_("Tools and cells")), tools)]

    def defaults(self) -> dict[str, str]:
        lengths = {f"minutes_{number}": "60" for number in ROWS}
        return {"wafers": "5", **self.first_days(), **lengths}

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The steps by hand, as bound fields, for the template."""
        names = ("what", "minutes", "within", "at")
        return [
            {"number": number, **{name: self[f"{name}_{number}"] for name in names}}
            for number in ROWS
        ]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        named = data.get("route") or any(data.get(f"what_{number}") for number in ROWS)
        # Who has only just come is not told off.
        if self.is_asked and not named:
            self.add_error("route", _("Choose a route, or a tool for at least one step."))
        return data

    def steps(self) -> list[Step]:
        """Refusal when the facility has no tool for a step of the route."""
        data = self.cleaned_data
        if data["route"]:
            return steps_of(data["route"], data["wafers"])
        return [
            typed_step(
                self.user,
                data[f"what_{number}"],
                data[f"minutes_{number}"],
                within_minutes=data[f"within_{number}"],
                wafers=data["wafers"] or None,
            )
            for number in ROWS
            if data[f"what_{number}"]
        ]

    def exact(self) -> list[Chosen]:
        """The steps by hand at the times asked for; none unless each has one.

        Refusal when a step is not one tool or cell.
        """
        asked = [number for number in ROWS if self.cleaned_data[f"what_{number}"]]
        moments = [self.cleaned_data[f"at_{number}"] for number in asked]
        if self.cleaned_data["route"] or not asked or not all(moments):
            return []
        return [
            Chosen(_only(step), at, at + timedelta(minutes=step.minutes), step.within_minutes)
            for step, at in zip(self.steps(), moments, strict=True)
        ]


def by_hand(steps: Sequence[Chosen]) -> dict[str, str]:
    """The search's fields for these steps, as far as it has rows and knows the lengths."""
    said: dict[str, str] = {}
    for number, step in zip(ROWS, steps, strict=False):
        minutes = int((step.ends_at - step.starts_at).total_seconds() // 60)
        said[f"what_{number}"] = step.target.key
        if minutes in LENGTHS:
            said[f"minutes_{number}"] = str(minutes)
        if step.within_minutes in WAITS and number > 1:
            said[f"within_{number}"] = str(step.within_minutes)
    return said


def _only(step: Step) -> Target:
    if len(step.targets) != 1:
        raise Refusal(
            "not_one_tool",
            _("A step at an exact time is on one tool or cell."),
            status=422,
            next_step=_("Choose a tool, or leave the time empty."),
        )
    return step.targets[0]


def _row(number: int, targets: list[tuple[str, Any]]) -> dict[str, forms.Field]:
    waits = [(ANY_TIME, _("any time later")), *((wait, length_label(wait)) for wait in WAITS)]
    return {
        f"what_{number}": forms.ChoiceField(
            label=_("Step %(number)s") % {"number": number}, choices=targets, required=False
        ),
        f"minutes_{number}": forms.TypedChoiceField(
            label=_("Length"), coerce=int, choices=[(n, length_label(n)) for n in LENGTHS]
        ),
        f"within_{number}": forms.TypedChoiceField(
            label=_("Starts within"), coerce=int, empty_value=None, choices=waits, required=False
        ),
        f"at_{number}": forms.DateTimeField(
            label=_("At this time exactly"), widget=MomentInput(), required=False
        ),
    }
