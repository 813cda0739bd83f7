"""What people press on a run's page: pause, go on, stop, abort, decide, emergency stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from testbed.people.visitor import person
from testbed.refusals import Refusal
from testbed.runs import control, pause
from testbed.runs.models import Run
from testbed.runs.states import RunState

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


def _found(request: HttpRequest, pk: int) -> Run:
    run: Run = get_object_or_404(Run.objects.visible_to(request.user).with_names(), pk=pk)
    return run


@require_POST
@login_required
def pause_run(request: HttpRequest, pk: int) -> HttpResponse:
    found, reason = _found(request, pk), request.POST.get("reason", "")
    return _told(
        request, pk, _("The run pauses before its next step."),
        lambda: pause.pause(actor=person(request), run=found, reason=reason),
    )  # fmt: skip


@require_POST
@login_required
def resume_run(request: HttpRequest, pk: int) -> HttpResponse:
    found = _found(request, pk)
    after: list[Run] = []
    answer = _told(
        request, pk, "", lambda: after.append(pause.resume(actor=person(request), run=found))
    )
    if after and after[0].state == RunState.PAUSED:
        messages.warning(request, _("A supply is down: the run goes on when it has settled."))
    elif after:
        messages.success(request, _("The run goes on."))
    return answer


@require_POST
@login_required
def stop_run(request: HttpRequest, pk: int) -> HttpResponse:
    found = _found(request, pk)
    return _told(
        request, pk, _("The run stops after the present step."),
        lambda: control.stop(actor=person(request), run=found),
    )  # fmt: skip


@require_POST
@login_required
def abort_run(request: HttpRequest, pk: int) -> HttpResponse:
    found = _found(request, pk)
    return _told(
        request, pk, _("The abort is asked for. It is done when the tool has confirmed it."),
        lambda: control.abort(actor=person(request), run=found),
    )  # fmt: skip


@require_POST
@login_required
def emergency_stop_run(request: HttpRequest, pk: int) -> HttpResponse:
    found = _found(request, pk)
    return _told(
        request, pk, _("Emergency stop: every tool of this run is told to make itself safe now."),
        lambda: control.emergency_stop(actor=person(request), run=found),
    )  # fmt: skip


@require_POST
@login_required
def resolve_run(request: HttpRequest, pk: int) -> HttpResponse:
    found = _found(request, pk)
    choice, note = request.POST.get("choice", ""), request.POST.get("note", "")
    return _told(
        request, pk, _("Your decision is in the log."),
        lambda: control.resolve(actor=person(request), run=found, choice=choice, note=note),
    )  # fmt: skip


def _told(request: HttpRequest, pk: int, words: str, verb: Callable[[], object]) -> HttpResponse:
    """Do it and go back to the run, with the answer as a message; 403 stays a page."""
    try:
        verb()
    except Refusal as refusal:
        if refusal.status == 403:
            raise
        messages.error(request, f"{refusal.message} {refusal.next_step}")
    else:
        if words:
            messages.success(request, words)
    return redirect("floor_run" if request.POST.get("back") == "floor" else "run", pk=pk)
