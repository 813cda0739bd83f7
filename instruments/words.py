"""The words a recipe may use for a choice: what the tool is sent, and what people call it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    """`wire` is the tool's own word; a word that is a number needs no name."""

    wire: str
    en: str = ""
    ko: str = ""


ON_OFF = {"on": Word("ON", "On", "켬"), "off": Word("OFF", "Off", "끔")}
FILMS = {
    "oxide": Word("OXIDE", "Oxide", "산화막"),
    "nitride": Word("NITRIDE", "Nitride", "질화막"),
    "poly": Word("POLY", "Polysilicon", "폴리실리콘"),
    "metal": Word("METAL", "Metal", "금속막"),
}
