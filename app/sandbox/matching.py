"""SANDBOX. Does a resource answer one search parameter? Tokens, references, dates, strings and URIs, with modifiers.

Source: FHIR R4, "Search": values after a comma are alternatives, a backslash takes a comma's or a bar's meaning.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.sandbox.parameters import Parameter
from app.sandbox.search_dates import DateTest, Stretch
from fhir_r4.resource import as_dict, as_list, dicts, text_of

Test = Callable[[dict], bool]
_SPLIT = {",": re.compile(r"(?<!\\),"), "|": re.compile(r"(?<!\\)\|")}
_WORDS = ("text", "family", "given", "prefix", "suffix", "line", "city", "district", "state", "postalCode", "country")


class BadSearch(ValueError):
    """A parameter, modifier or value that this server does not have; the message names the parameter only."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One ``name:modifier=value`` of a search."""

    name: str
    modifier: str
    value: str

    @classmethod
    def read(cls, name: str, value: str) -> "Asked":
        bare, _, modifier = name.partition(":")
        return cls(bare, modifier, value)

    @property
    def whole(self) -> str:
        return f"{self.name}:{self.modifier}" if self.modifier else self.name

    def alternatives(self) -> list[str]:
        return [one for one in _SPLIT[","].split(self.value) if one]


def test_of(parameter: Parameter, asked: Asked, base: str, now: datetime) -> Test:
    """Return what tells whether a resource answers; BadSearch for a modifier or a value that cannot be used.

    Args:
        base: the server's own; absolute references to it are local ones.
    """
    if asked.modifier == "missing":
        if asked.value not in {"true", "false"}:
            raise BadSearch(asked.whole)
        return lambda resource: any(True for _ in values(resource, parameter.paths)) is (asked.value == "false")
    one = _ONE[parameter.type](asked, base, now)
    if asked.modifier == "not":
        return lambda resource: not any(one(value) for value in values(resource, parameter.paths))
    return lambda resource: any(one(value) for value in values(resource, parameter.paths))


def values(resource: dict, paths: tuple[str, ...]) -> Iterator[Any]:
    """Yield what stands at the paths, lists taken apart."""
    for path in paths:
        if "://" in path:
            yield from (
                value
                for one in dicts(resource.get("extension"))
                if one.get("url") == path
                for name, value in one.items()
                if name.startswith("value")
            )
        else:
            yield from _along(resource, path.split("."))


def _along(value: Any, steps: list[str]) -> Iterator[Any]:
    if isinstance(value, list):
        for part in value:
            yield from _along(part, steps)
    elif not steps:
        if value not in (None, ""):
            yield value
    elif isinstance(value, dict):
        yield from _along(value.get(steps[0]), steps[1:])


def _token_test(asked: Asked, _base: str, _now: datetime) -> Callable[[Any], bool]:
    if asked.modifier == "text":
        wanted = [_folded(one) for one in asked.alternatives()]
        return lambda value: any(word.startswith(one) for word in _texts(value) for one in wanted)
    if asked.modifier not in {"", "not"}:
        raise BadSearch(asked.whole)
    return _has_token(asked)


def _has_token(asked: Asked) -> Callable[[Any], bool]:
    """Return what tells whether an element holds one of the codes or identifiers that are asked for."""
    pairs = [tuple(map(_plain, _SPLIT["|"].split(one, 1))) for one in asked.alternatives()]
    return lambda value: any(_is_token(held, pair) for held in _tokens(value) for pair in pairs)


def _is_token(held: tuple[str, str], pair: tuple[str, ...]) -> bool:
    """Tell whether ``code``, ``system|code``, ``|code`` (of no system) or ``system|`` (any code) is met."""
    system, code = held
    if len(pair) == 1:
        return code == pair[0]
    return system == pair[0] and (code == pair[1] or (not pair[1] and bool(pair[0])))


