"""What is enclosed with a notice: given as bytes, or drawn when the mail is written.

Drawing late keeps the transaction that tells quick; what is drawn depends on nothing but the
data given then, so a message repeated after a crash encloses the same file.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from testbed.notices.plain import one_line

LARGEST = 512 * 1024


@dataclass(frozen=True)
class Attachment:
    """A file as it is; mime may carry parameters ("text/calendar; method=REQUEST")."""

    name: str
    mime: str
    content: bytes

    def as_json(self) -> dict[str, Any]:
        """For the notice's row. ValueError beyond 512 KiB: a mail is no file store."""
        if len(self.content) > LARGEST:
            raise ValueError(f"{self.name} has {len(self.content)} bytes, {LARGEST} at most")
        content = base64.b64encode(self.content).decode("ascii")
        return {"name": one_line(self.name), "mime": one_line(self.mime), "content": content}


@dataclass(frozen=True)
class Drawn:
    """A file that a registered maker draws from `data` (JSON) in the mail's language."""

    maker: str
    data: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """For the notice's row. KeyError for a maker that nobody registered."""
        MAKERS[self.maker]
        return {"maker": self.maker, "data": self.data}


Maker = Callable[[dict[str, Any], str], Attachment | None]
MAKERS: dict[str, Maker] = {}


def register(name: str, maker: Maker) -> None:
    """Let `maker(data, address)` draw the enclosures called `name`; None encloses nothing."""
    MAKERS[name] = maker


def opened(rows: list[dict[str, Any]], address: str) -> list[Attachment]:
    """The files of a notice to this mail address, drawn in the active language."""
    found = (_open(row, address) for row in rows)
    return [one for one in found if one is not None]


def _open(row: dict[str, Any], address: str) -> Attachment | None:
    if "maker" in row:
        return MAKERS[row["maker"]](row["data"], address)
    return Attachment(row["name"], row["mime"], base64.b64decode(row["content"]))
