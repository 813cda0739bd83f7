"""Is the service itself well? Each part in a word, for people; machines ask /readyz."""

from collections.abc import Callable
from typing import NamedTuple

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from testbed.probes import database_answers, valkey_answers
from testbed.tools.models import Pulse


class Part(NamedTuple):
    """One part of the service: what it is called, what it does, and how to ask it."""

    name: object
    purpose: object
    answers: Callable[[], bool]


def tools_answer() -> bool:
    try:
        return not Pulse.objects.filter(misses__gt=0).exclude(tool__visa_resource="").exists()
    except DatabaseError:
        return False


PARTS = (
    Part(_("Web"), _("makes these pages"), lambda: True),
    Part(_("Database"), _("holds bookings, runs and results"), database_answers),
    Part(_("Message broker"), _("wakes the workers and carries live updates"), valkey_answers),
    Part(_("Tools"), _("answer when they are asked while idle"), tools_answer),
)


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """`/status/`: every part, when it was asked, and whether the tools are simulated."""
    parts = [(part, part.answers()) for part in PARTS]
    response = render(
        request,
        "web/status.html",
        {
            "parts": parts,
            "all_well": all(well for _part, well in parts),
            "asked_at": timezone.now(),
            "clock_scale": settings.FAB_CLOCK_SCALE if settings.SIMULATED_FAB_CONTROL else None,
        },
    )
    add_never_cache_headers(response)
    return response
