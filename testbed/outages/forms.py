"""The forms of closures and of the building's supplies."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _

from testbed.booking.forms import YEARS, DateInput, MomentInput
from testbed.booking.hours import KST
from testbed.outages.models import Fate, OutageKind, Repeat, Scope, Utility
from testbed.outages.rebook import Chosen
from testbed.outages.terms import EVERY_MOST, LONGEST_NOTE, LONGEST_REASON, Terms
from testbed.outages.utilities import SETTLE_S
from testbed.people.permissions import may
from testbed.tools.models import Area, Tool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import QueryDict

    from testbed.people.models import User

WEEKDAYS = [
    (0, _("Monday")),
    (1, _("Tuesday")),
    (2, _("Wednesday")),
    (3, _("Thursday")),
    (4, _("Friday")),
    (5, _("Saturday")),
    (6, _("Sunday")),
]
FATE = re.compile(r"fate_(\d{1,18})")
DOWN_FOR = timedelta(hours=4)


class OutageForm(forms.Form):
    """What is closed, when, how often, and why."""

    kind = forms.ChoiceField(label=_("Kind"), choices=OutageKind.choices)
    scope = forms.ChoiceField(label=_("What is closed"), choices=Scope.choices)
    tools = forms.ModelMultipleChoiceField(
        label=_("Tools"),
        queryset=Tool.objects.none(),
        to_field_name="code",
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    area = forms.ChoiceField(label=_("Area"), choices=[("", "–"), *Area.choices], required=False)
    utility = forms.ModelChoiceField(
        label=_("Supply of the building"),
        queryset=Utility.objects.none(),
        to_field_name="code",
        required=False,
        empty_label="–",
    )
    starts_at = forms.DateTimeField(label=_("From (KST)"), widget=MomentInput())
    ends_at = forms.DateTimeField(label=_("To (KST)"), widget=MomentInput())
    repeat = forms.ChoiceField(label=_("Repeated"), choices=Repeat.choices)
    every = forms.IntegerField(
        label=_("Every so many weeks or months"), min_value=1, max_value=EVERY_MOST, initial=1
    )
    weekdays = forms.TypedMultipleChoiceField(
        label=_("On these weekdays"),
        choices=WEEKDAYS,
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    until = forms.DateField(label=_("Last day"), widget=DateInput(), required=False)
    exceptions = forms.CharField(
        label=_("Days left out"),
        required=False,
        max_length=4_000,
        help_text=_("Like 2026-12-25, with commas between them."),
    )
    reason_ko = forms.CharField(label=_("Reason in Korean (public)"), max_length=LONGEST_REASON)
    reason_en = forms.CharField(label=_("Reason in English (public)"), max_length=LONGEST_REASON)
    note = forms.CharField(label=_("Note for the staff"), max_length=LONGEST_NOTE, required=False)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._choices("tools").queryset = Tool.objects.visible_to(user)
        self._choices("utility").queryset = Utility.objects.visible_to(user)
        if not may(user, "close_tools"):
            kind: Any = self.fields["kind"]
            kind.choices = [row for row in OutageKind.choices if row[0] != OutageKind.CLOSURE]

    def _choices(self, name: str) -> Any:
        return self.fields[name]

    def clean_starts_at(self) -> datetime:
        return _sane(self.cleaned_data["starts_at"])

    def clean_ends_at(self) -> datetime:
        return _sane(self.cleaned_data["ends_at"])

    def clean_exceptions(self) -> list[date]:
        words = [word.strip() for word in self.cleaned_data["exceptions"].split(",")]
        try:
            return [date.fromisoformat(word) for word in words if word]
        except ValueError:
            raise forms.ValidationError(_("Write days like 2026-12-25.")) from None

    def terms(self) -> Terms:
        """What a valid form says."""
        given = dict(self.cleaned_data)
        given["tools"] = sorted(given["tools"], key=lambda tool: tool.pk)
        return Terms(**given)


def _sane(moment: datetime) -> datetime:
    # The calendar's edges would break arithmetic.
    if moment.year not in YEARS:
        raise forms.ValidationError(_("Choose a time between the years 2000 and 2100."))
    return moment


def initial_of(terms: Terms) -> dict[str, Any]:
    """What the form shows of a closure that is to be changed."""
    return {
        **vars(terms),
        "tools": [tool.code for tool in terms.tools],
        "utility": terms.utility.code if terms.utility else "",
        "weekdays": list(terms.weekdays),
        "exceptions": ", ".join(day.isoformat() for day in terms.exceptions),
    }


def initial_for(asked: QueryDict, user: User) -> dict[str, Any]:
    """A new closure: `?tool=<code>` names one, `?down=1` says that it is down from now on."""
    now = timezone.localtime(timezone.now(), KST).replace(second=0, microsecond=0)
    hour = now.replace(minute=0) + timedelta(days=1)
    kind = OutageKind.CLOSURE if may(user, "close_tools") else OutageKind.MAINTENANCE
    found: dict[str, Any] = {
        "kind": kind,
        "scope": Scope.TOOLS,
        "starts_at": hour,
        "ends_at": hour + timedelta(hours=2),
        "repeat": Repeat.ONCE,
    }
    if "tool" in asked:
        found["tools"] = [asked["tool"]]
    if "down" in asked:
        found |= {
            "kind": OutageKind.OUTAGE,
            "starts_at": now,
            "ends_at": now + DOWN_FOR,
            **{f"reason_{language}": in_language(language) for language in ("ko", "en")},
        }
    return found


def in_language(language: str) -> str:
    """Why a tool that is down is closed, in the words of that language."""
    with override(language):
        return gettext("Tool failure")


def fates_of(posted: QueryDict) -> Mapping[int, Chosen]:
    """What was chosen for each booking: `fate_<id>` is a fate, or `moved:<start>`."""
    found: dict[int, Chosen] = {}
    for key, value in posted.items():
        named = FATE.fullmatch(key)
        fate, _colon, start = str(value).partition(":")
        if named and fate in Fate.values:
            found[int(named[1])] = Chosen(Fate(fate), _moment(start))
    return found


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo and moment.year in YEARS else None


class StartForm(forms.Form):
    """The start of the slot that a company chose instead."""

    starts_at = forms.CharField(max_length=40)

    def clean_starts_at(self) -> datetime:
        moment = _moment(self.cleaned_data["starts_at"])
        if moment is None:
            raise forms.ValidationError(_("This slot could not be read; choose it again."))
        return moment


class UtilityForm(forms.Form):
    """A supply of the building and the tools that need it."""

    code = forms.SlugField(label=_("Code"), max_length=20)
    name_ko = forms.CharField(label=_("Name in Korean"), max_length=60)
    name_en = forms.CharField(label=_("Name in English"), max_length=60)
    tools = forms.ModelMultipleChoiceField(
        label=_("Tools that need it"),
        queryset=Tool.objects.none(),
        to_field_name="code",
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    settle_s = forms.IntegerField(
        label=_("Settling time (s)"),
        min_value=0,
        max_value=86_400,
        initial=SETTLE_S,
        required=False,
        help_text=_("Seconds from its return until the runs that it paused go on."),
    )

    def clean_settle_s(self) -> int:
        given = self.cleaned_data["settle_s"]
        return SETTLE_S if given is None else int(given)

    def __init__(self, *args: Any, user: User, utility: Utility | None = None, **kw: Any) -> None:
        if utility is not None:
            codes = list(utility.tools.values_list("code", flat=True))
            names: dict[str, Any] = {"name_ko": utility.name_ko, "name_en": utility.name_en}
            names["settle_s"] = utility.settle_s
            kw["initial"] = {**names, "code": utility.code, "tools": codes}
        super().__init__(*args, **kw)
        tools: Any = self.fields["tools"]
        tools.queryset = Tool.objects.visible_to(user)
        if utility is not None:
            del self.fields["code"]
