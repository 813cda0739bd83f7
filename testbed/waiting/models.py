"""Waiting for time: the list whose head is offered what comes free, and the wish to be told."""

from datetime import datetime
from typing import ClassVar

import pgtrigger
from django.db import models
from django.utils.translation import gettext_lazy as _

from testbed.booking.models import Booking, BookingState, UseMode, WishedDocument
from testbed.booking.place import Answers
from testbed.booking.target import Target
from testbed.material.models import SLOTS, Lot
from testbed.people.models import Company, User
from testbed.process.models import Route
from testbed.tools.models import Area, Cell, Supply, Tool
from testbed.waiting.querysets import OfferQuerySet, WatchQuerySet, WishQuerySet

EVERY_DAY = 0b1111111
LONGEST_MINUTES = 14 * 24 * 60


class WishState(models.TextChoices):
    WAITING = "waiting", _("On the waiting list")
    OFFERED = "offered", _("A time is offered")
    TAKEN = "taken", _("Taken")
    LAPSED = "lapsed", _("Lapsed")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class Wish(models.Model):
    """A company waits for a tool or cell: so many minutes, some time in [earliest, latest).

    weekdays: bits, Monday is 1, Sunday 64. from_hour, until_hour: hours of a day in Korea
    between which the whole time has to lie; both or neither. The answers to the booking form
    may be given beforehand; use_mode is empty where they were not.
    """

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="wishes")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="wishes")
    tool = models.ForeignKey(
        Tool, null=True, blank=True, on_delete=models.PROTECT, related_name="wishes"
    )
    cell = models.ForeignKey(
        Cell, null=True, blank=True, on_delete=models.PROTECT, related_name="wishes"
    )
    minutes = models.PositiveIntegerField()
    earliest = models.DateTimeField()
    latest = models.DateTimeField()
    weekdays = models.PositiveSmallIntegerField(default=EVERY_DAY)
    from_hour = models.PositiveSmallIntegerField(null=True, blank=True)
    until_hour = models.PositiveSmallIntegerField(null=True, blank=True)
    lot = models.ForeignKey(Lot, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    route = models.ForeignKey(
        Route, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    wafer_count = models.PositiveSmallIntegerField(default=0)
    test_wafers = models.PositiveSmallIntegerField(default=0)
    purpose = models.CharField(max_length=200, blank=True)
    use_mode = models.CharField(max_length=14, choices=UseMode.choices, blank=True)
    wished_document = models.CharField(
        max_length=12, choices=WishedDocument.choices, default=WishedDocument.NONE
    )
    buddy = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    supplies = models.ManyToManyField(Supply, blank=True, related_name="+")
    state = models.CharField(max_length=10, choices=WishState.choices, default=WishState.WAITING)
    created_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    place: int  # where `queue.with_places` has fetched it

    objects = WishQuerySet.as_manager()

    class Meta:
        ordering = ("created_at", "pk")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["created_at", "id"],
                condition=models.Q(state__in=("waiting", "offered")),
                name="wish_open",
            ),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(tool__isnull=False, cell=None)
                | models.Q(tool=None, cell__isnull=False),
                name="wish_one_target",
            ),
            models.CheckConstraint(
                condition=models.Q(latest__gt=models.F("earliest")), name="wish_ends_after_start"
            ),
            models.CheckConstraint(
                condition=models.Q(minutes__gt=0, minutes__lte=LONGEST_MINUTES),
                name="wish_length",
            ),
            models.CheckConstraint(
                condition=models.Q(weekdays__gt=0, weekdays__lte=EVERY_DAY), name="wish_weekdays"
            ),
            models.CheckConstraint(
                condition=models.Q(from_hour=None, until_hour=None)
                | models.Q(
                    from_hour__isnull=False,
                    until_hour__gt=models.F("from_hour"),
                    until_hour__lte=24,
                ),
                name="wish_hours",
            ),
            models.CheckConstraint(
                condition=models.Q(wafer_count__lte=SLOTS, test_wafers__lte=SLOTS),
                name="wish_wafers",
            ),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.FSM(
                name="state_path",
                field="state",
                transitions=[
                    ("waiting", "offered"),
                    ("waiting", "lapsed"),
                    ("waiting", "withdrawn"),
                    ("offered", "taken"),
                    ("offered", "waiting"),
                    ("offered", "lapsed"),
                    ("offered", "withdrawn"),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.target} {self.minutes} min"

    @property
    def target(self) -> Target:
        return Target(cell=self.cell) if self.cell else Target(tool=self.tool)

    @property
    def answers(self) -> Answers | None:
        """What is to be done in the time, if it was said when it was asked for (one query)."""
        return Answers.of(self) if self.use_mode else None

    @property
    def is_open(self) -> bool:
        return self.state in (WishState.WAITING, WishState.OFFERED)


class OfferState(models.TextChoices):
    OPEN = "open", _("Open")
    TAKEN = "taken", _("Taken")
    DECLINED = "declined", _("Declined")
    EXPIRED = "expired", _("Expired")


class Offer(models.Model):
    """A hold placed for a waiting company; how it ended is read from the booking.

    passed_over: why older wishes did not get this time, [{"wish": pk, "because": code}]; for the
    staff alone.
    """

    wish = models.ForeignKey(Wish, on_delete=models.PROTECT, related_name="offers")
    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    booking = models.OneToOneField(Booking, on_delete=models.PROTECT, related_name="offer")
    state = models.CharField(max_length=8, choices=OfferState.choices, default=OfferState.OPEN)
    offered_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    passed_over = models.JSONField(default=list)

    objects = OfferQuerySet.as_manager()

    class Meta:
        ordering = ("-offered_at", "-pk")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Two sweeps at once cannot give one company two offers, whatever they believe.
            models.UniqueConstraint(
                fields=["company"], condition=models.Q(state="open"), name="offer_one_open"
            ),
            models.CheckConstraint(
                condition=models.Q(expires_at__gt=models.F("offered_at")),
                name="offer_ends_after_start",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.wish_id} {self.booking}"

    def state_at(self, now: datetime) -> OfferState:
        """How it stands, though nobody may have written it down yet."""
        if self.state != OfferState.OPEN:
            return OfferState(self.state)
        # A submitted hold has no end any more, whatever became of it since.
        if self.booking.hold_expires_at is None:
            return OfferState.TAKEN
        return OUTCOME[self.booking.state_at(now)]


# What became of an offer whose hold was never submitted.
OUTCOME = {
    BookingState.HELD: OfferState.OPEN,
    BookingState.EXPIRED: OfferState.EXPIRED,
    BookingState.CANCELLED: OfferState.DECLINED,
}


class Watch(models.Model):
    """ "Tell me when 4 h come free": told once of each free stretch, until the range ends.

    Of one tool, one cell, every tool of an area, or (all three empty) of any tool.
    """

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="watches")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="watches")
    tool = models.ForeignKey(Tool, null=True, blank=True, on_delete=models.PROTECT)
    cell = models.ForeignKey(Cell, null=True, blank=True, on_delete=models.PROTECT)
    area = models.CharField(max_length=12, blank=True, choices=Area.choices)
    minutes = models.PositiveIntegerField()
    earliest = models.DateTimeField()
    latest = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = WatchQuerySet.as_manager()

    class Meta:
        ordering = ("created_at", "pk")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(tool=None, cell=None)
                | models.Q(tool=None, area="")
                | models.Q(cell=None, area=""),
                name="watch_one_target",
            ),
            models.CheckConstraint(
                condition=models.Q(latest__gt=models.F("earliest")), name="watch_ends_after_start"
            ),
            models.CheckConstraint(
                condition=models.Q(minutes__gt=0, minutes__lte=LONGEST_MINUTES),
                name="watch_length",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.target} {self.minutes} min"

    @property
    def target(self) -> str:
        """Its name in the reader's language."""
        if self.tool or self.cell:
            return str(self.tool or self.cell)
        return str(Area(self.area).label) if self.area else str(_("Any tool"))


class Told(models.Model):
    """A free time that a watch has told of: none that overlaps it is told again."""

    watch = models.ForeignKey(Watch, on_delete=models.CASCADE, related_name="told")
    target = models.CharField(max_length=40, help_text="tool:<code> or cell:<code>")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    told_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("starts_at",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["watch", "target", "starts_at"], name="told_once"),
        ]

    def __str__(self) -> str:
        return f"{self.target} {self.starts_at:%Y-%m-%d %H:%M}"
