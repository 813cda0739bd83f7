"""What each line of a quote is called, in the reader's language."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

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


def labels(code: str, names: Mapping[str, str], **values: Hashable) -> dict[str, str]:
    """{language: label}; `names` gives the tool's name in each language."""
    own = tuple(names.get(language, "") for language in LANGUAGES)
    return dict(zip(LANGUAGES, _written(code, own, **values), strict=True))


@lru_cache(maxsize=1024)
def _written(code: str, names: tuple[str, ...], **values: Hashable) -> tuple[str, ...]:
    """Nothing but the arguments and the catalogues, which do not change, says what these are."""
    written = []
    for language, name in zip(LANGUAGES, names, strict=True):
        with override(language):
            written.append(label(code, name=name, **values))
    return tuple(written)
