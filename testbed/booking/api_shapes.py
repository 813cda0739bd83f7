"""What the booking endpoints read and write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from testbed.booking.hold import extensions_left
from testbed.booking.models import (
    Booking,
    BookingState,
    CalendarFeed,
    FeedKind,
    UseMode,
    WishedDocument,
)
from testbed.booking.on_behalf import engineer_named
from testbed.booking.override import Override
from testbed.booking.place import Answers
from testbed.booking.status import is_asked, status
from testbed.booking.target import find
from testbed.booking.version import LENGTH, version_of
from testbed.booking.whose_rules import WhoseRules
from testbed.booking.written import WrittenSerializer
from testbed.material.models import SLOTS, Lot
from testbed.people.api_fields import WordsField
from testbed.people.models import User
from testbed.people.permissions import demand
from testbed.people.visitor import person
from testbed.prices.quote import UNITS
from testbed.process.models import Route
from testbed.tools.models import Supply, Tool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rest_framework.request import Request

    from testbed.people.querysets import Viewer


# Far enough for any plan, near enough that no arithmetic on it leaves the calendar.
FIRST = datetime(2000, 1, 1, tzinfo=UTC)
LAST = datetime(2100, 1, 1, tzinfo=UTC)
WEEK_MINUTES = 7 * 24 * 60


class MomentField(serializers.DateTimeField):
    """ISO 8601 between 2000 and 2100; without a zone it is Korean time."""

    default_error_messages: ClassVar[dict[str, Any]] = dict.fromkeys(
        ("invalid", "date"),
        gettext_lazy(
            "Write a day and a time, such as 2026-11-26T10:00+09:00; without a zone it is Korean "
            "time."
        ),
    )

    def enforce_timezone(self, value: datetime) -> datetime:
        moment = super().enforce_timezone(value)
        if not FIRST <= moment < LAST:
            raise serializers.ValidationError(_("Choose a time between the years 2000 and 2100."))
        return moment


class QuoteLineSerializer(serializers.Serializer[Any]):
    code = serializers.ChoiceField(choices=list(UNITS))
    tool = serializers.CharField(allow_blank=True)
    label_ko = serializers.CharField()
    label_en = serializers.CharField()
    quantity = serializers.IntegerField()
    unit = serializers.ChoiceField(choices=sorted(set(UNITS.values())))
    unit_won = serializers.IntegerField()
    amount_won = serializers.IntegerField()


class QuoteSerializer(serializers.Serializer[Any]):
    """A price in whole won: lines, their sum before VAT, VAT, total."""

    currency = serializers.CharField()
    size_class = serializers.CharField(allow_blank=True)
    lines = QuoteLineSerializer(many=True)
    supply_won = serializers.IntegerField()
    vat_won = serializers.IntegerField()
    total_won = serializers.IntegerField()


class BrokenRuleSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    next_step = serializers.CharField(allow_blank=True)
    is_warning = serializers.BooleanField()
    staff_may_override = serializers.BooleanField()


class SlotSerializer(serializers.Serializer[Any]):
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    tools = serializers.ListField(child=serializers.CharField())
    quote = QuoteSerializer()
    warnings = BrokenRuleSerializer(many=True)


class FoundSerializer(serializers.Serializer[Any]):
    slots = SlotSerializer(many=True)
    nothing_because = BrokenRuleSerializer(many=True)


class RefusedClaimSerializer(serializers.Serializer[Any]):
    """The error shape; when rules say no, also which, and the nearest free slots."""

    code = serializers.CharField()
    message = serializers.CharField()
    broken_rules = BrokenRuleSerializer(many=True, required=False)
    nearest_slots = SlotSerializer(many=True, required=False)

    def get_fields(self) -> dict[str, Any]:
        # A serializer has a property `fields`, so this one cannot be declared as an attribute.
        sentences = serializers.ListField(child=serializers.CharField())
        return {**super().get_fields(), "fields": serializers.DictField(child=sentences)}


class QuotedSerializer(serializers.Serializer[Any]):
    quote = QuoteSerializer()
    broken_rules = BrokenRuleSerializer(many=True)
    nearest_slots = SlotSerializer(many=True)


class ChangePreviewSerializer(QuotedSerializer):
    """The price after the change, and the state: pending where the tools need an approval."""

    state = serializers.ChoiceField(choices=[BookingState.PENDING, BookingState.CONFIRMED])


class TargetSerializer(serializers.Serializer[Any]):
    """Either `cell` or `tool`, by code."""

    cell = serializers.CharField(required=False, max_length=20)
    tool = serializers.CharField(required=False, max_length=20)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        kinds = [kind for kind in ("cell", "tool") if kind in attrs]
        if len(kinds) != 1:
            raise serializers.ValidationError(_("Give either a cell or a tool."))
        code = attrs.pop(kinds[0])
        attrs["target"] = find(person(self.context["request"]), f"{kinds[0]}:{code}")
        if attrs["target"] is None:
            raise serializers.ValidationError({kinds[0]: _("There is nothing with this code.")})
        return attrs


class SearchSerializer(TargetSerializer):
    minutes = serializers.IntegerField(min_value=1, max_value=WEEK_MINUTES)
    to = MomentField(required=False, help_text="default: 14 days after `from`")
    limit = serializers.IntegerField(min_value=1, max_value=50, default=10)

    def get_fields(self) -> dict[str, Any]:
        # `from` is a keyword of Python and so cannot be declared as an attribute.
        start = MomentField(required=False, help_text="default: now")
        return {**super().get_fields(), "from": start}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        attrs["start"] = attrs.pop("from", None) or timezone.now()
        attrs["end"] = attrs.pop("to", None) or attrs["start"] + timedelta(days=14)
        if attrs["end"] <= attrs["start"]:
            raise serializers.ValidationError({"to": _("The range must end after it starts.")})
        return attrs


class SpanSerializer(TargetSerializer):
    starts_at = MomentField()
    ends_at = MomentField()


class WaferCountsSerializer(serializers.Serializer[Any]):
    wafer_count = serializers.IntegerField(
        min_value=0, max_value=SLOTS, default=0, help_text="the company's own wafers; free"
    )
    test_wafers = serializers.IntegerField(
        min_value=0, max_value=SLOTS, default=0, help_text="12-inch wafers bought from the facility"
    )


def route_of(code: str | None, request: Request) -> Route | None:
    """The route with this code, None for no code; ValidationError for an unknown one."""
    if not code:
        return None
    routes = Route.objects.visible_to(person(request))
    route = routes.filter(code=code).first()
    if route is None:
        raise serializers.ValidationError(_("There is no such route."))
    return route


class QuoteRequestSerializer(SpanSerializer, WaferCountsSerializer):
    route = serializers.CharField(required=False, max_length=20, allow_blank=True)

    def validate_route(self, code: str) -> Route | None:
        return route_of(code, self.context["request"])


class AnswersSerializer(WaferCountsSerializer):
    """What is to be done in the booked time."""

    lot = serializers.CharField(
        required=False, allow_null=True, max_length=20, default=None, help_text="own lot's code"
    )
    route = serializers.CharField(required=False, allow_null=True, max_length=20, default=None)
    purpose = serializers.CharField(max_length=200, allow_blank=True, default="")
    use_mode = serializers.ChoiceField(choices=UseMode.choices, default=UseMode.REQUESTED)
    wished_document = serializers.ChoiceField(
        choices=WishedDocument.choices, default=WishedDocument.NONE
    )
    buddy = serializers.CharField(
        required=False, allow_null=True, max_length=120, default=None,
        help_text="mail address of the colleague who is there while no staff are",
    )  # fmt: skip
    supplies = serializers.ListField(
        child=serializers.CharField(max_length=20), max_length=20, default=list,
        help_text="codes of reticles and materials",
    )  # fmt: skip

    def validate_buddy(self, email: str | None) -> User | None:
        if not email:
            return None
        people = User.objects.visible_to(person(self.context["request"]))
        buddy: User | None = people.filter(email__iexact=email).first()
        if buddy is None:
            raise serializers.ValidationError(_("Nobody of your company has this address."))
        return buddy

    def validate_supplies(self, codes: list[str]) -> list[Supply]:
        if not codes:
            return []
        known = Supply.objects.visible_to(person(self.context["request"]))
        supplies = list(known.filter(code__in=codes))
        if len(supplies) < len(set(codes)):
            raise serializers.ValidationError(_("Your company has no such reticle or material."))
        return supplies

    def validate_lot(self, code: str | None) -> Lot | None:
        if not code:
            return None
        # Staff see all lots; the verb refuses one that is not of the company they book for.
        lots = Lot.objects.visible_to(person(self.context["request"]))
        lot: Lot | None = lots.filter(code=code).first()
        if lot is None:
            raise serializers.ValidationError(_("Your company has no such lot."))
        return lot

    def validate_route(self, code: str | None) -> Route | None:
        return route_of(code, self.context["request"])


class OverrideSerializer(serializers.Serializer[Any]):
    """Rules that staff set aside, by code, and why."""

    codes = serializers.ListField(
        child=serializers.CharField(max_length=40), min_length=1, max_length=50
    )
    reason = serializers.CharField(min_length=5, max_length=200)


class OverridingSerializer(serializers.Serializer[Any]):
    """For the facility's staff alone."""

    override = OverrideSerializer(
        required=False, allow_null=True, default=None, help_text="staff only: rules set aside"
    )

    def validate_override(self, given: dict[str, Any] | None) -> Override | None:
        if given is None:
            return None
        demand(person(self.context["request"]), "override_rules")
        return Override.of(given["codes"], given["reason"])


