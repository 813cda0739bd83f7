"""What each line of a quote is called, in the reader's language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

LANGUAGES = ("ko", "en")
SENTENCES: dict[str, StrOrPromise] = {
    "service": _("%(name)s, tool time"),
    "share": _("%(name)s, share of its time by wafers"),
    "discount": _("Discount on tool time, %(percent)s %%"),
    "test_wafers": _("12-inch test wafers"),
    "module": _("Service module: %(name)s"),
    "in_module": _("Step of the service module: %(name)s (included in its price)"),
}


def label(code: str, **values: object) -> str:
    """The name of a line with this code (KeyError for an unknown one)."""
    return str(SENTENCES[code]) % values


def labels(code: str, names: dict[str, str], **values: object) -> dict[str, str]:
    """{language: label}; `names` gives the tool's name in each language."""
    written = {}
    for language in LANGUAGES:
        with override(language):
            written[language] = label(code, name=names.get(language, ""), **values)
    return written
