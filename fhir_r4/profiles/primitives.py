"""What does a primitive look like in JSON?

FHIR R4 "Data Types", with what its regular expressions leave open said here: a day exists in its month, a
``urn:uuid`` is a UUID. Every pattern is linear in the length of the text, for Python and for Rust alike.
"""

import re
from decimal import Decimal
from typing import Any

_YEAR = r"(?:[1-9][0-9]{3}|0[0-9]{2}[1-9]|0[0-9][1-9]0|0[1-9]00)"
_DAY = (
    r"(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    r"|02-(?:0[1-9]|[12][0-9]))"
)
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_HEX = "[0-9a-f]"
_UUID = rf"urn:uuid:{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"
_OID = r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+"
_BLACK = r"[^ \t\r\n\f\v]"  # spelt out: Unicode classes cost ten times as much to compile, for each pattern

_URI_FORMS = (  # anything without white space, but a UUID or OID that calls itself one must be one
    rf"[^u \t\r\n\f\v]{_BLACK}*",
    rf"u(?:[^r \t\r\n\f\v]{_BLACK}*)?",
    rf"ur(?:[^n \t\r\n\f\v]{_BLACK}*)?",
    rf"urn(?:[^: \t\r\n\f\v]{_BLACK}*)?",
    rf"urn:(?:[^uo \t\r\n\f\v]|o[^i \t\r\n\f\v]|u[^u \t\r\n\f\v]|uu[^i \t\r\n\f\v]){_BLACK}*",
    _UUID,
    _OID,
)
PATTERNS = {
    "base64Binary": r"[ \t\r\nA-Za-z0-9+/=]+",
    "code": rf"{_BLACK}+(?:[ \t\r\n\f\v]{_BLACK}+)*",
    "date": rf"{_YEAR}(?:-(?:0[1-9]|1[0-2])|-{_DAY})?",
    "dateTime": rf"{_YEAR}(?:-(?:0[1-9]|1[0-2])|-{_DAY}(?:T{_TIME}{_ZONE})?)?",
    "id": r"[A-Za-z0-9\-.]{1,64}",
    "instant": rf"{_YEAR}-{_DAY}T{_TIME}{_ZONE}",
    "oid": _OID,
    "time": _TIME,
    "uuid": _UUID,
    "uri": "|".join(_URI_FORMS),
}
PATTERNS["url"] = PATTERNS["canonical"] = PATTERNS["uri"]
INTEGERS = {"integer": -(2**31), "unsignedInt": 0, "positiveInt": 1}
MAX_INTEGER = 2**31 - 1
_EXPECTED = {
    "boolean": "true or false",
    "date": "a date: YYYY, YYYY-MM or YYYY-MM-DD",
    "dateTime": "a dateTime: a date, or a date and time with a zone",
    "instant": "an instant: a date and time with a zone",
    "uri": "a URI without white space",
}
_COMPILED = {code: re.compile(pattern) for code, pattern in PATTERNS.items()}


def expected(code: str) -> str:
    """Say what a primitive of this type is.

    >>> expected("positiveInt")
    'a valid positiveInt'
    """
    return _EXPECTED.get(code, f"a valid {code}")


def is_shaped(code: str, value: Any) -> bool:
    """Tell whether JSON writes this type with such a value (string, number, boolean)."""
    if code == "boolean":
        return isinstance(value, bool)
    if code in INTEGERS:
        return isinstance(value, int) and not isinstance(value, bool)
    if code == "decimal":
        return isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return isinstance(value, str)


def is_valid(code: str, value: Any) -> bool:
    """Tell whether a well-shaped value is one of this type.

    >>> is_valid("date", "2026-02-30"), is_valid("uri", "urn:uuid:1"), is_valid("positiveInt", 0)
    (False, False, False)
    """
    if code in INTEGERS:
        return bool(INTEGERS[code] <= value <= MAX_INTEGER)
    if code in ("boolean", "decimal"):
        return True
    pattern = _COMPILED.get(code)
    return bool(value) and (pattern is None or pattern.fullmatch(value) is not None)
