"""A recipe's JSON schema carries its texts in both languages: here they are read in one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import get_language


def text(described: Mapping[str, Any], key: str, otherwise: str = "") -> str:
    """The `title` or `description` of a part of the schema, in the reader's language."""
    return str(described.get(f"{key}_ko" if get_language() == "ko" else key, otherwise))


def name_of(described: Mapping[str, Any], raw: str) -> str:
    """What people call one of a choice's words; the word itself where it has no name."""
    return text(described.get("words", {}).get(raw, {}), "title", raw)
