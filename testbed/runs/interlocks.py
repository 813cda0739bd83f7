"""Everything that must be right before a run may start: all of it checked, all of it shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from instruments.catalogue import PLANS, TOOLS
from testbed.booking.models import Booking, BookingState
from testbed.material import slot_map
from testbed.material.models import Lot, LotState, Wafer
from testbed.material.wafer_id import is_valid
from testbed.outages.failures import troubles
from testbed.people.models import User
from testbed.people.permissions import may
from testbed.process.models import Operation, RecipeVersion
from testbed.process.versions import is_whole, newest_approved
from testbed.runs.hold_models import LotHold
from testbed.runs.models import Run
from testbed.runs.queue_time import countdowns
from testbed.runs.split_models import Split
from testbed.runs.splits import Table, chosen_values, texts_of
from testbed.runs.splits import check as check_split
from testbed.runs.way import Way, way_of
from testbed.tools.models import Clean, E10State, StateSpan, Tool

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

CLOCKS_APART_S = 10.0
ABLE = frozenset({E10State.STANDBY, E10State.PRODUCTIVE, E10State.ENGINEERING})


@dataclass(frozen=True)
class Interlock:
    """One condition: what it asks for, whether it holds, and who can clear it when it does not."""

    code: str
    label: StrOrPromise
    is_met: bool
    sentence: StrOrPromise = ""
    cleared_by: StrOrPromise = ""


@dataclass
class Situation:
    """What a start would use, looked up once; None where the booking has no such thing."""

    actor: User
    booking: Booking
    operation: Operation
    slots: Sequence[int]
    now: datetime = field(default_factory=timezone.now)

    def __post_init__(self) -> None:
        self.tools = self._find_tools()
        self.version: RecipeVersion | None = newest_approved(self.operation.recipe)
        lot = self.booking.lot
        self.wafers: list[Wafer] = (
            list(lot.wafers.filter(slot__in=list(self.slots)).order_by("slot")) if lot else []
        )

    @cached_property
    def way(self) -> Way:
        """The lot's way through the route; asked for only where there is a lot."""
        if self.booking.lot is None:
            raise ValueError("a booking without a lot has no way through a route")
        return way_of(self.booking.lot, self.operation.route_id)

    @property
    def attempt(self) -> int:
        """Of the chosen wafers: 1, or 2 and more when they are reworked."""
        return max((self.way.attempt(one, self.operation) for one in self.wafers), default=1)

    @cached_property
    def split_values(self) -> Table:
        """What differs from wafer to wafer among the chosen ones (see `testbed.runs.splits`)."""
        rows = Split.objects.filter(booking=self.booking, operation=self.operation)
        return chosen_values(rows.first(), [wafer.slot for wafer in self.wafers])

    @property
    def tool(self) -> Tool | None:
        """The tool that the run's document stands under."""
        kind = self.operation.tool_kind
        return next((tool for tool in self.tools if tool.kind == kind), None)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of tools that the recipe is carried out on; a cell's recipe needs several."""
        kind = self.operation.recipe.tool_kind
        return PLANS[kind].kinds if kind in PLANS else (kind,)

    def _find_tools(self) -> list[Tool]:
        """The booked tool of each kind, in the order of their ids."""
        claims = self.booking.allocations.filter(tool__kind__in=self.kinds)
        found: dict[str, Tool] = {}
        for claim in claims.select_related("tool").order_by("tool"):
            found.setdefault(claim.tool.kind, claim.tool)
        return list(found.values())


STAFF = _("a technician or process engineer")
TECHNICIAN = _("a technician")
PROCESS = _("a process engineer")
COMPANY = _("the company's engineer")


def interlocks(at: Situation) -> list[Interlock]:
    """All conditions of a start, met or not, in the order in which a person would walk them."""
    checks = [_operator(at), _booking(at), _now(at), _clock(), _tool(at), _lot(at), _recipe(at),
              _wafers(at)]  # fmt: skip
    if at.tool is not None:
        checks[5:5] = [_emergency(at), _state(at), _supplies(at), _free(at), _address(at)]
    if at.booking.lot is not None and at.booking.lot.carrier_id is not None:
        checks.append(_carrier_map(at.booking.lot))
    if at.wafers and at.tool is not None:
        checks += [_wafer_ids(at), _contamination(at), _scrap(at), _holds(at), _queue_time(at),
                   _before(at), _once(at), _attempt(at)]  # fmt: skip
        if at.split_values:
            checks.append(_split(at))
    return checks


def unmet(checks: Sequence[Interlock]) -> list[Interlock]:
    return [check for check in checks if not check.is_met]


def _operator(at: Situation) -> Interlock:
    return Interlock(
        "operator",
        _("Operator may run tools"),
        may(at.actor, "operate"),
        _("Your role does not allow running a tool."),
        STAFF,
    )


