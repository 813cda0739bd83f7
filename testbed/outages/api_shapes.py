"""What the endpoints of outages read and write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from testbed.booking.api_shapes import MomentField, SlotSerializer
from testbed.booking.route_shapes import CombinationSerializer
from testbed.outages import failures
from testbed.outages.models import (
    Fate,
    Outage,
    OutageKind,
    Rebooking,
    RebookingState,
    Repeat,
    Scope,
    Utility,
)
from testbed.outages.rebook import Chosen
from testbed.outages.terms import (
    EVERY_MOST,
    LONGEST_NOTE,
    LONGEST_REASON,
    MOST_TIMES,
    Terms,
)
from testbed.people.api_fields import DayField, WordsField
from testbed.people.visitor import person
from testbed.tools.api_fields import ToolCodesField
from testbed.tools.models import Area

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_KEY = 2**63 - 1


class CodeField(serializers.SlugField):
    """A code: letters, digits, hyphens and underscores, never a number."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        code: str = super().to_internal_value(data)
        return code


class FateSerializer(serializers.Serializer[Any]):
    """What happens to one booking in the way; `starts_at` when it is moved."""

    booking = serializers.IntegerField(min_value=1, max_value=LARGEST_KEY)
    fate = serializers.ChoiceField(choices=Fate.choices)
    starts_at = MomentField(required=False)


class OutageTermsSerializer(serializers.Serializer[Any]):
    """What is closed and when. `tools` counts for the scope tools, `area` and `utility` for theirs.

    weekdays: 0 is Monday. The reasons are for everybody, the note for the staff.
    """

    kind = serializers.ChoiceField(choices=OutageKind.choices)
    scope = serializers.ChoiceField(choices=Scope.choices)
    tools = ToolCodesField(required=False, max_length=200)
    area = serializers.ChoiceField(choices=Area.choices, required=False)
    utility = CodeField(required=False, max_length=20)
    starts_at = MomentField()
    ends_at = MomentField()
    reason_ko = WordsField(max_length=LONGEST_REASON)
    reason_en = WordsField(max_length=LONGEST_REASON)
    note = WordsField(required=False, allow_blank=True, max_length=LONGEST_NOTE)
    repeat = serializers.ChoiceField(choices=Repeat.choices, default=Repeat.ONCE)
    every = serializers.IntegerField(min_value=1, max_value=EVERY_MOST, default=1)
    weekdays = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=6), required=False, max_length=7
    )
    until = DayField(required=False)
    exceptions = serializers.ListField(child=DayField(), required=False, max_length=MOST_TIMES)

    def validate_utility(self, code: str) -> Utility:
        found = Utility.objects.visible_to(person(self.context["request"])).filter(code=code)
        if not found:
            raise serializers.ValidationError(_("There is nothing with this code."))
        return found[0]


class AnnouncementSerializer(OutageTermsSerializer):
    """The terms, and a fate for every booking in the way."""

    fates = serializers.ListField(child=FateSerializer(), required=False, max_length=1000)


def terms_and_fates(asked: dict[str, Any]) -> tuple[Terms, Mapping[int, Chosen]]:
    """What the verbs want, from an announcement."""
    rows = asked.pop("fates", [])
    fates = {row["booking"]: Chosen(Fate(row["fate"]), row.get("starts_at")) for row in rows}
    return Terms(**asked), fates


class SpanOfTimeSerializer(serializers.Serializer[Any]):
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()


class AffectedSerializer(serializers.Serializer[Any]):
    """A booking in the way: whose, when, and the free slots it could go to."""

    booking = serializers.IntegerField()
    number = serializers.CharField()
    company = serializers.CharField()
    state = serializers.CharField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    tools = serializers.ListField(child=serializers.CharField())
    wafers = serializers.IntegerField()
    fates = serializers.ListField(child=serializers.ChoiceField(choices=Fate.choices))
    alternatives = SlotSerializer(many=True)


class PlanSerializer(serializers.Serializer[Any]):
    """What a closure would come to; `running`: bookings that have begun and block it."""

    tools = serializers.ListField(child=serializers.CharField())
    times = SpanOfTimeSerializer(many=True)
    affected = AffectedSerializer(many=True)
    running = AffectedSerializer(many=True)


