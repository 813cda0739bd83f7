"""What people call a kind of tool, in their language; the code itself where nobody drives it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.functional import lazystr
from django.utils.translation import get_language

from instruments.catalogue import PLANS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django_stubs_ext import StrOrPromise


def kind_name(kind: str) -> str:
    """ "CD-SEM" for "cd_sem", in the language active now."""
    known = PLANS.get(kind)
    if known is None:
        return kind
    return known.title_ko if (get_language() or "").startswith("ko") else known.title


class _Name:
    """Read each time it is shown, as a lazily translated word is."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __str__(self) -> str:
        return kind_name(self.kind)


def kind_choices(kinds: Iterable[str]) -> list[tuple[str, StrOrPromise]]:
    """A choice for each kind; its name follows the reader's language."""
    return [(kind, lazystr(_Name(kind))) for kind in kinds]
