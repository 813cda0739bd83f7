"""The rule about a step of a chain: its wafers must not wait too long between two tools."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from testbed.booking.rules.base import Broken, Rule
from testbed.booking.rules.when import written

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django_stubs_ext import StrOrPromise

    from testbed.booking.rules.base import BookingRequest


@dataclass(frozen=True)
class Said:
    """A sentence with its figures, rendered late in the reader's language."""

    sentence: StrOrPromise
    values: Mapping[str, Any]

    def __str__(self) -> str:
        return str(self.sentence) % self.values


NO_CHAIN = _("no free times follow each other within the queue-time limits")
TOO_EARLY = _("the step before ends only at %(at)s")
TOO_LATE = _("after the step before, it must start by %(at)s")
IN_THE_WAY = _("the step after starts already at %(at)s")
TOO_SOON = _("the step after needs it to end no earlier than %(at)s")


class QueueTime(Rule):
    """A warning unless the facility refuses: steps are moved one by one, so a chain must bend."""

    code = "queue_time"
    about = "time"
    field = "starts_at"
    staff_may_override = True
    defaults = {"refuse": False}  # noqa: RUF012
    sentence = _("The chain of steps breaks: %(why)s.")
    next_step = _("Choose a time inside the chain's limits, or move its other steps too.")
    explanation = _("A step of a route starts within its queue-time limit after the step before.")

    def check(self, request: BookingRequest) -> Broken | None:
        parameters = request.rulebook.parameters(self)
        why = _why(request)
        if parameters is None or why is None:
            return None
        return Broken(self, {**parameters, "why": why}, is_warning=not parameters["refuse"])


def _why(request: BookingRequest) -> Said | None:
    """The first limit that the wished time breaks."""
    chain = request.chain
    if chain is None:
        return None
    if chain.before and request.starts_at < chain.before.end:
        return Said(TOO_EARLY, {"at": written(chain.before.end)})
    if chain.before and chain.within_minutes is not None:
        latest = chain.before.end + timedelta(minutes=chain.within_minutes)
        if request.starts_at > latest:
            return Said(TOO_LATE, {"at": written(latest)})
    if chain.after and request.ends_at > chain.after.start:
        return Said(IN_THE_WAY, {"at": written(chain.after.start)})
    if chain.after and chain.next_within_minutes is not None:
        soonest = chain.after.start - timedelta(minutes=chain.next_within_minutes)
        if request.ends_at < soonest:
            return Said(TOO_SOON, {"at": written(soonest)})
    return None
