"""What the building supplies, and which tools need it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from testbed.outages.models import Utility
from testbed.people import journal
from testbed.people.permissions import demand
from testbed.refusals import Refusal
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from testbed.people.models import User
    from testbed.tools.models import Tool


SETTLE_S = 300


def add(
    *,
    actor: User,
    code: str,
    name_ko: str,
    name_en: str,
    tools: Sequence[Tool],
    settle_s: int = SETTLE_S,
) -> Utility:
    """A new supply; `settle_s` seconds after its return what it paused goes on.

    Refusal "code_taken" (409) when another has this code.
    """
    demand(actor, "close_tools")

    def work() -> Utility:
        utility = Utility.objects.create(
            code=code, name_ko=name_ko, name_en=name_en, settle_s=settle_s
        )
        return _keep(actor, utility, tools)

    try:
        return in_transaction(work)
    except IntegrityError:
        raise Refusal(
            "code_taken",
            _("There is a supply with this code already."),
            fields={"code": [_("Choose another code.")]},
            next_step=_("Change that one, or choose another code."),
        ) from None


def edit(
    *,
    actor: User,
    utility: Utility,
    name_ko: str,
    name_en: str,
    tools: Sequence[Tool],
    settle_s: int | None = None,
) -> Utility:
    """Other names, tools or settling time; closures that are announced keep the tools they have."""
    demand(actor, "close_tools")

    def work() -> Utility:
        found = Utility.objects.select_for_update().get(pk=utility.pk)
        found.name_ko, found.name_en = name_ko, name_en
        found.settle_s = found.settle_s if settle_s is None else settle_s
        found.save(update_fields=["name_ko", "name_en", "settle_s"])
        return _keep(actor, found, tools)

    return in_transaction(work)


def _keep(actor: User, utility: Utility, tools: Sequence[Tool]) -> Utility:
    utility.tools.set(tools)
    journal.record(
        actor=actor,
        action="utility.changed",
        subject=utility,
        tools=sorted(tool.code for tool in tools),
    )
    return utility
