"""What every page's frame shows: the clock, the menu for this person, the lamp, the theme."""

from collections.abc import Callable
from typing import Any, cast

from django.conf import settings
from django.db.models import FilteredRelation, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from testbed.compiled import Statement
from testbed.notices.inbox import counted
from testbed.people.models import User
from testbed.people.permissions import may
from testbed.tools.models import E10State, Tool
from testbed.web.sections import section

DOWN = (E10State.SCHEDULED_DOWN, E10State.UNSCHEDULED_DOWN)


def menu(request: HttpRequest) -> list[dict[str, Any]]:
    """The main menu's entries: address, label, and whether this page belongs to it."""
    user = getattr(request, "user", None)
    entries = [("/", _("Home"))]
    if user is not None and user.is_authenticated:
        entries += _entries(user)
    return [
        {"url": url, "label": label, "here": _is_here(request.path, url)} for url, label in entries
    ]


def _entries(user: User) -> list[tuple[str, str]]:
    """The menu of a signed-in person: only what their role can use."""
    entries = [
        ("/tools/", _("Tools")),
        ("/book/", _("Book")) if may(user, "book") else ("/book/timeline/", _("Timetable")),
        ("/services/", _("Services")),
        ("/bookings/", _("Bookings")),
        ("/lots/", _("Lots")),
        ("/recipes/", _("Recipes")),
        ("/runs/", _("Runs")),
        ("/results/", _("Results")),
    ]
    if may(user, "approve_booking"):
        entries.append(("/approvals/", _("Approvals")))
    if may(user, "see_facility_usage"):
        entries.append(("/ops/", _("Operations")))
    elif not user.is_staff_member:
        entries.append(("/usage/", _("Usage")))
    return entries


def _is_here(path: str, url: str) -> bool:
    return path == "/" if url == "/" else path.startswith(url)


class _Anybody:
    """Somebody signed in: the lamp counts every tool for everybody."""

    is_authenticated = True


def _states() -> QuerySet[Any, Any]:
    """Each tool's state, None without an open span; one query, because every page asks."""
    open_spans = FilteredRelation("state_spans", condition=Q(state_spans__ended_at=None))
    tools = Tool.objects.visible_to(cast("User", _Anybody())).annotate(now=open_spans)
    return tools.order_by().values_list("now__state")


_STATES: Statement[Any] = Statement(_states)


def lamp(request: HttpRequest) -> Callable[[], dict[str, str] | None]:
    """How many tools are up, asked only by pages that show it."""

    def read() -> dict[str, str] | None:
        user = getattr(request, "user", None)
        if user is None or not user.is_authenticated:
            return None
        states = [state for (state,) in _STATES()]
        total = len(states)
        up = sum(1 for state in states if state is not None and state not in DOWN)
        figures = {"up": up, "all": total}
        if not total:
            return {"tone": "idle", "icon": "circle-dashed", "text": _("No tools")}
        if up == total:
            text = _("All tools up %(up)d/%(all)d") % figures
            return {"tone": "ok", "icon": "circle-dot", "text": text}
        tone = "bad" if E10State.UNSCHEDULED_DOWN in states else "warn"
        return {"tone": tone, "icon": "triangle-alert", "text": _("Up %(up)d/%(all)d") % figures}

    return read


def unread_notices(request: HttpRequest) -> Callable[[], int | None]:
    """How many notices wait for this person, as counted lately; None asks for it afterwards."""

    def read() -> int | None:
        user = getattr(request, "user", None)
        return counted(user) if isinstance(user, User) else None

    return read


def next_theme(theme: str) -> dict[str, str]:
    """What the theme button offers: auto → light → dark → auto."""
    return {
        "auto": {"value": "light", "icon": "sun", "label": _("Switch to the light look")},
        "light": {"value": "dark", "icon": "moon", "label": _("Switch to the dark look")},
        "dark": {"value": "auto", "icon": "sun-moon", "label": _("Let the device choose the look")},
    }[theme]


def frame(request: HttpRequest) -> dict[str, Any]:
    """Variables of `web/base.html`."""
    theme = request.COOKIES.get("theme", "auto")
    theme = theme if theme in ("auto", "light", "dark") else "auto"
    return {
        "menu": menu(request),
        "section": section(request),
        "lamp": lamp(request),
        "unread": unread_notices(request),
        "now": timezone.localtime(),
        "theme": theme,
        "next_theme": next_theme(theme),
        "here": request.get_full_path() if request.method == "GET" else request.path,
        "is_simulated": bool(settings.SIMULATED_FAB_CONTROL),
    }
