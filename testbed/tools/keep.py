"""Saving a named thing of the catalogue: one row by its code, its tools, one journal line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from testbed.people import journal
from testbed.people.codes import demand_code
from testbed.tools.models import Named
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from testbed.people.models import Company, User
    from testbed.tools.models import Tool

Thing = TypeVar("Thing", bound=Named)


def keep(
    kind: type[Thing],
    *,
    actor: User,
    action: str,
    code: str,
    values: dict[str, Any],
    tools: Sequence[Tool] | None = None,
    owner: Company | None = None,
) -> Thing:
    """The thing called `code` with these values, made when there is none; its tools unless None.

    Two savings of one code come one after the other. Raises Refusal "code_not_valid" (422).
    """
    demand_code(code)

    def work() -> Thing:
        thing, _made = kind._default_manager.update_or_create(code=code, defaults=values)
        told: dict[str, Any] = {name: _plain(value) for name, value in values.items()}
        if tools is not None:
            related: Any = thing
            related.tools.set(tools)
            told["tools"] = sorted(tool.code for tool in tools)
        told.pop("company", None)
        journal.record(actor=actor, action=action, subject=thing, company=owner, code=code, **told)
        return thing

    return in_transaction(work)


def _plain(value: Any) -> Any:
    """As the journal's JSON can hold it."""
    return value if isinstance(value, str | int | bool | None) else str(value)
