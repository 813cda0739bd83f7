"""A tool's time is one line: every claim on it is an Allocation, and none may overlap."""

from datetime import datetime
from typing import ClassVar

import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeBoundary, RangeOperators
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from testbed.booking.querysets import (
    AllocationQuerySet,
    BookingQuerySet,
    CalendarFeedQuerySet,
    PenaltyQuerySet,
)
from testbed.material.models import Lot
from testbed.people.models import Company, Group, User
from testbed.people.querysets import CompanyOwnedQuerySet
from testbed.prices import fees
from testbed.process.models import Route
from testbed.tools.models import Area, Cell, Supply, Tool


class BookingState(models.TextChoices):
    HELD = "held", _("Held")
    PENDING = "pending", _("Waiting for approval")
    CONFIRMED = "confirmed", _("Confirmed")
    CANCELLED = "cancelled", _("Cancelled")
    REFUSED = "refused", _("Refused")
    EXPIRED = "expired", _("Expired")
    RELEASED = "released", _("Released")
    NO_SHOW = "no_show", _("Not shown up")
    DISPLACED = "displaced", _("New time needed")


LIVE_STATES = (BookingState.HELD, BookingState.PENDING, BookingState.CONFIRMED)


class UseMode(models.TextChoices):
    """Decides the document: only a requested test may get a test report (시험성적서)."""

    REQUESTED = "requested", _("Requested test")
    SELF_OPERATED = "self_operated", _("Self-operated")


class WishedDocument(models.TextChoices):
    NONE = "none", _("No document")
    DATA = "data", _("Measured data")
    TEST_REPORT = "test_report", _("Test report")


def number_of(pk: int | None) -> str:
    """How people call a booking: B00042."""
    return f"B{pk:05d}" if pk else "B-----"


