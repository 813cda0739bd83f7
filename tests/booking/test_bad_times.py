"""Times and texts that people and programs really send: each gets its sentence, nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from testbed.booking.calendars import issue
from testbed.booking.hold import hold
from testbed.booking.hours import KST
from testbed.booking.models import Booking, FeedKind
from testbed.booking.place import Answers, place, submit
from testbed.booking.target import Target
from testbed.people.models import User
from testbed.refusals import Refusal
from testbed.tools.models import Tool
from tests.booking.conftest import setting, tomorrow

pytestmark = pytest.mark.django_db
Api = Callable[[User], APIClient]
SignIn = Callable[[User], Client]
TEXTS = (
    "'; DROP TABLE booking_booking; --",
    "<script>alert(1)</script>",
    '=HYPERLINK("http://evil.example","click")',
    "BEGIN:VEVENT\r\nSUMMARY:forged",
    "{{ 30303|add:30303 }}",
    "𓀀 \u202e right to left \u0301",
)


def ask(client: APIClient, starts_at: str, ends_at: str) -> tuple[int, list[str]]:
    body = {"tool": "cd_sem", "starts_at": starts_at, "ends_at": ends_at}
    answer = client.post("/api/v1/quotes/", body, format="json")
    said = answer.json()
    return answer.status_code, [rule["code"] for rule in said.get("broken_rules", [])]


def iso(hour: int, minute: int = 0) -> str:
    return tomorrow(hour, minute).isoformat()


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "code"),
    [
        (iso(10), iso(9), "ends_after_start"),
        (iso(10), iso(10), "ends_after_start"),
        ("2020-01-01T10:00:00+09:00", "2020-01-01T11:00:00+09:00", "not_past"),
        (iso(10, 7), iso(11, 7), "grid"),
    ],
)
def test_impossible_times_say_which_rule(
    api: Api, alice: User, cd_sem: Tool, starts_at: str, ends_at: str, code: str
) -> None:
    status, broken = ask(api(alice), starts_at, ends_at)
    assert status == 200
    assert code in broken


@pytest.mark.parametrize(
    ("starts_at", "ends_at"),
    [
        ("9999-12-31T23:59:59+09:00", "9999-12-31T23:59:59+00:00"),
        ("0001-01-01T00:00:00+14:00", "0001-01-02T00:00:00Z"),
        ("2027-02-30T10:00:00+09:00", "2027-03-01T10:00:00+09:00"),
        ("tomorrow", "later"),
        (iso(10), (tomorrow(10) + timedelta(days=36_525)).isoformat()),
    ],
)
def test_times_outside_every_calendar_are_400_or_refused(
    api: Api, alice: User, cd_sem: Tool, starts_at: str, ends_at: str
) -> None:
    status, broken = ask(api(alice), starts_at, ends_at)
    assert status == 400 or broken


def test_a_time_across_the_years_end_is_one_booking(alice: User, cd_sem: Tool) -> None:
    setting("horizon", days=900)
    setting("operating_hours")
    year = timezone.localtime(timezone.now(), KST).year
    start = datetime(year + 1, 12, 31, 22, tzinfo=KST)
    made = place(
        actor=alice, target=Target(tool=cd_sem), starts_at=start,
        ends_at=start + timedelta(hours=4), answers=Answers(),
    )  # fmt: skip
    assert made.ends_at.astimezone(KST).year == year + 2
    assert made.quote["lines"][0]["quantity"] == 4 * 3_600


@pytest.mark.parametrize(
    "offset", ["+09:00", "Z", "-04:00", "-05:00", "+05:45", "+14:00", "-12:00"]
)
def test_the_same_moment_in_any_zone_is_the_same_booking(
    api: Api, alice: User, cd_sem: Tool, offset: str
) -> None:
    moment = tomorrow(10)
    zone = datetime.fromisoformat(f"2000-01-01T00:00:00{offset}").tzinfo
    body = {
        "tool": "cd_sem",
        "starts_at": moment.astimezone(zone).isoformat(),
        "ends_at": (moment + timedelta(hours=1)).astimezone(zone).isoformat(),
    }
    answer = api(alice).post("/api/v1/holds/", body, format="json")
    assert answer.status_code == 201, answer.json()
    held = Booking.objects.get(pk=answer.json()["id"])
    assert (held.starts_at, held.ends_at) == (moment, moment + timedelta(hours=1))


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_comes_back_as_text(
    api: Api, alice: User, cd_sem: Tool, text: str, sign_in: SignIn, client: Client
) -> None:
    body: dict[str, Any] = {
        "tool": "cd_sem", "starts_at": iso(10), "ends_at": iso(11), "purpose": text,
    }  # fmt: skip
    answer = api(alice).post("/api/v1/bookings/", body, format="json")
    assert answer.status_code == 201, answer.json()
    pk = answer.json()["id"]
    assert answer.json()["purpose"].strip() == text.strip()
    page = sign_in(alice).get(reverse("booking", args=[pk])).content.decode()
    assert "<script>alert" not in page
    assert "60606" not in page, "no template in a text is run"
    _feed, token = issue(actor=alice, kind=FeedKind.MINE)
    feed = client.get(reverse("calendar_feed", kwargs={"token": token})).content.decode()
    assert feed.count("BEGIN:VEVENT") == 1


def test_two_tabs_submit_one_hold_once(alice: User, cd_sem: Tool) -> None:
    held = hold(
        actor=alice, target=Target(tool=cd_sem), starts_at=tomorrow(10), ends_at=tomorrow(11)
    )
    submit(actor=alice, booking=held, answers=Answers(purpose="first tab"))
    with pytest.raises(Refusal, match="not_held"):
        submit(actor=alice, booking=held, answers=Answers(purpose="second tab"))
    held.refresh_from_db()
    assert held.purpose == "first tab"


def test_each_reader_is_told_what_is_wrong_in_their_own_language(
    api: Api, alice: User, cd_sem: Tool
) -> None:
    """Also what the fields themselves say, whoever was refused first."""
    body = {"tool": "x" * 21, "starts_at": "tomorrow", "ends_at": iso(9), "wafer_count": 99}
    client = api(alice)
    for language in ("en", "ko", "en"):
        headers = {"Accept-Language": language}
        answer = client.post("/api/v1/quotes/", body, format="json", headers=headers)
        assert answer.status_code == 400
        said = [str(one) for one in answer.json()["fields"].values()]
        assert len(said) == 3
        assert all(any("가" <= sign <= "힣" for sign in one) == (language == "ko") for one in said)
        assert "2026-11-26T10:00+09:00" in " ".join(said)
