"""The fee schedule: rates, discounts by company size, test wafers, VAT. Whole won only.

Fractions of a won are dropped (원 미만 절사), as on a Korean tax invoice.
"""

from __future__ import annotations

from testbed.people.models import SizeClass

# Per cent off service lines only; materials are sold at cost.
DISCOUNT_PERCENT: dict[str, int] = {
    SizeClass.SME: 20,
    SizeClass.ACADEMIA: 30,
    SizeClass.LARGE: 5,
    SizeClass.INSTITUTE: 5,
}
TEST_WAFER_WON = 87_000
VAT_PERCENT = 10
SECONDS_PER_HOUR = 3_600


def service_won(*, rate_won_per_hour: int, seconds: int) -> int:
    """The fee of `seconds` of a tool's time at its published rate, before discount."""
    return rate_won_per_hour * seconds // SECONDS_PER_HOUR


def discount_percent(size_class: str) -> int:
    """Per cent off service lines; 0 for no company (the facility's own staff)."""
    return DISCOUNT_PERCENT.get(size_class, 0)


def discount_won(*, service: int, size_class: str) -> int:
    """What a company of this size class pays less on `service` won."""
    return service * discount_percent(size_class) // 100


def vat_won(supply: int) -> int:
    """Value-added tax on the supply price."""
    return supply * VAT_PERCENT // 100
