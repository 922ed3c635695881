"""Which codes does a policy mean? Single codes, ranges and beginnings of codes, some for certain days only.

As policy staff write them: ``"E0424"``, ``"E1390-E1392"``, ``"J44.*"``, and ``{code: "E0441", until: 2026-06-30}``
for a code that is retired. A range is kept as the few beginnings that make it up (``72148-72159`` is ``72148``,
``72149`` and ``7215``), so one look-up serves all three and a large range costs no memory.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import product

from fhir_r4.resource import Coding
from fhir_r4.systems import BILLING, CPT, HCPCS, ICD_10_CM, ICD_10_PCS, LOINC, NDC, RXNORM, SNOMED, code_key

SYSTEMS = {
    "HCPCS": HCPCS,
    "CPT": CPT,
    "ICD-10-CM": ICD_10_CM,
    "ICD-10-PCS": ICD_10_PCS,
    "NDC": NDC,
    "RxNorm": RXNORM,
    "SNOMED": SNOMED,
    "LOINC": LOINC,
}
_SHAPES = {  # what a whole code looks like, and an example to suggest
    HCPCS: (re.compile(r"[A-Z]\d{4}"), "E0424"),
    CPT: (re.compile(r"\d{4}[0-9A-Z]"), "72148"),
    ICD_10_CM: (re.compile(r"[A-Z]\d[0-9A-Z](\.?[0-9A-Z]{1,4})?"), "J44.9"),
    ICD_10_PCS: (re.compile(r"[0-9A-HJ-NP-Z]{7}"), "0D160ZA"),
    NDC: (re.compile(r"\d{11}|\d{4,5}-\d{3,4}-\d{1,2}"), "00002-1433-80"),
    RXNORM: (re.compile(r"\d{1,8}"), "1657981"),
    SNOMED: (re.compile(r"\d{6,18}"), "426854004"),
    LOINC: (re.compile(r"\d{1,7}-\d"), "59408-5"),
}
_CATEGORY = 3  # characters of an ICD-10-CM code before its dot
_RANGED = frozenset({HCPCS, CPT, ICD_10_CM})
_RANGE = re.compile(r"([A-Z]*)(\d+)([A-Z]?)\s*-\s*([A-Z]*)(\d+)([A-Z]?)")
_LETTERS_AND_DIGITS = re.compile(r"[0-9A-Z.]+")

Key = tuple[str, str, int | None]
"""System, how the code begins, and how long it is; any length where None."""


def can_be_billed(coding: Coding) -> bool:
    """Tell whether a service is asked for by this code: one of HCPCS or CPT that looks like a whole one.

    What does not, such as a code with its modifier, is in no policy, and must not be taken for a service without one.

    >>> can_be_billed(Coding(CPT, "72148")), can_be_billed(Coding(CPT, "72148-26")), can_be_billed(Coding(SNOMED, "1"))
    (True, False, False)
    """
    system, code = code_key(coding.system, coding.code)
    return system in BILLING and _SHAPES[system][0].fullmatch(code) is not None


@dataclass(frozen=True, slots=True)
class Pattern:
    """Codes that begin alike, on the days from ``starts`` to ``ends`` (both included; None is without end)."""

    key: Key
    starts: date | None = None
    ends: date | None = None

    def holds(self, on: date) -> bool:
        return (self.starts is None or self.starts <= on) and (self.ends is None or on <= self.ends)


class CodeSet:
    """Patterns, found by code in constant time."""

    __slots__ = ("_by_key", "patterns")

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        self.patterns = tuple(patterns)
        self._by_key: dict[Key, list[Pattern]] = {}
        for pattern in self.patterns:
            self._by_key.setdefault(pattern.key, []).append(pattern)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CodeSet) and self.patterns == other.patterns

    def __hash__(self) -> int:
        return hash(self.patterns)

    def listed(self, most: int) -> tuple[str, ...]:
        """Return the codes one by one, as they are written; none where there are more, or they cannot be told so.

        >>> CodeSet(patterns(CPT, "92081-92083")).listed(40)
        ('92081', '92082', '92083')
        """
        found: dict[str, None] = {}
        for system, begins, length in (pattern.key for pattern in self.patterns):
            unsaid = None if length is None or system == NDC else length - len(begins)
            if unsaid is None or len(found) + 10**unsaid > most:
                return ()
            for digits in product("0123456789", repeat=unsaid):
                found[printed(system, begins + "".join(digits))] = None
        return tuple(found)

    def has(self, coding: Coding, on: date) -> bool:
        """Tell whether the code is among these on that day; a system's other spellings count as that system."""
        found = (one for key in keys_of(coding) for one in self._by_key.get(key, ()))
        return any(pattern.holds(on) for pattern in found)


