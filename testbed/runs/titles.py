"""What a step is called, in the reader's language; the tools' programs name them in English."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from testbed.runs.models import Step

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

TITLES: dict[str, StrOrPromise] = {
    "dock": _("Dock %(subject)s and read its slot map"),
    "settings": _("Load the recipe"),
    "expose": _("Expose %(subject)s"),
    "process": _("Process %(subject)s"),
    "etch": _("Etch %(subject)s"),
    "deposit": _("Deposit on %(subject)s"),
    "polish": _("Polish %(subject)s"),
    "clean": _("Clean %(subject)s"),
    "measure": _("Measure %(subject)s"),
    "trace": _("Read the traces of %(subject)s"),
    "undock": _("Undock %(subject)s"),
}


def subject_of(step: Step) -> str:
    """The wafer or the carrier that the step is about."""
    if step.wafer is not None:
        return step.wafer.wafer_id
    return str(step.params.get("carrier_id", ""))


def titled(kind: str, subject: str, otherwise: str = "") -> str:
    """The title of a kind of step; `otherwise` (the program's own) for a kind without words."""
    words = TITLES.get(kind)
    return otherwise if words is None else str(words) % {"subject": subject}


def title_of(step: Step) -> str:
    """The step's title in the reader's language; with its tool where that is not the run's own."""
    title = titled(step.kind, subject_of(step), step.title)
    return title if step.tool_id == step.run.tool_id else f"{title} · {step.tool}"
