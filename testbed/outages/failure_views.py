"""Reporting on `/utilities/` that a supply is down, and that it is back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from testbed.outages import failures
from testbed.outages.models import Utility
from testbed.people.permissions import demand
from testbed.people.visitor import person
from testbed.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse


@require_POST
@login_required
def supply_down(request: HttpRequest, code: str) -> HttpResponse:
    """Tools at work that need it pause before their next step."""
    more = {"reason": request.POST.get("reason", "")}
    said = _("Reported down: tools that need it pause before their next step.")
    return _told(request, code, failures.report, said, **more)


@require_POST
@login_required
def supply_back(request: HttpRequest, code: str) -> HttpResponse:
    """What it paused goes on after its settling time."""
    said = _("Reported back: what it paused goes on when it has settled.")
    return _told(request, code, failures.end, said)


def _told(
    request: HttpRequest, code: str, verb: Callable[..., object], said: str, **more: Any
) -> HttpResponse:
    demand(request.user, "maintain_tools")
    found = get_object_or_404(Utility.objects.visible_to(request.user), code=code)
    try:
        verb(actor=person(request), utility=found, **more)
    except Refusal as refused:
        messages.error(request, f"{refused.message} {refused.next_step}")
    else:
        messages.success(request, said)
    return redirect("utilities")
