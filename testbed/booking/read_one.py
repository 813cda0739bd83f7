"""One booking as the API answers with it: three prepared statements, whoever reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.http import Http404

from testbed.booking.models import Allocation, Booking
from testbed.compiled import Statement, whole
from testbed.people.models import User
from testbed.tools.models import Supply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import QuerySet

    from testbed.booking.target import Target
    from testbed.people.querysets import Viewer


class _Member:
    """Stands for any company's member, so that `visible_to` says what they see."""

    is_authenticated = True
    is_staff_member = False
    company_id = whole("company")


class _Staff(_Member):
    is_staff_member = True


def _by_key(viewer: Any) -> Statement[Booking]:
    return Statement(
        lambda: Booking.objects.visible_to(cast("User", viewer)).with_names().filter(pk=whole("pk"))
    )


_OF_COMPANY, _OF_ALL = _by_key(_Member()), _by_key(_Staff())
_CLAIMS: Statement[Allocation] = Statement(
    lambda: Allocation.objects.filter(booking=whole("pk")).select_related("tool")
)
_SUPPLIES: Statement[Supply] = Statement(lambda: Supply.objects.filter(bookings=whole("pk")))


def read_one(viewer: Viewer, pk: int) -> Booking:
    """The booking with names and claims, as `visible_to` and `with_names` give it; else Http404."""
    if not isinstance(viewer, User):
        raise Http404
    found = (
        _OF_ALL(pk=pk)
        if viewer.is_staff_member
        else _OF_COMPANY(pk=pk, company=viewer.company_id or 0)
    )
    if not found:
        raise Http404
    _with(found[0], _CLAIMS(pk=pk), _SUPPLIES(pk=pk))
    return found[0]


def _with(booking: Booking, claims: list[Allocation], supplies: list[Supply]) -> None:
    """What `prefetch_related` does with rows that it has read."""
    booking._prefetched_objects_cache = {  # type: ignore[attr-defined] # noqa: SLF001
        "allocations": _listed(Allocation.objects.none(), claims),
        "supplies": _listed(Supply.objects.none(), supplies),
    }


def read_placed(
    viewer: Viewer, booking: Booking, target: Target, supplies: Sequence[Supply]
) -> Booking:
    """A booking that this transaction has just placed on `target`, as `read_one` gives it.

    Of one tool with nothing taken along everything is at hand, and nobody can have asked anything
    about it yet. Anything else is read.
    """
    if target.tool is None or supplies:
        return read_one(viewer, booking.pk)
    booking.supply_codes, booking.is_asked = [], False  # type: ignore[attr-defined]
    _with(booking, [Allocation(booking=booking, tool=target.tool)], [])
    return booking


def _listed(queryset: QuerySet[Any], rows: list[Any]) -> QuerySet[Any]:
    queryset._result_cache = rows  # noqa: SLF001
    return queryset