class DeskSerializer(OverridingSerializer):
    """For the facility's staff alone: whom they book for."""

    on_behalf_of = serializers.CharField(
        required=False, allow_null=True, default=None, max_length=120,
        help_text="staff only: id or mail address of the company's engineer",
    )  # fmt: skip

    def validate_on_behalf_of(self, whom: str | None) -> User | None:
        return engineer_named(person(self.context["request"]), whom) if whom else None


class ExpectedField(serializers.CharField):
    """The `version` of the booking that the caller has seen."""

    def __init__(self, **_given: Any) -> None:
        super().__init__(
            required=False,
            allow_blank=True,
            max_length=LENGTH,
            help_text="the booking's `version` as you saw it; 409 when it has changed since",
        )


class NewHoldSerializer(SpanSerializer, DeskSerializer):
    """A slot to hold."""


class SubmitSerializer(AnswersSerializer, OverridingSerializer):
    """What is to be done in the held time."""


class NewSpanSerializer(SpanSerializer, OverridingSerializer):
    """Where a booking moves to."""

    expected = ExpectedField()


class NewBookingSerializer(SpanSerializer, AnswersSerializer, DeskSerializer):
    """Slot and answers together."""


def answers_of(data: Mapping[str, Any]) -> Answers:
    """The answers among validated data."""
    names = (
        "lot", "route", "wafer_count", "test_wafers", "purpose", "use_mode", "wished_document",
        "buddy", "supplies",
    )  # fmt: skip
    return Answers(**{name: data[name] for name in names if name in data})


