"""Why a step could not be carried out, for people: what happened, and what to do next.

An error is kept as "Timeout: STAT?: no answer within 2 s": its kind, then words of the machine
side. Those are evidence and stay as they are; the sentences here come first. What has no kind in
front has no sentence: it is shown as it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

KIND = re.compile(r"(\w+)(:|$)")
SCPI_CODE = re.compile(r": ([+-]?\d+), ")


class Cause(NamedTuple):
    """What happened, and what whoever looks after the tool does next."""

    happened: StrOrPromise
    next_step: StrOrPromise


_LOOK = _("Look at the tool and at the wafer: was the step carried out?")
_CORRECT = _("Correct the value in the recipe and have the new version signed.")
_TELL = _("Pass the technical words on to the administrator.")

FAILURES: dict[str, Cause] = {
    "slot_map_mismatch": Cause(
        _("The carrier's slots are not as the lot says. Nothing was moved."),
        _("Compare the carrier with the lot, slot by slot, and correct what is wrong."),
    ),
    "carrier_missing": Cause(
        _("The carrier did not come to the load port."),
        _("Find the carrier, bring it to the load port and do the step again."),
    ),
    "no_job": Cause(
        _("The tool has no job of this wafer."),
        _("See in the log whether this tool has processed the wafer."),
    ),
    "aborted": Cause(_("The tool ended its job before it was done."), _LOOK),
    "failed": Cause(_("The tool reports that its job failed."), _LOOK),
}
"""By the code of `instruments.jobs.Failed`."""

ERRORS: dict[str, Cause] = {
    "NotConnected": Cause(
        _("The tool could not be reached; nothing was sent to it."),
        _("Check the tool's power, its network and its address, then go on."),
    ),
    "ConnectionLost": Cause(
        _("The connection broke off in the middle of an exchange with the tool."),
        _("Check the tool's power and network, and look at what it did last."),
    ),
    "WrongInstrument": Cause(
        _("Another instrument answers at this address than the registered one."),
        _("Compare the instrument's serial number and address with the tool's page."),
    ),
    "Timeout": Cause(
        _("The tool did not answer in time."),
        _("See whether the tool is busy or hangs, and look at what it did last."),
    ),
    "Garbled": Cause(
        _("The tool's answer could not be understood."),
        _("Look at what the tool did last; if it happens again, have its wire checked."),
    ),
    "HistoryLost": Cause(
        _("The tool no longer knows what it did: its record of jobs is lost."), _LOOK
    ),
    "Rejected": Cause(
        _("The tool refused a command."),
        _("Look the tool's words up in its manual, remove the cause, then go on."),
    ),
    "Interlock": Cause(
        _("The wafer, the carrier or the settings do not allow this; nothing was started."),
        _("Compare the wafer and its slot with the lot, and the settings with the recipe."),
    ),
    "Mismatch": Cause(
        _("A setting reads back as another value than was set; nothing was started with it."),
        _("Check this setting at the tool, then do the step again."),
    ),
    "LimitExceeded": Cause(
        _("A value is outside the limits of the tool; it was not sent."), _CORRECT
    ),
    "Halted": Cause(
        _("Nothing may be sent to the tool at present; nothing was sent."),
        _("See in the log who or what stopped the tool, then go on."),
    ),
    "EmergencyStop": Cause(
        _("The emergency stop of this tool was set; nothing more was sent."),
        _("Look at the tool; once its emergency stop is cleared, decide."),
    ),
}
"""By the class of the exception (`instruments.errors`, `testbed.runs.guard`)."""

UNCLEAR: dict[str, Cause] = {
    "cannot_ask": Cause(_("The tool cannot be asked what became of this step."), _LOOK),
    "forgotten": Cause(_("The tool knows nothing of this step."), _LOOK),
    "worker_lost": Cause(_("The worker was lost before it knew what became of this step."), _LOOK),
    "no_answer": Cause(
        _("The tool did not confirm that it went to its safe state."),
        _("Look at the tool and make it safe by hand."),
    ),
}
"""By the code in front of what the engine itself has to say."""

SCPI: dict[int, Cause] = {
    -109: Cause(_("A command to the tool lacks a value."), _TELL),
    -113: Cause(
        _("The tool does not know a command."),
        _("Compare the tool's kind and firmware with those that its driver was written for."),
    ),
    -200: Cause(
        _("The tool cannot do this in its present state."),
        _("Wait until it has finished or bring it to the state it needs, then go on."),
    ),
    -221: Cause(
        _("The wafer's state, the carrier or the settings of the tool stand against this."),
        _("Compare the wafer and its slot with the lot, and the settings with the recipe."),
    ),
    -222: Cause(_("A value is outside what the tool allows."), _CORRECT),
    -224: Cause(_("A word is none of those that the tool allows."), _CORRECT),
    -240: Cause(
        _("The tool reports a fault of its hardware."),
        _("Have the tool examined before it works on."),
    ),
    -241: Cause(
        _("The tool does not find the carrier, the wafer or the job."),
        _("See where the carrier stands and what its slots hold, then do the step again."),
    ),
    -350: Cause(
        _("The tool has more errors than it can keep."),
        _("Read the messages at the tool itself: the oldest names the cause."),
    ),
    803: Cause(
        _("The tool cannot measure while its output is off."),
        _("Switch the output of the SMU on, then measure again."),
    ),
}
"""By the code in the tool's error queue (`instruments/common.md` and the tools' manuals)."""

UNFORESEEN = Cause(_("The software met an error that it does not know."), _TELL)
_KINDS = FAILURES | ERRORS | UNCLEAR


def cause_of(error: str) -> Cause | None:
    """What an error means to people; None where there is none, or no kind of it is named."""
    kind = KIND.match(error)
    if kind is None:
        return None
    code = SCPI_CODE.search(error) if kind[1] in ("Rejected", "Interlock") else None
    found = SCPI.get(int(code[1])) if code else None
    return found or _KINDS.get(kind[1], UNFORESEEN if kind[2] else None)


def told(error: str) -> str:
    """The error as part of a sentence: what happened first, the technical words after it."""
    cause = cause_of(error)
    return error if cause is None else f"{cause.happened} ({error})"
