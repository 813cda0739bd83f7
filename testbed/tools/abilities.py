"""What tools can do, in people's words; and the kinds of clean that the facility certifies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from testbed.people.permissions import demand
from testbed.refusals import Refusal
from testbed.tools.keep import keep
from testbed.tools.models import Capability, Clean, ContaminationClass, Tool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from testbed.people.models import User

DEAREST_WON = 10**9


def save_capability(
    *, actor: User, code: str, name_ko: str, name_en: str, tools: Sequence[Tool] = ()
) -> Capability:
    """The capability called `code`, which these tools have; the search for slots offers it.

    Raises Refusal: "not_allowed" (403), "code_not_valid" (422).
    """
    demand(actor, "manage_capabilities")
    names = {"name_ko": name_ko, "name_en": name_en}
    return keep(
        Capability, actor=actor, action="capability.saved", code=code, values=names, tools=tools
    )


def save_clean(
    *,
    actor: User,
    code: str,
    name_ko: str,
    name_en: str,
    tool_kind: str,
    from_class: int,
    to_class: int,
    cost_won: int,
) -> Clean:
    """The kind of clean called `code`: tools of `tool_kind` take wafers of a class up to
    `from_class` back to `to_class`, for `cost_won` a lot before VAT.

    Certificates already given keep their classes. Raises Refusal: "not_allowed" (403),
    "code_not_valid", "clean_not_valid" (422).
    """
    demand(actor, "edit_cleans")
    fields: dict[str, Any] = {}
    if not Tool.objects.filter(kind=tool_kind).exists():
        fields["tool_kind"] = [_("No tool is of this kind.")]
    if not {from_class, to_class} <= set(ContaminationClass.values) or to_class >= from_class:
        fields["to_class"] = [_("A clean ends in a cleaner class than it begins with.")]
    if not 0 <= cost_won <= DEAREST_WON:
        fields["cost_won"] = [_("Write whole won from 0 to 1,000,000,000.")]
    if fields:
        raise Refusal(
            "clean_not_valid",
            _("It cannot be saved so; see what each field says."),
            status=422,
            fields=fields,
        )
    values = {
        "name_ko": name_ko, "name_en": name_en, "tool_kind": tool_kind,
        "from_class": from_class, "to_class": to_class, "cost_won": cost_won,
    }  # fmt: skip
    return keep(Clean, actor=actor, action="clean.saved", code=code, values=values)