class ColleagueSerializer(serializers.Serializer[Any]):
    colleague = WordsField(max_length=120, help_text="the colleague's mail address")


class CalendarSerializer(serializers.ModelSerializer[CalendarFeed]):
    """A private calendar address without its secret."""

    tool = serializers.CharField(source="tool.code", allow_null=True, default=None)

    class Meta:
        model = CalendarFeed
        fields = ("id", "kind", "tool", "created_at", "revoked_at")


class IssuedCalendarSerializer(CalendarSerializer):
    address = serializers.CharField(help_text="shown this once; read without a sign-in")

    class Meta(CalendarSerializer.Meta):
        fields = (*CalendarSerializer.Meta.fields, "address")  # type: ignore[assignment]


class NewCalendarSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=FeedKind.choices)
    tool = serializers.CharField(
        required=False, allow_null=True, max_length=20, default=None, help_text="for kind `tool`"
    )

    def validate_tool(self, code: str | None) -> Tool | None:
        tools = Tool.objects.visible_to(person(self.context["request"]))
        tool = tools.filter(code=code).first() if code else None
        if code and tool is None:
            raise serializers.ValidationError(_("There is nothing with this code."))
        return tool


class ReasonSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=200)


class BookingSerializer(WrittenSerializer[Booking]):
    """A booking with its price as it was shown and what is needed next."""

    number = serializers.CharField(source="__str__", read_only=True)
    company = serializers.CharField(source="company.business_number")
    booked_by = serializers.CharField(source="booked_by.name")
    placed_by = serializers.CharField(
        source="placed_by.name", allow_null=True, default=None,
        help_text="the member of staff who booked on the company's behalf",
    )  # fmt: skip
    overridden = serializers.ListField(
        child=serializers.CharField(), help_text="codes of the rules that staff set aside"
    )
    override_reason = serializers.SerializerMethodField(help_text="told to the staff alone")
    is_asked = serializers.SerializerMethodField(
        help_text="a question of the facility's waits for the company's answer"
    )
    cell = serializers.CharField(source="cell.code", allow_null=True, default=None)
    tools = serializers.SerializerMethodField()
    lot = serializers.CharField(source="lot.code", allow_null=True, default=None)
    route = serializers.CharField(source="route.code", allow_null=True, default=None)
    state = serializers.SerializerMethodField()
    next_step = serializers.SerializerMethodField()
    extensions_left = serializers.SerializerMethodField()
    buddy = serializers.CharField(source="buddy.name", allow_null=True, default=None)
    supplies = serializers.ListField(
        child=serializers.CharField(), source="supply_codes", help_text="reticles and materials"
    )
    quote = serializers.SerializerMethodField()
    version = serializers.SerializerMethodField()

    class Meta:
        model = Booking
        fields = (
            "id", "number", "version", "state", "next_step", "is_asked", "company", "booked_by",
            "placed_by", "overridden", "override_reason", "cell", "tools",
            "starts_at", "ends_at", "hold_expires_at", "extensions_left", "lot", "route",
            "wafer_count", "test_wafers", "purpose", "use_mode", "wished_document", "buddy",
            "supplies", "quote", "refusal_reason",
            "created_at", "decided_at", "reconfirm_by", "reconfirmed_at", "begun_at", "bundle",
            "position",
        )  # fmt: skip

    def get_override_reason(self, booking: Booking) -> str:
        is_staff = getattr(self.context.get("viewer"), "is_staff_member", False)
        return booking.override_reason if is_staff else ""

    def get_is_asked(self, booking: Booking) -> bool:
        return is_asked(booking)

    def get_version(self, booking: Booking) -> str:
        return version_of(booking, (claim.tool_id for claim in booking.allocations.all()))

    def get_tools(self, booking: Booking) -> list[str]:
        return [claim.tool.code for claim in booking.allocations.all()]

    @extend_schema_field(serializers.ChoiceField(choices=BookingState.choices))
    def get_state(self, booking: Booking) -> str:
        return booking.state_at(self.context["now"])

    def get_next_step(self, booking: Booking) -> str:
        return str(status(booking, self.context["now"]).next_step)

    def get_extensions_left(self, booking: Booking) -> int:
        if booking.state_at(self.context["now"]) != BookingState.HELD:
            return 0
        tools = [claim.tool for claim in booking.allocations.all()]
        return extensions_left(booking, self.context["rules"].of(booking), tools)

    @extend_schema_field(QuoteSerializer(allow_null=True))
    def get_quote(self, booking: Booking) -> dict[str, Any] | None:
        return booking.quote or None


def booking_context(viewer: Viewer | None = None) -> dict[str, Any]:
    """What `BookingSerializer` needs besides the booking; viewer: who reads it."""
    return {"now": timezone.now(), "rules": WhoseRules(), "viewer": viewer}