class Booking(models.Model):
    """A company's claim on a tool or a cell, from hold to confirmation."""

    # No index of its own: those below begin with it.
    company = models.ForeignKey(
        Company, on_delete=models.PROTECT, related_name="bookings", db_index=False
    )
    booked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="bookings")
    cell = models.ForeignKey(Cell, null=True, blank=True, on_delete=models.PROTECT)
    state = models.CharField(max_length=10, choices=BookingState.choices)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    hold_expires_at = models.DateTimeField(null=True, blank=True)
    purpose = models.CharField(max_length=200, blank=True)
    use_mode = models.CharField(max_length=14, choices=UseMode.choices, default=UseMode.REQUESTED)
    lot = models.ForeignKey(
        Lot, null=True, blank=True, on_delete=models.PROTECT, related_name="bookings"
    )
    route = models.ForeignKey(Route, null=True, blank=True, on_delete=models.PROTECT)
    wished_document = models.CharField(
        max_length=12, choices=WishedDocument.choices, default=WishedDocument.NONE
    )
    buddy = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="the colleague who is there too while nobody of the facility is",
    )  # fmt: skip
    supplies = models.ManyToManyField(
        Supply, through="SupplyClaim", blank=True, related_name="bookings"
    )
    wafer_count = models.PositiveSmallIntegerField(default=0)
    test_wafers = models.PositiveSmallIntegerField(
        default=0, help_text="12-inch wafers bought from the facility"
    )
    hold_extensions = models.PositiveSmallIntegerField(default=0)
    quote = models.JSONField(
        default=dict, help_text="the price as it was shown: lines, supply, VAT, total in won"
    )
    refusal_reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    decided_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    placed_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="the member of staff who booked on the company's behalf",
    )  # fmt: skip
    overridden = models.JSONField(default=list, help_text="codes of the rules that staff set aside")
    override_reason = models.CharField(max_length=200, blank=True)
    bundle = models.ForeignKey(
        "Bundle", null=True, blank=True, on_delete=models.PROTECT, related_name="bookings"
    )
    position = models.PositiveSmallIntegerField(default=0, help_text="place in its bundle")
    host = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="guests",
        help_text="the booking in whose carrier and time this one has seats",
    )  # fmt: skip
    within_minutes = models.PositiveIntegerField(
        null=True, blank=True, help_text="latest start after the bundle's step before has ended"
    )
    reconfirm_by = models.DateTimeField(null=True, blank=True)
    reconfirmed_at = models.DateTimeField(null=True, blank=True)
    begun_at = models.DateTimeField(
        null=True, blank=True, help_text="a run started on it, or its people are here"
    )
    moved_by_facility_at = models.DateTimeField(
        null=True, blank=True, help_text="empty again once its company has answered"
    )

    objects = BookingQuerySet.as_manager()

    class Meta:
        ordering = ("-starts_at", "-pk")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["company", "state", "starts_at"]),
            # What is still to come of a company, whatever has been.
            models.Index(fields=["company", "ends_at"], name="booking_to_come"),
            models.Index(
                fields=["reconfirm_by"],
                condition=models.Q(
                    state=BookingState.CONFIRMED,
                    reconfirm_by__isnull=False,
                    reconfirmed_at=None,
                    begun_at=None,
                ),
                name="booking_asked_again",
            ),
            # A handful of rows: every claim asks for those whose time is up.
            models.Index(
                fields=["hold_expires_at"],
                condition=models.Q(state=BookingState.HELD),
                name="booking_running_holds",
            ),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")),
                name="booking_ends_after_start",
                violation_error_message=_("A booking ends after it starts."),
            ),
            models.CheckConstraint(
                condition=~models.Q(state=BookingState.HELD)
                | models.Q(hold_expires_at__isnull=False),
                name="booking_hold_expires",
                violation_error_message=_("A hold has an end."),
            ),
            models.CheckConstraint(
                condition=models.Q(overridden=[]) | ~models.Q(override_reason=""),
                name="booking_override_has_reason",
                violation_error_message=_("A rule is set aside with a reason."),
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=(BookingState.RELEASED, BookingState.NO_SHOW))
                | models.Q(begun_at=None),
                name="booking_begun_is_kept",
                violation_error_message=_("A booking that has begun is not given to others."),
            ),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.FSM(
                name="state_path",
                field="state",
                transitions=[
                    ("held", "pending"),
                    ("held", "confirmed"),
                    ("held", "cancelled"),
                    ("held", "expired"),
                    ("pending", "confirmed"),
                    ("pending", "refused"),
                    ("pending", "cancelled"),
                    # Nobody answered before it was to start.
                    ("pending", "expired"),
                    ("confirmed", "cancelled"),
                    # Moved to tools that need an approval.
                    ("confirmed", "pending"),
                    # Not re-confirmed in time, or nobody came.
                    ("confirmed", "released"),
                    ("confirmed", "no_show"),
                    # The facility closed the tool; the company chooses another time, or none.
                    ("pending", "displaced"),
                    ("confirmed", "displaced"),
                    ("displaced", "pending"),
                    ("displaced", "confirmed"),
                    ("displaced", "cancelled"),
                ],
            ),
            # Whoever moves, ends or closes a booking: its claims on supplies follow.
            pgtrigger.Trigger(
                name="supplies_follow",
                when=pgtrigger.After,
                operation=pgtrigger.UpdateOf("state", "starts_at", "ends_at"),  # type: ignore[no-untyped-call]
                func="""
                    UPDATE booking_supplyclaim
                       SET starts_at = NEW.starts_at, ends_at = NEW.ends_at,
                           live = NEW.state IN ('held', 'pending', 'confirmed')
                     WHERE booking_id = NEW.id;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return number_of(self.pk)

    @property
    def is_live(self) -> bool:
        return self.state in LIVE_STATES

    def is_stale(self, now: datetime) -> bool:
        """A hold whose time is up, though nobody has written it down yet."""
        return (
            self.state == BookingState.HELD
            and self.hold_expires_at is not None
            and self.hold_expires_at <= now
        )

    def state_at(self, now: datetime) -> BookingState:
        """The state that people see: a stale hold has expired."""
        return BookingState.EXPIRED if self.is_stale(now) else BookingState(self.state)


class BundleKind(models.TextChoices):
    ROUTE = "route", _("Route")
    WEEKLY = "weekly", _("Weekly repeat")
    MODULE = "module", _("Service module")


class Bundle(models.Model):
    """Bookings that were placed together: a route's operations, a weekly repeat, a module."""

    kind = models.CharField(max_length=8, choices=BundleKind.choices)
    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    booked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CompanyOwnedQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{BundleKind(self.kind).label} {self.pk}"


class Sharer(models.Model):
    """A colleague who shares a booking: sees it as their own, may be on the tool, is told of it."""

    booking = models.ForeignKey(Booking, on_delete=models.CASCADE, related_name="sharers")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="shared_bookings")
    added_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    added_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("added_at", "pk")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["booking", "user"],
                name="sharer_once",
                violation_error_message=_("This colleague already shares the booking."),
            ),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Trigger(
                name="same_company",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func="""
                    IF NOT EXISTS (
                        SELECT 1 FROM booking_booking JOIN people_user USING (company_id)
                        WHERE booking_booking.id = NEW.booking_id AND people_user.id = NEW.user_id
                    ) THEN
                        RAISE EXCEPTION 'a booking is shared within its company'
                            USING ERRCODE = '23514', CONSTRAINT = 'sharer_same_company';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.booking} {self.user}"


class PenaltyKind(models.TextChoices):
    LATE_CANCEL = "late_cancel", _("Late cancellation")
    NO_SHOW = "no_show", _("Not shown up")
    NOT_RECONFIRMED = "not_reconfirmed", _("Not re-confirmed")


class Penalty(models.Model):
    """What a booking given up too late costs: a fee, and time that still counts as used.

    Append-only: a waiver is another row, with the opposite figures, that `reverses` it.
    """

    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="penalties")
    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="penalties")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="penalties")
    kind = models.CharField(max_length=16, choices=PenaltyKind.choices)
    fee_won = models.IntegerField(default=0, help_text="supply price, before VAT")
    debt_minutes = models.IntegerField(default=0, help_text="quota minutes that stay used")
    created_at = models.DateTimeField(auto_now_add=True)
    reverses = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="waiver"
    )
    waived_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reason = models.CharField(max_length=200, blank=True)

    objects = PenaltyQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-pk")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(reverses=None, fee_won__gte=0, debt_minutes__gte=0)
                | models.Q(reverses__isnull=False, fee_won__lte=0, debt_minutes__lte=0),
                name="penalty_waiver_is_opposite",
            ),
            models.UniqueConstraint(
                fields=["booking", "kind"],
                condition=models.Q(reverses=None),
                name="penalty_once",
            ),
            models.CheckConstraint(
                condition=models.Q(reverses=None) | models.Q(waived_by__isnull=False),
                name="penalty_waiver_has_author",
            ),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.booking} {self.kind}"

    @property
    def vat_won(self) -> int:
        """VAT on the fee; a waiver's is its penalty's, taken back."""
        vat = fees.vat_won(abs(self.fee_won))
        return vat if self.fee_won >= 0 else -vat

    @property
    def total_won(self) -> int:
        return self.fee_won + self.vat_won


class AllocationKind(models.TextChoices):
    BOOKING = "booking", _("Booking")
    MAINTENANCE = "maintenance", _("Maintenance")
    CLOSURE = "closure", _("Closure")
    OUTAGE = "outage", _("Outage")
    SEAT = "seat", _("Seats in another's carrier")


class Allocation(models.Model):
    """A claim on one tool over [starts_at, ends_at); live claims never overlap."""

    tool = models.ForeignKey(Tool, on_delete=models.PROTECT, related_name="allocations")
    booking = models.ForeignKey(
        Booking, null=True, blank=True, on_delete=models.CASCADE, related_name="allocations"
    )
    kind = models.CharField(max_length=12, choices=AllocationKind.choices)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    live = models.BooleanField(default=True)
    note = models.CharField(max_length=120, blank=True)
    reason_ko = models.CharField(max_length=120, blank=True, help_text="everybody reads it")
    reason_en = models.CharField(max_length=120, blank=True, help_text="everybody reads it")

    objects = AllocationQuerySet.as_manager()

    class Meta:
        ordering = ("tool", "starts_at")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            ExclusionConstraint(
                name="allocation_no_overlap",
                expressions=[
                    ("tool", RangeOperators.EQUAL),
                    (
                        models.Func("starts_at", "ends_at", RangeBoundary(), function="TSTZRANGE"),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                condition=models.Q(live=True),
                violation_error_message=_("The tool is already taken in that time."),
            ),
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")),
                name="allocation_ends_after_start",
                violation_error_message=_("A claim on a tool ends after it starts."),
            ),
            models.CheckConstraint(
                condition=models.Q(
                    kind__in=[AllocationKind.BOOKING, AllocationKind.SEAT], booking__isnull=False
                )
                | (
                    ~models.Q(kind__in=[AllocationKind.BOOKING, AllocationKind.SEAT])
                    & models.Q(booking__isnull=True)
                ),
                name="allocation_kind_fits_booking",
            ),
            models.CheckConstraint(
                # It names the tools; their time is the host's.
                condition=~models.Q(kind=AllocationKind.SEAT) | models.Q(live=False),
                name="allocation_seat_claims_nothing",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tool_id} {self.starts_at:%Y-%m-%d %H:%M} {self.kind}"


class RuleSetting(models.Model):
    """One rule's parameters for the facility (no tool, cell or area) or for one of these.

    With a group they count for its companies and people alone.

    In force for bookings made from `effective_from` until before `effective_until`; empty means
    always. See `testbed.booking.rules.book` for which setting wins.
    """

    code = models.SlugField(max_length=40)
    tool = models.ForeignKey(Tool, null=True, blank=True, on_delete=models.CASCADE)
    cell = models.ForeignKey(Cell, null=True, blank=True, on_delete=models.CASCADE)
    area = models.CharField(max_length=12, blank=True, choices=Area.choices)
    group = models.ForeignKey(Group, null=True, blank=True, on_delete=models.CASCADE)
    effective_from = models.DateTimeField(null=True, blank=True)
    effective_until = models.DateTimeField(null=True, blank=True)
    parameters = models.JSONField(default=dict)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ("code", "tool")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["code", "tool", "cell", "area", "group", "effective_from"],
                nulls_distinct=False,
                name="rule_setting_once",
            ),
            models.CheckConstraint(
                condition=models.Q(tool=None, cell=None)
                | models.Q(tool=None, area="")
                | models.Q(cell=None, area=""),
                name="rule_setting_one_scope",
                violation_error_message=_("A setting is for one tool, cell or area, not several."),
            ),
            models.CheckConstraint(
                condition=models.Q(effective_from=None)
                | models.Q(effective_until=None)
                | models.Q(effective_until__gt=models.F("effective_from")),
                name="rule_setting_ends_after_start",
                violation_error_message=_("A setting ends after it begins."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.scope}"

    @property
    def scope(self) -> str:
        """What it is for, as `testbed.booking.rules.book.scopes` names it."""
        return self.place + (f"@{self.group_id}" if self.group_id else "")

    @property
    def place(self) -> str:
        """The scope without its group."""
        if self.tool_id:
            return f"tool:{self.tool_id}"
        if self.cell_id:
            return f"cell:{self.cell_id}"
        return f"area:{self.area}" if self.area else "facility"

    def is_in_force(self, at: datetime) -> bool:
        begun = self.effective_from is None or self.effective_from <= at
        return begun and (self.effective_until is None or at < self.effective_until)

    def clean(self) -> None:
        """ValidationError unless the rule exists and knows each parameter, of its own type."""
        from testbed.booking.rules import RULES

        defaults = {rule.code: rule.defaults for rule in RULES}.get(self.code)
        if defaults is None:
            raise ValidationError({"code": _("There is no booking rule with this code.")})
        for key, value in self.parameters.items():
            if key not in defaults or type(value) is not type(defaults[key]) or value < 0:
                raise ValidationError(
                    {"parameters": _("The rule has no such parameter, or it has another type.")}
                )


class Holiday(models.Model):
    """A day (in Korea) on which the facility rests, kept by its administrator."""

    day = models.DateField(unique=True)
    name_ko = models.CharField(max_length=60)
    name_en = models.CharField(max_length=60)

    class Meta:
        ordering = ("day",)

    def __str__(self) -> str:
        return self.name_ko if get_language() == "ko" else self.name_en


class IdempotencyKey(models.Model):
    """A key a client chose, the hash of what it sent, and what it was answered.

    Written in the transaction that does the work: no answer without its key, no key without
    its answer.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=80)
    request_sha256 = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "key"], name="booking_key_once"),
        ]

    def __str__(self) -> str:
        return self.key


