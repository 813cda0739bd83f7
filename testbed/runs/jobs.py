"""The technician's queue: jobs in the order of need, each with the one thing to do next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from testbed.booking.models import Booking
from testbed.material.models import LotState
from testbed.people.models import User
from testbed.process.models import Operation
from testbed.runs import live
from testbed.runs.interlocks import Interlock
from testbed.runs.models import Run
from testbed.runs.ready import Ready, ready
from testbed.runs.states import RunState
from testbed.tools.models import Tool

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True)
class Action:
    """The one next thing: what the button says and where it leads; `is_urgent` draws it filled."""

    code: str
    label: StrOrPromise
    path: str
    icon: str = "arrow-right"
    is_urgent: bool = True


@dataclass(frozen=True)
class Job:
    """A run that is open, or what can be started next; `card` (of a run) as `live.card` has it."""

    booking: Booking
    operation: Operation
    tools: list[Tool]
    action: Action
    rank: int
    card: dict[str, Any] | None = None
    unmet: tuple[Interlock, ...] = ()
    waiting: int = 0


def queue(actor: User, now: datetime, area: str = "") -> list[Job]:
    """Held runs, then running ones, then what can start now, then what comes; of one bay or all."""
    runs = Run.objects.visible_to(actor).open().with_names().select_related("booking__lot__carrier")
    jobs = [_of_run(run, now) for run in runs]
    jobs += [_of_ready(entry) for entry in ready(actor, now)]
    here = [job for job in jobs if not area or any(tool.area == area for tool in job.tools)]
    return sorted(here, key=lambda job: (job.rank, job.booking.starts_at, job.booking.pk))


def _of_run(run: Run, now: datetime) -> Job:
    return Job(
        run.booking, run.operation, run.tools(), run_action(run),
        rank=0 if run.state == RunState.HELD else 1, card=live.card(run, now),
    )  # fmt: skip


def _of_ready(entry: Ready) -> Job:
    tools = [] if entry.tool is None else [entry.tool]
    return Job(
        entry.booking, entry.operation, tools, ready_action(entry),
        rank=2 if entry.is_now else 3, unmet=tuple(entry.unmet), waiting=len(entry.slots),
    )  # fmt: skip


def run_action(run: Run) -> Action:
    path = reverse("floor_run", args=[run.pk])
    if run.state == RunState.HELD:
        return Action("decide", _("Look and decide"), path, "hand")
    return Action("watch", _("Watch the run"), path, "activity", is_urgent=False)


def ready_action(entry: Ready) -> Action:
    """Check in before all else; then clear what is in the way; then start."""
    lot = entry.booking.lot
    if lot is not None and (
        lot.state == LotState.REGISTERED or any(one.code == "carrier_map" for one in entry.unmet)
    ):
        path = reverse("floor_carrier", args=[lot.code])
        return Action("check_in", _("Look at the carrier"), path, "box")
    start = (
        f"{reverse('start_run')}?booking={entry.booking.pk}&operation={entry.operation.position}"
    )
    if entry.unmet:
        return Action("clear", _("See what is in the way"), start, "lock", is_urgent=False)
    return Action("start", _("Check and start"), start, "play")
