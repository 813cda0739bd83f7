"""Reads of bookings and of each tool's line of claims."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import DateTimeRangeField, RangeBoundary
from django.db import models

from testbed.people.querysets import CompanyOwnedQuerySet

if TYPE_CHECKING:
    from datetime import datetime

    from testbed.booking.models import (  # noqa: F401 - some are in the generics
        Allocation,
        Booking,
        CalendarFeed,
    )
    from testbed.booking.question_models import Question
    from testbed.compiled import Slot
    from testbed.people.models import User
    from testbed.people.querysets import Viewer


class BookingQuerySet(CompanyOwnedQuerySet):
    if TYPE_CHECKING:

        def get(self, *args: Any, **kwargs: Any) -> Booking: ...

    def live(self) -> Self:
        return self.filter(state__in=("held", "pending", "confirmed"))

    def stale(self, now: datetime | Slot) -> Self:
        """Holds whose time is up but which nobody has closed yet."""
        return self.filter(state="held", hold_expires_at__lte=now)

    def asked_again(self, now: datetime) -> Self:
        """Confirmed ones that still have to be re-confirmed, be the window open yet or not."""
        return self.filter(
            state="confirmed", reconfirm_by__gt=now, reconfirmed_at=None, begun_at=None
        )

    def mine(self, user: User) -> Self:
        """Booked by this person, or shared with them."""
        shared = models.Exists(user.shared_bookings.filter(booking=models.OuterRef("pk")))
        return self.filter(models.Q(booked_by=user) | shared)

    def with_company(self) -> Self:
        return self.select_related("company")

    def with_names(self) -> Self:
        """What a row of a list shows, in two queries."""
        return (
            self.with_asked()
            .with_supply_codes()
            .select_related(
                "company", "booked_by", "placed_by", "cell", "lot", "route", "decided_by", "buddy"
            )
            .prefetch_related("allocations__tool")
        )

    def with_supply_codes(self) -> Self:
        """Adds `supply_codes`, sorted: what the booking takes along."""
        from testbed.tools.models import Supply

        own = Supply.objects.filter(claims__booking=models.OuterRef("pk")).order_by("code")
        return self.annotate(supply_codes=ArraySubquery(own.values("code")))

    def with_asked(self) -> Self:
        """Adds `is_asked`: a question of the facility's waits for the company's answer."""
        from testbed.booking.question_models import Question

        asked = Question.objects.open().filter(booking=models.OuterRef("pk"))
        return self.annotate(is_asked=models.Exists(asked))


class PenaltyQuerySet(CompanyOwnedQuerySet):
    """Penalties and the waivers that take them back; a waiver's figures are negative."""

    def between(self, start: datetime, end: datetime) -> Self:
        """Written in [start, end)."""
        return self.filter(created_at__gte=start, created_at__lt=end)

    def with_names(self) -> Self:
        """What a row of a list shows, in two queries."""
        return self.select_related(
            "booking__cell", "company", "user", "waived_by", "reverses", "waiver"
        ).prefetch_related("booking__allocations__tool")


class QuestionQuerySet(CompanyOwnedQuerySet):
    company_path = "booking__company"

    if TYPE_CHECKING:

        def get(self, *args: Any, **kwargs: Any) -> Question: ...

    def open(self) -> Self:
        return self.filter(answered_at=None)


class CalendarFeedQuerySet(models.QuerySet["CalendarFeed"]):
    def visible_to(self, user: Viewer) -> Self:
        """A calendar's address is its owner's alone, staff included."""
        return self.filter(owner=user) if user.is_authenticated else self.none()

    def live(self) -> Self:
        return self.filter(revoked_at=None)


class AllocationQuerySet(models.QuerySet["Allocation"]):
    def live(self) -> Self:
        return self.filter(live=True)

    def between(self, start: datetime | Slot, end: datetime | Slot) -> Self:
        """Claims that touch [start, end), found through the exclusion constraint's index."""
        span = models.Func(
            "starts_at",
            "ends_at",
            RangeBoundary(),
            function="TSTZRANGE",
            output_field=DateTimeRangeField(),
        )
        wanted = models.Func(start, end, function="TSTZRANGE", output_field=DateTimeRangeField())
        return self.alias(span=span).filter(span__overlap=wanted)

    def claiming(self, now: datetime | Slot) -> Self:
        """Live claims, without those of holds whose time is up."""
        stale = models.Q(booking__state="held", booking__hold_expires_at__lte=now)
        return self.live().exclude(stale)
