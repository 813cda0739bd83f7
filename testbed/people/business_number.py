"""Business registration numbers (사업자등록번호): form by python-stdnum, check digit by ourselves.

python-stdnum checks length and parts but not the last digit. That digit is (10 − s mod 10) mod 10,
where s adds the first nine digits weighted 1 3 7 1 3 7 1 3 5, and the tens of the ninth's product.
"""

from stdnum.exceptions import InvalidChecksum
from stdnum.kr import brn

WEIGHTS = (1, 3, 7, 1, 3, 7, 1, 3, 5)


def check_digit(first_nine: str) -> str:
    """The tenth digit that belongs to nine digits."""
    products = [int(digit) * weight for digit, weight in zip(first_nine, WEIGHTS, strict=True)]
    return str(-(sum(products) + products[-1] // 10) % 10)


def validate(number: str) -> str:
    """The number as ten digits. Raises stdnum.exceptions.ValidationError when it is not one."""
    compact: str = brn.validate(number)
    if check_digit(compact[:9]) != compact[9]:
        raise InvalidChecksum
    return compact
