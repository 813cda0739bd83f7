"""What is booked: one tool, or all tools of a cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from testbed.compiled import Statement, text
from testbed.refusals import Refusal
from testbed.tools.models import Cell, Tool

if TYPE_CHECKING:
    from testbed.people.querysets import Viewer
    from testbed.prepared import Question


@dataclass(frozen=True)
class Target:
    """A tool, or a cell: exactly one of the two."""

    tool: Tool | None = None
    cell: Cell | None = None

    def __str__(self) -> str:
        return str(self.cell or self.tool)

    @property
    def key(self) -> str:
        """How forms and addresses name it: `tool:<code>` or `cell:<code>`."""
        return f"cell:{self.cell.code}" if self.cell else f"tool:{self.tool and self.tool.code}"

    def tool_ids(self) -> list[int]:
        """The tools' ids; Refusal("empty_cell", 422) for none."""
        if self.tool is not None:
            return [self.tool.pk]
        ids = list(Tool.objects.filter(cell=self.cell).values_list("pk", flat=True))
        if not ids:
            raise _empty_cell()
        return ids

    def tools(self) -> list[Tool]:
        """The tools with their present state, by pk; Refusal("empty_cell", 422) for none."""
        asked = Q(cell=self.cell) if self.cell else Q(pk=self.tool and self.tool.pk)
        found = list(Tool.objects.filter(asked).with_state().order_by("pk"))
        if not found:
            raise _empty_cell()
        return found


def _empty_cell() -> Refusal:
    return Refusal(
        "empty_cell",
        _("This cell has no tools."),
        status=422,
        next_step=_("Choose a tool instead."),
    )


def choices(user: Viewer) -> list[Target]:
    """Everything this person may ask a time for: cells first, then tools (two queries)."""
    tools = list(Tool.objects.visible_to(user).filter(is_bookable=True).select_related("cell"))
    cells = {tool.cell.pk: tool.cell for tool in tools if tool.cell}
    return [Target(cell=cell) for cell in cells.values()] + [Target(tool=tool) for tool in tools]


def find(user: Viewer, key: str) -> Target | None:
    """The target behind `tool:<code>` or `cell:<code>`, or None."""
    kind, _colon, code = key.partition(":")
    if "\x00" in code or not user.is_authenticated:
        return None
    if kind == "cell":
        cell = Cell.objects.filter(code=code).first()
        return Target(cell=cell) if cell else None
    # The catalogue is open to everybody who is signed in.
    tools = _TOOL(code=code) if kind == "tool" else []
    return Target(tool=tools[0]) if tools else None


def asking(tool_code: Any) -> Question | None:
    """What `find` will ask for `tool:<code>`, to be asked beforehand; None when it will not."""
    if not isinstance(tool_code, str) or "\x00" in tool_code:
        return None
    return _TOOL.question(code=tool_code)


_TOOL: Statement[Tool] = Statement(lambda: Tool.objects.filter(code=text("code")))
