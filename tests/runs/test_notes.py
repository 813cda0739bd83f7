"""Notes and photos in a run's log: known by content, stripped, hashed, seen by whom it concerns."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, ProgrammingError, transaction
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework.response import Response
from rest_framework.test import APIClient

from testbed.people.models import User
from testbed.refusals import Refusal
from testbed.runs import moves, proof
from testbed.runs.models import Run, RunPhoto
from testbed.runs.notes import note
from testbed.runs.photo_api import AROUND
from testbed.runs.photo_models import MOST_BYTES
from testbed.runs.pictures import cleaned
from testbed.runs.states import RunState
from tests.runs.floor import Floor

SignIn = Callable[[User], Client]


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def exif(turned: int, secret: bytes = b"37.3866N 127.1263E") -> bytes:
    tags = struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, turned, 0, 0)
    return b"Exif\0\0" + struct.pack(">2sHI", b"MM", 42, 8) + tags + secret


def jpeg(turned: int = 1, width: int = 64, height: int = 48) -> bytes:
    size = segment(0xC0, struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0")
    scan = segment(0xDA, b"\1\1\0\0\x3f\0") + b"\x12\xff\x00\x34\xff\xd0\x56"
    told = segment(0xE1, exif(turned)) + segment(0xFE, b"a comment")
    frame = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    return b"\xff\xd8" + frame + told + size + scan + b"\xff\xd9" + b"PK a file behind"


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int = 2, height: int = 2) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    told = chunk(b"tEXt", b"Author\0somebody") + chunk(b"eXIf", exif(6))
    data = chunk(b"IDAT", zlib.compress(b"\0\0\0\0\0\0"))
    return b"\x89PNG\r\n\x1a\n" + head + told + data + chunk(b"IEND", b"") + b"behind"


@pytest.mark.parametrize("sent", [jpeg(), png()])
def test_a_picture_keeps_its_image_and_says_nothing_else(sent: bytes) -> None:
    picture = cleaned(sent)
    for told in (b"37.3866N", b"a comment", b"somebody", b"behind", b"Exif"):
        assert told not in picture.content
    assert cleaned(picture.content) == picture
    assert (picture.width, picture.height) in ((64, 48), (2, 2))


def test_which_side_is_up_is_kept_and_nothing_else_of_the_exif() -> None:
    picture = cleaned(jpeg(turned=6))
    at = picture.content.index(b"Exif\0\0")
    assert b"37.3866N" not in picture.content
    assert struct.unpack_from("<HHIH", picture.content, at + 6 + 10) == (0x0112, 3, 1, 6)
    assert cleaned(picture.content) == picture


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"", "picture_unreadable"),
        (b"<svg onload='x'/>", "picture_unreadable"),
        (b"GIF89a\1\0\1\0", "picture_unreadable"),
        (jpeg()[:40], "picture_unreadable"),
        (png()[:-30], "picture_unreadable"),
        (png().replace(b"Author", b"author"), "picture_unreadable"),
        (jpeg(width=60_000, height=60_000), "picture_too_large"),
        (png(width=0), "picture_too_large"),
        (b"\xff\xd8\xff" + bytes(9 * 1024 * 1024), "picture_too_large"),
    ],
)
def test_what_is_no_picture_is_refused(sent: bytes, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        cleaned(sent)
    assert refused.value.code == code


@settings(max_examples=60)
@given(st.sampled_from([jpeg(8), png()]), st.integers(0, 400), st.binary(max_size=6))
def test_a_damaged_file_is_a_picture_or_refused(sent: bytes, at: int, junk: bytes) -> None:
    try:
        picture = cleaned(sent[:at] + junk + sent[at + len(junk) :])
    except Refusal:
        return
    assert cleaned(picture.content) == picture


@pytest.mark.django_db
def test_a_note_stands_in_the_log_once_until_the_run_ends(floor: Floor, alice: User) -> None:
    run = floor.start("coat")
    first = note(actor=floor.technician, run=run, text=" resist looks thin ")
    again = note(actor=floor.technician, run=run, text="resist looks thin")
    assert (first.pk, first.data) == (again.pk, {"text": "resist looks thin"})
    with pytest.raises(Refusal, match="not_allowed"):
        note(actor=alice, run=run, text="me too")
    for text, code in (("  ", "note_empty"), ("x" * 501, "note_too_long")):
        with pytest.raises(Refusal) as refused:
            note(actor=floor.technician, run=run, text=text)
        assert refused.value.code == code
    moves.end(run, RunState.ABORTED, ask="")
    with pytest.raises(Refusal) as refused:
        note(actor=floor.technician, run=run, text="late")
    assert refused.value.code == "log_closed"


@pytest.mark.django_db
def test_a_photo_is_hashed_kept_once_and_cannot_be_changed(floor: Floor) -> None:
    run = floor.start("coat")
    event = note(actor=floor.technician, run=run, text="slot 3", photo=jpeg())
    assert note(actor=floor.technician, run=run, photo=jpeg()).pk == event.pk
    kept = RunPhoto.objects.get()
    assert (kept.sha256, kept.pk) == (event.data["sha256"], event.data["photo"])
    assert proof.verify(run).whole
    with pytest.raises(ProgrammingError), transaction.atomic():
        RunPhoto.objects.update(width=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        RunPhoto.objects.create(
            run=run, sha256="0" * 64, media_type="image/png", width=2, height=2, content=png(),
            taken_by=floor.technician,
        )  # fmt: skip
    other = RunPhoto(
        run=run, sha256=cleaned_hash(png()), media_type="image/png", width=2, height=2,
        content=cleaned(png()).content, taken_by=floor.technician,
    )  # fmt: skip
    other.save()
    assert not proof.verify(run).whole


def cleaned_hash(sent: bytes) -> str:
    return hashlib.sha256(cleaned(sent).content).hexdigest()


@pytest.mark.django_db
def test_only_who_sees_the_run_sees_its_photos(
    floor: Floor, sign_in: SignIn, alice: User, charlie: User
) -> None:
    run: Run = floor.start("coat")
    sent = {"text": "slot 3", "photo": SimpleUploadedFile("x.exe", jpeg(), "text/html")}
    answer = sign_in(floor.technician).post(f"/runs/{run.pk}/notes/", sent)
    assert answer.status_code == 302
    address = f"/runs/{run.pk}/photos/{RunPhoto.objects.get().pk}/"
    shown = sign_in(alice).get(address)
    assert (shown.status_code, shown["Content-Type"]) == (200, "image/jpeg")
    assert shown["X-Content-Type-Options"] == "nosniff"
    assert shown.content == cleaned(jpeg()).content
    assert sign_in(charlie).get(address).status_code == 404
    assert sign_in(alice).get(f"/runs/{run.pk}/photos/999999/").status_code == 404
    assert sign_in(alice).post(f"/runs/{run.pk}/notes/", {"text": "x"}).status_code == 403
    assert address in sign_in(alice).get(f"/runs/{run.pk}/").content.decode()
    bad = {"photo": SimpleUploadedFile("x.jpg", b"<html>", "image/jpeg")}
    sign_in(floor.technician).post(f"/runs/{run.pk}/notes/", bad)
    assert RunPhoto.objects.count() == 1


@pytest.mark.django_db
def test_a_photo_comes_and_is_seen_over_the_api(
    floor: Floor, api: Callable[[User], APIClient], alice: User, charlie: User
) -> None:
    run = floor.start("coat")
    address = f"/api/v1/runs/{run.pk}/photos/"

    def sent(by: User, content: bytes = jpeg(), **more: str) -> Response:
        form = {"photo": SimpleUploadedFile("x.exe", content, "text/html"), **more}
        return api(by).post(address, form, format="multipart")

    event = sent(floor.technician, text="slot 3")
    assert (event.status_code, event.json()["kind"]) == (201, "run.photo")
    assert sent(floor.technician).json()["seq"] == event.json()["seq"]
    kept = RunPhoto.objects.get()
    assert event.json()["data"]["sha256"] == kept.sha256
    seen = api(alice).get(f"{address}{kept.pk}/")
    assert (seen.status_code, seen["Content-Type"]) == (200, "image/jpeg")
    assert seen.content == cleaned(jpeg()).content
    assert api(charlie).get(f"{address}{kept.pk}/").status_code == 404
    assert (sent(charlie).status_code, sent(alice).status_code) == (404, 403)
    moves.end(run, RunState.ABORTED, ask="")
    assert (sent(floor.technician, png()).status_code, RunPhoto.objects.count()) == (409, 1)


@pytest.mark.django_db
def test_what_is_no_picture_over_the_api_says_why_and_nothing_is_kept(
    floor: Floor, api: Callable[[User], APIClient]
) -> None:
    run, client = floor.start("coat"), api(floor.technician)
    address, before = f"/api/v1/runs/{run.pk}/photos/", run.events.count()
    kind = "multipart/form-data; boundary=x"

    def fields(form: dict[str, object]) -> set[str]:
        answer = client.post(address, form, format="multipart")
        assert answer.status_code == 400
        return set(answer.json()["fields"])

    large = b"\xff\xd8\xff" + bytes(MOST_BYTES)
    for content in (b"<svg/>", b"", jpeg()[:40], large, large + bytes(AROUND)):
        assert fields({"photo": SimpleUploadedFile("x.jpg", content)}) == {"photo"}
    assert fields({"text": "no picture"}) == {"photo"}
    for text in ("x" * 501, "a\0b"):
        whole = SimpleUploadedFile("x.jpg", jpeg())
        assert fields({"photo": whole, "text": text}) == {"text"}
    for body in (b"", b"no form", b"--x\r\n\r\n"):
        assert client.generic("POST", address, body, content_type=kind).status_code == 400
    assert client.generic("POST", address, b"--", content_type=kind[:19]).status_code == 400
    assert client.post(address, {"text": "json"}, format="json").status_code == 415
    assert (RunPhoto.objects.count(), run.events.count()) == (0, before)
