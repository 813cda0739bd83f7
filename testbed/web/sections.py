"""The second row of the menu: the pages that belong together with the one on the screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from testbed.people.permissions import may

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True)
class Part:
    """A page of a section; `needs`: the action a person must be allowed, "" for everybody.

    `simulated`: the page is there only where the tools are. `also`: paths of pages that are
    reached from this one and stand elsewhere.
    """

    path: str
    label: StrOrPromise
    needs: str = ""
    simulated: bool = False
    also: tuple[str, ...] = ()

    def fit(self, path: str) -> int:
        """How much of a page's path is this part's: characters, 0 when it is another's."""
        fitting = (len(one) for one in (self.path, *self.also) if path.startswith(one))
        return max(fitting, default=0)

    def is_for(self, user: Any) -> bool:
        """Whether the entry is shown to this person, here."""
        if self.simulated and not settings.SIMULATED_FAB_CONTROL:
            return False
        return not self.needs or may(user, self.needs)


SECTIONS: tuple[tuple[Part, ...], ...] = (
    (
        Part("/book/", _("Free slots")),
        Part("/book/timeline/", _("Timetable")),
        Part("/book/route/", _("Whole route")),
        Part("/services/", _("Service modules")),
        Part("/pools/", _("Pooled carriers")),
        Part("/waiting/", _("Waiting list")),
        Part("/outages/", _("Closures")),
        Part("/rules/", _("Rules")),
    ),
    (
        Part("/tools/", _("Tools")),
        Part("/capabilities/", _("Capabilities")),
        Part("/supplies/", _("Reticles and materials")),
        Part("/qualifications/", _("Qualifications")),
        Part("/trainings/", _("Trainings")),
        Part("/courses/", _("Courses")),
    ),
    (
        Part("/runs/", _("Runs"), "see_bays"),
        Part("/floor/", _("My queue"), "see_bays"),
        Part("/bays/", _("Bays"), "see_bays"),
    ),
    (
        Part("/lots/", _("Lots")),
        Part("/cleans/", _("Certified cleans")),
    ),
    (
        Part("/approvals/", _("Approvals"), "approve_booking"),
        Part("/services/orders/", _("Orders"), "approve_booking"),
        Part("/people/companies/", _("Companies"), "manage_companies"),
        Part("/groups/", _("User groups"), "manage_groups"),
        Part("/penalties/", _("Penalties"), "waive_penalty"),
        Part("/utilities/", _("Supplies of the building"), "see_affected"),
        Part("/ops/mail/", _("Mail"), "see_mail"),
        Part("/ops/fab/", _("Simulated fab"), "play_fab", simulated=True),
    ),
    (
        Part("/bookings/", _("Bookings"), also=("/bundles/", "/rebookings/")),
        Part("/penalties/", _("Penalties"), "see_penalties"),
        Part("/me/calendars/", _("Calendar addresses")),
        Part("/me/inbox/", _("Inbox")),
        Part("/me/notices/", _("My mails")),
    ),
)


def section(request: HttpRequest) -> list[dict[str, Any]]:
    """The entries beside this page; empty where it stands alone or the visitor is nobody.

    A page belongs to the part with the longest fitting path among those that the person may
    see, and to the first of them where it stands in two sections.
    """
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return []
    shown = [[part for part in parts if part.is_for(user)] for parts in SECTIONS]
    every = [(part, mine) for mine in shown for part in mine]
    here, mine = max(every, key=lambda one: one[0].fit(request.path))
    if not here.fit(request.path):
        return []
    return [{"url": part.path, "label": part.label, "here": part is here} for part in mine]
