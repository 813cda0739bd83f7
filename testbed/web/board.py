"""The wall screen: a tile a tool, readable from across the bay, with no company's data on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_safe

from testbed.booking.models import Allocation
from testbed.runs.models import Run
from testbed.tools.models import E10State, Tool

if TYPE_CHECKING:
    from testbed.people.querysets import Viewer

URGENT = {E10State.UNSCHEDULED_DOWN: 0, E10State.SCHEDULED_DOWN: 1, E10State.PRODUCTIVE: 2}


@login_required
@require_safe
def board(request: HttpRequest) -> HttpResponse:
    return render(request, "web/board.html", _frame(request.user))


@login_required
@require_safe
def tiles(request: HttpRequest) -> HttpResponse:
    """The tiles alone, asked for every few seconds."""
    response = render(request, "web/board_tiles.html", _frame(request.user))
    add_never_cache_headers(response)
    return response


def _frame(user: Viewer) -> dict[str, Any]:
    now = timezone.now()
    tools = list(Tool.objects.visible_to(user).with_state())
    claims = _claims(now)
    runs = dict(_run_words())
    for tool in tools:
        tool.busy_until, tool.next_at = claims.get(tool.pk, (None, None))  # type: ignore[attr-defined]
        tool.run_word = runs.get(tool.pk, "")  # type: ignore[attr-defined]
    tools.sort(key=lambda tool: (not tool.emergency_stop_at, URGENT.get(tool.state, 3)))  # type: ignore[attr-defined]
    return {"tools": tools, "at": now}


def _claims(now: Any) -> dict[int, tuple[Any, Any]]:
    """tool id → (end of the claim that runs now, start of the next): times only, no names."""
    found: dict[int, tuple[Any, Any]] = {}
    rows = (
        Allocation.objects.live()
        .filter(ends_at__gt=now)
        .order_by("-starts_at")
        .values_list("tool_id", "starts_at", "ends_at")
    )
    for tool_id, starts_at, ends_at in rows:
        until, following = found.get(tool_id, (None, None))
        found[tool_id] = (ends_at, following) if starts_at <= now else (until, starts_at)
    return found


def _run_words() -> list[tuple[int, str]]:
    """The state of each tool's open run: a word, never whose it is."""
    runs = Run.objects.open().only("tool_id", "state")
    return [(run.tool_id, run.get_state_display()) for run in runs]
