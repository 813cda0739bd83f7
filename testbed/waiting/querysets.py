"""Reads of wishes, offers and watches; `visible_to` is the only door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from django.db.models import Q

from testbed.people.querysets import CompanyOwnedQuerySet

if TYPE_CHECKING:
    from testbed.booking.target import Target
    from testbed.waiting.models import Offer, Watch, Wish


class WishQuerySet(CompanyOwnedQuerySet):
    """A company's own; the staff see all. Nobody sees another company's."""

    if TYPE_CHECKING:

        def get(self, *args: Any, **kwargs: Any) -> Wish: ...

    def waiting(self) -> Self:
        return self.filter(state="waiting")

    def open(self) -> Self:
        return self.filter(state__in=("waiting", "offered"))

    def touching(self, tool_ids: list[int]) -> Self:
        """Wishes for any of these tools, or for a cell that has one of them."""
        return self.filter(Q(tool__in=tool_ids) | Q(cell__tools__in=tool_ids)).distinct()

    def for_target(self, target: Target) -> Self:
        return self.filter(tool=target.tool, cell=target.cell)

    def with_names(self) -> Self:
        return self.select_related(
            "company", "user", "user__company", "tool", "cell", "lot", "route", "buddy"
        )


class OfferQuerySet(CompanyOwnedQuerySet):
    if TYPE_CHECKING:

        def get(self, *args: Any, **kwargs: Any) -> Offer: ...

    def open(self) -> Self:
        return self.filter(state="open")


class WatchQuerySet(CompanyOwnedQuerySet):
    if TYPE_CHECKING:

        def get(self, *args: Any, **kwargs: Any) -> Watch: ...

    def active(self) -> Self:
        return self.filter(ended_at=None)

    def with_names(self) -> Self:
        return self.select_related("company", "user", "user__company", "tool", "cell")
