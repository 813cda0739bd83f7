"""What can go wrong between us and a tool; nothing else escapes a `Link`.

Two questions matter to whoever catches one of these, and each class answers both:

* `retryable`: nothing was sent, or nothing could have changed; the same call may be tried again.
* `outcome_unknown`: a command went out and it is not known whether the tool carried it out.
  Ask the tool before doing anything else; never send the command again blindly.
"""

from __future__ import annotations


class InstrumentError(Exception):
    """The root of every failure an instrument call can raise."""

    retryable: bool = False
    outcome_unknown: bool = False


class NotConnected(InstrumentError):
    """The tool could not be reached and nothing was sent to it."""

    retryable = True


class ConnectionLost(NotConnected):
    """The connection ended in the middle of an exchange."""

    retryable = False
    outcome_unknown = True


class WrongInstrument(InstrumentError):
    """Another tool answers at this address than the one that was registered."""


class Timeout(InstrumentError):
    """The tool did not answer within the deadline."""

    outcome_unknown = True


class Garbled(InstrumentError):
    """The tool answered with something that is not an answer to the question."""

    outcome_unknown = True


class HistoryLost(InstrumentError):
    """The tool no longer knows what it did: its job log did not survive."""

    outcome_unknown = True


class Rejected(InstrumentError):
    """The tool refused a command and said why in its error queue."""

    def __init__(self, code: int, text: str, command: str) -> None:
        super().__init__(f"{command}: {code}, {text}")
        self.code = code
        self.text = text
        self.command = command


class Interlock(InstrumentError):
    """A safety or material interlock forbids what was asked."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Mismatch(InstrumentError):
    """A setting reads back as something else than was set."""

    def __init__(self, name: str, wanted: object, got: object, unit: str) -> None:
        super().__init__(f"{name} was set to {wanted} {unit} but reads back {got} {unit}")
        self.name = name
        self.wanted = wanted
        self.got = got
        self.unit = unit


class LimitExceeded(InstrumentError):
    """A value outside its limits; caught here, before anything is written."""

    def __init__(
        self, name: str, value: object, low: float | None, high: float | None, unit: str
    ) -> None:
        super().__init__(f"{name} = {value} {unit} is outside {low} to {high} {unit}")
        self.name = name
        self.value = value
        self.low = low
        self.high = high
        self.unit = unit


class Halted(InstrumentError):
    """Writing is forbidden now: the lease ran out or the emergency stop is set.

    Raised by the caller's own `may_write` before each write, so nothing was sent.
    """
