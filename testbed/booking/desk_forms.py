"""Forms of the desk: for whom, which rules are set aside, questions and answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from testbed.booking.on_behalf import engineer_named, engineers
from testbed.booking.override import LONGEST_REASON, Override, overridable
from testbed.booking.question_models import LONGEST
from testbed.booking.questions import SHORTEST, Corrections
from testbed.material.models import SLOTS, Lot, LotState
from testbed.people.models import User
from testbed.people.permissions import may
from testbed.people.visitor import person

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.http import HttpRequest, QueryDict

    from testbed.booking.models import Booking
    from testbed.refusals import Refusal


class _Engineers(forms.ModelChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.company} · {obj.name}"


class BehalfForm(forms.Form):
    """Whom staff book for; the field is called `for`."""

    def __init__(self, initial: User | None = None) -> None:
        super().__init__(initial={"for": initial.pk if initial else None})
        self.fields["for"] = _Engineers(
            label=_("Book for"), queryset=engineers(), empty_label=_("Choose an engineer")
        )


class OverrideForm(forms.Form):
    """The rules that staff tick, and why."""

    override = forms.MultipleChoiceField(required=False)
    override_reason = forms.CharField(max_length=LONGEST_REASON, required=False)

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data)
        ticked = self.fields["override"]
        if isinstance(ticked, forms.MultipleChoiceField):
            ticked.choices = [(rule.code, rule.code) for rule in overridable()]


def overriding(request: HttpRequest) -> Override | None:
    """What the form of a member of staff sets aside; None for everybody else.

    A reason that cannot be read is an empty one, which the verb asks for.
    """
    if not may(request.user, "override_rules"):
        return None
    form = OverrideForm(request.POST)
    form.is_valid()
    reason = form.cleaned_data.get("override_reason", "")
    return Override.of(form.cleaned_data.get("override", []), reason)


def yielding(request: HttpRequest, broken: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The broken rules that this person may set aside; none where another rule stands firm."""
    refusing = [one for one in broken if not one["is_warning"]]
    if not may(request.user, "override_rules"):
        return []
    return refusing if all(one["staff_may_override"] for one in refusing) else []


def setting_aside(
    request: HttpRequest,
    refused: Refusal | None,
    each: Iterable[Sequence[dict[str, Any]]] = (),
) -> dict[str, Any]:
    """What `override_fields.html` needs when several times are claimed at once.

    each: the broken rules of times that stand for themselves. yielding: the broken rules as
    boxes, or while only the reason is missing the ticked ones; carried: ticked before, and
    broken no more because they are set aside.
    """
    known = overridable()
    ticked = [one.code for one in known if one.code in request.POST.getlist("override")]
    told = [refused.extra.get("broken_rules", [])] if refused else []
    rows = [row for broken in (*told, *each) for row in yielding(request, list(broken))]
    if refused and refused.code == "reason_missing":
        chosen = [rule for rule in known if rule.code in ticked]
        rows = [{"code": one.code, "message": one.explain(one.defaults)} for one in chosen]
    once = {one["code"]: one for one in rows}
    return {
        "yielding": list(once.values()),
        "ticked": ticked,
        "carried": [code for code in ticked if code not in once],
        "override_reason": request.POST.get("override_reason", ""),
    }


def booker(request: HttpRequest) -> User:
    """The engineer whom staff book for (`for`), else the person. Refusals of `engineer_named`."""
    whom = request.POST.get("for", "") or request.GET.get("for", "")
    return engineer_named(person(request), whom) if whom else person(request)


def answerer(request: HttpRequest, booking: Booking) -> User:
    """Whose lots and rules count on a booking's form: its booker's when staff fill it in."""
    asker = person(request)
    return booking.booked_by if asker.is_staff_member else asker


class QuestionForm(forms.Form):
    """What the desk asks the company."""

    question = forms.CharField(
        label=_("Question"),
        min_length=SHORTEST,
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("The company reads it and answers on the booking's page."),
    )


class AnswerForm(forms.Form):
    """The company's answer, and what it puts right with it."""

    answer = forms.CharField(
        label=_("Your answer"),
        min_length=SHORTEST,
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    purpose = forms.CharField(label=_("Purpose"), max_length=200, required=False)
    wafer_count = forms.IntegerField(label=_("Your wafers"), min_value=0, max_value=SLOTS)
    lot = forms.ModelChoiceField(
        label=_("Lot"),
        queryset=Lot.objects.none(),
        required=False,
        empty_label=_("I register it later"),
    )

    def __init__(self, data: QueryDict | None, *, booking: Booking, user: User) -> None:
        initial = {
            "purpose": booking.purpose,
            "wafer_count": booking.wafer_count,
            "lot": booking.lot_id,
        }
        super().__init__(data, initial=initial)
        lot = self.fields["lot"]
        if isinstance(lot, forms.ModelChoiceField):
            lots = Lot.objects.visible_to(user).filter(company=booking.company)
            lot.queryset = lots.exclude(state=LotState.RETURNED)

    def corrections(self) -> Corrections:
        said = self.cleaned_data
        return Corrections(
            purpose=said["purpose"],
            wafer_count=said["wafer_count"],
            lot=said["lot"],
            without_lot=said["lot"] is None,
        )
