"""Hears that time was given back, and tells whose order came to its end by that."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.urls import reverse

from testbed.notices.models import Notice
from testbed.services.models import Order, OrderState
from testbed.services.tell import KIND, tell_cancelled

# An order's steps lie before its promise; moved ones not far behind it.
AFTER_PROMISE = timedelta(days=60)


def on_line_changed(
    *, tool_ids: frozenset[int], start: datetime, end: datetime, freed: bool, **heard: Any
) -> None:
    """Called after the commit, whoever took the last step away and however."""
    if not freed:
        return
    claims = "bundle__bookings__allocations__"
    gone = Order.objects.filter(
        state=OrderState.CANCELLED,
        promised_at__gte=start - AFTER_PROMISE,
        **{
            f"{claims}tool__in": tool_ids,
            f"{claims}starts_at__lt": end,
            f"{claims}ends_at__gt": start,
        },
    )
    for pk in set(gone.order_by("pk").values_list("pk", flat=True)):
        _tell_once(pk)


@transaction.atomic
def _tell_once(pk: int) -> None:
    """The notice itself is the note that it was told; two listeners pass one after the other."""
    order = Order.objects.select_for_update(of=("self",)).get(pk=pk)
    path = reverse("service_order", kwargs={"pk": pk})
    if not Notice.objects.filter(reader=order.ordered_by_id, kind=KIND, path=path).exists():
        tell_cancelled(order)
