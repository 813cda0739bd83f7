"""Which of the many rules a person wants to read: by words, tool, group, or what applies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Q

from testbed.booking.overview import HEADINGS
from testbed.people.models import Group

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import QueryDict

    from testbed.booking.models import RuleSetting
    from testbed.booking.overview import Row
    from testbed.people.models import User
    from testbed.tools.models import Tool

LONGEST_WORDS = 100


@dataclass(frozen=True)
class Family:
    """Rules of one heading; its anchor is "about-" and `about`."""

    about: str
    heading: Any
    rows: Sequence[Row]


@dataclass(frozen=True)
class Wanted:
    """What was asked for; empty: every rule.

    words: all of them stand in the rule's sentence or code. applies: only what is in force, on
    the tool when one is chosen. group: only what is set for it.
    """

    words: str = ""
    tool: Tool | None = None
    group: Group | None = None
    applies: bool = False

    @property
    def is_narrow(self) -> bool:
        return bool(self.words or self.group or self.applies)

    def families(self, rows: Sequence[Row]) -> list[Family]:
        """The rows that fit, under their headings, none empty."""
        fit = [row for row in rows if self.fits(row)]
        found = [
            Family(about, heading, [row for row in fit if row.rule.about == about])
            for about, heading in HEADINGS.items()
        ]
        return [family for family in found if family.rows]

    def fits(self, row: Row) -> bool:
        if self.words and not self._says(row):
            return False
        if self.group and not any(one.group == self.group for one in row.settings):
            return False
        return not self.applies or self._applies(row)

    def _says(self, row: Row) -> bool:
        said = [row.rule.code, row.sentence, *(one.sentence for one in row.on_tools)]
        text = " ".join(said).casefold()
        return all(word in text for word in self.words.casefold().split())

    def _applies(self, row: Row) -> bool:
        if self.tool is None:
            return row.is_anywhere
        own = [one.parameters for one in row.on_tools if one.tool == self.tool]
        if (own[0] if own else row.parameters) is not None:
            return True
        return any(one.is_active and covers(one, self.tool) for one in row.of_groups)


def covers(setting: RuleSetting, tool: Tool) -> bool:
    """True when the setting's place holds the tool."""
    return (
        setting.tool_id in (None, tool.pk)
        and setting.cell_id in (None, tool.cell_id)
        and setting.area in ("", tool.area)
    )


def known_groups(viewer: User) -> list[Group]:
    """One's own and one's company's groups; every one for the staff."""
    if viewer.is_staff_member:
        return list(Group.objects.all())
    own = Q(users=viewer) | Q(companies=viewer.company_id)
    return list(Group.objects.filter(own).distinct())


def wanted(asked: QueryDict, tools: Sequence[Tool], groups: Sequence[Group]) -> Wanted:
    """What the address asks for; what nobody knows is left out."""
    by_code = {one.code: one for one in groups}
    return Wanted(
        words=asked.get("q", "").strip()[:LONGEST_WORDS],
        tool=next((one for one in tools if one.code == asked.get("tool")), None),
        group=by_code.get(asked.get("group", "")),
        applies="applies" in asked,
    )
