"""What the endpoints about chains of steps read and write."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework import serializers

from testbed.booking import api_shapes as shapes
from testbed.booking.capability import find_any
from testbed.booking.models import Bundle
from testbed.booking.route_place import Chosen, version_of_chain
from testbed.booking.route_steps import MOST_STEPS, Step, steps_of
from testbed.booking.target import find
from testbed.booking.version import LENGTH
from testbed.material.models import SLOTS
from testbed.people.visitor import person
from testbed.tools.models import Capability

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_WAIT = 14 * 24 * 60


class CapabilitySerializer(serializers.ModelSerializer[Capability]):
    """What tools can do, and which have it."""

    tools = serializers.SerializerMethodField()

    class Meta:
        model = Capability
        fields = ("code", "name_ko", "name_en", "tools")

    def get_tools(self, capability: Capability) -> list[str]:
        return [tool.code for tool in capability.tools.all() if tool.is_bookable]


class RangeSerializer(serializers.Serializer[Any]):
    """`from` (default: now) and `to` (default: 14 days later); at most 92 days are searched."""

    to = shapes.MomentField(required=False, help_text="default: 14 days after `from`")

    def get_fields(self) -> dict[str, Any]:
        start = shapes.MomentField(required=False, help_text="default: now")
        return {**super().get_fields(), "from": start}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs["start"] = attrs.pop("from", None) or timezone.now()
        attrs["end"] = attrs.pop("to", None) or attrs["start"] + timedelta(days=14)
        if attrs["end"] <= attrs["start"]:
            raise serializers.ValidationError({"to": _("The range must end after it starts.")})
        return attrs


class CapabilitySearchSerializer(RangeSerializer):
    minutes = serializers.IntegerField(min_value=1, max_value=shapes.WEEK_MINUTES)
    limit = serializers.IntegerField(min_value=1, max_value=50, default=10)


class WishedStepSerializer(serializers.Serializer[Any]):
    """One step: on what, how long, how soon after the step before."""

    target = serializers.CharField(
        max_length=40, help_text="`tool:`, `cell:`, `capability:` or `kind:` and its code"
    )
    minutes = serializers.IntegerField(min_value=1, max_value=shapes.WEEK_MINUTES)
    within_minutes = serializers.IntegerField(
        min_value=0, max_value=LONGEST_WAIT, required=False, allow_null=True, default=None,
        help_text="latest start after the end of the step before; null: any time later",
    )  # fmt: skip
    after_minutes = serializers.IntegerField(
        min_value=0, max_value=LONGEST_WAIT, default=0,
        help_text="earliest start after the end of the step before",
    )  # fmt: skip

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        targets = find_any(person(self.context["request"]), attrs["target"])
        if not targets:
            raise serializers.ValidationError({"target": _("There is nothing with this code.")})
        limit = attrs["within_minutes"]
        if limit is not None and limit < attrs["after_minutes"]:
            raise serializers.ValidationError(
                {"within_minutes": _("The latest start lies before the earliest.")}
            )
        attrs["targets"] = targets
        return attrs


class RouteSearchSerializer(RangeSerializer):
    """Either a stored `route` with `wafers`, or `steps` by hand."""

    route = serializers.CharField(required=False, allow_null=True, max_length=20)
    wafers = serializers.IntegerField(min_value=0, max_value=SLOTS, default=0)
    steps: serializers.ListSerializer[Any] = serializers.ListSerializer(
        child=WishedStepSerializer(), required=False, max_length=MOST_STEPS
    )
    limit = serializers.IntegerField(min_value=1, max_value=20, default=5)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        code, typed = attrs.pop("route", None), attrs.pop("steps", None)
        wafers = attrs.pop("wafers")
        if bool(code) == bool(typed):
            raise serializers.ValidationError(_("Give either a route or steps."))
        if code:
            route = shapes.route_of(code, self.context["request"])
            attrs["steps"] = steps_of(route, wafers) if route else []
        else:
            attrs["steps"] = [_step(one, wafers) for one in typed]
        return attrs


def _step(data: Mapping[str, Any], wafers: int) -> Step:
    return Step(
        data["targets"],
        data["minutes"],
        within_minutes=data["within_minutes"],
        after_minutes=data["after_minutes"],
        title=data["target"].partition(":")[2],
        wafers=wafers or None,
    )


class ChosenStepSerializer(serializers.Serializer[Any]):
    """A step with its time, as a combination gives it."""

    target = serializers.CharField(max_length=40, help_text="`tool:` or `cell:` and its code")
    starts_at = shapes.MomentField()
    ends_at = shapes.MomentField()
    within_minutes = serializers.IntegerField(
        min_value=0, max_value=LONGEST_WAIT, required=False, allow_null=True, default=None
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs["target"] = find(person(self.context["request"]), attrs["target"])
        if attrs["target"] is None:
            raise serializers.ValidationError({"target": _("There is nothing with this code.")})
        return attrs


class ChosenStepsSerializer(serializers.Serializer[Any]):
    steps: serializers.ListSerializer[Any] = serializers.ListSerializer(
        child=ChosenStepSerializer(), min_length=1, max_length=MOST_STEPS
    )

    def validate_steps(self, steps: list[dict[str, Any]]) -> list[Chosen]:
        return [Chosen(**one) for one in steps]


class NewRouteHoldSerializer(ChosenStepsSerializer, shapes.DeskSerializer):
    """Steps to hold."""


class NewRouteBookingSerializer(
    ChosenStepsSerializer, shapes.AnswersSerializer, shapes.DeskSerializer
):
    """Steps and answers together."""


class FoundStepSerializer(serializers.Serializer[Any]):
    title = serializers.CharField(allow_blank=True)
    target = serializers.CharField()
    tools = serializers.ListField(child=serializers.CharField())
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    within_minutes = serializers.IntegerField(allow_null=True)
    quote = shapes.QuoteSerializer()
    warnings = shapes.BrokenRuleSerializer(many=True)


class CombinationSerializer(serializers.Serializer[Any]):
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    total_won = serializers.IntegerField()
    steps = FoundStepSerializer(many=True)


class BrokenStepSerializer(serializers.Serializer[Any]):
    """What forbids one step; `step` counts from 1."""

    step = serializers.IntegerField()
    broken_rules = shapes.BrokenRuleSerializer(many=True)


class RouteFoundSerializer(serializers.Serializer[Any]):
    combinations = CombinationSerializer(many=True)
    nothing_because = BrokenStepSerializer(many=True)
    is_cut_short = serializers.BooleanField(
        help_text="the rules turned down so many times that the search ended early"
    )


class RefusedRouteSerializer(shapes.RefusedClaimSerializer):
    """The error shape; when rules say no, which of which step, and the nearest combinations."""

    broken_steps = BrokenStepSerializer(many=True, required=False)
    nearest_combinations = CombinationSerializer(many=True, required=False)


class AgreedSerializer(serializers.Serializer[Any]):
    """The cost of cancelling that was shown; leave it out where cancelling is free."""

    total_won = serializers.IntegerField(min_value=0, max_value=2**53, default=0)
    debt_minutes = serializers.IntegerField(min_value=0, max_value=2**31 - 1, default=0)
    expected = serializers.CharField(
        required=False, allow_blank=True, max_length=LENGTH,
        help_text="the chain's `version` as you saw it; 409 when it has changed since",
    )  # fmt: skip


class BundleSerializer(serializers.Serializer[Any]):
    """Bookings that were placed together, in order, with their total price."""

    id = serializers.IntegerField()
    kind = serializers.CharField()
    hold_expires_at = serializers.DateTimeField(allow_null=True)
    total_won = serializers.IntegerField()
    version = serializers.CharField(help_text="changes with every live step")
    bookings = shapes.BookingSerializer(many=True)


def bundle_json(bundle: Bundle, bookings: list[Any], context: dict[str, Any]) -> dict[str, Any]:
    """The bundle as `BundleSerializer` says; `bookings` in order, with names."""
    from testbed.booking.bundles import held_until

    return {
        "id": bundle.pk,
        "kind": bundle.kind,
        "hold_expires_at": held_until(bookings, context["now"]),
        "version": version_of_chain(bookings),
        "total_won": sum((one.quote or {}).get("total_won", 0) for one in bookings),
        "bookings": shapes.BookingSerializer(bookings, many=True, context=context).data,
    }
