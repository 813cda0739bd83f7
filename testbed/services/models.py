"""Service modules, and the orders of them with what was promised."""

from datetime import date
from typing import ClassVar

import pgtrigger
from django.db import models
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from testbed.booking.models import BookingState, Bundle, WishedDocument
from testbed.people.models import Company, User
from testbed.people.querysets import CompanyOwnedQuerySet
from testbed.process.models import Route
from testbed.services.querysets import ModuleQuerySet
from testbed.tools.models import Named

# A step in one of these takes no part in its order any more, and never will again.
GONE = (
    BookingState.CANCELLED,
    BookingState.REFUSED,
    BookingState.EXPIRED,
    BookingState.RELEASED,
    BookingState.NO_SHOW,
)
GONE_SQL = ", ".join(f"'{state.value}'" for state in GONE)


class Module(Named):
    """Work with a fixed price and a promised turnaround: a route that is booked as a whole."""

    description_ko = models.TextField(max_length=600)
    description_en = models.TextField(max_length=600)
    route = models.ForeignKey(Route, on_delete=models.PROTECT, related_name="+")
    wafers_min = models.PositiveSmallIntegerField(default=1)
    wafers_max = models.PositiveSmallIntegerField(default=25)
    price_won = models.PositiveIntegerField(help_text="supply price, before VAT")
    turnaround_days = models.PositiveSmallIntegerField(
        help_text="working days from the day of the first step"
    )
    document = models.CharField(
        max_length=20, choices=WishedDocument.choices, default=WishedDocument.NONE
    )
    is_active = models.BooleanField(default=True)
    valid_from = models.DateField(null=True, blank=True)
    valid_until = models.DateField(null=True, blank=True)

    objects = ModuleQuerySet.as_manager()

    class Meta:
        ordering = ("code",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(wafers_min__gte=1)
                & models.Q(wafers_max__gte=models.F("wafers_min"))
                & models.Q(wafers_max__lte=25),
                name="module_wafers",
                violation_error_message=_("A module takes 1 to 25 wafers, the least first."),
            ),
            models.CheckConstraint(
                condition=models.Q(price_won__gte=1) & models.Q(turnaround_days__gte=1),
                name="module_has_price_and_promise",
                violation_error_message=_(
                    "A module has a price and a turnaround of a day or more."
                ),
            ),
            models.CheckConstraint(
                condition=models.Q(valid_from=None)
                | models.Q(valid_until=None)
                | models.Q(valid_until__gte=models.F("valid_from")),
                name="module_dates",
                violation_error_message=_("A module's last day is not before its first."),
            ),
        ]

    @property
    def description(self) -> str:
        return self.description_ko if get_language() == "ko" else self.description_en

    def is_offered(self, day: date | None = None) -> bool:
        """True when it can be ordered on that day (in Korea; default today)."""
        day = day or timezone.localdate()
        begun = self.valid_from is None or self.valid_from <= day
        return self.is_active and begun and (self.valid_until is None or day <= self.valid_until)


class OrderState(models.TextChoices):
    OPEN = "open", _("In progress")
    FINISHED = "finished", _("Finished")
    CANCELLED = "cancelled", _("Cancelled")


class Order(models.Model):
    """A company's order of a module: price and promise as they were when it was placed.

    It is cancelled by itself, in the statement that takes its last step away, and finished when
    its last run's results are there (or by hand); see the two triggers.
    """

    module = models.ForeignKey(Module, on_delete=models.PROTECT, related_name="orders")
    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="service_orders")
    ordered_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="service_orders")
    ordered_at = models.DateTimeField(auto_now_add=True)
    bundle = models.OneToOneField(Bundle, on_delete=models.PROTECT, related_name="service_order")
    wafer_count = models.PositiveSmallIntegerField()
    quote = models.JSONField(help_text="the price as it was shown, with VAT")
    promised_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=OrderState.choices, default=OrderState.OPEN)

    objects = CompanyOwnedQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(state=OrderState.FINISHED, finished_at__isnull=False)
                | (~models.Q(state=OrderState.FINISHED) & models.Q(finished_at=None)),
                name="order_finished_has_time",
            ),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.FSM(
                name="state_path",
                field="state",
                transitions=[("open", "finished"), ("open", "cancelled")],
            ),
            # The way here from the bookings is the trigger `order_follows_bundle` on their table.
            pgtrigger.Trigger(
                name="state_is_the_bundles",
                when=pgtrigger.Before,
                operation=pgtrigger.UpdateOf("state"),  # type: ignore[no-untyped-call]
                func=f"""
                    IF (NEW.state = 'cancelled') = EXISTS (
                        SELECT FROM booking_booking
                         WHERE bundle_id = NEW.bundle_id AND state NOT IN ({GONE_SQL})
                    ) THEN
                        RAISE check_violation USING
                            CONSTRAINT = 'order_state_is_the_bundles',
                            MESSAGE = 'an order is cancelled when, and only when, no step is left';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"S{self.pk:05d}" if self.pk else "S-----"
