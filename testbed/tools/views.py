"""Pages of the catalogue: every tool as a card, one tool with its states, the emergency stop."""

from datetime import timedelta

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from testbed.people.permissions import may
from testbed.people.visitor import person
from testbed.tools import states
from testbed.tools.courses import asked_on
from testbed.tools.models import Area, Loading, StateSpan, Tool

HISTORY = 20


@login_required
@require_safe
def tools(request: HttpRequest) -> HttpResponse:
    """A card a tool; `?area=` narrows to one bay."""
    area = request.GET.get("area", "")
    found = Tool.objects.visible_to(request.user).with_state().select_related("cell", "pulse")
    if area in Area.values:
        found = found.filter(area=area)
    return render(
        request,
        "tools/tools.html",
        {"tools": found, "areas": Area.choices, "area": area if area in Area.values else ""},
    )


@login_required
@require_safe
def tool(request: HttpRequest, code: str) -> HttpResponse:
    """One tool: state first, then what it is, then its latest states."""
    found = get_object_or_404(
        Tool.objects.visible_to(request.user).with_state().select_related("cell", "pulse"),
        code=code,
    )
    spans = StateSpan.objects.visible_to(request.user).filter(tool=found)
    return render(
        request,
        "tools/tool.html",
        {
            "tool": found,
            "cell_tools": found.cell.tools.exclude(pk=found.pk) if found.cell else [],
            "courses": asked_on(found.code),
            "loadings": Loading.objects.visible_to(request.user)
            .present()
            .filter(tool=found)
            .select_related("supply"),
            "capabilities": found.capabilities.all(),
            "spans": spans.order_by("-started_at")[:HISTORY],
            "now": timezone.now(),
            "hours_by_state": _hours_by_state(found, timedelta(days=7)),
            "may_stop": may(request.user, "emergency_stop"),
            "may_clear": may(request.user, "clear_emergency_stop"),
        },
    )


def _hours_by_state(tool: Tool, window: timedelta) -> list[tuple[str, timedelta]]:
    """(state, time) of the last `window`, longest first; spans are cut at its start."""
    now = timezone.now()
    start = now - window
    total: dict[str, timedelta] = {}
    for span in StateSpan.objects.filter(tool=tool, started_at__lt=now).exclude(
        ended_at__lte=start
    ):
        length = (span.ended_at or now) - max(span.started_at, start)
        total[span.state] = total.get(span.state, timedelta()) + length
    return sorted(total.items(), key=lambda item: -item[1])


@login_required
@require_POST
def emergency_stop(request: HttpRequest, code: str) -> HttpResponse:
    found = get_object_or_404(Tool.objects.visible_to(request.user), code=code)
    states.emergency_stop(actor=person(request), tool=found)
    messages.warning(
        request,
        _("Emergency stop raised for %(tool)s. It reaches the tool before its next command.")
        % {"tool": found},
    )
    return redirect("tool", code=code)


@login_required
@require_POST
def clear_emergency_stop(request: HttpRequest, code: str) -> HttpResponse:
    found = get_object_or_404(Tool.objects.visible_to(request.user), code=code)
    states.clear_emergency_stop(actor=person(request), tool=found)
    messages.success(request, _("Emergency stop cleared for %(tool)s.") % {"tool": found})
    return redirect("tool", code=code)