class FeedKind(models.TextChoices):
    MINE = "mine", _("My bookings")
    COMPANY = "company", _("My company's bookings")
    TOOL = "tool", _("A tool's time")


class CalendarFeed(models.Model):
    """A person's private calendar address. Only the SHA-256 of its secret is stored."""

    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="calendar_feeds")
    kind = models.CharField(max_length=8, choices=FeedKind.choices)
    tool = models.ForeignKey(Tool, null=True, blank=True, on_delete=models.CASCADE)
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = CalendarFeedQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(kind=FeedKind.TOOL, tool__isnull=False)
                | (~models.Q(kind=FeedKind.TOOL) & models.Q(tool__isnull=True)),
                name="calendar_feed_tool_fits_kind",
            ),
            models.UniqueConstraint(
                fields=["owner", "kind", "tool"],
                condition=models.Q(revoked_at=None),
                nulls_distinct=False,
                name="calendar_feed_one_live",
            ),
        ]

    def __str__(self) -> str:
        return str(self.tool) if self.tool else str(FeedKind(self.kind).label)


# Models of the same app in modules of their own; Django finds them through this one.
from testbed.booking.question_models import Question  # noqa: E402, F401
from testbed.booking.supply_claims import SupplyClaim as SupplyClaim  # noqa: E402
