"""What somebody typed into the form of a hold stays in their session until the form is sent off.

So nothing typed is lost when a hold is extended, or runs out while its form is open: the next
hold finds it here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from testbed.booking.forms import AnswersForm

if TYPE_CHECKING:
    from django.http import HttpRequest

    from testbed.booking.models import Booking, Bundle

# What a session keeps of one field; the form's own limits are far below.
LONGEST_ANSWER = 1_000
KEY = "answers"


def keep(request: HttpRequest, held: Booking | Bundle) -> None:
    """Keep what was just sent with the form of the hold, or of the chain that is held."""
    supplies = ",".join(request.POST.getlist("supplies"))
    said = {**request.POST.dict(), "supplies": supplies}
    names = AnswersForm.base_fields
    data = {name: str(value)[:LONGEST_ANSWER] for name, value in said.items() if name in names}
    request.session[KEY] = {"of": _mark(held), "data": data}


def kept(request: HttpRequest, held: Booking | Bundle) -> dict[str, Any]:
    """A form's initial values: what was kept for this hold, else nothing."""
    found = request.session.get(KEY, {})
    data: dict[str, Any] = dict(found["data"]) if found.get("of") == _mark(held) else {}
    if data:
        data["supplies"] = [pk for pk in data.get("supplies", "").split(",") if pk.isdigit()]
    return data


def carry(request: HttpRequest, held: Booking | Bundle) -> None:
    """What was kept for the hold before belongs to this one now."""
    found = request.session.get(KEY, {})
    request.session[KEY] = {"of": _mark(held), "data": found.get("data", {})}


def forget(request: HttpRequest) -> None:
    """The form was sent off."""
    request.session.pop(KEY, None)


def _mark(held: Booking | Bundle) -> str:
    return f"{held._meta.model_name}-{held.pk}"
