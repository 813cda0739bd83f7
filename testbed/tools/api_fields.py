"""Tools in requests to the API."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from testbed.people.api_fields import WordsField
from testbed.tools.models import Tool


class ToolCodesField(serializers.ListField):
    """Codes of tools; unknown ones are named."""

    child = WordsField(max_length=20)

    def to_internal_value(self, data: Any) -> list[Tool]:
        codes = super().to_internal_value(data)
        found = list(Tool.objects.filter(code__in=codes).order_by("pk"))
        unknown = sorted(set(codes) - {tool.code for tool in found})
        if unknown:
            raise serializers.ValidationError(
                _("There is no tool with the code %(codes)s.") % {"codes": ", ".join(unknown)}
            )
        return found


class NamesSerializer(serializers.Serializer[Any]):
    """What every named thing has; the code stands in the address."""

    name_ko = WordsField(max_length=60)
    name_en = WordsField(max_length=60)
