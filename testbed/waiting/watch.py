""" "Tell me when 4 h come free this week": one notice for each free stretch, then silence."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, cast
from urllib.parse import urlencode

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.booking.hours import KST
from testbed.booking.intervals import Interval
from testbed.booking.slots import find_slots
from testbed.booking.target import Target
from testbed.notices.said import kst_span, said
from testbed.notices.tell import tell
from testbed.people.models import Company
from testbed.people.permissions import demand
from testbed.refusals import Refusal
from testbed.tools.models import Tool
from testbed.transactions import in_transaction
from testbed.waiting.models import Told, Watch
from testbed.waiting.queue import lock_list
from testbed.waiting.terms import LEAD
from testbed.waiting.wish import demand_range, free_already

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from testbed.booking.slots import Slot
    from testbed.people.models import User

MOST_WATCHES = 10
MOST_TOLD = 3


def watch(
    *,
    actor: User,
    minutes: int,
    earliest: datetime,
    latest: datetime,
    target: Target | None = None,
    area: str = "",
) -> Watch:
    """Ask to be told when `minutes` come free in [earliest, latest).

    target: a tool or a cell; area: any tool of it; neither: any tool. Raises Refusal:
    "wish_not_valid" (422), "free_already" (409) with the slots, "too_many_watches" (409).
    """
    demand(actor, "book")
    now = timezone.now()
    demand_range(minutes, earliest, latest, now)
    asked = Watch(
        company=cast("Company", actor.company),
        user=actor,
        tool=target.tool if target else None,
        cell=target.cell if target else None,
        area=area,
        minutes=minutes,
        earliest=max(earliest, now),
        latest=latest,
    )
    return in_transaction(lambda: _begin(asked, now))


def _begin(asked: Watch, now: datetime) -> Watch:
    lock_list()
    if Watch.objects.active().filter(user=asked.user).count() >= MOST_WATCHES:
        raise Refusal(
            "too_many_watches",
            _("You already asked to be told of %(most)s times.") % {"most": MOST_WATCHES},
            next_step=_("End one of them first."),
        )
    free = [slot for one in targets(asked) for slot in free_slots(asked, one, now, ())]
    if free:
        raise free_already(sorted(free, key=lambda slot: slot.starts_at)[:MOST_TOLD])
    asked.save()
    return asked


def stop(*, actor: User, asked: Watch) -> Watch:
    """No more news. Refusal "not_found" (404); ending one that has ended changes nothing."""
    demand(actor, "book")
    mine: Watch | None = Watch.objects.visible_to(actor).with_names().filter(pk=asked.pk).first()
    if mine is None:
        raise Refusal("not_found", _("There is no such request."), status=404)
    if mine.ended_at is None:
        mine.ended_at = timezone.now()
        mine.save(update_fields=["ended_at"])
    return mine


def look(*, tool_ids: Collection[int] | None = None, now: datetime | None = None) -> int:
    """Tell whoever watches of time that is free and was not told yet; how many were told.

    tool_ids: only watches for these tools; None means all. Watches whose range is over end.
    """
    present = now or timezone.now()
    Watch.objects.active().filter(latest__lte=present).update(ended_at=present)
    active = Watch.objects.active()
    if tool_ids is not None:
        areas = Tool.objects.filter(pk__in=tool_ids).values("area")
        wanted = Q(tool__in=tool_ids) | Q(cell__tools__in=tool_ids) | Q(area__in=areas)
        active = active.filter(wanted | Q(tool=None, cell=None, area="")).distinct()
    ids = list(active.values_list("pk", flat=True))
    return sum(in_transaction(partial(_look_one, pk, present)) for pk in ids)


def _look_one(pk: int, now: datetime) -> bool:
    lock_list()
    asked = Watch.objects.active().with_names().filter(pk=pk).first()
    if asked is None:
        return False
    known: dict[str, list[Interval]] = {}
    for target, start, end in asked.told.values_list("target", "starts_at", "ends_at"):
        known.setdefault(target, []).append(Interval(start, end))
    news = [
        (one, slot)
        for one in targets(asked)
        for slot in free_slots(asked, one, now, known.get(one.key, ()))
    ]
    if news:
        _tell(asked, news[:MOST_TOLD])
        Told.objects.bulk_create(
            Told(watch=asked, target=one.key, starts_at=slot.starts_at, ends_at=slot.ends_at)
            for one, slot in news
        )
    return bool(news)


def targets(asked: Watch) -> list[Target]:
    """What it watches, one by one."""
    if asked.tool:
        return [Target(tool=asked.tool)]
    if asked.cell:
        return [Target(cell=asked.cell)]
    tools = Tool.objects.visible_to(asked.user).filter(is_bookable=True)
    if asked.area:
        tools = tools.filter(area=asked.area)
    return [Target(tool=tool) for tool in tools.order_by("position", "code")]


def free_slots(
    asked: Watch, target: Target, now: datetime, known: Sequence[Interval]
) -> list[Slot]:
    """Free slots of the target that overlap nothing already told; at most three."""
    start = max(asked.earliest, now + LEAD)
    if asked.latest - start < timedelta(minutes=asked.minutes):
        return []
    found = find_slots(
        actor=asked.user,
        target=target,
        minutes=asked.minutes,
        start=start,
        end=asked.latest,
        limit=MOST_TOLD + 2 * len(known),
        now=now,
    )
    fresh = (one for one in found.slots if one.starts_at >= start)
    return [one for one in fresh if not _is_known(one, known)][:MOST_TOLD]


def _is_known(slot: Slot, known: Sequence[Interval]) -> bool:
    span = Interval(slot.starts_at, slot.ends_at)
    return any(span.overlaps(one) for one in known)


def _tell(asked: Watch, news: Sequence[tuple[Target, Slot]]) -> None:
    minutes = said(_("%(minutes)s min free"), minutes=asked.minutes)
    subject = said("%(target)s · %(minutes)s", target=news[0][0], minutes=minutes)
    lines = [
        said("%(target)s: %(when)s", target=one, when=kst_span(slot.starts_at, slot.ends_at))
        for one, slot in news
    ]
    tell(
        to=[asked.user],
        kind="waiting_watch",
        subject=subject,
        sentences=[_("Time has come free that you asked to be told of."), *lines],
        path=search_path(news[0][0], asked.minutes, news[0][1].starts_at),
        company=asked.company,
    )


def search_path(target: Target, minutes: int, at: datetime) -> str:
    """The page that finds free slots, asked for this time."""
    local = at.astimezone(KST)
    day = f"{local:%Y-%m-%d}"
    asked = {
        "what": target.key,
        "minutes": minutes,
        "first": day,
        "last": day,
        "at": f"{local:%Y-%m-%dT%H:%M}",
    }
    return f"/book/?{urlencode(asked)}"
