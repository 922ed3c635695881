"""Is it a National Provider Identifier? Ten digits, of which the last checks the others.

Source: 45 CFR 162.406; CMS, "Requirements for National Provider Identifier (NPI) check digit".
"""

import re
from functools import lru_cache

_TEN = re.compile(r"[0-9]{10}")


@lru_cache(maxsize=4096)  # a body names the same few providers again and again
def checks(digits: str) -> bool:
    """Apply the Luhn check to ten digits, with the prefix 80840 counted as 24.

    >>> checks("1234567893"), checks("1234567890")
    (True, False)
    """
    numbers = [int(d) for d in digits]
    doubled = [d * 2 if d < 5 else d * 2 - 9 for d in numbers[:9:2]]
    return (24 + sum(doubled) + sum(numbers[1:9:2]) + numbers[9]) % 10 == 0


def has_ten_digits(value: str) -> bool:
    return _TEN.fullmatch(value) is not None


def is_npi(value: str) -> bool:
    return has_ten_digits(value) and checks(value)
