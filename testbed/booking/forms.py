"""The search for a slot, the claim on one, and the answers of a booking."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from testbed.booking import take_along
from testbed.booking.capability import capabilities, find_any
from testbed.booking.hours import KST
from testbed.booking.intervals import Interval
from testbed.booking.models import FeedKind, UseMode, WishedDocument
from testbed.booking.place import Answers, target_of
from testbed.booking.target import choices, find
from testbed.material.models import SLOTS, Lot, LotState
from testbed.people.models import User
from testbed.process.models import Route
from testbed.tools.models import Supply, Tool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import QuerySet
    from django.http import QueryDict
    from django_stubs_ext import StrOrPromise

    from testbed.booking.models import Booking
    from testbed.booking.target import Target
    from testbed.tools.models import Capability

LENGTHS = (15, 30, 60, 90, 120, 180, 240, 360, 480, 720)
SEARCH_DAYS = 14
# What a hidden field may carry; the calendar's edges would break arithmetic.
YEARS = range(2000, 2100)


def length_label(minutes: int) -> StrOrPromise:
    """ "1 h 30 min" for 90, in the language of whoever reads the form."""
    hours, rest = divmod(minutes, 60)
    if not hours:
        return format_lazy(_("{minutes} min"), minutes=rest)
    if not rest:
        return format_lazy(_("{hours} h"), hours=hours)
    return format_lazy(_("{hours} h {minutes} min"), hours=hours, minutes=rest)


class DateInput(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class MomentInput(forms.DateTimeInput):
    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M", attrs={"step": 60})


class DaysForm(forms.Form):
    """In which days (the next two weeks at first), and perhaps at some moments exactly."""

    first = forms.DateField(label=_("From"), widget=DateInput())
    last = forms.DateField(label=_("To"), widget=DateInput())

    @staticmethod
    def first_days() -> dict[str, str]:
        """What is searched before anything is chosen."""
        today = timezone.localtime(timezone.now(), KST).date()
        last = today + timedelta(days=SEARCH_DAYS)
        return {"first": today.isoformat(), "last": last.isoformat()}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        first, last = data.get("first"), data.get("last")
        if first and last and last < first:
            self.add_error("last", _("The range must end after it starts."))
        for name, field in self.fields.items():
            is_time = isinstance(field, (forms.DateField, forms.DateTimeField))
            if is_time and data.get(name) and data[name].year not in YEARS:
                self.add_error(name, _("Choose a time between the years 2000 and 2100."))
        return data

    @property
    def carried(self) -> list[tuple[str, Any]]:
        """What was asked, for a button that shows the search again."""
        return [(name, self.data[name]) for name in self.fields if self.data.get(name)]

    @property
    def range(self) -> Interval:
        """From the first day's midnight, or now if that has passed, to the last day's end."""
        start = datetime.combine(self.cleaned_data["first"], time(0), KST)
        end = datetime.combine(self.cleaned_data["last"], time(0), KST) + timedelta(days=1)
        return Interval(min(max(start, timezone.now()), end), end)


class SearchForm(DaysForm):
    """What, how long, and in which days; `at` asks for one exact start.

    What: a tool, a cell, or a capability that some tools have.
    """

    offers_capabilities = True
    what = forms.ChoiceField(label=_("Tool or cell"))
    minutes = forms.TypedChoiceField(
        label=_("Length"), coerce=int, choices=[(n, length_label(n)) for n in LENGTHS]
    )
    at = forms.DateTimeField(
        label=_("At this time exactly"),
        widget=MomentInput(),
        required=False,
        help_text=_("Leave it empty to see all free slots (Korean time)."),
    )

    def __init__(self, data: QueryDict | None, *, user: User) -> None:
        self.user = user
        self.targets = choices(user)
        super().__init__({**self.defaults(), **(data.dict() if data else {})})
        what = self.fields["what"]
        if isinstance(what, forms.ChoiceField):
            found = [(target.key, str(target)) for target in self.targets]
            able = capabilities(user) if self.offers_capabilities else []
            what.choices = [*found, *self._grouped(able)]

    @staticmethod
    def _grouped(able: list[Capability]) -> list[tuple[str, list[tuple[str, str]]]]:
        """The capabilities under a heading of their own, if there are any."""
        named = [(f"capability:{one.code}", str(one)) for one in able]
        return [(str(_("Any tool that can")), named)] if named else []

    @property
    def able_targets(self) -> list[Target]:
        """The tools with the chosen capability; none when a tool or a cell was chosen."""
        key = self.cleaned_data["what"]
        return find_any(self.user, key) if key.startswith("capability:") else []

    def defaults(self) -> dict[str, str]:
        """What is searched for before anything is chosen."""
        what = self.targets[0].key if self.targets else ""
        return {"what": what, "minutes": "120", **self.first_days()}

    @property
    def target(self) -> Target:
        return next(one for one in self.targets if one.key == self.cleaned_data["what"])

    @property
    def exact(self) -> Interval | None:
        at = self.cleaned_data.get("at")
        return Interval(at, at + timedelta(minutes=self.cleaned_data["minutes"])) if at else None


class ChangeForm(SearchForm):
    """Where a booking may move to: its own tool and length to begin with."""

    offers_capabilities = False

    def __init__(self, data: QueryDict | None, *, user: User, booking: Booking) -> None:
        self.booking = booking
        self.length = int((booking.ends_at - booking.starts_at).total_seconds() // 60)
        super().__init__(data, user=user)
        minutes = self.fields["minutes"]
        if isinstance(minutes, forms.TypedChoiceField):
            lengths = sorted({*LENGTHS, self.length})
            minutes.choices = [(n, length_label(n)) for n in lengths]

    def defaults(self) -> dict[str, str]:
        usual = super().defaults()
        own = target_of(self.booking).key
        day = timezone.localtime(self.booking.starts_at, KST).date() + timedelta(days=7)
        return {
            **usual,
            "what": own if own in {target.key for target in self.targets} else usual["what"],
            "minutes": str(self.length),
            "last": max(usual["last"], day.isoformat()),
        }


class ClaimForm(forms.Form):
    """A slot as its button sends it."""

    what = forms.CharField(max_length=30)
    starts_at = forms.CharField(max_length=40)
    ends_at = forms.CharField(max_length=40)

    def __init__(self, data: QueryDict, *, user: User) -> None:
        super().__init__(data)
        self.user = user

    def clean_what(self) -> Target:
        target = find(self.user, self.cleaned_data["what"])
        if target is None:
            raise forms.ValidationError(_("There is no such tool or cell."))
        return target

    def clean_starts_at(self) -> datetime:
        return _moment(self.cleaned_data["starts_at"])

    def clean_ends_at(self) -> datetime:
        return _moment(self.cleaned_data["ends_at"])


def _moment(text: str) -> datetime:
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None or moment.year not in YEARS:
        raise forms.ValidationError(_("This is not a time."))
    return moment if timezone.is_aware(moment) else moment.replace(tzinfo=KST)


class AnswersForm(forms.Form):
    """What is to be done in the held time."""

    lot = forms.ModelChoiceField(
        label=_("Lot"),
        queryset=Lot.objects.none(),
        required=False,
        empty_label=_("I register it later"),
        help_text=_("Your company's lots that are here or announced."),
    )
    route = forms.ModelChoiceField(
        label=_("Route"),
        queryset=Route.objects.none(),
        required=False,
        empty_label=_("No route: single operations"),
    )
    wafer_count = forms.IntegerField(
        label=_("Your wafers"), min_value=0, max_value=SLOTS, initial=0, help_text=_("0 to 25")
    )
    test_wafers = forms.IntegerField(
        label=_("Test wafers from the facility"),
        min_value=0,
        max_value=SLOTS,
        initial=0,
        help_text=_("₩87,000 each before VAT, never discounted"),
    )
    use_mode = forms.ChoiceField(
        label=_("Use mode"),
        choices=UseMode.choices,
        initial=UseMode.REQUESTED,
        widget=forms.RadioSelect(),
        help_text=_("Only a requested test may get a test report; self-operated time may not."),
    )
    wished_document = forms.ChoiceField(
        label=_("Wished document"),
        choices=WishedDocument.choices,
        initial=WishedDocument.NONE,
        required=False,
        help_text=_("A test report only for a requested test."),
    )
    buddy = forms.ModelChoiceField(
        label=_("Colleague who is there too"),
        queryset=User.objects.none(),
        required=False,
        empty_label=_("Nobody"),
        help_text=_("Self-operated use outside the staffed hours needs a qualified colleague."),
    )
    supplies = forms.ModelMultipleChoiceField(
        label=_("Reticles and materials"),
        queryset=Supply.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple(),
    )
    purpose = forms.CharField(
        label=_("Purpose"),
        max_length=200,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Only your company and the facility's staff read it."),
    )

    def __init__(
        self, *args: Any, user: User, booking: Booking, steps: Sequence[Booking] = (), **kwargs: Any
    ) -> None:
        """booking: what is held; steps: all of them, when it is the first of a held chain."""
        super().__init__(*args, **kwargs)
        lot, route = self.fields["lot"], self.fields["route"]
        buddy, supplies = self.fields["buddy"], self.fields["supplies"]
        if isinstance(buddy, forms.ModelChoiceField) and isinstance(
            supplies, forms.ModelMultipleChoiceField
        ):
            buddy.queryset = take_along.buddies(booking.company_id, booking.booked_by)
            held = steps or [booking]
            tools = [claim.tool for step in held for claim in step.allocations.all()]
            supplies.queryset = take_along.choices(booking.booked_by, tools)
        if isinstance(lot, forms.ModelChoiceField) and isinstance(route, forms.ModelChoiceField):
            lot.queryset = Lot.objects.visible_to(user).exclude(state=LotState.RETURNED)
            route.queryset = Route.objects.visible_to(user)

    def clean_wished_document(self) -> str:
        return self.cleaned_data["wished_document"] or WishedDocument.NONE.value

    def answers(self) -> Answers:
        said = dict(self.cleaned_data)
        return Answers(**said | {"supplies": tuple(said["supplies"])})


class ColleagueForm(forms.Form):
    """Who takes a booking over."""

    colleague = forms.ModelChoiceField(
        label=_("Colleague"), queryset=User.objects.none(), empty_label=_("Choose…")
    )

    def __init__(self, data: QueryDict | None, *, colleagues: QuerySet[User]) -> None:
        super().__init__(data)
        field = self.fields["colleague"]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = colleagues


class CalendarForm(forms.Form):
    """Which calendar gets an address: `mine`, `company`, or `tool:<code>`."""

    what = forms.ChoiceField(label=_("Calendar"))

    def __init__(self, data: QueryDict | None, *, user: User) -> None:
        super().__init__(data)
        self.tools = {f"tool:{tool.code}": tool for tool in Tool.objects.visible_to(user)}
        kinds = [FeedKind.MINE, FeedKind.COMPANY] if user.company else [FeedKind.MINE]
        what = self.fields["what"]
        if isinstance(what, forms.ChoiceField):
            what.choices = [
                *((kind.value, kind.label) for kind in kinds),
                *((key, str(tool)) for key, tool in self.tools.items()),
            ]

    @property
    def tool(self) -> Tool | None:
        return self.tools.get(self.cleaned_data["what"])

    @property
    def kind(self) -> str:
        return FeedKind.TOOL if self.tool else str(self.cleaned_data["what"])


class RefusalForm(forms.Form):
    """Why the facility turns a booking down."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("The company reads it: write why, and what it can do instead."),
    )
