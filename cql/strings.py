"""What do the string operators answer?

``Matches`` and its kin run Python's ``re`` on patterns of a form's author, and ``re`` has no limit of its own. A
pattern that repeats a group that repeats (exponential time) is refused; n plain repetitions cost up to the n-th
power of the text's length, which is bounded before the pattern is run.

Source: CQL 1.5 appendix B, "String Operators".
"""

import re
from functools import lru_cache

from cql.errors import CqlError, Exhausted, Unsupported
from cql.scope import Build, Frame, Scope, Thunk, named, operands, strict
from cql.specifiers import is_list

_MAX_STEPS = 10**7
_MAX_TEXT = 1_000_000
_REPEATED_GROUP = re.compile(r"\((?:[^()\\]|\\.)*(?:[*+}|]|\?)(?:[^()\\]|\\.)*\)\s*(?:[*+]|\{\d*,)")


def _concatenate(node: dict, scope: Scope) -> Thunk:
    """``+`` is null with a null; ``&`` is compiled to Coalesce operands by the translator."""
    thunks = scope.compile_all(node.get("operand"))

    def run(frame: Frame) -> str | None:
        values = [thunk(frame) for thunk in thunks]
        return None if None in values else _bounded_text("".join(values))

    return run


def _bounded_text(text: str) -> str:
    """Return a string that a few defines could have doubled again and again, if it is not too long."""
    if len(text) > _MAX_TEXT:
        raise Exhausted("a string grows too long", f"at most {_MAX_TEXT} characters")
    return text


def _combine(source: list[str | None], separator: str | None) -> str | None:
    present = [text for text in source if text is not None]
    return _bounded_text((separator or "").join(present)) if present else None


def _split(text: str, separator: str | None) -> list[str]:
    return [text] if not separator else text.split(separator)


def _substring(text: str, start: int, length: int | None) -> str | None:
    if not 0 <= start < max(len(text), 1):
        return None
    return text[start:] if length is None else text[start : start + max(length, 0)]


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    if _REPEATED_GROUP.search(text):
        raise Unsupported("the pattern repeats a group that repeats", "a pattern without nested repetition")
    try:
        return re.compile(text, re.DOTALL)
    except (re.error, OverflowError, RecursionError):
        raise CqlError("the pattern is not a regular expression", "a Perl-style pattern") from None


def _bounded(pattern: str, text: str) -> re.Pattern[str]:
    """Return the pattern compiled, unless it could take too long on this text."""
    repetitions = len(re.findall(r"(?<!\\)(?:[*+]|\{\d*,)", pattern))
    if len(text) ** max(repetitions, 1) > _MAX_STEPS:
        raise Exhausted("a long string meets a pattern of many repetitions", "a shorter string or a simpler pattern")
    return _pattern(pattern)


def _matches(text: str, pattern: str) -> bool:
    return _bounded(pattern, text).fullmatch(text) is not None


def _replace(text: str, pattern: str, substitution: str) -> str:
    r"""``$1`` is the first group and ``\$`` a dollar sign, as in Java, whose rules CQL takes."""
    written = re.sub(r"\\\$|\$(\d+)", lambda found: rf"\g<{found[1]}>" if found[1] else "$", substitution)
    try:
        return _bounded_text(_bounded(pattern, text).sub(written, text))
    except (re.error, IndexError):
        raise CqlError("the substitution names a group that the pattern has not", "$1 to $9 of the pattern") from None


def _split_on_matches(text: str, pattern: str) -> list[str]:
    return _bounded(pattern, text).split(text)


def _length(node: dict, scope: Scope) -> Thunk:
    """Null has no length as a string, and none members as a list."""
    (given,) = operands(node)
    thunk, empty = scope.compile(given), 0 if is_list(given) else None

    def run(frame: Frame) -> int | None:
        value = thunk(frame)
        return empty if value is None else len(value)

    return run


NODES: dict[str, Build] = {
    "Concatenate": _concatenate,
    "Combine": named(_combine, "source", "separator", needs=1),
    "Split": named(_split, "stringToSplit", "separator", needs=1),
    "SplitOnMatches": named(_split_on_matches, "stringToSplit", "separatorPattern"),
    "Substring": named(_substring, "stringToSub", "startIndex", "length", needs=2),
    "PositionOf": named(lambda pattern, text: text.find(pattern), "pattern", "string"),
    "LastPositionOf": named(lambda pattern, text: text.rfind(pattern), "pattern", "string"),
    "StartsWith": strict(lambda text, start: text.startswith(start)),
    "EndsWith": strict(lambda text, end: text.endswith(end)),
    "Upper": strict(lambda text: text.upper()),
    "Lower": strict(lambda text: text.lower()),
    "Matches": strict(_matches),
    "ReplaceMatches": strict(_replace),
    "Length": _length,
}
