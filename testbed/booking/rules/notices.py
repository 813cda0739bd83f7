"""What a booking entails later. Never broken: the verbs that act on a booking read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from testbed.booking.rules.base import Broken, ToolRule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from testbed.booking.rules.base import BookingRequest
    from testbed.tools.models import Tool


class Notice(ToolRule):
    about = "notice"
    field = ""

    def check_tool(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Broken | None:
        return None


class Reconfirm(Notice):
    """The window opens hours_before + window_hours before the start and ends hours_before it.

    Percentages of the booking's price and of its minutes.
    """

    code = "reconfirm"
    on_by_default = False
    defaults = {  # noqa: RUF012
        "hours_before": 24, "window_hours": 24, "fee_percent": 0, "debt_percent": 0,
    }  # fmt: skip
    sentence = _("The booking is given up unless you re-confirm it in time.")
    next_step = _("Re-confirm it on the booking's page.")
    explanation = _(
        "A booking is re-confirmed in the %(window_hours)s h that end %(hours_before)s h before "
        "its start; otherwise its time is given to others. That costs %(fee_percent)s %% of the "
        "price, and %(debt_percent)s %% of the time still counts as used."
    )


class NoShow(Notice):
    """Percentages of the booking's price and of its minutes."""

    code = "no_show"
    on_by_default = False
    defaults = {"minutes": 60, "fee_percent": 0, "debt_percent": 0}  # noqa: RUF012
    sentence = _("The booking is given up when nobody has come after %(minutes)s minutes.")
    next_step = _("Be there in time, or cancel the booking before it starts.")
    explanation = _(
        "A booking on which nothing has begun %(minutes)s minutes after its start is released. "
        "That costs %(fee_percent)s %% of the price, and %(debt_percent)s %% of the time still "
        "counts as used."
    )


class LateCancel(Notice):
    """Percentages of the booking's price and of its minutes."""

    code = "late_cancel"
    on_by_default = False
    defaults = {"hours_before": 24, "fee_percent": 0, "debt_percent": 0}  # noqa: RUF012
    sentence = _("A cancellation later than %(hours_before)s h before the start has its price.")
    next_step = _("Cancel earlier, or move the booking instead.")
    explanation = _(
        "Who cancels later than %(hours_before)s h before the start pays %(fee_percent)s %% of "
        "the price, and %(debt_percent)s %% of the time still counts as used."
    )


class QuotaDebt(Notice):
    """Read by the weekly and the outstanding hours of a person and of a company."""

    code = "quota_debt"
    on_by_default = False
    needs = frozenset({"debts"})
    defaults = {"days": 28}  # noqa: RUF012
    sentence = _("Time that was given up too late counts as used for %(days)s days.")
    next_step = _("Wait until it lapses, or ask the facility to take the penalty back.")
    explanation = _(
        "Time that was given up too late counts in the hours a week and ahead for %(days)s days."
    )


QUOTA_DEBT = QuotaDebt()
