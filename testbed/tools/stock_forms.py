"""Forms for courses, trainings, supplies, loadings and capabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.people.codes import LONGEST_CODE
from testbed.people.models import Company, User
from testbed.people.suspend import LONGEST_REASON, SHORTEST_REASON
from testbed.tools.models import Area, Capability, Course, Named, Supply, SupplyKind, Tool
from testbed.tools.supplies import MOST_PIECES, Stock

if TYPE_CHECKING:
    from testbed.refusals import Refusal


class Answering(forms.Form):
    """A form that can say why a verb refused it."""

    def complain(self, refused: Refusal) -> None:
        """Put the sentences of a refusal to their fields."""
        for name, sentences in refused.fields.items():
            for one in sentences:
                self.add_error(name if name in self.fields else None, one)
        if not refused.fields:
            self.add_error(None, f"{refused.message} {refused.next_step or ''}".strip())


class NamedForm(Answering):
    """A thing's code (only for a new one) and its names."""

    kind_of_thing: type[Named]
    code = forms.SlugField(label=_("Code"), max_length=LONGEST_CODE)
    name_ko = forms.CharField(label=_("Name in Korean"), max_length=60)
    name_en = forms.CharField(label=_("Name in English"), max_length=60)

    def __init__(self, *args: Any, thing: Named | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        if thing is not None:
            del self.fields["code"]
            self.initial = {"name_ko": thing.name_ko, "name_en": thing.name_en, **self.shown(thing)}

    def shown(self, thing: Any) -> dict[str, Any]:
        """What else of the thing its form begins with."""
        return {}

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        if self.kind_of_thing._default_manager.filter(code=code).exists():
            raise forms.ValidationError(_("There is one with this code already."))
        return code


def tool_boxes(label: Any) -> forms.Field:
    """A box a tool."""
    return forms.ModelMultipleChoiceField(
        label=label,
        queryset=Tool.objects.all(),
        to_field_name="code",
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )


def codes_of(thing: Any) -> list[str]:
    return list(thing.tools.values_list("code", flat=True))


def day_field(label: Any, hint: Any = "", **more: Any) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, widget=widget, help_text=hint, **more)


class CourseForm(NamedForm):
    """A course, and where it is asked for."""

    kind_of_thing = Course
    area = forms.ChoiceField(
        label=_("Asked for in this area"),
        choices=[("", _("No area")), *Area.choices],
        required=False,
    )
    tools = tool_boxes(_("Asked for on these tools"))

    def shown(self, thing: Course) -> dict[str, Any]:
        return {"area": thing.area, "tools": codes_of(thing)}


class CapabilityForm(NamedForm):
    """What some tools can do."""

    kind_of_thing = Capability
    tools = tool_boxes(_("Tools that can do it"))

    def shown(self, thing: Capability) -> dict[str, Any]:
        return {"tools": codes_of(thing)}


class SupplyForm(NamedForm):
    """A reticle, resist, gas or consumable, whose it is, where it fits, and its stock."""

    kind_of_thing = Supply
    kind = forms.ChoiceField(label=_("Kind"), choices=SupplyKind.choices)
    company = forms.ModelChoiceField(
        label=_("Owner"), queryset=Company.objects.all(), to_field_name="business_number",
        required=False, empty_label=_("The facility"),
    )  # fmt: skip
    quantity = forms.IntegerField(
        label=_("Stock (pieces)"), min_value=0, max_value=MOST_PIECES, required=False,
        help_text=_("Empty: nobody counts it."),
    )  # fmt: skip
    expires_on = day_field(_("Keeps until"), _("Last day, in Korea."), required=False)
    unavailable_until = forms.DateTimeField(
        label=_("Away until (KST)"), required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )  # fmt: skip
    is_withdrawn = forms.BooleanField(label=_("Withdrawn: nobody books it"), required=False)
    tools = tool_boxes(_("Made for these tools (none: for any)"))

    def shown(self, thing: Supply) -> dict[str, Any]:
        owner = thing.company.business_number if thing.company else None
        stock = {name: getattr(thing, name) for name in vars(Stock())}
        return {"kind": thing.kind, "company": owner, "tools": codes_of(thing), **stock}

    def values(self) -> dict[str, Any]:
        """As `save_supply` takes them, without the code of an old one."""
        said = dict(self.cleaned_data)
        return said | {"stock": Stock(**{name: said.pop(name) for name in vars(Stock())})}


class LoadForm(forms.Form):
    """What goes into which tool."""

    tool = forms.ModelChoiceField(
        label=_("Tool"), queryset=Tool.objects.all(), to_field_name="code",
        empty_label=_("Choose…"),
    )  # fmt: skip
    supply = forms.ModelChoiceField(
        label=_("What to load"), queryset=Supply.objects.none(), to_field_name="code",
        empty_label=_("Choose…"),
    )  # fmt: skip

    def __init__(self, data: Any = None, *, viewer: User) -> None:
        super().__init__(data, auto_id="load_%s")
        supply: Any = self.fields["supply"]
        supply.queryset = Supply.objects.visible_to(viewer).filter(is_withdrawn=False)


class People(forms.ModelChoiceField):  # type: ignore[type-arg]
    """Somebody, with the company in front."""

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.company} · {obj.name}" if obj.company else obj.name


class TrainingFilter(forms.Form):
    """Which course's, whose, and whether they end soon."""

    course = forms.ModelChoiceField(
        label=_("Course"), queryset=Course.objects.all(), to_field_name="code", required=False,
        empty_label=_("All courses"),
    )  # fmt: skip
    tool = forms.ModelChoiceField(
        label=_("Asked for on"), queryset=Tool.objects.all(), to_field_name="code",
        required=False, empty_label=_("All tools"),
    )  # fmt: skip
    person = People(
        label=_("Person"), queryset=User.objects.none(), required=False,
        empty_label=_("Everybody"),
    )  # fmt: skip
    soon = forms.BooleanField(label=_("Ends within 30 days"), required=False)

    def __init__(self, data: Any, *, viewer: User) -> None:
        super().__init__(data, auto_id="filter_%s")
        who: Any = self.fields["person"]
        who.queryset = User.objects.visible_to(viewer).select_related("company").order_by("name")


class TrainingForm(Answering):
    """That somebody passed a course."""

    course = forms.ModelChoiceField(
        label=_("Course"), queryset=Course.objects.all(), to_field_name="code",
        empty_label=_("Choose…"),
    )  # fmt: skip
    person = People(label=_("Person"), queryset=User.objects.none(), empty_label=_("Choose…"))
    completed_on = day_field(_("Passed on"), initial=timezone.localdate)
    valid_until = day_field(
        _("Valid until"), _("Last day, in Korea. Empty: it does not end."), required=False
    )
    trainer = forms.CharField(label=_("Trainer"), max_length=60, required=False)

    def __init__(self, data: Any = None, *, viewer: User) -> None:
        super().__init__(data, auto_id="record_%s")
        who: Any = self.fields["person"]
        active = User.objects.visible_to(viewer).filter(is_active=True)
        who.queryset = active.select_related("company").order_by("company__name_en", "name")


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason"), min_length=SHORTEST_REASON, max_length=LONGEST_REASON
    )
