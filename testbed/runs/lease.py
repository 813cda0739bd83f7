"""Who may write to a tool: one row per tool, claimed by a conditional UPDATE.

A lease is *free* (no holder, no expiry), *held* (a holder, until its expiry) or *parked* (no
holder, but the tool is at work and somebody must look again before the expiry). A claim succeeds
on a free or parked lease, and on one whose expiry has passed: then the one before is taken to be
dead, and the claim says so. Every claim raises the epoch; whoever writes results proves in the
same transaction that the epoch is still its own. The clock is the database's.
"""

from __future__ import annotations

import os
import socket
import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from testbed.runs.models import Lease


class LeaseLost(Exception):
    """Another claim has taken the tool: nothing of this one may be stored any more."""


@dataclass(frozen=True)
class Claim:
    """A held lease. `taken_over`: the holder before let it expire, so its step is unexplained."""

    tool_id: int
    run_id: int | None
    holder: str
    epoch: int
    taken_over: bool


def ttl() -> timedelta:
    return timedelta(seconds=settings.LEASE_TTL_S)


def new_holder() -> str:
    """host:pid:random, so that two claims of one process never look alike."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid.uuid4().hex[:12]}"


def claim(*, tool_id: int, run_id: int | None) -> Claim | None:
    """Take the tool, or None while somebody else holds it."""
    Lease.objects.get_or_create(tool_id=tool_id)
    holder = new_holder()
    expired = models.Q(expires_at__lte=Now())
    for condition, taken_over in ((~expired & models.Q(holder=""), False), (expired, True)):
        mine = Lease.objects.filter(condition, tool_id=tool_id)
        if mine.update(
            holder=holder, run_id=run_id, epoch=models.F("epoch") + 1, expires_at=Now() + ttl()
        ):
            row = Lease.objects.filter(tool_id=tool_id, holder=holder).first()
            return None if row is None else Claim(tool_id, run_id, holder, row.epoch, taken_over)
    return None


def extend(held: Claim) -> bool:
    """Another TTL from now; False when the lease is no longer ours, or already ran out."""
    alive = _mine(held).filter(expires_at__gt=Now())
    return bool(alive.update(expires_at=Now() + ttl()))


def park(held: Claim) -> bool:
    """Let go while the tool works: the next look must come before one TTL is over."""
    return bool(_mine(held).update(holder="", expires_at=Now() + ttl()))


def release(held: Claim) -> bool:
    """Let go of a tool that is at rest."""
    return bool(_mine(held).update(holder="", expires_at=None))


def fence(held: Claim) -> None:
    """Lock the lease's row inside the caller's transaction; raises LeaseLost unless still ours."""
    row = Lease.objects.select_for_update().filter(tool_id=held.tool_id).first()
    if row is None or row.epoch != held.epoch or row.holder != held.holder:
        raise LeaseLost(f"tool {held.tool_id}: claim {held.epoch} was superseded")


def _mine(held: Claim) -> models.QuerySet[Lease]:
    return Lease.objects.filter(tool_id=held.tool_id, epoch=held.epoch, holder=held.holder)
