"""When the results of a service order are all there, the order is finished."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError
from django.db.models import Count, Max, Q

from testbed.material.models import SubstrateState
from testbed.refusals import Refusal
from testbed.runs.models import Run
from testbed.runs.states import ENDED, RunState
from testbed.services.models import Order, OrderState
from testbed.services.order import complete

if TYPE_CHECKING:
    from datetime import datetime

log = logging.getLogger(__name__)
AT_ONCE = 200


def results_since(order: Order) -> datetime | None:
    """When the last result came in; None while one is missing (three queries).

    All are there when each operation of the module's route was completed on as many wafers as
    were ordered, and no run of the order still goes. A wafer that was lost on the way leaves the
    order to a person.
    """
    runs = Run.objects.filter(booking__bundle=order.bundle_id)
    if runs.exclude(state__in=ENDED).exists():
        return None
    processed = Q(run_wafers__state=SubstrateState.PROCESSED)
    done: dict[int, dict[str, Any]] = {
        row["operation"]: row
        for row in runs.filter(state=RunState.COMPLETED)
        .order_by()
        .values("operation")
        .annotate(
            wafers=Count("run_wafers__wafer", filter=processed, distinct=True),
            last=Max("ended_at"),
        )
    }
    wanted = list(order.module.route.operations.values_list("pk", flat=True))
    rows = [done.get(pk) for pk in wanted]
    if not rows or any(row is None or row["wafers"] < order.wafer_count for row in rows):
        return None
    last: datetime = max(row["last"] for row in rows if row)
    return last


def finish_if_done(order: Order) -> bool:
    """Finish the order if its results are all there; True when that was news."""
    since = results_since(order)
    return since is not None and complete(order=order, at=since)


def on_run_ended(sender: type[Run], *, run: Run, **_more: Any) -> None:
    """The run has already ended: what fails here is found by the sweep, and is no failed run."""
    bundle = run.booking.bundle_id
    if bundle is None:
        return
    try:
        for order in _open().filter(bundle=bundle):
            finish_if_done(order)
    except (DatabaseError, Refusal):
        log.exception("the service order of %s waits for the sweep", run)


def finish_missed() -> int:
    """Finish the open orders whose results are all there (a signal that was lost); how many."""
    ran = _open().filter(bundle__bookings__runs__state=RunState.COMPLETED).distinct()
    return sum(finish_if_done(order) for order in ran.order_by("pk")[:AT_ONCE])


def _open() -> Any:
    return Order.objects.filter(state=OrderState.OPEN).select_related("module__route", "company")
