"""What every page's frame shows: the clock, the menu for this person, whether tools are simulated."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from testbed.people.permissions import may


def menu(request: HttpRequest) -> list[dict[str, Any]]:
    """The main menu's entries: route name, label, and whether this page belongs to it."""
    user = request.user
    entries = [("home", "/", _("Home"))]
    if user.is_authenticated:
        entries += [
            ("tools", "/tools/", _("Tools")),
            ("book", "/book/", _("Book")),
            ("bookings", "/bookings/", _("Bookings")),
            ("lots", "/lots/", _("Lots")),
            ("recipes", "/recipes/", _("Recipes")),
            ("runs", "/runs/", _("Runs")),
            ("results", "/results/", _("Results")),
        ]
        if may(user, "approve_booking"):
            entries.append(("approvals", "/approvals/", _("Approvals")))
        entries.append(
            ("ops", "/ops/", _("Operations"))
            if may(user, "see_facility_usage")
            else ("usage", "/usage/", _("Usage"))
        )
    return [
        {"url": url, "label": label, "here": _is_here(request.path, url)}
        for _key, url, label in entries
    ]


def _is_here(path: str, url: str) -> bool:
    return path == "/" if url == "/" else path.startswith(url)


def frame(request: HttpRequest) -> dict[str, Any]:
    """Variables of `web/base.html`."""
    return {
        "menu": menu(request),
        "now": timezone.localtime(),
        "is_simulated": bool(settings.SIMULATED_FAB_CONTROL),
    }
