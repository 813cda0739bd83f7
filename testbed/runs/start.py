"""Starting a run: interlocks, document, plan of steps, and the doorbell, in one transaction."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from instruments.catalogue import PLANS
from instruments.jobs import StepOrder, WaferOrder
from testbed.booking import no_show
from testbed.booking.models import Booking
from testbed.material.models import Lot, Wafer
from testbed.people.models import User
from testbed.people.permissions import demand
from testbed.process.models import Operation, RecipeVersion, Route
from testbed.refusals import Refusal
from testbed.runs import doorbell, log, splits
from testbed.runs.interlocks import Interlock, Situation, interlocks, unmet
from testbed.runs.models import Run, RunTool, RunWafer, Step, Traveler
from testbed.runs.way import sampled
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
    # The tools' rows are the gate: two tablets go through it one after the other.
    tools = Tool.objects.filter(allocations__booking=booking)
    gate = Tool.objects.select_for_update(no_key=True).filter(pk__in=tools.values("pk"))
    list(gate.order_by("pk"))
    # Behind the tools the lot: nobody decides about its wafers while they are looked at.
    list(Lot.objects.select_for_update(no_key=True).filter(pk=booking.lot_id))
    booking.refresh_from_db()
    at = Situation(actor, booking, operation, slots)
    _refuse_unless_met(interlocks(at))
    lot = booking.lot
    if at.tool is None or at.version is None or lot is None:
        raise _just_started()
    run = _document(at, at.tool, at.version, lot)
    no_show.begin(booking, at.now)
    steps = _plan(run, at, at.version, lot)
    log.append(
        run=run, kind="run.queued", actor=actor, steps=len(steps), wafers=len(at.wafers),
        slots=slots, recipe=str(at.version), recipe_sha256=at.version.sha256, tool=at.tool.code,
        tools=[tool.code for tool in at.tools], attempt=run.attempt,
        lot=lot.code, booking=booking.pk,
    )  # fmt: skip
    _note_sampling(run, actor)
    if run.split:
        log.append(run=run, kind="run.split", actor=actor, wafers=len(run.split), table=run.split)
    doorbell.ring_on_commit(run)
    return run


def _note_sampling(run: Run, actor: User) -> None:
    """What a start adds to its sampling plan or leaves out of it stands in the log."""
    kept = run.sampling
    if kept.get("added") or kept.get("left_out"):
        words = {key: ", ".join(map(str, kept[key])) or "–"
                 for key in ("planned", "added", "left_out")}  # fmt: skip
        log.append(run=run, kind="sampling.deviated", actor=actor, **words)


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
    run = Run.objects.create(
        traveler=_traveler(lot, at.operation.route),
        operation=at.operation,
        booking=at.booking,
        company=at.booking.company,
        tool=tool,
        recipe_version=version,
        recipe_sha256=version.sha256,
        attempt=at.attempt,
        split=at.split_values,
        sampling=sampled(at.way, at.operation, [wafer.slot for wafer in at.wafers]),
        started_by=at.actor,
    )
    others = [other for other in at.tools if other != tool]
    RunTool.objects.bulk_create(RunTool(run=run, tool=other) for other in others)
    RunWafer.objects.bulk_create(RunWafer(run=run, wafer=wafer) for wafer in at.wafers)
    return run


def _traveler(lot: Lot, route: Route) -> Traveler:
    """The lot's one way through the route; a closed one is opened again for more work."""
    rows = Traveler.objects.filter(lot=lot, route=route)
    newest: Traveler | None = rows.order_by("-pk").first()
    if newest is None:
        newest, _made = Traveler.objects.get_or_create(lot=lot, route=route, closed_at=None)
    elif newest.closed_at is not None:
        newest.closed_at = None
        newest.save(update_fields=["closed_at"])
    return newest


def _plan(run: Run, at: Situation, version: RecipeVersion, lot: Lot) -> list[Step]:
    """The steps that the recipe's program makes of recipe and wafers, each for one tool."""
    orders = [WaferOrder(wafer.slot, wafer.wafer_id) for wafer in at.wafers]
    program = PLANS[version.recipe.tool_kind].program
    try:
        planned = splits.plan(program, version, orders, str(lot.carrier), run.split)
    except ValueError as error:
        raise Refusal(
            "recipe_not_runnable",
            _("The tool would not take this recipe."),
            next_step=_("Ask the process engineer to look at the recipe."),
        ) from error
    by_slot = {wafer.slot: wafer for wafer in at.wafers}
    by_kind = {tool.kind: tool for tool in at.tools}
    steps = [
        _step(run, seq, order, by_kind.get(order.tool_kind, run.tool), by_slot)
        for seq, order in enumerate(planned, start=1)
    ]
    return Step.objects.bulk_create(steps)


def _step(run: Run, seq: int, order: StepOrder, tool: Tool, by_slot: dict[int, Wafer]) -> Step:
    return Step(
        run=run,
        tool=tool,
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
