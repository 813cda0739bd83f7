"""Starting a run: interlocks, document, plan of steps, and the doorbell, in one transaction."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from instruments.jobs import StepOrder, WaferOrder
from testbed.booking import no_show
from testbed.booking.models import Booking
from testbed.material.models import Lot, Wafer
from testbed.people.models import User
from testbed.people.permissions import demand
from testbed.process.models import Operation, RecipeVersion
from testbed.refusals import Refusal
from testbed.runs import doorbell, log, sessions
from testbed.runs.interlocks import Interlock, Situation, interlocks, unmet
from testbed.runs.models import Run, RunWafer, Step, Traveler
from testbed.tools.models import Tool
from testbed.transactions import broken_constraint, in_transaction

UNIQUE = "23505"


def start(*, actor: User, booking: Booking, operation: Operation, slots: Sequence[int]) -> Run:
    """Create the run, QUEUED, and ring its tool.

    `slots`: 1 to 25. Raises Refusal("interlocked", 409) with every unmet interlock in `fields`,
    or Refusal("not_allowed", 403). Of two starts at once one wins; the other is told so.
    """
    demand(actor, "operate")
    chosen = sorted(set(slots))
    try:
        return in_transaction(lambda: _start(actor, booking, operation, chosen))
    except IntegrityError as error:
        if broken_constraint(error)[0] != UNIQUE:
            raise
        raise _just_started() from error


def _start(actor: User, booking: Booking, operation: Operation, slots: list[int]) -> Run:
    # The tool's row is the gate: two tablets go through it one after the other.
    tools = Tool.objects.filter(allocations__booking=booking, kind=operation.tool_kind)
    list(Tool.objects.select_for_update(no_key=True).filter(pk__in=tools.values("pk")))
    booking.refresh_from_db()
    at = Situation(actor, booking, operation, slots)
    _refuse_unless_met(interlocks(at))
    lot = booking.lot
    if at.tool is None or at.version is None or lot is None:
        raise _just_started()
    run = _document(at, at.tool, at.version, lot)
    no_show.begin(booking, at.now)
    steps = _plan(run, at.version, lot, at.wafers)
    log.append(
        run=run, kind="run.queued", actor=actor, steps=len(steps), wafers=len(at.wafers),
        slots=slots, recipe=str(at.version), recipe_sha256=at.version.sha256, tool=at.tool.code,
        lot=lot.code, booking=booking.pk,
    )  # fmt: skip
    doorbell.ring_on_commit(run)
    return run


def _refuse_unless_met(checks: list[Interlock]) -> None:
    broken = unmet(checks)
    if not broken:
        return
    raise Refusal(
        "interlocked",
        _("The run cannot start yet; nothing was moved."),
        fields={check.code: [check.sentence] for check in broken},
        next_step=_("Clear what is listed, then start again."),
    )


def _just_started() -> Refusal:
    return Refusal(
        "just_started",
        _("Somebody has just started a run on this tool, or this very operation."),
        next_step=_("Look at the run that is open now."),
    )


def _document(at: Situation, tool: Tool, version: RecipeVersion, lot: Lot) -> Run:
    traveler, _created = Traveler.objects.get_or_create(
        lot=lot, route=at.operation.route, closed_at=None
    )
    run = Run.objects.create(
        traveler=traveler,
        operation=at.operation,
        booking=at.booking,
        company=at.booking.company,
        tool=tool,
        recipe_version=version,
        recipe_sha256=version.sha256,
        started_by=at.actor,
    )
    RunWafer.objects.bulk_create(RunWafer(run=run, wafer=wafer) for wafer in at.wafers)
    return run


def _plan(run: Run, version: RecipeVersion, lot: Lot, wafers: Sequence[Wafer]) -> list[Step]:
    """The steps that the tool's program makes of recipe and wafers."""
    orders = [WaferOrder(wafer.slot, wafer.wafer_id) for wafer in wafers]
    try:
        planned = sessions.program_of(run.tool).plan(version.body, orders, str(lot.carrier))
    except ValueError as error:
        raise Refusal(
            "recipe_not_runnable",
            _("The tool would not take this recipe."),
            next_step=_("Ask the process engineer to look at the recipe."),
        ) from error
    by_slot = {wafer.slot: wafer for wafer in wafers}
    steps = [_step(run, seq, order, by_slot) for seq, order in enumerate(planned, start=1)]
    return Step.objects.bulk_create(steps)


def _step(run: Run, seq: int, order: StepOrder, by_slot: dict[int, Wafer]) -> Step:
    return Step(
        run=run,
        seq=seq,
        kind=order.kind,
        title=order.title,
        token=uuid.uuid4(),
        wafer=None if order.slot is None else by_slot[order.slot],
        slot=order.slot,
        params=order.params,
        after_unknown=order.after_unknown,
        is_process=order.is_process,
    )
