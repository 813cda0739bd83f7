"""Reticles, resists, gases and consumables: the stock, and what is loaded on which tool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.people import journal
from testbed.people.permissions import demand
from testbed.refusals import Refusal
from testbed.tools.keep import keep
from testbed.tools.models import Loading, Supply, SupplyKind, Tool
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from testbed.people.models import Company, User

MOST_PIECES = 1_000_000
YEARS = range(2000, 2100)


@dataclass(frozen=True)
class Stock:
    """Pieces left (None: nobody counts them), and until when it keeps, is away, or whether gone."""

    quantity: int | None = None
    expires_on: date | None = None
    unavailable_until: datetime | None = None
    is_withdrawn: bool = False


def save_supply(
    *,
    actor: User,
    code: str,
    name_ko: str,
    name_en: str,
    kind: str,
    company: Company | None = None,
    tools: Sequence[Tool] = (),
    stock: Stock = Stock(),
) -> Supply:
    """The supply called `code`; company None: the facility's; tools: where it can be loaded.

    Raises Refusal: "not_allowed" (403), "code_not_valid", "supply_not_valid" (422),
    "supply_is_loaded" (409) when another owner or kind is given to one that is in a tool.
    """
    demand(actor, "manage_supplies")
    _demand_stock(kind, stock)
    values = {
        "name_ko": name_ko, "name_en": name_en, "kind": kind, "company": company, **vars(stock),
    }  # fmt: skip

    def work() -> Supply:
        before = Supply.objects.select_for_update().filter(code=code).first()
        changed = before is not None and (before.kind, before.company_id) != (
            kind, company.pk if company else None,
        )  # fmt: skip
        if before is not None and changed and before.loadings.present().exists():
            raise Refusal(
                "supply_is_loaded",
                _("It is in a tool now: its kind and its owner stay."),
                next_step=_("Unload it first."),
            )
        return keep(
            Supply, actor=actor, action="supply.saved", code=code, values=values, tools=tools,
            owner=company,
        )  # fmt: skip

    return in_transaction(work)


def _demand_stock(kind: str, stock: Stock) -> None:
    fields: dict[str, Any] = {}
    if kind not in SupplyKind.values:
        fields["kind"] = [_("There is no such kind.")]
    if stock.quantity is not None and not 0 <= stock.quantity <= MOST_PIECES:
        fields["quantity"] = [_("Write a whole number from 0 to 1,000,000.")]
    for name in ("expires_on", "unavailable_until"):
        moment = getattr(stock, name)
        if moment is not None and moment.year not in YEARS:
            fields[name] = [_("Choose a day between the years 2000 and 2100.")]
    if fields:
        raise Refusal(
            "supply_not_valid",
            _("It cannot be saved so; see what each field says."),
            status=422,
            fields=fields,
        )


def load(*, actor: User, tool: Tool, supply: Supply) -> Loading:
    """Put the supply into the tool, from now on; where pieces are counted, one leaves the stock.

    A reticle is a thing and no piece of a stock: it comes out again.

    Raises Refusal (409): "supply_not_fit" (withdrawn, run out, out of stock, not made for this
    tool), "already_loaded", "reticle_elsewhere" (a reticle is in one tool at a time).
    """
    demand(actor, "load_tools")

    def work() -> Loading:
        locked = Supply.objects.select_for_update(no_key=True).get(pk=supply.pk)
        _demand_fit(locked, tool)
        _demand_free(locked, tool)
        _take_one(locked)
        made = Loading.objects.create(
            tool=tool, supply=locked, loaded_at=timezone.now(), loaded_by=actor
        )
        _note(actor, "loading.begun", made)
        return made

    try:
        return in_transaction(work)
    except IntegrityError as error:
        raise Refusal("already_loaded", _("It is in a tool already.")) from error


def unload(*, actor: User, loading: Loading) -> Loading:
    """Take it out, now. Twice changes nothing.

    The stock stays: what was opened in a tool is no whole piece again.
    """
    demand(actor, "load_tools")

    def work() -> Loading:
        rows = Loading.objects.select_related("tool", "supply__company")
        found = rows.select_for_update(of=("self",)).get(pk=loading.pk)
        if found.unloaded_at is None:
            found.unloaded_at = max(timezone.now(), found.loaded_at)
            found.save(update_fields=["unloaded_at"])
            _note(actor, "loading.ended", found)
        return found

    return in_transaction(work)


def _demand_fit(supply: Supply, tool: Tool) -> None:
    today = timezone.localdate()
    allowed = list(supply.tools.values_list("pk", flat=True))
    problems = (
        (supply.is_withdrawn, _("%(supply)s has been withdrawn.")),
        (
            supply.expires_on is not None and supply.expires_on < today,
            _("%(supply)s has run out of date."),
        ),
        (supply.quantity == 0, _("%(supply)s is out of stock.")),
        (bool(allowed) and tool.pk not in allowed, _("%(supply)s is not made for %(tool)s.")),
    )
    for is_so, sentence in problems:
        if is_so:
            raise Refusal(
                "supply_not_fit",
                sentence % {"supply": supply, "tool": tool},
                next_step=_("Choose another one, or correct its entry."),
            )


def _demand_free(supply: Supply, tool: Tool) -> None:
    there = list(supply.loadings.present().select_related("tool"))
    if any(one.tool_id == tool.pk for one in there):
        raise Refusal("already_loaded", _("It is in this tool already."))
    if there and supply.kind == SupplyKind.RETICLE:
        raise Refusal(
            "reticle_elsewhere",
            _("The reticle is in %(tool)s.") % {"tool": there[0].tool},
            next_step=_("Unload it there first."),
        )


def _take_one(supply: Supply) -> None:
    if supply.quantity is not None and supply.kind != SupplyKind.RETICLE:
        supply.quantity -= 1
        supply.save(update_fields=["quantity"])


def _note(actor: User, action: str, loading: Loading) -> None:
    journal.record(
        actor=actor, action=action, subject=loading.tool, company=loading.supply.company,
        supply=loading.supply.code, tool=loading.tool.code,
    )  # fmt: skip
