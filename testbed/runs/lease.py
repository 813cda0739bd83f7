"""Who may write to a tool: one row per tool, claimed for all tools of a run or for none.

A lease is *free* (no holder, no expiry), *held* (a holder, until its expiry) or *parked* (no
holder, but the tool is at work and somebody must look again before the expiry). A claim succeeds
on a free or parked lease, and on one whose expiry has passed: then the one before is taken to be
dead, and the claim says so. Every claim raises the epoch; whoever writes results proves in the
same transaction that the epoch is still its own. The clock is the database's.

A run on several tools locks their rows in the order of their ids, looks at all of them, and only
then takes all of them, in one transaction: two such runs cannot wait for each other, and none
ever holds half of a cell. From then on the rows are extended, parked and released together.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.db.models.functions import Now

from testbed.runs.models import Lease


class LeaseLost(Exception):
    """Another claim has taken the tool: nothing of this one may be stored any more."""


@dataclass(frozen=True)
class Claim:
    """Held leases. `epochs`: (tool id, epoch) by tool id. `taken_over`: a holder before let its
    lease expire, so its step is unexplained."""

    epochs: tuple[tuple[int, int], ...]
    run_id: int | None
    holder: str
    taken_over: bool

    @property
    def tool_ids(self) -> tuple[int, ...]:
        return tuple(tool_id for tool_id, _epoch in self.epochs)

    @property
    def epoch(self) -> int:
        """The newest epoch among the tools: what the log names the claim by."""
        return max(epoch for _tool_id, epoch in self.epochs)


def ttl() -> timedelta:
    return timedelta(seconds=settings.LEASE_TTL_S)


def new_holder() -> str:
    """host:pid:random, so that two claims of one process never look alike."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid.uuid4().hex[:12]}"


def claim(
    *, tool_ids: Sequence[int], run_id: int | None, only_free: bool = False, only_dead: bool = False
) -> Claim | None:
    """Take all these tools, or None while somebody else holds one of them.

    `only_free` leaves parked and dead leases alone: their tools may be at work for a run.
    `only_dead` takes nothing unless a holder's expiry has passed: whoever comes to clear up after
    the dead may find that a living worker was quicker.
    """
    wanted = sorted(set(tool_ids))
    with transaction.atomic():
        rows = _locked(wanted)
        if not all(_is_free(row, only_free) for row in rows):
            return None
        if only_dead and not any(row.is_dead for row in rows):  # type: ignore[attr-defined]
            return None
        if len(rows) == len(wanted):
            return _take(rows, run_id)
    # A tool that was never claimed; its row is made before any is locked, in no order.
    for tool_id in wanted:
        Lease.objects.get_or_create(tool_id=tool_id)
    return claim(tool_ids=wanted, run_id=run_id, only_free=only_free, only_dead=only_dead)


def _locked(tool_ids: Sequence[int]) -> list[Lease]:
    """The rows, locked by id; `is_dead` on each says that its expiry has passed."""
    rows = Lease.objects.select_for_update().filter(tool_id__in=tool_ids).order_by("tool_id")
    dead = models.Case(
        models.When(expires_at__lte=Now(), then=True),
        default=False,
        output_field=models.BooleanField(),
    )
    return list(rows.annotate(is_dead=dead))


def _is_free(row: Lease, only_free: bool) -> bool:
    if only_free:
        return row.holder == "" and row.expires_at is None
    return row.holder == "" or bool(row.is_dead)  # type: ignore[attr-defined]


def _take(rows: Sequence[Lease], run_id: int | None) -> Claim:
    holder = new_holder()
    Lease.objects.filter(pk__in=[row.pk for row in rows]).update(
        holder=holder, run_id=run_id, epoch=models.F("epoch") + 1, expires_at=Now() + ttl()
    )
    epochs = tuple((row.tool_id, row.epoch + 1) for row in rows)
    taken_over = any(row.is_dead for row in rows)  # type: ignore[attr-defined]
    return Claim(epochs, run_id, holder, taken_over)


def extend(held: Claim) -> bool:
    """Another TTL from now; False when a lease is no longer ours, or already ran out."""
    alive = _mine(held).filter(expires_at__gt=Now())
    return _update(alive, held, expires_at=Now() + ttl()) == len(held.epochs)


def park(held: Claim) -> bool:
    """Let go while the tools work: the next look must come before one TTL is over."""
    return bool(_update(_mine(held), held, holder="", expires_at=Now() + ttl()))


def release(held: Claim) -> bool:
    """Let go of tools that are at rest."""
    return bool(_update(_mine(held), held, holder="", expires_at=None))


def fence(held: Claim) -> None:
    """Lock the leases' rows inside the caller's transaction; raises LeaseLost unless all ours."""
    rows = Lease.objects.select_for_update().filter(tool_id__in=held.tool_ids).order_by("tool_id")
    now = tuple((row.tool_id, row.epoch) for row in rows if row.holder == held.holder)
    if now != held.epochs:
        raise LeaseLost(f"tools {held.tool_ids}: claim {held.epoch} was superseded")


def _update(rows: models.QuerySet[Lease], held: Claim, **values: Any) -> int:
    """Change these rows of ours; several are locked by id first, as everywhere.

    An UPDATE alone locks them in the order in which it finds them, and would sooner or later wait
    for a claim that waits for it.
    """
    if len(held.epochs) == 1:
        return rows.update(**values)
    with transaction.atomic():
        list(rows.select_for_update().order_by("tool_id").values_list("pk"))
        return rows.update(**values)


def _mine(held: Claim) -> models.QuerySet[Lease]:
    # A holder's name is made anew for each claim, so it stands for the epoch as well.
    return Lease.objects.filter(tool_id__in=held.tool_ids, holder=held.holder)
