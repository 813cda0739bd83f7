"""JSON that PostgreSQL can store: no NUL characters, no lone surrogates, no infinities."""

import math
from collections.abc import Mapping
from json import JSONDecodeError
from typing import IO, Any

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

# Deeper than any recipe, far from the depth at which Python gives up.
DEEPEST = 50


class StorableJSONParser(JSONParser):
    """Refuses text that no database column can hold, with a sentence instead of a 500."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            data = super().parse(stream, media_type, parser_context)
        except RecursionError as error:
            raise ParseError(_("The JSON is nested too deeply.")) from error
        except ParseError as error:
            raise ParseError(_not_json(error.__context__)) from error
        _refuse_unstorable(data, DEEPEST)
        return data


def _not_json(cause: BaseException | None) -> Any:
    """Where it stops being JSON; DRF's own sentence is English in every language."""
    if not isinstance(cause, JSONDecodeError):
        return _("This is not JSON in UTF-8.")
    place = {"line": cause.lineno, "column": cause.colno}
    return _("This is not JSON: see line %(line)d, column %(column)d.") % place


def _refuse_unstorable(value: Any, levels: int) -> None:
    if levels == 0:
        raise ParseError(_("The JSON is nested too deeply."))
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
            raise ParseError(_("Text must not contain NUL or broken characters."))
    elif isinstance(value, float) and not math.isfinite(value):
        # 1e999 is good JSON and reads as infinity.
        raise ParseError(_("A number in the JSON is too large."))
    elif isinstance(value, dict):
        for key, part in value.items():
            _refuse_unstorable(key, levels - 1)
            _refuse_unstorable(part, levels - 1)
    elif isinstance(value, list):
        for part in value:
            _refuse_unstorable(part, levels - 1)