class BlockedSerializer(serializers.Serializer[Any]):
    """The error shape; with the plan as it is now when bookings stand in the way."""

    code = serializers.CharField()
    message = serializers.CharField()
    plan = PlanSerializer(required=False)

    def get_fields(self) -> dict[str, Any]:
        # A serializer has a property `fields`, so this one cannot be declared as an attribute.
        sentences = serializers.ListField(child=serializers.CharField())
        return {**super().get_fields(), "fields": serializers.DictField(child=sentences)}


class OutageSerializer(serializers.ModelSerializer[Outage]):
    """A closure; `times`: those that stand; `note` is there for the staff alone."""

    tools: serializers.Field[Any, Any, Any, Any] = serializers.SlugRelatedField(
        slug_field="code", many=True, read_only=True
    )
    area = serializers.CharField(allow_blank=True, help_text="of the scope area; else empty")
    utility = serializers.CharField(source="utility.code", allow_null=True, default=None)
    times = serializers.SerializerMethodField()
    announced_at = serializers.DateTimeField(source="created_at")
    note = serializers.CharField(required=False)
    weekdays = serializers.ListField(child=serializers.IntegerField())
    exceptions = serializers.ListField(child=serializers.DateField())

    class Meta:
        model = Outage
        fields = (
            "id", "kind", "scope", "area", "utility", "tools", "starts_at", "ends_at", "repeat",
            "every", "weekdays", "until", "exceptions", "reason_ko", "reason_en", "note",
            "announced_at", "days_ahead", "withdrawn_at", "times",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(SpanOfTimeSerializer(many=True))
    def get_times(self, outage: Outage) -> Any:
        live = [one for one in outage.occurrences.all() if one.live]
        return SpanOfTimeSerializer(live, many=True).data

    def to_representation(self, instance: Outage) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(instance)
        if not person(self.context["request"]).is_staff_member:
            del shown["note"]
        return shown


class RebookingSerializer(serializers.ModelSerializer[Rebooking]):
    """What a closure did to a booking, and the answer; times empty unless it was moved."""

    number = serializers.CharField(source="booking.__str__")
    reason_ko = serializers.SerializerMethodField()
    reason_en = serializers.SerializerMethodField()
    may_answer = serializers.BooleanField(source="is_waiting")
    state = serializers.ChoiceField(choices=RebookingState.choices)

    class Meta:
        model = Rebooking
        fields: tuple[str, ...] = (
            "id", "outage", "booking", "number", "reason_ko", "reason_en", "fate", "state",
            "from_starts_at", "from_ends_at", "to_starts_at", "to_ends_at", "answer_by",
            "decided_at", "may_answer",
        )  # fmt: skip
        read_only_fields = fields

    def get_reason_ko(self, row: Rebooking) -> str:
        return row.outage.reason_in("ko")

    def get_reason_en(self, row: Rebooking) -> str:
        return row.outage.reason_in("en")


class AnswerableSerializer(RebookingSerializer):
    """With the slots that are free for it now, nearest to the old time first.

    chains: for a step of a chain, free times for all of its steps that are still to come.
    """

    slots = SlotSerializer(many=True)
    chains = CombinationSerializer(many=True)

    class Meta(RebookingSerializer.Meta):
        fields: tuple[str, ...] = (*RebookingSerializer.Meta.fields, "slots", "chains")
        read_only_fields = fields


class ChoiceSerializer(serializers.Serializer[Any]):
    """Where the booking starts instead; its length stays."""

    starts_at = MomentField()


class UtilitySerializer(serializers.ModelSerializer[Utility]):
    """Something the building supplies, and the tools that need it."""

    tools: serializers.Field[Any, Any, Any, Any] = serializers.SlugRelatedField(
        slug_field="code", many=True, read_only=True
    )
    is_down = serializers.SerializerMethodField(help_text="reported down, or closed, right now")

    def get_is_down(self, utility: Utility) -> bool:
        return failures.is_down(utility)

    class Meta:
        model = Utility
        fields = ("code", "name_ko", "name_en", "tools", "settle_s", "is_down")
        read_only_fields = fields


class UtilityChangeSerializer(serializers.Serializer[Any]):
    name_ko = WordsField(max_length=60)
    name_en = WordsField(max_length=60)
    tools = ToolCodesField(max_length=200)
    settle_s = serializers.IntegerField(
        required=False, min_value=0, max_value=86_400,
        help_text="seconds from its return until paused runs go on",
    )  # fmt: skip


class NewUtilitySerializer(UtilityChangeSerializer):
    code = CodeField(max_length=20)