def _booking(at: Situation) -> Interlock:
    return Interlock(
        "booking_confirmed",
        _("Booking confirmed"),
        at.booking.state == BookingState.CONFIRMED,
        _("The booking is “%(state)s”.") % {"state": at.booking.get_state_display()},
        _("the administrator"),
    )


def _now(at: Situation) -> Interlock:
    return Interlock(
        "booking_now",
        _("Booked time is now"),
        at.booking.starts_at <= at.now < at.booking.ends_at,
        _("The booked time has not begun, or is over."),
        COMPANY,
    )


def _clock() -> Interlock:
    """Leases run by the database's clock, bookings by this host's: one of them has jumped."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        there = cursor.fetchone()[0]
    seconds = abs((there - timezone.now()).total_seconds())
    return Interlock(
        "clock",
        _("Clocks of server and database agree"),
        seconds <= CLOCKS_APART_S,
        _("The clocks of server and database differ by %(seconds)d s.") % {"seconds": seconds},
        _("the operator of this system"),
    )


def _tool(at: Situation) -> Interlock:
    right_route = at.booking.route_id in (None, at.operation.route_id)
    return Interlock(
        "tool_booked",
        _("Tool belongs to the booking"),
        {tool.kind for tool in at.tools} == set(at.kinds) and right_route,
        _("The booking has no tool for this operation, or is for another route."),
        COMPANY,
    )


def _emergency(at: Situation) -> Interlock:
    return Interlock(
        "emergency_stop",
        _("No emergency stop"),
        all(tool.emergency_stop_at is None for tool in at.tools),
        _("The tool's emergency stop is set."),
        TECHNICIAN,
    )


def _state(at: Situation) -> Interlock:
    rows = StateSpan.objects.filter(tool__in=at.tools, ended_at=None)
    words = {span.tool_id: (span.state, span.get_state_display()) for span in rows}
    states = [words.get(tool.pk, ("", _("unknown"))) for tool in at.tools]
    return Interlock(
        "tool_able",
        _("Tool is able"),
        all(state in ABLE for state, _word in states),
        _("The tool is in the state “%(state)s”.")
        % {"state": next((word for state, word in states if state not in ABLE), states[0][1])},
        TECHNICIAN,
    )


def _supplies(at: Situation) -> Interlock:
    wrong = troubles(at.tools, at.now)
    return Interlock(
        "supplies",
        _("Water, gas, cooling and exhaust in supply"),
        not wrong,
        _("Down, or back and not yet settled: %(supplies)s.")
        % {"supplies": ", ".join(str(one.utility) for one in wrong)},
        TECHNICIAN,
    )


def _free(at: Situation) -> Interlock:
    other = Run.objects.filter(run_tools__tool__in=at.tools).open().first()
    return Interlock(
        "tool_free",
        _("No other run on the tool"),
        other is None,
        _("Run %(run)s is open on this tool.") % {"run": other},
        TECHNICIAN,
    )


def _address(at: Situation) -> Interlock:
    return Interlock(
        "tool_address",
        _("Tool can be reached by the software"),
        all(tool.visa_resource and tool.kind in TOOLS for tool in at.tools),
        _("No VISA resource or no driver is registered for this tool."),
        _("the administrator"),
    )


def _lot(at: Situation) -> Interlock:
    lot = at.booking.lot
    return Interlock(
        "lot_checked_in",
        _("Lot checked in, in its carrier"),
        lot is not None
        and lot.state == LotState.CHECKED_IN
        and lot.carrier_id is not None
        and lot.company_id == at.booking.company_id,
        _("The lot is not here yet, or has no carrier."),
        TECHNICIAN,
    )


def _recipe(at: Situation) -> Interlock:
    version = at.version
    changed = version is not None and not is_whole(version)
    return Interlock(
        "recipe_signed",
        _("Recipe signed and unchanged"),
        version is not None and not changed and _may_use(at, version),
        _("The content of %(version)s is not what was signed: its SHA-256 differs.")
        % {"version": version}
        if changed
        else _("No version of this recipe is approved, or it is not for this tool and company."),
        PROCESS,
    )


def _may_use(at: Situation, version: RecipeVersion) -> bool:
    fits = at.operation.tool_kind in at.kinds
    return fits and version.recipe.company_id in (None, at.booking.company_id)


def _wafers(at: Situation) -> Interlock:
    asked = set(at.slots)
    return Interlock(
        "wafers_present",
        _("Wafers chosen, all in the lot"),
        bool(asked) and asked == {wafer.slot for wafer in at.wafers},
        _("Choose slots that hold a wafer of this lot."),
        TECHNICIAN,
    )


def _carrier_map(lot: Lot) -> Interlock:
    """What a person saw last; nobody has to look, for the tool reads the slots when it docks."""
    seen = slot_map.newest(lot)
    wrong = [] if seen is None else slot_map.differences(seen)
    words = [f"{one.slot}: {slot_map.MARKS[one.seen]}" for one in wrong]
    return Interlock(
        "carrier_map",
        _("Nothing else seen in the carrier than is registered"),
        not wrong,
        _("Slots that were seen otherwise than registered: %(slots)s.")
        % {"slots": ", ".join(words)},
        TECHNICIAN,
    )


def _wafer_ids(at: Situation) -> Interlock:
    wrong = [wafer.wafer_id for wafer in at.wafers if not is_valid(wafer.wafer_id)]
    return Interlock(
        "wafer_ids",
        _("Wafer IDs with the right check characters"),
        not wrong,
        _("The check characters of %(wafers)s are wrong: read the IDs again.")
        % {"wafers": ", ".join(wrong)},
        TECHNICIAN,
    )


def _dirtiest_allowed(tool: Tool) -> int:
    """A tool's own class; a cleaning tool takes what it is there to clean."""
    cleans = Clean.objects.filter(tool_kind=tool.kind).values_list("from_class", flat=True)
    return max([tool.contamination_class, *cleans])


