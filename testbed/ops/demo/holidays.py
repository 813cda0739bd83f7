"""The holidays whose date the law fixes; the administrator enters all others."""

from collections.abc import Iterable
from datetime import date

from testbed.booking.models import Holiday

# Month, day, names: Regulations on Public Holidays of Government Offices, Article 2.
FIXED = (
    (1, 1, "신정", "New Year's Day"),
    (3, 1, "삼일절", "Independence Movement Day"),
    (5, 5, "어린이날", "Children's Day"),
    (6, 6, "현충일", "Memorial Day"),
    (8, 15, "광복절", "Liberation Day"),
    (10, 3, "개천절", "National Foundation Day"),
    (10, 9, "한글날", "Hangeul Day"),
    (12, 25, "기독탄신일", "Christmas Day"),
)


def seed(years: Iterable[int]) -> None:
    """Enter the fixed holidays of `years` that are missing; entered days stay as they are."""
    Holiday.objects.bulk_create(
        [
            Holiday(day=date(year, month, day), name_ko=korean, name_en=english)
            for year in years
            for month, day, korean, english in FIXED
        ],
        ignore_conflicts=True,
    )
