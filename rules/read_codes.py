"""How do codes as they are written become codes as they are compared? And what is told where they cannot?"""

from collections.abc import Iterator, Mapping
from datetime import date
from difflib import get_close_matches
from typing import Any

from fhir_r4.resource import Coding
from fhir_r4.systems import code_key
from rules.codes import SYSTEMS, CodeSet, Pattern, patterns
from rules.yaml_lines import Finding, Where, told_by

VALUE_SETS = "value-sets"
ValueSets = Mapping[str, CodeSet]


def code_set(data: Mapping[str, Any], value_sets: ValueSets) -> CodeSet:
    """Return the codes of ``{HCPCS: [...], value-sets: [...]}`` that ``code_findings`` has nothing against."""
    found = [
        pattern
        for name in SYSTEMS.keys() & data.keys()
        for entry in map(_whole, data[name])
        for pattern in patterns(SYSTEMS[name], entry["code"], _day(entry, "from"), _day(entry, "until"))
    ]
    shared = [pattern for name in data.get(VALUE_SETS, ()) for pattern in value_sets[name].patterns]
    return CodeSet(sorted(dict.fromkeys([*found, *shared]), key=_order))


def billed_as(data: Mapping[str, Any]) -> dict[tuple[str, str], tuple[Coding, ...]]:
    """Return the billing codes that the authors give for order codes."""
    return {
        code_key(SYSTEMS[name], entry["code"]): tuple(
            Coding(SYSTEMS[billing], _whole(one)["code"])
            for billing, codes in entry["billed-as"].items()
            for one in codes
        )
        for name in SYSTEMS.keys() & data.keys()
        for entry in map(_whole, data[name])
        if "billed-as" in entry
    }


def as_written(data: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the codes by the name of their system as people read them."""
    named = {name: tuple(_whole(one)["code"] for one in data[name]) for name in SYSTEMS if name in data}
    return named | ({VALUE_SETS: tuple(data[VALUE_SETS])} if VALUE_SETS in data else {})


def value_sets_named(data: Any) -> set[str]:
    """Return the value sets that a policy's data name anywhere."""
    if isinstance(data, list):
        return set().union(*map(value_sets_named, data))
    if not isinstance(data, dict):
        return set()
    return set().union(*map(value_sets_named, data.values()), data.get(VALUE_SETS, ()))


def code_findings(data: Mapping[str, Any], where: Where, value_sets: ValueSets) -> Iterator[Finding]:
    """Yield what is wrong with codes that the schema has passed."""
    for name in SYSTEMS.keys() & data.keys():
        for index, entry in enumerate(map(_whole, data[name])):
            try:
                list(patterns(SYSTEMS[name], entry["code"], _day(entry, "from"), _day(entry, "until")))
            except ValueError as error:
                yield Finding((*where, name, index), *told_by(error))
            if "billed-as" in entry:
                yield from code_findings(entry["billed-as"], (*where, name, index, "billed-as"), {})
    for index, name in enumerate(data.get(VALUE_SETS, ())):
        if name not in value_sets:
            yield Finding((*where, VALUE_SETS, index), f"there is no value set '{name}'", nearest(name, value_sets))


def nearest(wrong: str, known: Mapping[str, Any] | list[str] | tuple[str, ...] | frozenset[str]) -> str:
    """Return "did you mean 'this'?", or what there is where nothing is near."""
    spelt = {one.lower(): one for one in known}
    if close := get_close_matches(wrong.lower(), list(spelt), 1):
        return f"did you mean '{spelt[close[0]]}'?"
    return f"there is: {', '.join(sorted(known)[:12])}" if known else "there is none"


def _whole(entry: str | dict[str, Any]) -> dict[str, Any]:
    return {"code": entry} if isinstance(entry, str) else entry


def _day(entry: Mapping[str, Any], key: str) -> date | None:
    try:
        return date.fromisoformat(entry[key]) if key in entry else None
    except ValueError:
        raise ValueError(f"'{entry[key]}' is no day; write it as 2026-06-30") from None


def _order(pattern: Pattern) -> tuple[Any, ...]:
    system, prefix, length = pattern.key
    return system, prefix, length or 0, pattern.starts or date.min, pattern.ends or date.max