def _tokens(value: Any) -> Iterator[tuple[str, str]]:
    """Yield system and code of a code, boolean, Coding, CodeableConcept, Identifier or ContactPoint."""
    if isinstance(value, bool):
        yield "", str(value).lower()
    elif isinstance(value, str):
        yield "", value
    elif isinstance(value, dict):
        if "coding" in value:
            for coding in dicts(value["coding"]):
                yield from _tokens(coding)
        elif code := text_of(value.get("code")) or text_of(value.get("value")):
            yield text_of(value.get("system")) or "", code


def _texts(value: Any) -> Iterator[str]:
    held = as_dict(value)
    yield from (_folded(one) for part in (held, *dicts(held.get("coding"))) for one in _said(part))


def _said(part: dict) -> Iterator[str]:
    yield from (text for name in ("text", "display") if (text := text_of(part.get(name))))


def _reference_test(asked: Asked, base: str, _now: datetime) -> Callable[[Any], bool]:
    """``Type/id``, ``id``, the absolute URL; a canonical with or without version; with a type as modifier."""
    wanted = {_plain(one).removeprefix(f"{base}/") for one in asked.alternatives()}
    if asked.modifier == "identifier":
        is_wanted = _has_token(asked)
        return lambda value: is_wanted(as_dict(value).get("identifier"))
    if asked.modifier and not asked.modifier[0].isupper():
        raise BadSearch(asked.whole)
    if asked.modifier:
        wanted = {one if "/" in one else f"{asked.modifier}/{one}" for one in wanted}

    def held(value: Any) -> bool:
        target = (text_of(value) or text_of(as_dict(value).get("reference")) or "").removeprefix(f"{base}/")
        names = {target, target.partition("|")[0]}
        if not asked.modifier and "://" not in target:
            names.add(target.partition("/")[2])
        return bool(target) and bool(names & wanted)

    return held


def _date_test(asked: Asked, _base: str, now: datetime) -> Callable[[Any], bool]:
    if asked.modifier:
        raise BadSearch(asked.whole)
    try:
        tests = [DateTest.read(one) for one in asked.alternatives()]
    except ValueError:
        raise BadSearch(asked.whole) from None

    def held(value: Any) -> bool:
        stretch = Stretch.of(value)
        return stretch is not None and any(one.holds(stretch, now) for one in tests)

    return held


def _string_test(asked: Asked, _base: str, _now: datetime) -> Callable[[Any], bool]:
    alternatives = [_plain(one) for one in asked.alternatives()]
    if asked.modifier == "exact":
        return lambda value: any(one in alternatives for one in _words(value))
    if asked.modifier not in {"", "contains"}:
        raise BadSearch(asked.whole)
    wanted = [_folded(one) for one in alternatives]
    if asked.modifier == "contains":
        return lambda value: any(one in _folded(word) for word in _words(value) for one in wanted)
    return lambda value: any(_folded(word).startswith(one) for word in _words(value) for one in wanted)


def _words(value: Any) -> Iterator[str]:
    """Yield the strings of a string, HumanName or Address."""
    if isinstance(value, str):
        yield value
    for name in _WORDS:
        for part in as_list(as_dict(value).get(name)) or [as_dict(value).get(name)]:
            if isinstance(part, str):
                yield part


def _uri_test(asked: Asked, _base: str, _now: datetime) -> Callable[[Any], bool]:
    wanted = asked.alternatives()
    if asked.modifier == "below":
        return lambda value: any(str(value).startswith(one) for one in wanted)
    if asked.modifier:
        raise BadSearch(asked.whole)
    return lambda value: str(value) in wanted or str(value).partition("|")[0] in wanted


def _plain(value: str) -> str:
    return re.sub(r"\\([,|$\\])", r"\1", value)


def _folded(text: str) -> str:
    """Return it without case and accents, as FHIR searches strings."""
    bare = unicodedata.normalize("NFKD", text)
    return "".join(one for one in bare if not unicodedata.combining(one)).casefold()


_ONE: dict[str, Callable[[Asked, str, datetime], Callable[[Any], bool]]] = {
    "token": _token_test,
    "reference": _reference_test,
    "date": _date_test,
    "string": _string_test,
    "uri": _uri_test,
}
