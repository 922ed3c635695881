"""How do bytes become FHIR JSON, and FHIR JSON bytes, without losing a digit?

Numbers with a fraction or an exponent become ``Decimal`` and are written with the digits they came with:
FHIR R4 datatypes, "decimal": "the precision of the decimal value has significance".
"""

import re
from codecs import BOM_UTF8
from decimal import Decimal
from typing import Any

import jiter
import orjson

from fhir_r4.problems import InvalidRequest, Issue

MAX_DEPTH = 100
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")  # the escape itself, not a backslash followed by u0000
_REFUSALS = {  # what the parser says, and what we say: never a piece of the body
    "duplicate key": "an object has the same key twice",
    "recursion limit": f"nested deeper than {MAX_DEPTH} levels",
}


def read_json(body: bytes) -> Any:
    """Return the JSON value of ``body``; a byte order mark before it is passed over (RFC 8259, 8.1).

    Raises:
        InvalidRequest: not JSON in UTF-8, NaN or Infinity, a key twice in one object, deeper than
            ``MAX_DEPTH``, an integer beyond 64 bits, or the character U+0000 (FHIR R4, "string"). The
            position is told, a value never.

    >>> read_json(b'{"valueDecimal": 1.10}')
    {'valueDecimal': Decimal('1.10')}
    """
    body = body.removeprefix(BOM_UTF8)
    try:
        value = jiter.from_json(
            body, allow_inf_nan=False, catch_duplicate_keys=True, float_mode="decimal", cache_mode="keys"
        )
    except ValueError as error:
        raise _refused(str(error)) from None
    if b"\\" in body and b"\\u0000" in body and _NUL.search(body):  # few bodies escape anything
        raise InvalidRequest(Issue("value", "a string has the character U+0000"))
    _refuse_what_is_deep_or_vast(value, len(body))
    return value


def read_own(text: bytes) -> Any:
    """Return the JSON value of what this service has kept: it was judged when it came, and is not judged again."""
    return jiter.from_json(text.removeprefix(BOM_UTF8), float_mode="decimal", cache_mode="keys")


def read_object(body: bytes) -> dict:
    """Return the JSON object of ``body``; InvalidRequest also where it is an array or a bare value."""
    value = read_json(body)
    if not isinstance(value, dict):
        raise InvalidRequest(Issue("structure", "the body is not a JSON object"))
    return value


def write_json(value: Any) -> bytes:
    """Return ``value`` as compact JSON; decimals keep the digits they were read with.

    >>> write_json(read_json(b'{"value": 1.10, "unit": "L/min"}'))
    b'{"value":1.10,"unit":"L/min"}'
    """
    return orjson.dumps(value, default=_digits)


def ready(value: Any) -> orjson.Fragment:
    """Return ``value`` written once for many answers: ``write_json`` takes it as a value and copies the bytes.

    >>> write_json([ready({"a": 1}), 2])
    b'[{"a":1},2]'
    """
    return orjson.Fragment(write_json(value))


def canonical(value: Any) -> bytes:
    """Return ``value`` as JSON that does not depend on white space or on the order of keys; for digests."""
    return orjson.dumps(value, default=_digits, option=orjson.OPT_SORT_KEYS)


def _digits(value: object) -> orjson.Fragment:
    if not isinstance(value, Decimal):
        raise TypeError(f"not FHIR JSON: {type(value).__name__}")
    exponent = value.as_tuple().exponent
    plain = isinstance(exponent, int) and -40 <= exponent <= 0
    return orjson.Fragment(f"{value:f}" if plain else str(value))


def _refused(said: str) -> InvalidRequest:
    where = re.search(r"at line \d+ column \d+$", said)
    reason = next((ours for theirs, ours in _REFUSALS.items() if theirs in said), "not JSON")
    return InvalidRequest(Issue("structure", f"{reason} {where[0]}" if where else reason))


def _refuse_what_is_deep_or_vast(value: Any, size: int) -> None:
    """Have it written: the writer takes no larger integers, and where lines are indented a deep one begins far in.

    Indented, a hostile body takes a hundred times its size; a large one is therefore walked.
    """
    try:
        lines = orjson.dumps(value, default=_digits, option=orjson.OPT_INDENT_2 if size <= _LITTLE else None)
    except TypeError:
        raise InvalidRequest(Issue("value", "an integer is beyond 64 bits")) from None
    if _TOO_FAR_IN in lines or (size > _LITTLE and _is_too_deep(value)):
        raise InvalidRequest(Issue("structure", f"nested deeper than {MAX_DEPTH} levels"))


_LITTLE = 100_000  # bytes
_TOO_FAR_IN = b"\n" + b"  " * MAX_DEPTH


def _is_too_deep(value: Any) -> bool:
    """Walk breadth first, one list of values a level, so that depth costs no stack."""
    level = [value]
    for _ in range(MAX_DEPTH):
        holders = [held for held in level if type(held) is dict or type(held) is list]
        level = [member for one in holders for member in (one.values() if type(one) is dict else one)]
    return bool(level)
