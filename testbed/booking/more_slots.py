"""How many free times a search shows at once, and the address that shows more of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sized

    from django.http import HttpRequest

SHOWN = 40
# More than this nobody reads; whoever looks further ahead chooses a later first day.
MOST_TIMES = 10


def shown(request: HttpRequest) -> int:
    """40 slots, or as many times 40 as the address asks for with `more`."""
    return SHOWN * _times(request)


def more(request: HttpRequest, slots: Sized) -> str:
    """The query of the same search with more slots; "" when these are all, or enough."""
    times = _times(request)
    if len(slots) < SHOWN * times or times == MOST_TIMES or request.method != "GET":
        return ""
    query = request.GET.copy()
    query["more"] = str(times + 1)
    return f"?{query.urlencode()}"


def _times(request: HttpRequest) -> int:
    asked = request.GET.get("more", "")
    return min(max(int(asked), 1), MOST_TIMES) if asked.isdecimal() and len(asked) < 4 else 1