def _contamination(at: Situation) -> Interlock:
    allowed = min(_dirtiest_allowed(tool) for tool in at.tools)
    dirty = [str(wafer.slot) for wafer in at.wafers if wafer.contamination_class > allowed]
    return Interlock(
        "contamination",
        _("Contamination class allowed"),
        not dirty,
        _("The wafers in slots %(slots)s have met a dirtier tool than this one may see.")
        % {"slots": ", ".join(dirty)},
        PROCESS,
    )


def _slots(wafers: Sequence[Wafer]) -> str:
    return ", ".join(str(wafer.slot) for wafer in wafers)


def _before(at: Situation) -> Interlock:
    missing, operation = at.way.lacking(at.wafers, at.operation)
    return Interlock(
        "operation_before",
        _("Operation before is complete"),
        not missing,
        _("The wafers in slots %(slots)s have not been through “%(operation)s”.")
        % {"slots": _slots(missing), "operation": operation},
        TECHNICIAN,
    )


def _once(at: Situation) -> Interlock:
    way, operation = at.way, at.operation
    seen = way.is_in_work if operation.is_measurement else way.is_touched
    touched = [wafer for wafer in at.wafers if seen(wafer, operation)]
    return Interlock(
        "not_yet_processed",
        _("Wafers not processed here before"),
        not touched,
        _("The wafers in slots %(slots)s have already been in this operation.")
        % {"slots": _slots(touched)},
        PROCESS,
    )


def _scrap(at: Situation) -> Interlock:
    gone = [wafer for wafer in at.wafers if wafer.pk in at.way.scrapped]
    return Interlock(
        "not_scrapped",
        _("No scrapped wafer among them"),
        not gone,
        _("The wafers in slots %(slots)s are scrapped.") % {"slots": _slots(gone)},
        PROCESS,
    )


def _holds(at: Situation) -> Interlock:
    held = LotHold.objects.open().filter(wafers__in=at.wafers).order_by("wafers__slot")
    slots = sorted(set(held.values_list("wafers__slot", flat=True)) & set(at.slots))
    return Interlock(
        "not_on_hold",
        _("No wafer on hold among them"),
        not slots,
        _("The wafers in slots %(slots)s are on hold: somebody has to decide about them.")
        % {"slots": ", ".join(str(slot) for slot in slots)},
        PROCESS,
    )


def _queue_time(at: Situation) -> Interlock:
    """Also between two looks of the background job, and when it does not run."""
    waits = next((one for one in countdowns(at.way) if one.operation == at.operation), None)
    over = [] if waits is None else [one for one in waits.broken(at.now) if one in at.wafers]
    return Interlock(
        "queue_time",
        _("Queue time not over"),
        not over,
        _("The wafers in slots %(slots)s have waited longer than the route allows.")
        % {"slots": _slots(over)},
        PROCESS,
    )


def _split(at: Situation) -> Interlock:
    """Once more, for another version may have been signed since the table was written."""
    wrong = {}
    if at.version is not None:
        slots = [wafer.slot for wafer in at.wafers]
        wrong = check_split(at.version, slots, texts_of(at.split_values)).wrong
    return Interlock(
        "split",
        _("Values by wafer within the signed ranges"),
        not wrong,
        _("Out of the signed ranges: slots %(slots)s.")
        % {"slots": ", ".join(str(slot) for slot in sorted({slot for slot, _path in wrong}))},
        PROCESS,
    )


def _attempt(at: Situation) -> Interlock:
    """A strip takes reworked wafers only; reworked wafers and others go in runs of their own."""
    attempts = {at.way.attempt(wafer, at.operation) for wafer in at.wafers}
    return Interlock(
        "same_attempt",
        _("Wafers in the same attempt"),
        len(attempts) == 1 and not (at.operation.is_rework_only and attempts == {1}),
        _("Only wafers in rework go through this operation.")
        if attempts == {1}
        else _("Some of these wafers are reworked and others are not: run them apart."),
        TECHNICIAN,
    )
