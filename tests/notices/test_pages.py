"""The inbox, the preferences and the mail room: pages and API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from redis.exceptions import ConnectionError as CacheDown
from rest_framework.test import APIClient

from testbed.notices import inbox, send
from testbed.notices.inbox import unread
from testbed.notices.models import Mail, MailState, Notice
from testbed.notices.preferences import preferences_of
from testbed.notices.send import send_due
from testbed.notices.sort import sort_new
from testbed.people.models import User

Told = Callable[..., list[Notice]]
SignIn = Callable[[User], Client]
Api = Callable[[User], APIClient]
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_counted(alice: User) -> None:
    cache.delete(inbox._key(alice))


def test_the_inbox_shows_ones_own_and_marks_them_read(
    told: Told, alice: User, bob: User, sign_in: SignIn
) -> None:
    [mine] = told(alice)
    told(bob, subject="for bob alone")
    client = sign_in(alice)
    page = client.get("/me/inbox/").content.decode()
    assert "B00042 만료됨" in page
    assert "for bob alone" not in page
    assert "읽지 않음" in page
    assert client.post("/me/inbox/", {"read": mine.pk})["Location"] == "/bookings/42/"
    assert "읽지 않음" not in client.get("/me/inbox/").content.decode()


@pytest.mark.parametrize("number", ["0", "x", "9" * 30, "²"])
def test_a_notice_of_nobodys_is_not_found(number: str, alice: User, sign_in: SignIn) -> None:
    assert sign_in(alice).post("/me/inbox/", {"read": number}).status_code == 404


def test_all_are_read_at_once(told: Told, alice: User, sign_in: SignIn) -> None:
    told(alice)
    told(alice)
    client = sign_in(alice)
    assert inbox.counted(alice) is None
    assert 'hx-get="/me/inbox/unread/"' in client.get("/me/inbox/").content.decode()
    assert "2<span" in client.get("/me/inbox/unread/").content.decode()
    page = client.get("/me/inbox/").content.decode()
    assert "2<span" in page
    assert 'hx-get="/me/inbox/unread/"' not in page
    assert client.post("/me/inbox/").status_code == 302
    assert unread(alice) == 0


def test_without_the_cache_the_number_is_still_there(
    told: Told, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*args: Any, **more: Any) -> None:
        raise CacheDown

    told(alice)
    for name in ("get", "set", "delete"):
        monkeypatch.setattr(inbox.cache, name, down)
    assert inbox.counted(alice) is None
    assert unread(alice) == 1
    assert inbox.mark_read(actor=alice) == 1


def test_each_kind_is_chosen_and_what_cannot_be_off_stays(alice: User, sign_in: SignIn) -> None:
    client = sign_in(alice)
    page = client.get("/me/notices/").content.decode()
    assert "kind_closure" in page
    assert "kind_desk_pending" not in page
    assert "메일 서버" in page
    chosen = {f"kind_{code}": "digest" for code in preferences_of(alice).deliveries}
    answered = client.post(
        "/me/notices/", {**chosen, "kind_pool": "off", "language": "en", "digest_hour": "17"}
    )
    assert answered.status_code == 302
    now = preferences_of(User.objects.get(pk=alice.pk))
    assert (now.language, now.digest_hour) == ("en", 17)
    assert (now.deliveries["closure"], now.deliveries["pool"]) == ("digest", "off")
    wrong = {**chosen, "kind_closure": "off", "language": "en", "digest_hour": "17"}
    assert client.post("/me/notices/", wrong).status_code == 422


def test_the_api_reads_and_changes_them(told: Told, alice: User, bob: User, api: Api) -> None:
    [mine] = told(alice)
    [bobs] = told(bob)
    client = api(alice)
    [row] = client.get("/api/v1/notices/").json()["results"]
    assert (row["id"], row["read_at"]) == (mine.pk, None)
    assert client.post(f"/api/v1/notices/{mine.pk}/read/").json()["read_at"]
    assert client.post(f"/api/v1/notices/{bobs.pk}/read/").status_code == 404
    address = "/api/v1/notices/preferences/"
    changed = client.patch(address, {"deliveries": {"pool": "off"}, "digest_hour": 6}, "json")
    assert changed.json()["digest_hour"] == 6
    assert {one["code"]: one["delivery"] for one in changed.json()["kinds"]}["pool"] == "off"
    for wrong in ({"closure": "off"}, {"no_such": "off"}, {"desk_pending": "off"}):
        assert client.patch(address, {"deliveries": wrong}, "json").status_code == 422
    for bad in ({"digest_hour": 24}, {"language": "de"}, {"deliveries": {"pool": "loud"}}):
        assert client.patch(address, bad, "json").status_code == 400


def test_the_administrator_sees_what_failed_and_sends_it_again(
    told: Told, alice: User, administrator: User, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(alice, subject="secret of Gaon")
    sort_new(timezone.now())
    Mail.objects.update(state=MailState.SENDING, lease_until=timezone.now(), tries=99)
    with monkeypatch.context() as patched:
        patched.setattr(send, "letter", lambda mail: 1 / 0)
        send_due()
    mail = Mail.objects.get()
    assert mail.state == MailState.FAILED
    client = sign_in(administrator)
    page = client.get("/ops/mail/").content.decode()
    assert "ZeroDivisionError" in page
    assert alice.email in page
    assert "secret of Gaon" not in page
    assert client.post("/ops/mail/", {"again": mail.pk}).status_code == 302
    assert client.post("/ops/mail/", {"again": mail.pk}).status_code == 409
    assert send_due() == 1


def test_only_the_administrator_sees_the_mail_room(
    technician: User, alice: User, sign_in: SignIn
) -> None:
    for user in (technician, alice):
        assert sign_in(user).get("/ops/mail/").status_code == 403
