"""What the simulated fab's page calls faults, disturbed quantities, counters and states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Words = Mapping[str, "StrOrPromise"]

FAULTS: Words = {
    "delay": _("delay: the answer comes late"),
    "no_reply": _("no reply: the command is carried out, nothing comes back"),
    "close": _("close: the connection ends instead of an answer"),
    "half_close": _("half, then close: the connection ends in the middle of an answer"),
    "reset": _("reset: the connection breaks off"),
    "garbage": _("garbage: bytes that are no text"),
    "bad_frame": _("bad frame: bytes that are no message of the wire's protocol"),
    "wrong_type": _("wrong type: a word where a number belongs"),
    "duplicate": _("duplicate: the answer comes twice"),
    "stale": _("stale: the answer before comes first"),
    "drip": _("drip: the answer comes byte by byte"),
    "truncated_block": _("truncated block: half of the data is missing"),
    "error_queue": _("error queue: the tool reports a hardware error"),
    "never_opc": _("never *OPC?: the tool never says that it is done"),
    "freeze": _("freeze: the controller hangs"),
    "restart": _("restart: power is cut, settings are lost"),
    "memory_loss": _("loss of memory: power is cut, the job log is lost"),
    "refuse": _("refuse: the port takes no connection"),
}
"""By the kind of a fault of the wire."""

QUANTITIES: Words = {
    "overlay_x": _("Overlay x"),
    "overlay_y": _("Overlay y"),
    "immersion": _("Immersion defects"),
    "rf_power": _("Bias power (RF)"),
    "tcp_power": _("Source power (TCP)"),
    "pressure": _("Pressure"),
    "bcl3_flow": _("BCl₃ flow"),
    "cl2_flow": _("Cl₂ flow"),
    "he_chuck": _("Helium behind the wafer"),
    "heater": _("Heater temperature"),
    "precursor_flow": _("Precursor flow"),
    "head_pressure": _("Pressure of the head"),
    "slurry_flow": _("Slurry flow"),
    "conditioner": _("Conditioning of the pad"),
    "megasonic": _("Megasonic power"),
    "bath_temperature": _("Bath temperature"),
    "dryer": _("Speed of the dryer"),
}
"""By the kind of a fault of the process."""

COUNTERS: Words = {
    "starts": _("jobs started"),
    "wafers": _("wafers"),
    "safes": _("times made safe"),
    "restarts": _("power cuts"),
    "pulses": _("laser pulses"),
    "since_clean": _("wafers since the wet clean"),
    "wall_nm": _("film on the wall, nm"),
    "pad_wafers": _("wafers on this pad"),
    "glaze": _("glaze of the pad"),
}

STATES: Words = {
    "IDLE": _("Idle"),
    "READY": _("Ready, carrier docked"),
    "RUNNING": _("At work"),
    "SAFE": _("Safe state"),
}
"""By the tool's own word (`instruments/common.md`)."""


def said(words: Words, code: str) -> str:
    """The words for `code` in the reader's language; the code itself where there are none."""
    return str(words.get(code, code))
