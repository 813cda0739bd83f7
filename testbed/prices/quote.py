"""A price before the work is done: service lines, discount, materials, VAT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from testbed.prices import fees
from testbed.prices.labels import labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


UNITS = {
    "service": "s",
    "share": "wafers",
    "test_wafers": "pcs",
    "discount": "%",
    "module": "pcs",
    "in_module": "pcs",
}


@dataclass(frozen=True)
class Service:
    """Time on one tool: its code and names, seconds, and the published rate."""

    tool: str
    name_ko: str
    name_en: str
    seconds: int
    rate_won_per_hour: int


@dataclass(frozen=True)
class Share:
    """A part of the time on one tool that several companies pay together, by wafers."""

    tool: str
    name_ko: str
    name_en: str
    wafers: int
    amount_won: int


@dataclass(frozen=True)
class Line:
    """One line of a quote. Amount in won, before VAT; a discount's is negative.

    quantity: seconds for `service`, wafers for `share`, pieces for `test_wafers`, per cent for
    `discount`, 1 for `module` and for `in_module`, a step whose price is in the module's.
    """

    code: str
    quantity: int
    unit_won: int
    amount_won: int
    tool: str = ""
    name_ko: str = ""
    name_en: str = ""

    def as_json(self) -> dict[str, Any]:
        written = labels(self.code, {"ko": self.name_ko, "en": self.name_en}, percent=self.quantity)
        return {
            "code": self.code,
            "tool": self.tool,
            "label_ko": written["ko"],
            "label_en": written["en"],
            "quantity": self.quantity,
            "unit": UNITS[self.code],
            "unit_won": self.unit_won,
            "amount_won": self.amount_won,
        }


@dataclass(frozen=True)
class Quote:
    """Lines and their sums in won: supply = the lines, total = supply + VAT."""

    size_class: str
    lines: tuple[Line, ...]

    @property
    def supply_won(self) -> int:
        return sum(line.amount_won for line in self.lines)

    @property
    def vat_won(self) -> int:
        return fees.vat_won(self.supply_won)

    @property
    def total_won(self) -> int:
        return self.supply_won + self.vat_won

    def as_json(self) -> dict[str, Any]:
        """The snapshot kept with a booking: never computed again, readable without the code."""
        return {
            "currency": "KRW",
            "size_class": self.size_class,
            "lines": [line.as_json() for line in self.lines],
            "supply_won": self.supply_won,
            "vat_won": self.vat_won,
            "total_won": self.total_won,
        }


def quote(*, size_class: str, services: Iterable[Service], test_wafers: int = 0) -> Quote:
    """Price the services for a company of this size class, and wafers the facility supplies.

    test_wafers: 12-inch wafers bought from the facility; a company's own cost nothing here.
    """
    lines = [_service_line(service) for service in services]
    discount = _discount_line(lines, size_class)
    wafers = _wafer_line(test_wafers)
    return Quote(size_class, tuple(filter(None, [*lines, discount, wafers])))


def shared_quote(*, size_class: str, shares: Iterable[Share], test_wafers: int = 0) -> Quote:
    """The same for parts of a shared time; each company has its own discount on its own part."""
    lines = [
        Line("share", part.wafers, 0, part.amount_won, part.tool, part.name_ko, part.name_en)
        for part in shares
    ]
    discount = _discount_line(lines, size_class)
    wafers = _wafer_line(test_wafers)
    return Quote(size_class, tuple(filter(None, [*lines, discount, wafers])))


def split(amount: int, wafers: Sequence[int]) -> list[int]:
    """`amount` won in parts by number of wafers, to the last won (largest remainder).

    Nobody pays a won more than their exact part rounded up; of equal remainders the earlier is
    rounded up. ValueError when there are no wafers, or a negative number of them.
    """
    whole = sum(wafers)
    if whole <= 0 or min(wafers) < 0:
        raise ValueError("an amount is split by wafers, of which there is at least one")
    parts = [amount * count // whole for count in wafers]
    remainders = [amount * count % whole for count in wafers]
    order = sorted(range(len(wafers)), key=lambda place: (-remainders[place], place))
    for place in order[: amount - sum(parts)]:
        parts[place] += 1
    return parts


def module_quote(*, name_ko: str, name_en: str, price_won: int, size_class: str = "") -> Quote:
    """A service module at its fixed supply price; no discount, because it is a package already.

    price_won 0: a further step of a module, whose price stands on its first step.
    """
    code = "module" if price_won else "in_module"
    line = Line(code, 1, price_won, price_won, name_ko=name_ko, name_en=name_en)
    return Quote(size_class, (line,))


def _service_line(service: Service) -> Line:
    return Line(
        code="service",
        quantity=service.seconds,
        unit_won=service.rate_won_per_hour,
        amount_won=fees.service_won(
            rate_won_per_hour=service.rate_won_per_hour, seconds=service.seconds
        ),
        tool=service.tool,
        name_ko=service.name_ko,
        name_en=service.name_en,
    )


def _discount_line(services: list[Line], size_class: str) -> Line | None:
    total = sum(line.amount_won for line in services)
    discount = fees.discount_won(service=total, size_class=size_class)
    if not discount:
        return None
    return Line("discount", fees.discount_percent(size_class), 0, -discount)


def _wafer_line(pieces: int) -> Line | None:
    if pieces < 0:
        raise ValueError("a number of wafers is not negative")
    if not pieces:
        return None
    return Line("test_wafers", pieces, fees.TEST_WAFER_WON, pieces * fees.TEST_WAFER_WON)
