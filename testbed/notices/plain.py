"""Text that may stand in a mail's header: one line, nothing that ends it."""

from __future__ import annotations

import unicodedata

LONGEST = 180
# Control characters, and Unicode's own line and paragraph separators.
ENDING = ("Cc", "Zl", "Zp", "Cs")


def one_line(text: object, longest: int = LONGEST) -> str:
    """`text` on one line of at most `longest` characters, its line breaks made spaces.

    Names are people's own words: whoever puts a line break in one must not add a header.
    """
    plain = "".join(" " if unicodedata.category(one) in ENDING else one for one in str(text))
    line = " ".join(plain.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
