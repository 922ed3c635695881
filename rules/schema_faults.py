"""Where is a policy file not of the shape that ``policy.schema.json`` gives? Told in the author's words."""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

from jsonschema import Draft202012Validator

from rules.decisions import Then
from rules.facts import Place
from rules.read_codes import nearest
from rules.yaml_lines import Finding

Said = tuple[str, str]
"""A fault, and what to write instead."""


def schema_findings(data: Any) -> Iterator[Finding]:
    if data is None:
        yield Finding((), "the file is empty", "write a policy, or take the file away")
        return
    for error in _own(_schema().iter_errors(data)):
        yield Finding((*error.absolute_path, *_key_meant(error)), *plainly(error))


def _key_meant(error: Any) -> list[str]:
    """Return the key that is wrong itself, whose line is told: a stray one, or one with no name."""
    if error.validator in {"additionalProperties", "unevaluatedProperties"} and isinstance(error.instance, dict):
        return sorted(set(error.instance) - _keys(error.schema))[:1]
    return [error.instance] if "propertyNames" in error.absolute_schema_path else []


def row_faults(row: dict[str, Any]) -> Iterator[str]:
    """Yield what the schema has against one decision row, such as a table's."""
    for error in _own(_row_schema().iter_errors(row)):
        yield "; ".join(filter(None, plainly(error)))


def _own(errors: Iterable[Any]) -> Iterator[Any]:
    """Yield the errors but those that only follow from a row's ``then`` which is no word of ours."""
    found = list(errors)
    strange = {
        tuple(one.absolute_path)
        for one in found
        if one.validator == "enum" and list(one.absolute_path)[-1:] == ["then"]
    }
    for error in found:
        where = tuple(error.absolute_path)
        follows = "allOf" in error.absolute_schema_path and {where, (*where, "then")} & strange
        if not follows:
            yield error


@cache
def _schema() -> Draft202012Validator:
    return Draft202012Validator(json.loads(resources.files("rules").joinpath("policy.schema.json").read_text("utf-8")))


@cache
def _row_schema() -> Draft202012Validator:
    schema = _schema().schema
    return Draft202012Validator({"$schema": schema["$schema"], "$ref": "#/$defs/row", "$defs": schema["$defs"]})


def plainly(error: Any) -> Said:
    """Return the fault that a validator found, and a suggestion; jsonschema's own words where they are plain enough."""
    where = ".".join(str(step) for step in error.absolute_path) or "the file"
    told = (about(error) for about in (_about_keys, _about_a_type, _about_a_length, _about_a_value))
    say, suggestion = next(filter(None, told), (error.message, ""))
    return f"{where}: {say}", suggestion


def _about_keys(error: Any) -> Said | None:
    match error.validator:
        case "required":
            lacks = next(name for name in error.validator_value if f"'{name}' is" in error.message)
            return f"there is no '{lacks}'", _to_add(lacks)
        case "additionalProperties" | "unevaluatedProperties" if isinstance(error.instance, dict):
            known = _keys(error.schema)
            stray = sorted(set(error.instance) - known)
            return f"there is no key '{', '.join(stray)}' here", nearest(stray[0], sorted(known)) if stray else ""
        case "oneOf":
            return "one key says where a fact comes from", f"write one of {', '.join(Place)}"
        case "anyOf":
            return "a fact has a unit or a type", "add 'unit', or 'type: boolean', date, code or number"
        case "not":
            keys = [name for name in ("for", "quantity", "rest") if name in error.instance]
            return f"'{', '.join(keys)}' has no place here", "a period and a quantity go with 'then: certify'"
    return None


def _about_a_type(error: Any) -> Said | None:
    if error.validator != "type":
        return None
    wanted = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
    given, last = error.instance, next(reversed(error.absolute_path), "")
    if "string" in wanted and isinstance(given, int | float) and not isinstance(given, bool):
        spelt = "as '12 months'" if last in _SPANS else f'in quotes, "{given}"'
        return f"unquoted, {given} is a number", f"write it {spelt}"
    if "array" in wanted and isinstance(given, str) and _has_keys(error.schema.get("items", {})):
        return "a list is wanted here", f"write [{_spelt(error.schema['items'])}]"
    if "array" in wanted and isinstance(given, str):
        return "one value stands where a list is wanted", f'write it in brackets, ["{given}"]'
    if "object" in wanted:
        return "keys and values are wanted here", f"write {_MAPPINGS.get(last) or _spelt(error.schema)}"
    return next((said for kind, said in _TYPES.items() if kind in wanted), None)


