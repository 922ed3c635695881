"""Where is a policy file not of the shape that ``policy.schema.json`` gives? Told in the author's words."""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

from jsonschema import Draft202012Validator

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
        yield Finding(tuple(error.absolute_path), *_plainly(error))


def row_faults(row: dict[str, Any]) -> Iterator[str]:
    """Yield what the schema has against one decision row, such as a table's."""
    for error in _own(_row_schema().iter_errors(row)):
        yield "; ".join(filter(None, _plainly(error)))


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


def _plainly(error: Any) -> Said:
    """Return the fault and a suggestion; jsonschema's own words where they are plain enough."""
    where = ".".join(str(step) for step in error.absolute_path) or "the file"
    say, suggestion = _about_keys(error) or _about_a_value(error) or (error.message, "")
    return f"{where}: {say}", suggestion


def _about_keys(error: Any) -> Said | None:
    match error.validator:
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


def _about_a_value(error: Any) -> Said | None:
    wanted = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
    if error.validator == "type" and "string" in wanted and isinstance(error.instance, int | float):
        return f"unquoted, {error.instance} is a number", f'write it in quotes, "{error.instance}"'
    if error.validator == "minItems" and list(error.absolute_path) == ["approved"]:
        return "two different people approve a policy", "name another person who read it"
    if error.validator == "enum" and isinstance(error.instance, str):
        return error.message, nearest(error.instance, [str(one) for one in wanted])
    return None


def _keys(schema: Mapping[str, Any]) -> set[str]:
    """Return the keys that a part of the policy's schema knows, its references followed."""
    known = set(schema.get("properties", ()))
    for part in (schema, schema.get("then", {}), schema.get("else", {})):
        known |= set(part.get("properties", ()))
        if "$ref" in part:
            known |= _keys(_schema().schema["$defs"][part["$ref"].rpartition("/")[2]])
    return known
