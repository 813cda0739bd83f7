"""Limits hold for every line, not only for those that a descriptor made.

A driver's link asks its gate before anything is sent. A line that sets a declared setting must
carry a value within that setting's limits, wherever the line came from; a setting with a ramp
moves only while its descriptor approaches a value, and by no more than one step at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from instruments.errors import LimitExceeded

_MESSAGES = re.compile(r"[\r\n]")
_PARTS = re.compile(r"[\r\n;]")
_ODD = re.compile(r"[^\t\n\r -~]")
"""Control characters are white space to an instrument (IEEE 488.2 §7.4.1.2), or nothing at all."""
_DEFAULT_NODES = ("LEV", "IMM", "AMPL", "STAT", "DC")
"""Nodes that SCPI lets a command leave out, wherever they are not the first."""
_SPACE = re.compile(r"\s+")
_ROUNDING = 1e-6
"""Values travel with nine digits."""


class Step(Protocol):
    """The largest change at once, in the setting's unit."""

    @property
    def step(self) -> float: ...


class Guarded(Protocol):
    """What the gate needs to know of a descriptor."""

    head: str
    name: str
    unit: str
    low: float | None
    high: float | None

    @property
    def ramp(self) -> Step | None: ...

    def read(self, text: str) -> object:
        """The value in a command's argument."""

    def check(self, value: object) -> None:
        """Raise `LimitExceeded` for a value that is not allowed."""


def plain(head: str) -> str:
    """A command's head in its one shortest spelling: `:SOURce1:VOLTage:LEVel` is `SOUR:VOLT`."""
    words = [_short(word.removesuffix("1")) for word in head.upper().lstrip(":").split(":")]
    return ":".join(word for k, word in enumerate(words) if k == 0 or word not in _DEFAULT_NODES)


def heads_and_arguments(line: str) -> Iterator[tuple[str, str]]:
    """Every head that `line` may be read as having, with its argument.

    After a semicolon a head may go on from the one before (SCPI-99, compound commands): then it
    is given both ways, for nobody knows which way the tool takes it.
    """
    for message in _MESSAGES.split(line):
        path = ""
        for part in message.split(";"):
            head, *argument = _SPACE.split(part.strip(), maxsplit=1)
            given = argument[0] if argument else ""
            yield head, given
            if path and not head.startswith((":", "*")):
                head = f"{path}:{head}"
                yield head, given
            if not head.startswith("*"):
                path = head.rpartition(":")[0]


def _short(word: str) -> str:
    """SCPI-99, mnemonics: four letters, three when the fourth is a vowel and more follow."""
    if len(word) <= 4:
        return word
    return word[:3] if word[3] in "AEIOU" else word[:4]


class Gate:
    """Asked with each line before it is sent; raises `LimitExceeded`."""

    def __init__(self, entries: Iterable[Guarded]) -> None:
        self._entries = {plain(entry.head): entry for entry in entries}
        self._at: dict[str, float] = {}

    def __call__(self, line: str) -> None:
        """Return when everything that `line` sets is within its limits."""
        if _ODD.search(line):
            raise LimitExceeded("command", line, None, None, "printable ASCII")
        if line.partition(" ")[0].endswith("?") and not _PARTS.search(line):
            return
        for head, argument in heads_and_arguments(line):
            entry = self._entries.get(plain(head))
            if entry is not None:
                self._check(entry, argument)

    def _check(self, entry: Guarded, argument: str) -> None:
        value = entry.read(argument)
        entry.check(value)
        if entry.ramp is None or not isinstance(value, float):
            return
        at = self._at.get(entry.head)
        largest = entry.ramp.step * (1 + _ROUNDING) + abs(value) * _ROUNDING
        if at is None or abs(value - at) > largest:
            raise LimitExceeded(entry.name, f"a jump to {value:g}", None, None, entry.unit)
        self._at[entry.head] = value

    @contextmanager
    def approaching(self, entry: Guarded, start: float) -> Iterator[None]:
        """Inside, a setting with a ramp may move from `start`, one step at a time."""
        self._at[entry.head] = start
        try:
            yield
        finally:
            # Somebody else's ramp of the same setting may have ended already.
            self._at.pop(entry.head, None)
