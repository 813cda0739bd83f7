"""How won, times and lengths are said, and that a badge carries shape and word."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import translation

from testbed.web.templatetags import web_parts as parts

# 17:32 in Seoul on a Sunday.
SUNDAY = datetime(2026, 11, 22, 8, 32, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amount", "korean", "english"),
    [
        (2_640_000, "2,640,000원", "₩2,640,000"),
        (0, "0원", "₩0"),
        (-72_000, "−72,000원", "−₩72,000"),
        (None, "–", "–"),
        ("", "–", "–"),
    ],
)
def test_won(amount: Any, korean: str, english: str) -> None:
    with translation.override("ko"):
        assert parts.won(amount) == korean
    with translation.override("en"):
        assert parts.won(amount) == english


def test_times_are_the_facilitys() -> None:
    assert parts.kst(SUNDAY) == "2026-11-22 17:32"
    assert parts.kst_clock(SUNDAY) == "17:32:05"
    with translation.override("ko"):
        assert parts.kst_day(SUNDAY) == "2026-11-22 (일)"
    with translation.override("en"):
        assert parts.kst_day(SUNDAY) == "2026-11-22 (Sun)"
    assert parts.kst(None) == parts.kst_clock(None) == parts.kst_day(None) == "–"


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        (2, "2026-11-22 (Sun) 17:32–19:32"),
        (8, "2026-11-22 (Sun) 17:32–11-23 01:32"),
        (48, "2026-11-22 (Sun) 17:32–11-24 17:32"),
    ],
)
def test_a_range_names_the_second_day_only_when_there_is_one(hours: int, said: str) -> None:
    with translation.override("en"):
        assert parts.kst_range(SUNDAY, SUNDAY + timedelta(hours=hours)) == said


def test_a_range_to_midnight_ends_at_24() -> None:
    start = datetime(2026, 11, 22, 13, 0, tzinfo=UTC)
    with translation.override("en"):
        assert parts.kst_range(start, start + timedelta(hours=2)).endswith("22:00–24:00")
    assert parts.kst_range(start, None) == "–"


@pytest.mark.parametrize(
    ("seconds", "korean", "english"),
    [
        (0, "0초", "0 s"),
        (59.6, "1분", "1 min"),
        (61, "1분 01초", "1 min 01 s"),
        (600, "10분", "10 min"),
        (754, "13분", "13 min"),
        (3599.7, "1시간", "1 h"),
        (3_900, "1시간 05분", "1 h 05 min"),
        (timedelta(hours=30), "30시간", "30 h"),
        (-90, "−1분 30초", "−1 min 30 s"),
        (None, "–", "–"),
    ],
)
def test_duration(seconds: Any, korean: str, english: str) -> None:
    with translation.override("ko"):
        assert parts.duration(seconds) == korean
    with translation.override("en"):
        assert parts.duration(seconds) == english


def test_hours_are_decimal() -> None:
    assert parts.hours(timedelta(minutes=90)) == "1.5 h"
    assert parts.hours(None) == "–"


def test_a_badge_has_shape_and_word_and_escapes() -> None:
    made = parts.badge("bad", "<b>down</b>")
    assert "#octagon-x" in made
    assert "&lt;b&gt;down&lt;/b&gt;" in made
    assert 'class="badge badge--bad"' in made
    assert "#hand" in parts.badge("bad", "held", "hand")


def test_message_levels_have_tones() -> None:
    assert parts.message_tone("error") == ("bad", "octagon-x")
    assert parts.message_tone("success") == ("ok", "check")
    assert parts.message_tone("") == ("info", "info")