def _has_keys(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") == "object" or "if" in schema  # a decision row, or a table


def _spelt(schema: Mapping[str, Any]) -> str:
    """Return what an object of a schema looks like, with the keys that it needs."""
    return "{" + ", ".join(f"{name}: …" for name in schema.get("required", ["key"])) + "}"


def _about_a_length(error: Any) -> Said | None:
    if error.validator == "minItems" and list(error.absolute_path) == ["approved"]:
        return "two different people approve a policy", "name another person who read it"
    if error.validator not in _LENGTHS:
        return None
    say, instead = _LENGTHS[error.validator]
    return say.format(len(error.instance)), instead.format(error.validator_value)


def _about_a_value(error: Any) -> Said | None:
    given, wanted = error.instance, error.validator_value
    last = next(reversed(error.absolute_path), "")
    match error.validator:
        case "enum" if isinstance(given, bool) and "yes" in wanted:
            return f"'{str(given).lower()}' is no answer of a criterion", f"write {'yes' if given else 'no'}"
        case "enum" if isinstance(given, str):
            return error.message, outcome_meant(given) if last == "then" else nearest(given, list(map(str, wanted)))
        case "const" if wanted in _GOES_WITH:
            return _GOES_WITH[wanted], "leave it out, or let them agree"
        case "pattern" if wanted in _PATTERNS:
            what, instead = _PATTERNS[wanted]
            return f"'{given}' is no {what}", instead
    return None


def outcome_meant(word: str) -> str:
    """Return what to write in place of a word that is no outcome of a row."""
    if word.lower() in _REFUSALS:
        return "no word here refuses care: write 'pend', and a clinician decides; 'not-covered' is of the plan"
    return "did you mean 'certify'?" if word.lower() in _APPROVALS else nearest(word, list(Then))


def _to_add(key: str) -> str:
    said = _FOR_ROWS.get(key) or _schema().schema["properties"].get(key, {}).get("description")
    return f"add '{key}'" + (f": {said[0].lower()}{said[1:]}" if said else "")


_SPANS = frozenset({"for", "within"})
_FOR_ROWS = {
    "say": "A sentence for the provider",
    "for": "How long it is certified, 12 months",
    "rest": "What is asked beyond the quantity",
}
_REFUSALS = frozenset({"deny", "denied", "refuse", "reject", "decline", "not-certify"})
_APPROVALS = frozenset({"approve", "approved", "authorize"})
_MAPPINGS = {"when": "{a criterion: yes}", "given": "{a_fact: true}", "code": '{HCPCS: "E1390"}'}
_TYPES = {  # what is wanted, and how it is spelt
    "string": ("a text is wanted here", "write one, in quotes where it begins with %"),
    "array": ("a list is wanted here", "write it in brackets, [50, 100], or each entry behind a dash"),
    "integer": ("a whole number is wanted here", "write it without quotes: 1"),
    "number": ("a number is wanted here", "write it without quotes: 50"),
}
_LENGTHS = {
    "minItems": ("there are {} here", "write at least {}"),
    "minProperties": ("there are {} here", "write at least {}"),
    "minLength": ("that are {} characters", "write at least {}"),
    "maxLength": ("that are {} characters", "write at most {}"),
}
_GOES_WITH = {  # what is said where a key asks for another value beside it
    "pend": "'to' goes with 'then: pend'",
    "not-covered": "'because' goes with 'then: not-covered'",
    "certify": "'pa-needed: satisfied' goes with 'then: certify'",
    "alternative": "'required' goes with 'card: alternative'",
}
_PATTERNS = {  # of the schema, in words
    "^\\d{4}-\\d{2}-\\d{2}$": ("day", "write it as 2026-01-31"),
    "^https://": ("address to read on", "write it as https://…"),
    "^[a-z0-9]+(-[a-z0-9]+)*$": ("name", "write small letters and digits with dashes, such as home-oxygen"),
    "^[a-z][a-z0-9_]*$": ("name of a fact", "write small letters and digits with _, such as care_weeks"),
    "^[A-Z]{2}$": ("state", "write two letters, as in an address: NY"),
    "^\\d{1,7}-\\d$": ("LOINC code", "write it as 59408-5"),
    "^[A-Za-z0-9][A-Za-z0-9._-]*\\.csv$": ("file beside the policy", "write its name alone, 2026.1.drugs.csv"),
}


def _keys(schema: Mapping[str, Any]) -> set[str]:
    """Return the keys that a part of the policy's schema knows, its references followed."""
    known = set(schema.get("properties", ()))
    for part in (schema, schema.get("then", {}), schema.get("else", {})):
        known |= set(part.get("properties", ()))
        if "$ref" in part:
            known |= _keys(_schema().schema["$defs"][part["$ref"].rpartition("/")[2]])
    return known
