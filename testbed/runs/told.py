"""Who hears that a run is held: those who can decide, and those whose run it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from testbed.booking.notify import Names, own
from testbed.notices.said import said
from testbed.notices.tell import tell
from testbed.people.permissions import may
from testbed.runs.causes import cause_of
from testbed.runs.log import REASONS

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    from testbed.runs.models import Run


def held(run: Run) -> None:
    """Booker and sharers of its booking, who started it, and everybody who may run tools."""
    people = own(run.booking)
    if not may(run.started_by, "operate"):
        people.append(run.started_by)
    tools = Names(run.tools())
    subject = said(_("%(run)s is held on %(tools)s: a person decides"), run=run, tools=tools)
    tell(
        to=people,
        kind="run_held",
        subject=subject,
        sentences=[
            said(_("%(run)s (%(lot)s, “%(operation)s”) waits on %(tools)s."), run=run,
                 lot=run.traveler.lot.code, operation=run.operation, tools=tools),
            said(_("Why: %(why)s"), why=REASONS.get(run.held_why, run.held_why)),
            *_what_happened(run),
            _("Nothing more is done until a technician or process engineer has decided."),
        ],
        path=f"/runs/{run.pk}/",
        company=run.company,
        audience="operate",
    )  # fmt: skip


def _what_happened(run: Run) -> list[StrOrPromise]:
    """In words for people, with the technical ones after them; nothing without an error."""
    error = str(run.evidence.get("error", ""))
    cause = cause_of(error)
    if cause is None:
        return []
    return [
        said(_("What went wrong: %(happened)s (%(error)s)"), happened=cause.happened, error=error)
    ]
