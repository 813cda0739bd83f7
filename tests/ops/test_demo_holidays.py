"""The seeded holidays."""

from __future__ import annotations

from datetime import date

from testbed.booking.models import Holiday
from testbed.ops.demo import holidays


def test_fixed_holidays_are_seeded_once_and_keep_their_names(db: None) -> None:
    Holiday.objects.create(day=date(2027, 5, 5), name_ko="우리 날", name_en="Our day")
    for _ in range(2):
        holidays.seed((2026, 2027))
    assert Holiday.objects.count() == 16
    assert Holiday.objects.get(day=date(2027, 5, 5)).name_en == "Our day"
