"""Booking rules over the API: the table, one rule with its history, its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import generics, serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.booking.api_shapes import MomentField
from testbed.booking.models import RuleSetting
from testbed.booking.overview import known_settings, overview, setting_json
from testbed.booking.rule_settings import Terms, add, change, end, rule_called, scope_of
from testbed.people.permissions import demand
from testbed.people.visitor import person
from testbed.tools.models import Tool

if TYPE_CHECKING:
    from rest_framework.request import Request

ABOUT = ["who", "tool", "length", "time", "answers", "notice"]


class RuleSettingSerializer(serializers.Serializer[Any]):
    """One setting; scope: facility, area:<area>, cell:<code> or tool:<code>; group: code."""

    id = serializers.IntegerField()
    scope = serializers.CharField()
    group = serializers.CharField(allow_null=True, help_text="null: for everybody")
    is_active = serializers.BooleanField()
    parameters = serializers.DictField()
    effective_from = serializers.DateTimeField(allow_null=True)
    effective_until = serializers.DateTimeField(allow_null=True)
    is_upcoming = serializers.BooleanField()


class RuleSerializer(serializers.Serializer[Any]):
    """A rule with the facility's parameters; `tools`: where a tool's own or its group's differ."""

    code = serializers.CharField()
    sentence = serializers.CharField()
    about = serializers.ChoiceField(choices=ABOUT)
    staff_may_override = serializers.BooleanField()
    is_active = serializers.BooleanField()
    parameters = serializers.DictField()
    tools = serializers.DictField(child=serializers.DictField())
    switched_off = serializers.ListField(
        child=serializers.CharField(), help_text="tools without this rule"
    )
    settings = RuleSettingSerializer(many=True)


class OneRuleSerializer(RuleSerializer):
    """`settings` has those that have ended too, the newest first; `defaults`: without any."""

    defaults = serializers.DictField()


class TermsSerializer(serializers.Serializer[Any]):
    """What is set, and how long; a parameter left out comes from the farther place."""

    parameters = serializers.DictField(child=serializers.JSONField(), default=dict)
    is_active = serializers.BooleanField(default=True, help_text="false switches the rule off")
    effective_from = MomentField(
        required=False, allow_null=True, default=None, help_text="null: from now on"
    )
    effective_until = MomentField(
        required=False, allow_null=True, default=None, help_text="null: for ever"
    )


class NewSettingSerializer(TermsSerializer):
    scope = serializers.CharField(
        max_length=40, default="facility", help_text="facility, area:…, cell:… or tool:…"
    )
    group = serializers.CharField(max_length=20, required=False, allow_null=True, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        where = scope_of(attrs.pop("scope"), attrs.pop("group") or "")
        if where is None:
            raise serializers.ValidationError({"scope": _("There is nothing with this code.")})
        return {"scope": where, "terms": Terms(**attrs)}


def checked(shape: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    form = shape(data=request.data)
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)


class Rules(generics.ListAPIView[Any]):
    """Every booking rule, in words, with the parameters in force now and those to come."""

    serializer_class = RuleSerializer

    def get_queryset(self) -> Any:
        user = self.request.user
        tools = Tool.objects.visible_to(user).select_related("cell")
        return [row.as_json() for row in overview(list(tools), timezone.now(), user)]

    @extend_schema(responses={200: RuleSerializer(many=True)})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class OneRule(APIView):
    """One rule with all its settings, also those that have ended."""

    @extend_schema(responses={200: OneRuleSerializer})
    def get(self, request: Request, code: str) -> Response:
        rule = rule_called(code)
        if rule is None:
            raise Http404
        now, user = timezone.now(), person(request)
        tools = list(Tool.objects.visible_to(user).select_related("cell"))
        row = next(one for one in overview(tools, now, user) if one.rule.code == code)
        own = known_settings(user).filter(code=code).order_by("-effective_from", "-pk")
        settings = [setting_json(one, now) for one in own]
        return Response({**row.as_json(), "settings": settings, "defaults": dict(rule.defaults)})


class RuleSettings(APIView):
    """Set a rule for a place, a group, or both; the nearest setting wins."""

    @extend_schema(
        request=NewSettingSerializer,
        responses={
            201: RuleSettingSerializer,
            403: OpenApiResponse(),
            409: OpenApiResponse(),
            422: OpenApiResponse(),
        },
    )
    def post(self, request: Request, code: str) -> Response:
        demand(person(request), "edit_rules")
        made = add(actor=person(request), code=code, **checked(NewSettingSerializer, request))
        return Response(setting_json(made, timezone.now()), status=201)


class OneRuleSetting(APIView):
    """One setting: other terms from now on, or its end. What was in force stays as history."""

    def _setting(self, request: Request, code: str, pk: int) -> RuleSetting:
        demand(person(request), "edit_rules")
        return get_object_or_404(known_settings(request.user), code=code, pk=pk)

    @extend_schema(
        request=TermsSerializer,
        responses={
            200: RuleSettingSerializer,
            403: OpenApiResponse(),
            409: OpenApiResponse(),
            422: OpenApiResponse(),
        },
    )
    def put(self, request: Request, code: str, pk: int) -> Response:
        setting = self._setting(request, code, pk)
        terms = Terms(**checked(TermsSerializer, request))
        new = change(actor=person(request), setting=setting, terms=terms)
        return Response(setting_json(new, timezone.now()))

    @extend_schema(responses={204: None, 403: OpenApiResponse(), 409: OpenApiResponse()})
    def delete(self, request: Request, code: str, pk: int) -> Response:
        """End it now; one that has not begun is taken away."""
        end(actor=person(request), setting=self._setting(request, code, pk))
        return Response(status=204)


urlpatterns = [
    path("rules/", Rules.as_view(), name="api_rules"),
    path("rules/<slug:code>/", OneRule.as_view(), name="api_rule"),
    path("rules/<slug:code>/settings/", RuleSettings.as_view(), name="api_rule_settings"),
    path("rules/<slug:code>/settings/<int:pk>/", OneRuleSetting.as_view(), name="api_rule_setting"),
]
