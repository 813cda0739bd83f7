"""A recipe's JSON schema carries its texts in both languages: here they are read in one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

# Symbols of units are the same everywhere; these are words.
UNIT_WORDS: Mapping[str, Promise] = {
    "columns": _("columns"),
    "points": _("points"),
    "pulses": _("pulses"),
    "rows": _("rows"),
    "spectra": _("spectra"),
    "wafers": _("wafers"),
}


def text(described: Mapping[str, Any], key: str, otherwise: str = "") -> str:
    """The `title` or `description` of a part of the schema, in the reader's language."""
    return str(described.get(f"{key}_ko" if get_language() == "ko" else key, otherwise))


def name_of(described: Mapping[str, Any], raw: str) -> str:
    """What people call one of a choice's words; the word itself where it has no name."""
    return text(described.get("words", {}).get(raw, {}), "title", raw)


def unit_in_words(unit: str) -> str:
    """The unit as people read it."""
    return str(UNIT_WORDS.get(unit, unit))
