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


def add(*, actor: User, code: str, name_ko: str, name_en: str, tools: Sequence[Tool]) -> Utility:
    """A new supply. Refusal "code_taken" (409) when another has this code."""
    demand(actor, "close_tools")

    def work() -> Utility:
        utility = Utility.objects.create(code=code, name_ko=name_ko, name_en=name_en)
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
    *, actor: User, utility: Utility, name_ko: str, name_en: str, tools: Sequence[Tool]
) -> Utility:
    """Other names or other tools; closures that are announced keep the tools they have."""
    demand(actor, "close_tools")

    def work() -> Utility:
        found = Utility.objects.select_for_update().get(pk=utility.pk)
        found.name_ko, found.name_en = name_ko, name_en
        found.save(update_fields=["name_ko", "name_en"])
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
