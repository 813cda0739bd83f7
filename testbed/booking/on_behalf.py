"""Staff at the desk book for a company: its engineer is the booker, the member of staff is named.

Quotas, prices, lots and what can be seen are the engineer's and the company's; the booking keeps
who placed it, and the journal too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from testbed.people.models import User
from testbed.people.permissions import MAY, demand, may
from testbed.refusals import Refusal

if TYPE_CHECKING:
    from typing import Any

    from django.db.models import QuerySet

    from testbed.booking.models import Booking

LONGEST_ID = 18


def engineers() -> QuerySet[User]:
    """Whom staff may book for: active people who may book, of companies whose account is open."""
    return (
        User.objects.filter(is_active=True, role__in=MAY["book"], company__is_active=True)
        .select_related("company")
        .order_by("company__name_en", "name", "pk")
    )


def booker_of(actor: User, on_behalf_of: User | None = None) -> User:
    """Who books: the actor, or the engineer that staff book for.

    Raises Refusal: "not_allowed" (403); "not_an_engineer" (422) for anybody who may not book.
    """
    if on_behalf_of is None:
        demand(actor, "book")
        return actor
    demand(actor, "book_on_behalf")
    found = engineers().filter(pk=on_behalf_of.pk).first()
    if found is None:
        raise not_an_engineer()
    return found


def engineer_named(actor: User, whom: str) -> User:
    """The engineer with this id or mail address.

    Raises Refusal: "not_allowed" (403) before anything is looked up; "not_an_engineer" (422).
    """
    demand(actor, "book_on_behalf")
    is_id = whom.isascii() and whom.isdigit() and len(whom) <= LONGEST_ID
    if "\x00" in whom:
        raise not_an_engineer()
    wanted = {"pk": int(whom)} if is_id else {"email__iexact": whom}
    found = engineers().filter(**wanted).first()
    if found is None:
        raise not_an_engineer()
    return found


def booker_for(actor: User, booking: Booking) -> User:
    """Who answers for an act on this booking: the actor, or its booker when staff act.

    Raises Refusal("not_allowed", 403).
    """
    if may(actor, "book_on_behalf"):
        return booking.booked_by
    demand(actor, "book")
    return actor


def behalf_details(actor: User, booking: Booking) -> dict[str, Any]:
    """What the journal adds when staff act for the company's engineer."""
    return {"on_behalf_of": booking.booked_by_id} if actor.is_staff_member else {}


def not_an_engineer() -> Refusal:
    return Refusal(
        "not_an_engineer",
        _("Nobody with this address may book for a company."),
        status=422,
        fields={"on_behalf_of": [_("Choose an active engineer of a company.")]},
        next_step=_("Choose an active engineer of a company."),
    )
