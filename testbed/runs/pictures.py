"""Pictures as they come from a tablet: known by their content, and without what is said of them.

A camera writes where, when and with what it took a picture. All of it is left out; only the way
up is kept, as the picture would lie on its side without it.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from testbed.refusals import Refusal
from testbed.runs.photo_models import MOST_BYTES

MOST_PIXELS = 60_000_000
JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
# JFIF and Adobe's word on colours; the picture cannot be read rightly without them.
JPEG_KEPT_APPS = frozenset({0xE0, 0xEE})
SIZES = frozenset({*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)})
PNG_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"sRGB", b"gAMA", b"IDAT", b"IEND"})


@dataclass(frozen=True)
class Picture:
    """A picture that may be kept: `content` is what remains of what was sent; size in pixels."""

    media_type: str
    width: int
    height: int
    content: bytes


def cleaned(sent: bytes) -> Picture:
    """The picture without its metadata.

    Raises Refusal "picture_unreadable" (422), "picture_too_large" (413).
    """
    if len(sent) > MOST_BYTES:
        raise too_large()
    try:
        if sent.startswith(JPEG):
            picture = _jpeg(sent)
        elif sent.startswith(PNG):
            picture = _png(sent)
        else:
            raise _unreadable()
    except (IndexError, struct.error) as cut_short:
        raise _unreadable() from cut_short
    if not 0 < picture.width * picture.height <= MOST_PIXELS:
        raise too_large()
    return picture


def too_large() -> Refusal:
    return Refusal(
        "picture_too_large",
        _("The picture is larger than 8 MB or 60 megapixels."),
        status=413,
        next_step=_("Take it again with a smaller size."),
    )


def _unreadable() -> Refusal:
    return Refusal(
        "picture_unreadable",
        _("The file is no whole JPEG or PNG picture."),
        status=422,
        next_step=_("Take the picture again, or save it as JPEG."),
    )


def _jpeg(sent: bytes) -> Picture:
    """Segment by segment to the end of the image; what hangs behind it is dropped."""
    kept, at, size, upright = [sent[:2]], 2, None, b""
    while True:
        if sent[at] != 0xFF:
            raise _unreadable()
        marker = sent[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == 0xD9:
            break
        end = at + 2 + struct.unpack_from(">H", sent, at + 2)[0]
        segment = sent[at:end]
        if end > len(sent) or len(segment) < 4:
            raise _unreadable()
        if marker in SIZES and size is None:
            size = struct.unpack_from(">HH", segment, 5)
        if marker == 0xE1 and segment[4:10] == b"Exif\0\0":
            upright = _way_up(segment[10:])
        elif not (0xE0 <= marker <= 0xEF or marker == 0xFE) or marker in JPEG_KEPT_APPS:
            end = _end_of_scan(sent, end) if marker == 0xDA else end
            kept.append(sent[at:end])
        at = end
    if size is None:
        raise _unreadable()
    return Picture(
        "image/jpeg", size[1], size[0], b"".join([kept[0], upright, *kept[1:]]) + b"\xff\xd9"
    )


def _end_of_scan(sent: bytes, at: int) -> int:
    """Where the next marker stands: FF 00 and the restart marks belong to the coded data."""
    while True:
        at = sent.index(b"\xff", at) if b"\xff" in sent[at:] else len(sent)
        following = sent[at + 1]
        if following != 0 and not 0xD0 <= following <= 0xD7:
            return at
        at += 2


def _way_up(tiff: bytes) -> bytes:
    """A segment of EXIF that says which side is up and nothing else; empty where that is plain."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return b""
    try:
        [first] = struct.unpack_from(order + "I", tiff, 4)
        [many] = struct.unpack_from(order + "H", tiff, first)
        entries = (
            struct.unpack_from(order + "HHIH", tiff, first + 2 + 12 * k) for k in range(many)
        )
        turned = next((value for tag, _type, _n, value in entries if tag == 0x0112), 1)
    except struct.error:
        return b""
    if not 2 <= turned <= 8:
        return b""
    body = b"Exif\0\0" + struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, 0x0112, 3, 1, turned, 0, 0)
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def _png(sent: bytes) -> Picture:
    """Chunk by chunk, each with its check sum, to IEND; comments, times and EXIF are dropped."""
    kept, at, kind, size = [PNG], len(PNG), b"", (0, 0)
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", sent, at)
        end = at + 12 + length
        [check] = struct.unpack_from(">I", sent, end - 4)
        if zlib.crc32(sent[at + 4 : end - 4]) != check:
            raise _unreadable()
        if kind == b"IHDR":
            size = struct.unpack_from(">II", sent, at + 8)
        if kind in PNG_KEPT:
            kept.append(sent[at:end])
        at = end
    return Picture("image/png", size[0], size[1], b"".join(kept))
