"""Wafer IDs and their two check characters (SEMI M12/M13).

A character's value is its ASCII code less 32 (0 to 58); Horner's scheme with factor 8 modulo 59
over the whole ID, check characters included, gives 0.
"""

import re

MODULUS = 59
FACTOR = 8
LONGEST = 18
_FIRST, _LAST = " ", "Z"


def is_sendable(wafer_id: str) -> bool:
    """True when tools can be told the ID: SEMI M12 allows more than a command can carry."""
    return re.fullmatch(r"[A-Z0-9][A-Z0-9.:/-]*", wafer_id) is not None


def checksum(text: str) -> int:
    """Horner sum modulo 59 of `text`. Raises ValueError for a character outside ' ' to 'Z'."""
    total = 0
    for character in text:
        if not _FIRST <= character <= _LAST:
            raise ValueError(character)
        total = (total * FACTOR + ord(character) - ord(_FIRST)) % MODULUS
    return total


def with_check(text: str) -> str:
    """`text` followed by its two check characters: "AM1664-24" gives "AM1664-24A2"."""
    missing = (MODULUS - checksum(text + "A0")) % MODULUS
    return f"{text}{chr(ord('A') + (missing >> 3))}{missing & 7}"


def is_valid(wafer_id: str) -> bool:
    """True when the ID is made of legal characters and its check characters are right."""
    if not 3 <= len(wafer_id) <= LONGEST or wafer_id != wafer_id.strip():
        return False
    letter, digit = wafer_id[-2], wafer_id[-1]
    if not ("A" <= letter <= "H" and "0" <= digit <= "7"):
        return False
    try:
        return checksum(wafer_id) == 0
    except ValueError:
        return False
