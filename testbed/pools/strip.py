"""The carrier's 25 slots as one company may see them: its own, taken, free, not opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from testbed.material.models import SLOTS, Wafer
from testbed.pools.models import Pool, Seat
from testbed.pools.seats import free_slots

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    from testbed.people.models import User

OWN, TAKEN, FREE, SHUT = "own", "taken", "free", "shut"
WORDS: dict[str, StrOrPromise] = {
    OWN: _("Ours"),
    TAKEN: _("Taken"),
    FREE: _("Not taken"),
    SHUT: _("Not opened"),
}
# A sign beside the colour: who cannot tell the colours apart reads these.
SIGNS = {OWN: "●", TAKEN: "■", FREE: "○", SHUT: "–"}
WIDTH, HEIGHT, GAP = 22, 34, 4


@dataclass(frozen=True)
class SlotView:
    """One slot: its number, what it is to the viewer, where it is drawn."""

    number: int
    kind: str

    @property
    def word(self) -> StrOrPromise:
        return WORDS[self.kind]

    @property
    def sign(self) -> str:
        return SIGNS[self.kind]

    @property
    def left(self) -> int:
        return GAP + (self.number - 1) * (WIDTH + GAP)

    @property
    def middle(self) -> int:
        return self.left + WIDTH // 2


def strip(pool: Pool, viewer: User) -> list[SlotView]:
    """All 25 slots, 1 first."""
    kinds = dict.fromkeys(range(1, SLOTS + 1), SHUT)
    kinds |= dict.fromkeys(free_slots(pool), FREE)
    kinds |= dict.fromkeys(_of_the_host(pool), _seen_as(pool.host.company_id, viewer))
    for slot, company in Seat.objects.filter(pool=pool).values_list("slot", "booking__company"):
        kinds[slot] = _seen_as(company, viewer)
    return [SlotView(number, kind) for number, kind in sorted(kinds.items())]


def _of_the_host(pool: Pool) -> list[int]:
    return list(Wafer.objects.filter(lot=pool.host.lot_id).values_list("slot", flat=True))


def _seen_as(company: int, viewer: User) -> str:
    return OWN if company == viewer.company_id else TAKEN


def counts(slots: list[SlotView]) -> list[tuple[str, StrOrPromise, int]]:
    """(sign, word, how many) of each kind: the strip's table."""
    return [
        (SIGNS[kind], word, sum(slot.kind == kind for slot in slots))
        for kind, word in WORDS.items()
    ]
