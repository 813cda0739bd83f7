"""Each message once, through a real socket, whatever dies in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail as outbox
from django.db import DatabaseError, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings, strategies

from testbed.notices import send
from testbed.notices.enclose import Attachment
from testbed.notices.letter import written
from testbed.notices.models import DigestHour, Mail, MailState, Notice, NoticeChoice, NoticeState
from testbed.notices.plain import one_line
from testbed.notices.said import KST
from testbed.notices.send import LEASE, MOST_TRIES, PAUSES, send_due, take
from testbed.notices.sort import gather_digests, next_digest, sort_new
from testbed.people.models import User
from tests.notices.smtp import Receiver, receiving

Told = Callable[..., list[Notice]]
pytestmark = pytest.mark.django_db


@pytest.fixture
def server(settings: Any) -> Iterator[Receiver]:
    """A real mail server that the product is set to."""
    with receiving() as receiver:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", receiver.port
        settings.EMAIL_HOST_USER = ""
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        yield receiver


def queue(told: Told, *people: User, **more: Any) -> list[Mail]:
    told(*people, **more)
    sort_new(timezone.now())
    return list(Mail.objects.order_by("pk"))


def later(**by: float) -> datetime:
    return timezone.now() + timedelta(**by)


def test_a_notice_arrives_once_in_the_readers_language(
    server: Receiver, told: Told, alice: User, charlie: User
) -> None:
    User.objects.filter(pk=charlie.pk).update(language="en")
    file = Attachment(
        "예약.ics", "text/calendar; method=REQUEST; charset=utf-8", b"BEGIN:VCALENDAR"
    )
    first, second = queue(told, alice, charlie, attachments=[file])
    assert send_due() == 2
    assert send_due() == 0
    korean, english = server.messages
    assert (korean["To"], english["To"]) == (alice.email, charlie.email)
    assert korean["Message-ID"] == first.message_id
    assert (korean["Subject"], english["Subject"]) == ("B00042 만료됨", "B00042 Expired")
    plain, html = (korean.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None
    assert html is not None
    for part in (plain, html):
        assert "만료됨" in part.get_content()
        assert "http://127.0.0.1:8000/bookings/42/" in part.get_content()
    assert "<p>" in html.get_content()
    assert '<a href="http://127.0.0.1:8000/bookings/42/"' in html.get_content()
    [calendar] = korean.iter_attachments()
    assert calendar.get_content_type() == "text/calendar"
    assert calendar.get_param("method") == "REQUEST"
    assert calendar.get_filename() == "예약.ics"
    second.refresh_from_db()
    assert (second.state, second.tries) == (MailState.SENT, 1)


def test_a_server_that_hangs_up_gets_the_same_message_again(
    server: Receiver, told: Told, alice: User
) -> None:
    """It had kept the message but its answer was lost: the repeat is recognisable as such."""
    server.drop_after = {1}
    [mail] = queue(told, alice)
    assert send_due() == 0
    mail.refresh_from_db()
    assert (mail.state, mail.tries) == (MailState.QUEUED, 1)
    assert "SMTPServerDisconnected" in mail.last_error
    assert send_due() == 0  # not before its pause is over
    assert send_due(later(minutes=PAUSES[0], seconds=1)) == 1
    assert {one["Message-ID"] for one in server.messages} == {mail.message_id}
    bodies = [one.get_body(("plain",)) for one in server.messages]
    assert bodies[0] is not None
    assert bodies[1] is not None
    assert bodies[0].get_content() == bodies[1].get_content()


def test_a_process_killed_while_sending_loses_nothing(told: Told, alice: User) -> None:
    [mail] = queue(told, alice)
    taken = take(timezone.now())
    assert taken == mail  # and here it dies
    assert send_due() == 0
    assert send_due(later(seconds=LEASE.total_seconds() + 1)) == 1
    assert outbox.outbox[0].extra_headers["Message-ID"] == mail.message_id
    # Should the first one live after all, it no longer has a say.
    assert not send._mine(taken).exists()


def test_a_server_that_is_away_costs_no_try(settings: Any, told: Told, alice: User) -> None:
    with receiving() as gone:
        port = gone.port
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    [mail] = queue(told, alice)
    for _time in range(MOST_TRIES + 1):
        assert send_due() == 0
    mail.refresh_from_db()
    assert (mail.state, mail.tries) == (MailState.QUEUED, 0)


def test_an_address_refused_for_good_fails_at_once_and_a_busy_one_waits(
    server: Receiver, told: Told, alice: User, bob: User, charlie: User
) -> None:
    server.refuse = {alice.email: 550, bob.email: 451}
    queue(told, alice, bob, charlie)
    assert send_due() == 1
    assert dict(Mail.objects.values_list("reader__email", "state")) == {
        alice.email: MailState.FAILED,
        bob.email: MailState.QUEUED,
        charlie.email: MailState.SENT,
    }


def test_the_pauses_grow_until_it_has_failed(
    told: Told, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def open(self) -> None: ...

        def close(self) -> None: ...

        def send_messages(self, messages: list[Any]) -> int:
            raise RuntimeError("boom")

    monkeypatch.setattr(send, "get_connection", Broken)
    [mail] = queue(told, alice)
    waits = []
    for _time in range(MOST_TRIES):
        mail.refresh_from_db()
        waits.append(mail.due_at - timezone.now())
        send_due(mail.due_at)
    mail.refresh_from_db()
    assert waits[1:] == sorted(waits[1:])
    assert round(waits[-1].total_seconds() / 60) == PAUSES[-1]
    assert (mail.state, mail.tries) == (MailState.FAILED, MOST_TRIES)
    assert mail.last_error == "RuntimeError: boom"


def test_the_database_lets_nothing_be_sent_twice(told: Told, alice: User) -> None:
    [mail] = queue(told, alice)
    send_due()
    with pytest.raises(DatabaseError, match="transition"), transaction.atomic():
        Mail.objects.filter(pk=mail.pk).update(state=MailState.QUEUED, sent_at=None)


def test_off_stays_in_the_inbox_and_a_digest_is_one_mail(told: Told, alice: User) -> None:
    for kind, delivery in (("booking_placed", "off"), ("pool", "digest"), ("closure", "off")):
        NoticeChoice.objects.create(user=alice, kind=kind, delivery=delivery)
    DigestHour.objects.create(user=alice, hour=17)
    for kind in ("booking_placed", "pool", "closure"):
        told(alice, kind=kind)
    now = timezone.now()
    sort_new(now)
    assert not Mail.objects.exists()
    # A closure of one's own booking cannot be switched off; the digest is the least.
    assert Notice.objects.filter(state=NoticeState.DIGEST).count() == 2
    due = next_digest(now, 17)
    assert gather_digests(due - timedelta(seconds=1)) == 0
    assert gather_digests(due) == 1
    assert gather_digests(due) == 0
    assert send_due(due) == 1
    assert outbox.outbox[0].subject == "테스트베드: 알림 2건"
    assert alice.notices.visible_to(alice).count() == 3


def test_an_audience_is_written_to_each_of_its_people(
    told: Told, administrator: User, process_engineer: User, technician: User
) -> None:
    told(kind="desk_pending", audience="approve_booking")
    sort_new(timezone.now())
    sort_new(timezone.now())
    readers = Notice.objects.exclude(reader=None).values_list("reader", flat=True)
    assert sorted(filter(None, readers)) == sorted([administrator.pk, process_engineer.pk])


def test_the_digest_leaves_at_its_hour_in_korea() -> None:
    at = datetime(2026, 12, 31, 17, 0, tzinfo=KST)
    assert next_digest(at, 17) == datetime(2027, 1, 1, 17, 0, tzinfo=KST)
    assert next_digest(at, 18) == datetime(2026, 12, 31, 18, 0, tzinfo=KST)


@given(name=strategies.text(max_size=300))
def test_one_line_is_one_line(name: str) -> None:
    line = one_line(name)
    assert len(line.splitlines()) <= 1
    assert len(line) <= 180


WORDS = strategies.text(
    alphabet=strategies.sampled_from('a가\r\n\x00\x85\u2028: ,<>@;"='), max_size=40
)


@given(name=WORDS, file=WORDS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_name_adds_a_header(told: Told, alice: User, name: str, file: str) -> None:
    """Whatever stands in a name, the message has the headers of the product and no other."""
    evil = f"<b>{name}\r\nBcc: all@nuri.example\n\nbody"
    [notice] = told(
        alice,
        subject=evil,
        sentences=[evil],
        attachments=[Attachment(f"{file}\r\nX-Evil: 1", "text/plain", b"x")],
    )
    mail = Mail(reader=alice, message_id="<1@testbed>")
    message = written(mail, [notice]).message()
    html = message.get_payload(0).get_payload(1).get_payload(decode=True).decode()
    assert "<b>" not in html
    assert message["Bcc"] is None
    assert set(message.keys()) == {
        "Content-Type", "MIME-Version", "Subject", "From", "To", "Date", "Message-ID",
        "Auto-Submitted", "List-Unsubscribe", "Content-Language",
    }  # fmt: skip
    for part in message.walk():
        assert part["X-Evil"] is None
        assert not any("\n" in str(value).replace("\n ", "") for value in part.values())


def test_without_a_mail_server_each_message_is_one_file(
    settings: Any, tmp_path: Path, told: Told, alice: User
) -> None:
    settings.EMAIL_BACKEND = "testbed.notices.eml.EmlBackend"
    settings.MAIL_FOLDER = tmp_path / "mail"
    [mail] = queue(told, alice)
    assert send_due() == 1
    [file] = (tmp_path / "mail").iterdir()
    assert file.suffix == ".eml"
    assert mail.message_id.encode() in file.read_bytes()
