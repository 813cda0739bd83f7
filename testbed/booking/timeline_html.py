"""The timeline's rows and lists as HTML, written by plain loops.

A week of forty tools has thousands of pieces; template tags around each would take longer than
the database. Whatever a person has typed is escaped here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from html import escape
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from testbed.booking import grid
from testbed.booking.forms import LENGTHS
from testbed.booking.timeline import KINDS
from testbed.booking.words import day_name
from testbed.tools.models import Area

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

    from testbed.booking.grid import Frame, Mark, Piece
    from testbed.booking.timeline import Block, Row
    from testbed.tools.models import Tool

GROUPS = ("area", "cell", "none")
# How long a link asks for, in minutes: the longest that fits, of at most two hours.
USUAL = [length for length in reversed(LENGTHS) if length <= 120]
BY_TIME = attrgetter("a")
CLOCK = [f"{minute // 60:02d}:{minute % 60:02d}" for minute in range(24 * 60)]


@dataclass(frozen=True)
class Group:
    """Rows under one heading; without a heading they stand alone. book: address of the cell."""

    key: str
    heading: str
    rows: Sequence[Row]
    book: str = ""


def groups(rows: Sequence[Row], by: str) -> list[Group]:
    """The rows in their order by `by`: "area", "cell", or anything else for one of all."""
    if by == "area":
        areas = dict.fromkeys(row.tool.area for row in rows)
        return [
            Group(one, str(Area(one).label), [row for row in rows if row.tool.area == one])
            for one in areas
        ]
    if by == "cell":
        cells = {row.tool.cell.pk: row.tool.cell for row in rows if row.tool.cell}
        found = [
            Group(
                cell.code,
                str(cell),
                [row for row in rows if row.tool.cell_id == pk],
                f"{reverse('book')}?what=cell:{cell.code}",
            )
            for pk, cell in cells.items()
        ]
        alone = [row for row in rows if row.tool.cell is None]
        return [*found, Group("alone", _("Tools on their own"), alone)] if alone else found
    return [Group("", "", rows)]


def boxes(tools: Sequence[Tool], chosen: Collection[str]) -> SafeString:
    """A box to tick for each tool."""
    parts = []
    for tool in tools:
        code, checked = escape(tool.code), " checked" if tool.code in chosen else ""
        parts.append(
            f'<div class="choice"><input type="checkbox" name="tool" value="{code}" '
            f'id="pick-{code}"{checked}><label for="pick-{code}">{escape(str(tool))}</label></div>'
        )
    return SafeString("".join(parts))


def marks(frame: Frame, days: Sequence[tuple[Mark, str]]) -> SafeString:
    """The head of the grid: days (each with its holiday's name or none), then hours."""
    parts = []
    for mark, holiday in days:
        rests = " is-holiday" if holiday else " is-weekend" if mark.day.weekday() > 4 else ""
        name = f" <span>{escape(holiday)}</span>" if holiday and frame.zoom.name != "month" else ""
        label = escape(mark.label)
        parts.append(f'<div class="timeline-day {mark.place}{rests}">{label}{name}</div>')
    parts += [
        f'<div class="timeline-hour {mark.place}">{mark.label}</div>'
        for mark in grid.hour_marks(frame)
    ]
    return SafeString("".join(parts))


class _Shape(NamedTuple):
    """What claims of one kind in one place share: before the link, after the title, after words."""

    head: str
    said: str
    day: str
    hours: str


@dataclass(frozen=True)
class Sheet:
    """Writes rows for one viewer; `may_book` adds free time as links and what may be moved."""

    frame: Frame
    now: datetime
    may_book: bool

    @cached_property
    def words(self) -> dict[str, str]:
        return {kind: escape(str(word)) for kind, word in KINDS.items()}

    @cached_property
    def day_names(self) -> list[str]:
        return [day_name(day) for day in self.frame.days]

    @cached_property
    def isodays(self) -> list[str]:
        return [day.isoformat() for day in self.frame.days]

    @cached_property
    def free_word(self) -> str:
        return escape(_("Free"))

    @cached_property
    def booking_url(self) -> str:
        return reverse("booking", args=[0]).replace("0", "%d")

    @cached_property
    def hold_url(self) -> str:
        return reverse("hold", args=[0]).replace("0", "%d")

    @cached_property
    def book_url(self) -> str:
        return reverse("book")

    @cached_property
    def _free(self) -> dict[Piece, tuple[str, str]]:
        return {}

    @cached_property
    def _shapes(self) -> dict[Any, _Shape]:
        return {}

    @cached_property
    def _shades(self) -> dict[Any, str]:
        return {}

    @cached_property
    def _opening(self) -> dict[Any, list[tuple[int, int]]]:
        return {}

    def pieces(self, row: Row) -> list[Piece]:
        """Blocks and, for who may book, free time between them, in the order of time."""
        taken = grid.place(row.blocks, self.frame)
        if not (self.may_book and row.tool.is_bookable):
            return taken
        tool = row.tool
        key = (tool.opens_at, tool.closes_at, tool.works_weekends)
        if key not in self._opening:
            self._opening[key] = grid.open_minutes(tool, self.frame, self.now)
        free = grid.free_pieces(taken, self._opening[key], self.frame)
        return sorted([*taken, *free], key=BY_TIME)

    def row(self, row: Row) -> SafeString:
        """A tool's whole line: its name, what is loaded, and its track."""
        tool, code = row.tool, escape(row.tool.code)
        loaded = "".join(
            f'<span class="timeline-loaded timeline-loaded--{one.kind}">{escape(one.words)}</span>'
            for one in row.loaded
        )
        return SafeString(
            f'<div class="timeline-row"{self._data(tool)} data-pk="{tool.pk}">'
            f'<div class="timeline-name" id="tool-{code}">{self._name(tool)}{loaded}</div>'
            f'<ul class="timeline-track" aria-labelledby="tool-{code}">{self.track(row)}</ul></div>'
        )

    def _data(self, tool: Tool) -> str:
        """What the script needs to ask for time on the tool."""
        if not tool.is_bookable:
            return ""
        what = f' data-what="tool:{escape(tool.code)}" data-kind="{escape(tool.kind)}"'
        return f'{what} data-cell="cell:{escape(tool.cell.code)}"' if tool.cell else what

    def _name(self, tool: Tool) -> str:
        name, code = escape(str(tool)), escape(tool.code)
        if self.may_book and tool.is_bookable:
            said = f'<a href="{self.book_url}?what=tool:{code}">{name}</a>'
        else:
            said = f"<strong>{name}</strong>"
        closed = "" if tool.is_bookable else f" · {escape(_('not bookable'))}"
        return f'{said}<span class="muted">{escape(tool.code.upper())}{closed}</span>'

    def track(self, row: Row) -> SafeString:
        """The inside of a row's list: shades, then every piece."""
        parts = [self.shade(row)]
        code = row.tool.code
        for piece in self.pieces(row):
            block = piece.block
            parts.append(
                self.free(piece, code) if block is None else self.claim(piece, block, code)
            )
        return SafeString("".join(parts))

    def shade(self, row: Row) -> str:
        """Closed and prime hours; tools with the same hours share the text."""
        tool = row.tool
        key = (tool.opens_at, tool.closes_at, tool.works_weekends, row.prime)
        if key not in self._shades:
            parts = [("prime", piece) for piece in grid.prime(row, self.frame)]
            parts += [("shut", piece) for piece in grid.shut(tool, self.frame)]
            self._shades[key] = "".join(
                f'<li class="{kind} {piece.place}" aria-hidden="true"></li>'
                for kind, piece in parts
            )
        return self._shades[key]

    def hours(self, piece: Piece) -> str:
        """09:00–11:00; an end at midnight is 24:00."""
        end = piece.z % grid.DAY
        return f"{CLOCK[piece.a % grid.DAY]}–{CLOCK[end] if end else '24:00'}"

    def day(self, piece: Piece) -> str:
        return self.day_names[piece.a // grid.DAY]

    def free(self, piece: Piece, code: str) -> str:
        """A link to the search with this time filled in; the text around the tool is kept."""
        found = self._free.get(piece)
        if found is None:
            before, after = self.ask_url(piece)
            said = f"{self.day(piece)} {self.free_word} {self.hours(piece)}"
            found = self._free[piece] = (
                f'<li class="s{piece.start} n{piece.span} free"><a href="{before}',
                f'{after}" data-a="{piece.a}" data-z="{piece.z}"><i>{said}</i></a></li>',
            )
        return code.join(found)

    def ask_url(self, piece: Piece) -> tuple[str, str]:
        """What stands before the tool's code, and what behind it."""
        start, day = CLOCK[piece.a % grid.DAY], self.isodays[piece.a // grid.DAY]
        minutes = next((n for n in USUAL if n <= piece.z - piece.a), USUAL[-1])
        return f"{self.book_url}?what=tool:", f"&amp;at={day}T{start}&amp;minutes={minutes}"

    def claim(self, piece: Piece, block: Block, code: str) -> str:
        """A block; a link for who may open it, with what the script needs to move it."""
        word = self.word(block)
        head, said, day, hours = self.shape(piece, block.kind)
        url = self.url(block)
        if not url:
            return (
                f'{head}<span title="{word}, {said}><i>{day} </i><b>{word}</b>{hours}</span></li>'
            )
        moves = ""
        if self.may_book and block.kind in ("own", "pending") and block.starts_at > self.now:
            target = f"cell:{block.cell}" if block.cell else f"tool:{code}"
            moves = f' data-b="{block.booking}" data-t="{target}"'
        return (
            f'{head}<a href="{url}" title="{word}, {said}{moves}><i>{day} </i><b>{word}</b>'
            f"{hours}</a></li>"
        )

    def shape(self, piece: Piece, kind: str) -> _Shape:
        """What depends on a claim's place and kind alone, written once for each."""
        key = (piece.start, piece.span, piece.a, piece.z, kind)
        found = self._shapes.get(key)
        if found is None:
            hours, length, zoom = self.hours(piece), piece.z - piece.a, self.frame.zoom
            fits = "" if length >= zoom.timed else " brief" if length >= zoom.legible else " tiny"
            found = self._shapes[key] = _Shape(
                f'<li class="s{piece.start} n{piece.span} claim claim--{kind}{fits}">',
                f'{hours}" data-a="{piece.a}" data-z="{piece.z}"',
                self.day(piece),
                f"<span>{hours}</span>",
            )
        return found

    def word(self, block: Block) -> str:
        """What the block says first: whose and what, as far as the viewer may know."""
        note = block.note
        # A booking's number, as most notes are, has nothing to escape.
        if not note.isalnum():
            note = escape(note)
        if block.kind == "own":
            return note
        label = self.words[block.kind]
        return f"{label} · {note}" if note else label

    def url(self, block: Block) -> str:
        """The booking's page, a hold's own, or empty for what the viewer may not open."""
        if block.booking is None:
            return ""
        return (self.hold_url if block.kind == "held" else self.booking_url) % block.booking

    def lines(self, row: Row) -> Iterator[str]:
        """The row of a tool as lines of a table: day, hours, what."""
        name, code, last = escape(str(row.tool)), row.tool.code, ""
        for piece in self.pieces(row):
            day, hours = self.day(piece), self.hours(piece)
            shown, last = ("" if day == last else day), day
            if piece.block is None:
                what = f'<a href="{code.join(self.ask_url(piece))}">{self.free_word}</a>'
                kind = "free"
            else:
                block = piece.block
                url, word, kind = self.url(block), self.word(block), block.kind
                what = f'<a href="{url}">{word}</a>' if url else word
            yield (
                f'<tr><th scope="row">{name}</th><td class="nowrap">{shown or f"<i>{day}</i>"}</td>'
                f'<td class="nowrap">{hours}</td><td><span class="swatch claim--{kind}"></span>'
                f" {what}</td></tr>"
            )
