"""A tool's commands over the API: its driver's table and its recipe's JSON Schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.tools import commands
from testbed.tools.models import Tool

if TYPE_CHECKING:
    from rest_framework.request import Request


class CommandSerializer(serializers.Serializer[Any]):
    """One row of the driver's table; low and high in unit, null where there is no limit."""

    name = serializers.CharField()
    head = serializers.CharField(help_text="as it goes over the wire")
    unit = serializers.CharField(allow_blank=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    kind = serializers.CharField(help_text="recipe, setting, config, reading, trace or action")
    doc = serializers.CharField(help_text="what it is, in English")
    doc_ko = serializers.CharField(help_text="the same in Korean")
    type = serializers.CharField()
    choices = serializers.ListField(child=serializers.CharField())


class CommandsSerializer(serializers.Serializer[Any]):
    """Everything a tool understands; empty and null for a tool without a driver."""

    commands = CommandSerializer(many=True)
    recipe_schema = serializers.SerializerMethodField()

    @extend_schema_field({
        "type": "object", "nullable": True, "additionalProperties": True,
        "description": "JSON Schema (2020-12) of a recipe for this kind of tool",
    })  # fmt: skip
    def get_recipe_schema(self, found: dict[str, Any]) -> dict[str, Any] | None:
        """As the driver's table and the program give it."""
        schema: dict[str, Any] | None = found["recipe_schema"]
        return schema


class ToolCommands(APIView):
    """What can be set, read and recorded on one tool."""

    @extend_schema(summary="A tool's commands and limits", responses=CommandsSerializer)
    def get(self, request: Request, code: str) -> Response:
        """The driver's table, and the schema its recipes keep to."""
        tool = get_object_or_404(Tool.objects.visible_to(request.user), code=code)
        rows = [row for _title, group in commands.groups(tool.kind) for row in group]
        found = {"commands": rows, "recipe_schema": commands.recipe_schema(tool.kind)}
        return Response(CommandsSerializer(found).data)


urlpatterns = [
    path("tools/<slug:code>/commands/", ToolCommands.as_view(), name="api_tool_commands"),
]