def printed(system: str, code: str) -> str:
    """Return a code as it is printed: one of ICD-10-CM has a dot behind its category.

    >>> printed(ICD_10_CM, "J449"), printed(CPT, "72148")
    ('J44.9', '72148')
    """
    return f"{code[:_CATEGORY]}.{code[_CATEGORY:]}" if system == ICD_10_CM and len(code) > _CATEGORY else code


def keys_of(coding: Coding) -> Iterator[Key]:
    """Yield all keys under which a pattern may have this code, the most exact first."""
    system, code = code_key(coding.system, coding.code)
    for end in range(len(code), -1, -1):
        yield system, code[:end], len(code)
        yield system, code[:end], None


def patterns(system: str, written: str, starts: date | None = None, ends: date | None = None) -> Iterator[Pattern]:
    """Yield what ``written`` means in a code system (its canonical URL).

    Raises:
        ValueError: that is no code, range or beginning of a code in this system; the message says what would be.

    >>> [one.key[1] for one in patterns(CPT, "72148-72159")]
    ['72148', '72149', '7215']
    >>> [one.key[1:] for one in patterns(ICD_10_CM, "J44.*")]
    [('J44', None)]
    """
    for key in _keys(system, written.strip().upper() if system in _RANGED | {ICD_10_PCS} else written.strip()):
        yield Pattern(key, starts, ends)


def _keys(system: str, text: str) -> Iterator[Key]:
    shape, example = _SHAPES[system]
    if system == HCPCS and text[:1].isdigit():
        raise ValueError(f"'{text}' is a CPT code; list it under CPT")
    if shape.fullmatch(text):
        code = code_key(system, text)[1]
        yield system, code, len(code)
    elif text.endswith("*") and system in _RANGED | {ICD_10_PCS} and _LETTERS_AND_DIGITS.fullmatch(text[:-1]):
        yield system, text[:-1].replace(".", ""), None
    elif system in _RANGED and (ends := _RANGE.fullmatch(text)):
        yield from _range(system, text, ends)
    else:
        also = f', "{example}*"' if system in _RANGED else ""
        raise ValueError(f"'{text}' is no code of this system; it has codes such as \"{example}\"{also}")


def _range(system: str, text: str, ends: re.Match[str]) -> Iterator[Key]:
    head, low, tail, other_head, high, other_tail = ends.groups()
    whole = all(_SHAPES[system][0].fullmatch(end.strip()) for end in text.split("-"))
    if not whole or (head, tail, len(low)) != (other_head, other_tail, len(high)) or low > high:
        raise ValueError(f"'{text}' is no range: both ends are whole codes with the same letters, the first is smaller")
    if tail and system == ICD_10_CM:
        raise ValueError(f"'{text}' is no range: a category that ends in a letter is listed by itself")
    length = None if system == ICD_10_CM else len(head + low + tail)  # J40-J47 are categories, with all codes below
    one_by_one = (f"{number:0{len(low)}}" for number in range(int(low), int(high) + 1))
    for digits in one_by_one if tail else _beginnings(low, high):
        yield system, head + digits + tail, length


def _beginnings(low: str, high: str) -> Iterator[str]:
    """Yield the fewest beginnings of digits that make up ``low`` to ``high``, in order."""
    if set(low) <= {"0"} and set(high) <= {"9"}:
        yield ""
    elif low[0] == high[0]:
        yield from (low[0] + rest for rest in _beginnings(low[1:], high[1:]))
    else:
        below = len(low) - 1
        yield from (low[0] + rest for rest in _beginnings(low[1:], "9" * below))
        yield from map(str, range(int(low[0]) + 1, int(high[0])))
        yield from (high[0] + rest for rest in _beginnings("0" * below, high[1:]))
